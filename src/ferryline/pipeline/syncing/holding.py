"""Who this process is in a replica's lock, and whether another holder is still alive.

`Tenure` and the commands about one dataset take locks with it. `state.host` knows this host, `snapshot.lock`
the document.
"""

import contextlib
import os
import pwd
import socket
from datetime import datetime

from ferryline import errors
from ferryline.model.key import one_line
from ferryline.snapshot import lock, publish
from ferryline.snapshot.lock import Lock
from ferryline.snapshot.shelf import Shelf
from ferryline.state import host


async def wanted(shelf: Shelf, run_id: str, now: datetime) -> Lock:
    """The lock that this process would hold, with an epoch above everything that was there."""
    there = await lock.read(shelf)
    epoch = 1 + max(await _epoch(shelf), there.lock.epoch if there else 0)
    return Lock(who(), host.name(), os.getpid(), run_id, epoch, now, now)


async def _epoch(shelf: Shelf) -> int:
    """The epoch of the head as it is now. One that cannot be believed is refused when it is changed."""
    with contextlib.suppress(errors.DigestMismatch):
        seen = await publish.read_head(shelf)
        return seen.head.epoch if seen is not None else 0
    return 0


def who() -> str:
    """Who is at work, for locks and records: user, host and process."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"user {os.getuid()}"
    return one_line(f"{user}@{socket.gethostname()} process {os.getpid()}")


def is_gone(there: Lock) -> bool:
    """Whether a lock's process ran on this very host and has ended: then nobody is left to wait for."""
    return host.has_ended(there.host, there.process)
