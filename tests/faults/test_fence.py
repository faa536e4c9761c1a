"""A writer whose lock was lost: known, nothing goes out again; not yet known, Complete and deletes find out."""

import pytest

from ferryline import errors
from ferryline.snapshot import lock
from ferryline.state import opening
from ferryline.testing.strict import Put, StrictServer
from ferryline.testing.strict.fault import Fault, Status
from tests.commanding import url
from tests.datasets import NAME, s3, write_policy

MIB = 1024 * 1024
PART = Put(part_bytes=5 * MIB)


@pytest.fixture
def server():
    with StrictServer("source", "eu") as running:
        running.bucket("eu").set_versioning("Enabled")
        running.bucket("source").put_many({f"data/{number:02}": b"%d" % number for number in range(10)})
        running.bucket("source").put("data/large", b"x" * (11 * MIB), PART)
        yield running


def declare(user, server):
    write_policy(user.folder, {name: s3(server, name) for name in ("source", "eu")}, ["eu/data/"])


def known_lost(monkeypatch):
    """What makes every lock of this process known to be lost; the replica's and, for `copy`, the host's."""
    held, lost = [], []
    take = lock._take

    async def remembered(*words):
        held.append(await take(*words))
        return held[-1]

    def lease():
        if lost:
            raise errors.LockHeld("the lease is lost", kind="lease-lost")

    def lose(_exchange=None):
        lost.append(True)
        for one in held:
            one.lost = "another run took it"

    monkeypatch.setattr(lock, "_take", remembered)
    monkeypatch.setattr(opening, "always_ours", lease)
    return lose


@pytest.mark.parametrize("command", ["copy", "sync"])
@pytest.mark.parametrize(
    ("verb", "key"),
    [
        ("PutObject", "data/05"),
        ("CreateMultipartUpload", "data/large"),
        ("UploadPart", "data/large"),
        ("CompleteMultipartUpload", "data/large"),
        ("CopyObject", "data/05"),
    ],
)
def test_what_an_endpoint_put_off_is_not_sent_again_once_the_lock_is_known_to_be_lost(
    server, user, monkeypatch, command, verb, key
):
    user.server_side = verb == "CopyObject"
    declare(user, server)
    words = (NAME,) if command == "sync" else (url(server, "source", "data/"), url(server, "eu", "data/"))
    lose = known_lost(monkeypatch)
    put_off = server.arm(Fault(verb, Status("SlowDown"), bucket="eu", key=key, times=1))
    server.before(verb, lambda exchange: lose() if exchange.request.key == key.encode() else None)

    said = user.run(command, *words, "--json")

    assert put_off.fired
    assert said.code == 6, said.err
    sent = [one.params.get("partNumber") for one in server.requests(verb, key) if one.bucket == "eu"]
    assert len(sent) == len(set(sent)), "parts go out side by side, and nothing twice"
    assert server.bucket("eu").get(key) is None


def test_an_upload_is_not_completed_once_a_person_removed_the_lock(server, user):
    declare(user, server)
    removed = []

    def remove(exchange):
        if exchange.request.key == b"data/large" and not removed:
            removed.append(True)
            server.bucket("eu").delete("data/.ferryline/lock.json")

    server.before("UploadPart", remove)

    said = user.run("sync", NAME, "--json")

    assert removed
    assert said.code == 6, said.err
    assert "somebody removed it" in said.err
    assert server.requests("CompleteMultipartUpload", "data/large") == []
    assert server.bucket("eu").get("data/large") is None
