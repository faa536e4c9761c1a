"""`ferryline unlock`: it shows who holds a replica, and removes only what it showed, and only when told."""

import os
import pty
import subprocess
import sys

import pytest

from ferryline import errors
from ferryline.pipeline.published import unlocking

ONE = {b"a.tar": b"a"}


@pytest.mark.parametrize("replica", ["versioned", "plain", "disk"])
def test_it_shows_the_holder_and_removes_only_with_yes(ground, replica):
    first = ground.publish(ONE)
    ground.hold(replica)

    shown = ground.run("unlock", "images", "--replica", replica, "--json")
    assert shown.code == 6
    held = shown.document["lock"]
    assert (held["holder"], held["counts"], shown.document["removed"]) == ("somebody@elsewhere", True, False)
    assert ground.run("snapshots", "tag", "images", "v1", first).code == 6

    removed = ground.run("unlock", "images", "--replica", replica, "--yes", "--json")
    assert removed.code == 0
    assert removed.document["removed"]
    assert ground.run("snapshots", "tag", "images", "v1", first).code == 0
    assert "nobody holds it" in ground.run("unlock", "images", "--replica", replica).out


def test_with_a_metadata_location_the_lock_lies_there(ground):
    ground.hold("two", "apart")
    assert b"all/.ferryline/two/lock.json" in ground.server.bucket("metadata").keys()

    assert ground.run("unlock", "apart", "--replica", "two", "--yes").code == 0

    assert b"all/.ferryline/two/lock.json" not in ground.server.bucket("metadata").keys()


def test_no_version_of_a_lock_is_left_on_a_bucket_that_keeps_versions(ground):
    ground.hold("versioned")
    ground.run("unlock", "images", "--replica", "versioned", "--yes")

    assert not ground.server.bucket("versioned").versions("images/.ferryline/lock.json")


def test_a_lock_past_its_time_holds_nobody_up_and_is_no_error(ground):
    ground.hold("plain", seconds=-60)

    said = ground.run("unlock", "images", "--replica", "plain")

    assert said.code == 0
    assert "no longer counts" in said.out


def test_a_lock_that_cannot_be_read_is_shown_and_can_be_removed(ground):
    ground.hold("plain")
    bucket = ground.server.bucket("plain")
    bucket.put("images/.ferryline/lock.json", b"{half a lock")

    shown = ground.run("unlock", "images", "--replica", "plain", "--json")
    assert (shown.code, bool(shown.document["damaged"])) == (6, True)
    assert ground.run("unlock", "images", "--replica", "plain", "--yes").code == 0

    assert b"images/.ferryline/lock.json" not in bucket.keys()


def test_another_runs_lock_is_never_removed_for_the_one_that_was_shown(ground):
    ground.hold("plain")

    async def race(errand):
        _, seen = await unlocking.look(errand, "plain")
        await unlocking.remove(errand, "plain", seen)
        ground.server.bucket("plain").put("images/.ferryline/lock.json", b"{another")
        with pytest.raises(errors.LockHeld):
            await unlocking.remove(errand, "plain", seen)

    ground.work("images", race)
    assert b"images/.ferryline/lock.json" in ground.server.bucket("plain").keys()


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 6)])
def test_on_a_terminal_it_asks(ground, answer, code):
    ground.hold("plain")
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "ferryline", "unlock", "images", "--replica", "plain"]
    process = subprocess.Popen(
        words, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, cwd=ground.user.folder
    )
    os.close(theirs)
    os.write(ours, answer)

    out, _ = process.communicate(timeout=60)

    os.close(ours)
    assert process.returncode == code
    assert (b"removed" in out) == (code == 0)


def test_a_replica_must_be_named_and_known(ground):
    assert ground.run("unlock", "images").code == 2
    assert "it has: versioned, plain, disk" in ground.run("unlock", "images", "--replica", "moon").err
