"""Two schedulers wake at the same moment: one dataset, one run that counts, nothing lost."""

import json

import pytest

from ferryline.pipeline.syncing.sync import Sync
from ferryline.testing.strict import Lie, StrictServer
from tests.datasets import NAME, data, own, read_whole, s3, write_policy

LIES = {
    "honours preconditions": (),
    "ignores preconditions": (Lie.IGNORES_WRITE_PRECONDITIONS, Lie.IGNORES_COMPLETE_PRECONDITIONS),
}


@pytest.fixture
def world():
    with StrictServer("source", "eu", "kept") as server:
        server.bucket("eu").set_versioning("Enabled")
        server.bucket("source").put_many({f"data/{number:04}": b"%d" % number * 500 for number in range(150)})
        yield server


def declare(user, server):
    places = {name: s3(server, name) for name in ("source", "eu")}
    path = write_policy(user.folder, places, ["eu/data/"], schedule="rate(1 hour)")
    kept = f'"version": 1, "state": "s3://kept/state/?endpoint_url={server.endpoint_url}",'
    path.write_text(path.read_text().replace('"version": 1,', kept))


def documents(server):
    return [
        json.loads(server.bucket("kept").get(key))
        for key in server.bucket("kept").keys()
        if key.startswith(b"state/runs/train/")
    ]


def whole(server):
    return {
        key.removeprefix(b"data/"): body for key, body in data(server.bucket("source").contents()).items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("hosts", [1, 2], ids=["one host", "two hosts"])
def test_two_schedulers_that_wake_at_once_leave_one_whole_snapshot(world, user, tmp_path, hosts, lies):
    world.lie(*lies)
    declare(user, world)

    both = [
        user.start("sync", "--due", "--json", state=tmp_path / f"host-{number % hosts}")
        for number in range(2)
    ]
    ended = [(one, *one.communicate(timeout=120)) for one in both]

    codes = sorted(one.returncode for one, _, _ in ended)
    assert codes[0] == 0 and codes[1] in (0, 6), [error for _, _, error in ended]
    published = [
        one["destinations"][0]["snapshot"] for one in documents(world) if one["destinations"][0]["published"]
    ]
    assert len(set(published)) == 1
    assert read_whole(world, "eu") == whole(world)
    assert not [
        key for key in world.bucket("eu").keys() if own(key) and (b"lock" in key or b"/uploads/" in key)
    ]
    third = user.run("sync", "--due", "--json", state=tmp_path / "third")
    assert third.code == 0 and third.document["runs"] == [], third.err


def test_a_scheduler_whose_plan_is_overtaken_is_fenced_and_the_next_one_has_nothing_to_do(
    world, user, tmp_path, monkeypatch
):
    declare(user, world)
    admit = Sync._admit
    others = []

    def meanwhile(run):
        if not others:
            other = user.start("sync", "--due", "--json", state=tmp_path / "other")
            out, error = other.communicate(timeout=120)
            others.append((other.returncode, json.loads(out)["runs"], error))
        admit(run)

    monkeypatch.setattr(Sync, "_admit", meanwhile)

    said = user.run("sync", "--due", "--json")

    code, runs, error = others[0]
    assert (code, len(runs)) == (0, 1), error
    assert said.code == 6, said.err
    assert said.document["runs"][0]["destinations"][0]["snapshot"] is None
    assert read_whole(world, "eu") == whole(world)
    assert sorted(one["exit_code"] for one in documents(world)) == [0, 6], "both are on record"
    assert user.run("sync", "--due", "--json").document["runs"] == []
    assert user.run("sync", NAME, "--json").document["runs"][0]["snapshot"] == runs[0]["snapshot"]
