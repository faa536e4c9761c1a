"""Which kind of file system holds a folder, from the kernel's table of mounts.

`disk` asks before anything is trusted to a state folder. It answers an empty string where nothing
tells (no /proc): then the folder is taken as local.
"""

import os
import re
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "davfs"})
_NETWORK_FUSE = (
    "sshfs",
    "s3fs",
    "rclone",
    "gcsfuse",
    "goofys",
    "mountpoint-s3",
    "blobfuse",
    "davfs",
    "smbnetfs",
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def is_network(kind: str) -> bool:
    """Whether locks and fsync of such a file system cannot be trusted between hosts."""
    return kind in _NETWORK or (kind.startswith("fuse.") and kind[5:].startswith(_NETWORK_FUSE))


def kind_of(folder: Path) -> str:
    """The type of the file system that holds `folder` (`ext4`, `nfs4`, `fuse.sshfs`), or an empty string."""
    try:
        table = TABLE.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    device = os.stat(folder).st_dev
    return found(table, f"{os.major(device)}:{os.minor(device)}", os.path.realpath(folder))


def found(table: str, device: str, path: str) -> str:
    """The type in a mountinfo `table` of the mount that `path` lies below and that has number `device`.

    Where no mount above the path has the device's number (subvolumes have numbers of their own) the
    nearest mount above it counts. Format: proc(5), /proc/pid/mountinfo.
    """
    best: tuple[bool, int] = (False, -1)
    kind = ""
    for line in table.splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4]).rstrip("/")
        if path != point and not path.startswith(point + "/"):
            continue
        rank = (fields[2] == device, len(point))
        if rank >= best:
            best, kind = rank, right.split(" ", 1)[0]
    return kind
