"""One writer per destination on this host: a kernel lock on a file that also says who holds it.

`opening` hands it out. The kernel lets go when the holder dies, so a dead run never blocks a living
one; the file itself stays, because removing it would let two processes lock two files of one name.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferryline import crash, errors
from ferryline.clock import Clock
from ferryline.state import disk, host

_NOTE_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as the lock's file says it."""

    pid: int
    host: str
    run_id: str
    since: str

    def __str__(self) -> str:
        run = f" (run {self.run_id})" if self.run_id else ""
        return f"process {self.pid} on {self.host}{run}, since {self.since}"


def holder(run_id: str, clock: Clock) -> Holder:
    """This process, from now on."""
    return Holder(os.getpid(), host.name(), run_id, clock.now().isoformat(timespec="seconds"))


@contextlib.contextmanager
def held(path: Path, what: str, me: Holder) -> Iterator[None]:
    """Hold the lock at `path` on `what`. Raises LockHeld at once when another has it, DiskFailed otherwise.

    Another includes this process: the lock belongs to the opened file, not to the process.
    """
    disk.make_folder(path.parent)
    with disk.failing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE)
    try:
        with disk.failing(path):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _refusal(descriptor, what) from None
            crash.point("lock.taken")
            _sign(descriptor, me)
            crash.point("lock.signed")
        yield
        with disk.failing(path):
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, me: Holder) -> None:
    note = {"pid": me.pid, "host": me.host, "run_id": me.run_id, "since": me.since}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(note).encode(), 0)


def _refusal(descriptor: int, what: str) -> errors.LockHeld:
    try:
        note = json.loads(os.pread(descriptor, _NOTE_BYTES_MAX, 0))
        who = str(Holder(int(note["pid"]), str(note["host"]), str(note["run_id"]), str(note["since"])))
    except (ValueError, KeyError, TypeError):
        who = "a process that has just begun"
    return errors.LockHeld(
        f"another run holds {what}: {who}",
        advice="wait until it has ended, or end it; the lock goes with the process",
        place=what,
    )
