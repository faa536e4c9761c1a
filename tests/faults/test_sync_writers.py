"""Two writers of one dataset, a writer that slept through its lock, and heads that cannot be believed."""

import json
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from ferryline.pipeline.syncing.sync import Sync
from ferryline.snapshot import lock
from ferryline.testing.strict import Lie, StrictServer
from ferryline.testing.strict.fault import Fault, Stall, Status
from tests.datasets import NAME, data, own, read_whole, s3, write_policy, writes

LIES = {
    "honours preconditions": (),
    "ignores preconditions": (Lie.IGNORES_WRITE_PRECONDITIONS, Lie.IGNORES_COMPLETE_PRECONDITIONS),
    "refuses preconditions": (Lie.REFUSES_WRITE_PRECONDITIONS,),
}


def fill(server, count=200):
    server.bucket("source").put_many({f"data/{number:04}": b"%d" % number * 500 for number in range(count)})


def declare(user, server):
    write_policy(user.folder, {name: s3(server, name) for name in ("source", "eu")}, ["eu/data/"])


def head(server):
    return json.loads(server.bucket("eu").get("data/.ferryline/head.json"))


@pytest.fixture
def server():
    with StrictServer("source", "eu") as running:
        running.bucket("eu").set_versioning("Enabled")
        fill(running)
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_two_runs_at_once_leave_one_whole_snapshot(server, user, tmp_path, lies):
    server.lie(*lies)
    declare(user, server)

    both = [user.start("sync", NAME, "--json", state=tmp_path / f"host-{number}") for number in range(2)]
    ended = [(one, *one.communicate(timeout=120)) for one in both]

    codes = sorted(one.returncode for one, _, _ in ended)
    assert codes[0] == 0 and codes[1] in (0, 6), [error for _, _, error in ended]
    whole = {
        key.removeprefix(b"data/"): body for key, body in data(server.bucket("source").contents()).items()
    }
    assert read_whole(server, "eu") == whole
    again = user.run("sync", NAME, "--json", state=tmp_path / "third")
    assert again.code == 0, again.err
    assert read_whole(server, "eu") == whole
    assert not [
        key for key in server.bucket("eu").keys() if own(key) and (b"lock" in key or b"/uploads/" in key)
    ]


@pytest.mark.slow
def test_a_writer_that_slept_past_its_lock_changes_no_head(server, user, tmp_path):
    declare(user, server)
    assert user.run("sync", NAME).code == 0
    server.bucket("source").put_many({f"data/{number:04}": b"second" * 500 for number in range(200)})
    held_up = server.arm(Fault("PutObject", Stall(15.0), bucket="eu", key="data/0150", times=1))
    sleeper = user.start("sync", NAME, "--json", state=tmp_path / "sleeper")
    try:
        deadline = time.monotonic() + 60
        while server.bucket("eu").get("data/.ferryline/lock.json") is None:
            assert time.monotonic() < deadline and sleeper.poll() is None, "it never took the lock"
            time.sleep(0.002)
        while not held_up.fired:
            assert time.monotonic() < deadline and sleeper.poll() is None, "it never came to write"
            time.sleep(0.002)
        sleeper.send_signal(signal.SIGSTOP)
        assert sleeper.poll() is None, "it must be in the middle of its work"
        assert user.run("unlock", NAME, "--replica", "eu", "--yes").code == 0
        server.bucket("source").put("data/0000", b"third")
        other = user.run("sync", NAME, "--json")
        assert other.code == 0, other.err
        published = head(server)
    finally:
        sleeper.send_signal(signal.SIGCONT)
    out, error = sleeper.communicate(timeout=120)

    assert sleeper.returncode in (1, 4, 6, 7), (out, error)  # 1: its objects met newer ones
    assert head(server) == published
    assert read_whole(server, "eu")[b"0000"] == b"third"


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (lambda body: body[: len(body) // 2], 1, "head.json"),
        (lambda body: body.replace(b'"sequence": 1', b'"sequence": 9'), 1, "head.json"),
        (lambda body: body.replace(b"ferryline.head/1", b"ferryline.head/2"), 2, "newer"),
        (lambda body: b"<html>", 1, "head.json"),
    ],
    ids=["cut", "edited", "of a newer schema", "a page"],
)
def test_a_head_that_cannot_be_believed_stops_the_run_and_stays(server, user, spoil, code, word):
    declare(user, server)
    assert user.run("sync", NAME).code == 0
    bucket = server.bucket("eu")
    spoiled = spoil(bucket.get("data/.ferryline/head.json"))
    bucket.put("data/.ferryline/head.json", spoiled)
    server.bucket("source").put("data/0001", b"changed")
    server.forget()

    said = user.run("sync", NAME, "--json")

    assert said.code == code, said.err
    assert word in said.err
    assert bucket.get("data/.ferryline/head.json") == spoiled
    assert writes(server) == []


