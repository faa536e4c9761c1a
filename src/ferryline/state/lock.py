"""One writer per destination on this host: a kernel lock on a file that also says who holds it.

The kernel lets go when the holder dies, so a dead run never blocks a living one.
"""

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from ferryline import errors
from ferryline.clock import Clock
from ferryline.state import disk


@contextlib.contextmanager
def held(path: Path, destination: str, clock: Clock) -> Iterator[None]:
    """Hold the lock. Raises LockHeld, which names the holder, at once when another process has it."""
    with disk.failing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refused(descriptor, destination) from None
        _sign(descriptor, clock)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _sign(descriptor: int, clock: Clock) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": clock.now().isoformat(timespec="seconds"),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _refused(descriptor: int, destination: str) -> errors.LockHeld:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        who = f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        who = "another process, which has just begun"
    return errors.LockHeld(
        f"another run holds {destination}: {who}",
        advice="wait until it has ended; the lock goes with the process",
        place=destination,
    )
