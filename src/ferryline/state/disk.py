"""The state folder on its disk: made, guarded, and written so that a crash leaves old or new, never half.

Every other file of this room writes through it. It turns what the disk says into DiskFailed with a
remedy; it knows nothing of what the files mean.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ferryline import crash, errors
from ferryline.state import mount

FOLDER_MODE = 0o700
FILE_MODE = 0o600
DATABASE_NAME = "ferryline.db"

_ADVICE = {
    errno.ENOSPC: "free space there, or choose another folder with --state, and run again",
    errno.EDQUOT: "raise the quota, or choose another folder with --state, and run again",
    errno.EROFS: "it is mounted read-only: choose another folder with --state",
    errno.EACCES: "make it writable for this user, or choose another folder with --state",
    errno.EPERM: "make it writable for this user, or choose another folder with --state",
    errno.EIO: "the disk is failing: choose a folder on another one with --state",
}
_OTHER_ADVICE = "choose another folder with --state; nothing in this one is needed"


def prepare(folder: Path) -> None:
    """Make the folder, this user's alone, and look whether it can hold a state. Writes nothing into it.

    Raises DiskFailed when it cannot be made or written, BadUsage for a network file system.
    """
    with failing(folder):
        try:
            folder.mkdir(parents=True, mode=FOLDER_MODE)
        except FileExistsError:
            _close_to_others(folder)
        kind = mount.kind_of(folder)
        if mount.is_network(kind):
            raise errors.BadUsage(
                f"the state folder {folder} lies on {kind}, where locks and journals cannot be trusted",
                advice="give a folder on a local disk with --state; nothing in it needs to survive",
            )
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _close_to_others(folder: Path) -> None:
    """Take others' rights from a folder that is ours: an empty one, or one that holds a state already.

    Anything else (somebody gave `--state /tmp`) keeps its mode; what is made inside is closed anyway.
    """
    seen = folder.stat()
    if not stat.S_ISDIR(seen.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not seen.st_mode & 0o077 or seen.st_uid != os.geteuid():
        return
    names = os.listdir(folder)
    if not names or DATABASE_NAME in names:
        folder.chmod(FOLDER_MODE)


@contextlib.contextmanager
def failing(place: Path) -> Iterator[None]:
    """Turn an OSError into DiskFailed that names the place, the errno and what to do."""
    try:
        yield
    except OSError as problem:
        code = errno.errorcode.get(problem.errno or 0, "?")
        where = os.fsdecode(problem.filename) if problem.filename else str(place)
        raise errors.DiskFailed(
            f"the state folder cannot be used: {problem.strerror or problem} ({code}) at {where}",
            advice=_ADVICE.get(problem.errno or 0, _OTHER_ADVICE),
            place=where,
        ) from problem


def damaged(path: Path, what: str, remedy: str) -> errors.DiskFailed:
    """A file that is there and cannot be what was written: nothing of it is believed."""
    return errors.DiskFailed(
        f"{path} is damaged: {what}",
        advice=f"{remedy}; nothing in it is needed, it is rebuilt by comparing the stores",
        place=str(path),
        kind="state-damaged",
    )


def make_folder(folder: Path) -> None:
    """Make a folder inside the state folder, durably; one that is there already is fine."""
    with failing(folder):
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
            sync_folder(folder.parent)


def replace(path: Path, body: bytes, label: str) -> None:
    """Write a whole file durably: the old one stays until the new one is complete on the disk.

    `label` begins the names of the crash points around each step.
    """
    temporary = path.with_name(f".{path.name}.new")
    with failing(path):
        crash.point(f"{label}.writing")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(descriptor, body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        crash.point(f"{label}.written")
        os.replace(temporary, path)
        crash.point(f"{label}.replaced")
        sync_folder(path.parent)
        crash.point(f"{label}.durable")


def write_all(descriptor: int, body: bytes | memoryview) -> None:
    """Write every byte, however many calls it takes."""
    view = memoryview(body).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """fsync a directory, so that names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
