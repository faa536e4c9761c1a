"""This very host, as locks and leases name it, and whether a process of it has ended.

`lock`, `lease` and the locks of replicas write and compare it. A host's name alone is not enough: containers
and cloned machines share names and not their process tables, and a living holder that cannot be seen from
here must never be taken for dead.
"""

import hashlib
import os
import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


def name() -> str:
    """The host's name, and a mark of this boot and this process table; the plain name where nobody tells."""
    plain = socket.gethostname()
    try:
        told = f"{_BOOT.read_text('ascii').strip()} {_PROCESSES.stat().st_ino}"
    except (OSError, ValueError):
        return plain
    return f"{plain}/{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def has_ended(where: str, process: int) -> bool:
    """Whether that process ran on this very host and is no more. In any doubt it has not ended."""
    if where != name() or process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
