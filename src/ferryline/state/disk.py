"""The state folder on its disk: made, guarded, and written so that a crash leaves old or new, never half.

Every other file of this room writes through it. Refuses network file systems, because neither locks
nor SQLite's journal can be trusted there.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ferryline import crash, errors

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "lustre"})
"""File systems on which advisory locks or fsync of another host's writes cannot be relied on."""


def prepare(folder: Path) -> None:
    """Make the folder, this user's alone. Raises DiskFailed, or BadUsage for a network file system."""
    with failing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(folder, 0o700)
    kind = filesystem(folder)
    if kind in _NETWORK:
        raise errors.BadUsage(
            f"the state folder {folder} lies on {kind}, where locks and journals cannot be trusted",
            advice="give a folder on a local disk with --state; nothing in it needs to survive",
        )


def filesystem(folder: Path, mounts: str = "/proc/mounts") -> str:
    """The type of the file system that holds `folder`, or an empty string where nothing tells."""
    try:
        text = Path(mounts).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    real = os.path.realpath(folder)
    best, found = -1, ""
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        at = fields[1].replace("\\040", " ").rstrip("/")
        if (real == at or real.startswith(at + "/")) and len(at) >= best:
            best, found = len(at), fields[2]
    return found


@contextlib.contextmanager
def failing(place: Path) -> Iterator[None]:
    """Turn an OSError into DiskFailed that names the place and what to do."""
    try:
        yield
    except OSError as problem:
        raise errors.DiskFailed(
            f"the state folder cannot be used: {problem.strerror or problem}: {problem.filename or place}",
            advice="free space there, make it writable, or choose another with --state",
            place=str(place),
        ) from problem


def replace(path: Path, body: bytes) -> None:
    """Write a whole file durably: the old one stays until the new one is complete on the disk."""
    temporary = path.with_name(path.name + ".new")
    with failing(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        crash.point("state.file.written")
        os.replace(temporary, path)
        crash.point("state.file.replaced")
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """fsync a file that was written by somebody else's code."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """fsync a directory, so that names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
