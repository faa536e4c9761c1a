"""Two writers of one dataset, a writer that slept through its lock, and heads that cannot be believed."""

import json
import signal
import time

import pytest

from ferryline.testing.strict import Lie, StrictServer
from ferryline.testing.strict.fault import Fault, Stall
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