def keep_others_until(monkeypatch, act):
    """Let `act` happen once, when the next run in this process has planned and not yet written."""
    admit = Sync._admit
    acted = []

    def meanwhile(run):
        if not acted:
            acted.append(True)
            act()
        admit(run)

    monkeypatch.setattr(Sync, "_admit", meanwhile)
    return acted


def elsewhere(user, folder, *words):
    """A whole sync by another host."""
    other = user.start("sync", NAME, "--json", *words, state=folder)
    out, error = other.communicate(timeout=120)
    return other.returncode, out, error


def test_a_run_that_planned_before_another_published_stops_and_publishes_nothing(
    server, user, tmp_path, monkeypatch
):
    declare(user, server)
    assert user.run("sync", NAME).code == 0
    source = server.bucket("source")
    source.put("data/0001", b"second")
    seen = []

    def act():
        source.put("data/0002", b"third")
        seen.append(elsewhere(user, tmp_path / "other"))
        seen.append(head(server))
        server.forget()

    acted = keep_others_until(monkeypatch, act)

    said = user.run("sync", NAME, "--json")

    assert acted and seen[0][0] == 0, seen
    assert said.code == 6, said.err
    assert "published" in said.err and "while this one was looking" in said.err
    assert head(server) == seen[1]
    written = [one for one in writes(server) if "lock.json" not in one and "/probe/" not in one]
    assert written == [], "nothing but its lock, which it gives back"
    assert read_whole(server, "eu")[b"0002"] == b"third"
    again = user.run("sync", NAME, "--json")
    assert again.code == 0, again.err


def bars_readers(server, user):
    """A snapshot is published, and a run that failed has barred readers from it."""
    assert user.run("sync", NAME).code == 0
    server.bucket("source").put("data/0001", b"second")
    refused = server.arm(Fault("PutObject", Status("AccessDenied"), bucket="eu", key="data/0001", times=None))
    assert user.run("sync", NAME).code == 1 and refused.fired
    server.disarm()
    assert not head(server)["snapshots"][0]["eligible"]


def never_published(server, _user):
    """Somebody copied it there; nothing was ever published."""
    server.bucket("eu").put_many(server.bucket("source").contents())
    server.bucket("source").put("data/0001", b"second")


@pytest.mark.parametrize("before", [bars_readers, never_published])
def test_a_run_that_planned_before_another_wrote_and_failed_publishes_no_state_that_was(
    server, user, tmp_path, monkeypatch, before
):
    server.bucket("eu").set_versioning("Suspended")
    declare(user, server)
    before(server, user)
    source = server.bucket("source")
    seen = []

    def act():
        source.put("data/0005", b"changed, and written over by the other run")
        fails = server.arm(
            Fault("PutObject", Status("AccessDenied"), bucket="eu", key="data/0001", times=None)
        )
        seen.append(elsewhere(user, tmp_path / "other"))
        assert fails.fired
        server.disarm()

    acted = keep_others_until(monkeypatch, act)

    said = user.run("sync", NAME, "--json")

    assert acted and seen[0][0] == 1, seen
    assert server.bucket("eu").get("data/0005") == source.get("data/0005"), "the other run got that far"
    assert said.code == 6, said.err
    assert not any(one["eligible"] for one in head(server)["snapshots"])
    again = user.run("sync", NAME, "--json")
    assert again.code == 0, again.err
    assert read_whole(server, "eu")[b"0005"] == source.get("data/0005")


def test_a_run_whose_lock_is_taken_while_it_deletes_stops_deleting(server, user, monkeypatch):
    declare(user, server)
    assert user.run("sync", NAME).code == 0
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.0)
    gone = [f"data/{number:04}" for number in range(0, 200) if number % 2]
    for key in gone:
        server.bucket("source").delete(key)
    write_policy(
        user.folder,
        {name: s3(server, name) for name in ("source", "eu")},
        ["eu/data/"],
        options={"preserve_deleted_files": "REMOVE"},
    )
    now = datetime.now(UTC)
    theirs = lock.to_bytes(
        lock.Lock("somebody else", "elsewhere", 1, "theirs", 99, now, now + timedelta(hours=1))
    )
    deleted = []

    def take_over(exchange):
        if not own(exchange.request.key):
            deleted.append(exchange.request.key)
            server.bucket("eu").put("data/.ferryline/lock.json", theirs)

    server.after("DeleteObject", take_over)

    said = user.run("sync", NAME, "--json", "--approve-deletes", "100")

    assert said.code == 6, said.err
    assert "somebody else took it" in said.err
    assert 0 < len(deleted) <= 64 < len(gone), "what was under way, and no more"
    assert server.bucket("eu").get("data/.ferryline/lock.json") == theirs, "it is not ours to remove"
    server.service.after.clear()
    server.bucket("eu").delete("data/.ferryline/lock.json")
    again = user.run("sync", NAME, "--json", "--approve-deletes", "100")
    assert again.code == 0, again.err
    assert len(data(server.bucket("eu").contents())) == 100
