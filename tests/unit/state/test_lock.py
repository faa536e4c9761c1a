"""One writer per destination on this host, with real processes."""

import os
import signal
import subprocess
import sys

import pytest

from ferryline import errors
from tests.unit.state.ground import StillClock, opened

HOLDER = """
import sys
from pathlib import Path
from ferryline.clock import SystemClock
from ferryline.state import open_state
state = open_state(Path(sys.argv[1]), SystemClock())
state.runs.started("20261101T120000Z-0badcafe", "a", sys.argv[2], SystemClock().now())
with state.lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path):
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "s3://b/"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout.readline() == "held\n"
    yield started
    started.kill()
    started.communicate()


def test_another_process_is_refused_and_told_who_holds_it(tmp_path, holder):
    with pytest.raises(errors.LockHeld) as refused, opened(tmp_path).lock("s3://b/"):
        pytest.fail("the lock was given twice")
    said = str(refused.value)
    for word in (
        "s3://b/",
        f"process {holder.pid}",
        os.uname().nodename,
        "20261101T120000Z-0badcafe",
        "since 20",
    ):
        assert word in said


def test_other_destinations_are_free(tmp_path, holder):
    with opened(tmp_path).lock("s3://c/"):
        pass


def test_a_holder_that_ended_leaves_nothing_in_the_way(tmp_path, holder):
    holder.communicate("done\n")
    assert holder.returncode == 0
    with opened(tmp_path).lock("s3://b/"):
        pass
    (path,) = (tmp_path / "locks").iterdir()
    assert path.read_bytes() == b""


def test_a_dead_holders_lock_is_simply_taken(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    (path,) = (tmp_path / "locks").iterdir()
    assert b"0badcafe" in path.read_bytes()
    with opened(tmp_path).lock("s3://b/"):
        assert str(os.getpid()).encode() in path.read_bytes()


def test_the_lock_is_given_back_after_a_failure(tmp_path):
    state = opened(tmp_path)
    with pytest.raises(RuntimeError), state.lock("b"):
        raise RuntimeError
    with state.lock("b"):
        pass


def test_this_process_cannot_take_it_twice(tmp_path):
    state = opened(tmp_path)
    with state.lock("b"), pytest.raises(errors.LockHeld, match=f"process {os.getpid()}"), state.lock("b"):
        pytest.fail("the lock was given twice")


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_an_unreadable_note_still_refuses(tmp_path, note):
    state = opened(tmp_path)
    with state.lock("b"):
        (path,) = (tmp_path / "locks").iterdir()
        path.write_bytes(note)
        with pytest.raises(errors.LockHeld, match="has just begun"), opened(tmp_path, StillClock()).lock("b"):
            pytest.fail("the lock was given twice")
