"""The one structural change of a tree: a file `a` becomes `a/%self`, so that `a/b` can be.

Called by the landing when a directory must have a file's name, and by the sweep. Nobody may ever
lose either form. Where the kernel can exchange two names the change is one step and the key is
there at every moment. Where it cannot (NFS, file systems without hard links) the file is moved
twice; between the two its name is missing, and a record made durable beforehand says where the
bytes belong, so that the next sweep puts them there if the process dies in between.
"""

import contextlib
import errno
import os
import stat
import threading
from dataclasses import dataclass

from ferryline import crash
from ferryline.storage.file import beneath, names
from ferryline.storage.file.temporary import MOVING, MOVING_TO, Temporaries, create

_one_at_a_time = threading.Lock()
"""Moves are rare; two of the same name at once would exchange a directory for a directory."""

_NO_WAY = beneath.UNAVAILABLE | {errno.EPERM, errno.EMLINK, errno.EXDEV}
"""No hard link or no exchange here: take the two steps."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A file's name in an open directory, and its whole path below the root."""

    folder: int
    path: beneath.Path

    @property
    def name(self) -> tuple[int, bytes]:
        """The open directory and the name in it."""
        return self.folder, self.path[-1]


def into_directory(temporaries: Temporaries, spot: Spot) -> None:
    """Turn the regular file at `spot` into a directory that holds it as `%self`.

    Returns without a change where it is no regular file any more. Bytes, mtime and inode stay;
    the ctime changes, as with every rename.
    """
    with _one_at_a_time, temporaries.folder() as workshop, temporaries.name(MOVING) as box:
        if not _is_file(*spot.name):
            return
        os.mkdir(box, dir_fd=workshop)
        try:
            _exchange(workshop, box, spot)
            return
        except FileNotFoundError:
            _discard(workshop, box)
            return
        except OSError as error:
            if error.errno not in _NO_WAY:
                _discard(workshop, box)
                raise
        _discard(workshop, box)
        if _is_file(*spot.name):  # linking a directory is refused too: somebody was faster
            _by_steps(workshop, box, spot)


def _exchange(workshop: int, box: bytes, spot: Spot) -> None:
    inner = _inner(box)
    os.link(spot.path[-1], inner, src_dir_fd=spot.folder, dst_dir_fd=workshop, follow_symlinks=False)
    linked = beneath.look(workshop, inner)
    if linked is None or not stat.S_ISREG(linked.st_mode):
        _discard(workshop, box)
        return
    _sync(workshop, box)
    crash.point("file.moving.linked")
    beneath.exchange((workshop, box), spot.name)
    crash.point("file.moving.exchanged")
    out = beneath.look(workshop, box)
    if out is None:
        return
    if stat.S_ISDIR(out.st_mode):  # another process moved it first: give its directory back
        beneath.exchange((workshop, box), spot.name)
        _discard(workshop, box)
    elif out.st_ino != linked.st_ino:  # replaced between link and exchange: the newer bytes win
        beneath.replace((workshop, box), (spot.folder, _inner(spot.path[-1])))
    else:
        os.unlink(box, dir_fd=workshop)
    beneath.sync_folder(spot.folder)


def _by_steps(workshop: int, box: bytes, spot: Spot) -> None:
    record = _record(box)
    written = create(workshop, record)
    try:
        beneath.write_whole(lambda rest, _: os.write(written, rest), b"/".join(spot.path))
        os.fsync(written)
    finally:
        os.close(written)
    os.mkdir(box, dir_fd=workshop)
    beneath.sync_folder(workshop)
    try:
        beneath.replace(spot.name, (workshop, _inner(box)))
        crash.point("file.moving.aside")
    finally:
        _bring_home(workshop, box, spot)


def _bring_home(workshop: int, box: bytes, spot: Spot) -> None:
    """Put the bytes of a box under their name, whatever has it now, then drop box and record."""
    inner = _inner(box)
    moved = beneath.look(workshop, inner)
    if moved is not None:
        there = beneath.look(*spot.name)
        if stat.S_ISDIR(moved.st_mode):  # another process had made it a directory: give that back
            beneath.replace((workshop, inner), spot.name)
        elif there is None:
            beneath.replace((workshop, box), spot.name)
        elif stat.S_ISDIR(there.st_mode):
            # A file that is there already was written later: the record's bytes are the older.
            with contextlib.suppress(FileExistsError):
                beneath.move_new((workshop, inner), (spot.folder, _inner(spot.path[-1])))
        beneath.sync_folder(spot.folder)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(inner, dir_fd=workshop)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(box, dir_fd=workshop)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_record(box), dir_fd=workshop)


def recover(root: int, workshop: int, box: bytes) -> None:
    """Finish or undo a move that a crash cut short; `box` is its name in the temporary folder.

    Without a record the box held a second name of a file that never left its place (or the other
    way round); a box whose bytes have no second name is left alone.
    """
    path = _read_record(workshop, box)
    if path is None:
        _discard(workshop, box)
        return
    try:
        folder = beneath.open_path(root, path[:-1], beneath.DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        _bring_home(workshop, box, Spot(folder, path))
    finally:
        os.close(folder)


def _read_record(workshop: int, box: bytes) -> beneath.Path | None:
    try:
        opened = os.open(_record(box), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=workshop)
    except FileNotFoundError:
        return None
    with open(opened, "rb") as record:
        path = tuple(record.read().split(b"/"))
    # A record is data: a name that no key has (`..`, an empty one) leads nowhere.
    decoded = [names.decode_component(name) for name in path]
    if any(
        one is None or names.encode_component(one) != name for one, name in zip(decoded, path, strict=True)
    ):
        return None
    return path


def _discard(workshop: int, box: bytes) -> None:
    """Remove a box that holds nothing of its own: never the last name of any bytes."""
    seen = beneath.look(workshop, box)
    if seen is None:
        return
    if not stat.S_ISDIR(seen.st_mode):
        os.unlink(box, dir_fd=workshop)
        return
    inner = beneath.look(workshop, _inner(box))
    if inner is not None and inner.st_nlink > 1:
        os.unlink(_inner(box), dir_fd=workshop)
    with contextlib.suppress(OSError):  # not empty: bytes that must not be lost
        os.rmdir(box, dir_fd=workshop)


def _is_file(folder: int, name: bytes) -> bool:
    seen = beneath.look(folder, name)
    return seen is not None and stat.S_ISREG(seen.st_mode)


def _inner(box: bytes) -> bytes:
    return box + b"/" + names.SELF


def _record(box: bytes) -> bytes:
    return box.removesuffix(MOVING) + MOVING_TO


def _sync(workshop: int, box: bytes) -> None:
    opened = os.open(box, beneath.DIRECTORY, dir_fd=workshop)
    try:
        beneath.sync_folder(opened)
    finally:
        os.close(opened)
