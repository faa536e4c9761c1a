"""Pruning beside another run, without permission, and over somebody's mistakes: what is needed stays."""

import json

import pytest

from ferryline import crash
from ferryline.testing.strict import StrictServer
from ferryline.testing.strict.fault import Fault, Status
from tests.datasets import NAME, read_whole, s3, write_policy


@pytest.fixture(params=[True, False], ids=["versions", "no versions"])
def world(request, user):
    """A replica of which an old snapshot has left the head, and whose files are old enough to go."""
    with StrictServer("source", "eu") as server:
        if request.param:
            server.bucket("eu").set_versioning("Enabled")
        server.bucket("source").put_many({f"data/{number}": b"%d" % number for number in range(5)})
        places = {name: s3(server, name) for name in ("source", "eu")}
        write_policy(user.folder, places, ["eu/data/"], keep_snapshots={"count": 1, "days": 0})
        assert user.run("sync", NAME).code == 0
        server.bucket("source").put("data/3", b"changed")
        assert user.run("sync", NAME).code == 0
        yield server


def prune(user):
    return user.run("snapshots", "prune", NAME, "--older-than", "0s", "--json")


def files(server):
    return {key for key in server.bucket("eu").keys() if b"/chunks/" in key or b"/receipts/" in key}


def test_a_prune_whose_lock_was_taken_removes_nothing_of_the_next_run(world, user, tmp_path):
    struck = []

    def taken_over(name):
        if name != "snapshot.prune.erasing" or struck:
            return
        struck.append(name)
        crash.hook = None
        for key in list(world.bucket("eu").keys()):
            if key.endswith(b"lock.json"):
                world.bucket("eu").delete(key)
        world.bucket("source").put("data/4", b"changed again")
        other = user.start("sync", NAME, "--json", state=tmp_path / "another host")
        other.communicate(timeout=60)
        assert other.returncode == 0

    crash.hook = taken_over
    try:
        said = prune(user)
    finally:
        crash.hook = None

    assert struck
    assert said.code in (0, 6), said.err
    assert read_whole(world, "eu")[b"4"] == b"changed again"


def test_a_needed_file_under_a_marker_keeps_its_versions(world, user):
    head = json.loads(world.bucket("eu").get("data/.ferryline/head.json"))
    needed = f"data/.ferryline/receipts/{head['current']}.source.json".encode()
    before = world.bucket("eu").versions(needed)
    assert before
    world.bucket("eu").delete(needed)

    prune(user)

    left = world.bucket("eu").versions(needed)
    kept = [one for one in before if one in left]
    assert kept == (before if left else []), "where versions are kept, a mistake can be undone"


@pytest.mark.parametrize(
    ("operation", "status", "code", "permission"),
    [
        ("ListObjectVersions", 403, "AccessDenied", "s3:ListBucketVersions"),
        ("ListObjectVersions", 501, "NotImplemented", None),
        ("DeleteObjects", 403, "AccessDenied", "s3:DeleteObjectVersion"),
    ],
)
def test_without_permission_for_versions_the_files_go_all_the_same(
    world, user, hasty, operation, status, code, permission
):
    before = files(world)
    fault = world.arm(Fault(operation, Status(code, status=status), bucket="eu", times=None))

    said = prune(user)

    assert said.code == 0, said.err
    (one,) = said.document["replicas"]
    assert one["files"] > 0 and len(files(world)) == len(before) - one["files"]
    if fault.fired and permission and len(world.bucket("eu").versions("data/.ferryline/head.json")) > 1:
        assert permission in one["versions_left"]
        assert permission in said.err
    else:
        assert one["versions_left"] is None


def test_on_a_bucket_that_keeps_versions_none_of_what_went_is_kept(world, user):
    before = files(world)

    said = prune(user)

    assert said.code == 0, said.err
    gone = before - files(world)
    assert gone
    assert [key for key in gone if world.bucket("eu").versions(key)] == []
    assert read_whole(world, "eu")[b"3"] == b"changed"
