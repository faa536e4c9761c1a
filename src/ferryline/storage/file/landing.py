"""Where a key's file is, and how a finished temporary file gets there: whole, durable, never outside.

Called by the store of this package from its threads. It finds the file of a key as the disk is
now (`a`, or `a/%self` where `a` is a directory), makes missing directories, moves a file aside
that a directory must replace, and removes directories that a delete left empty.

Another process may change the tree at any moment. Every step here either names its target by an
open directory or notices that it lost a race and starts again, a bounded number of times.
"""

import contextlib
import errno
import os
import stat
from dataclasses import dataclass

from ferryline import crash, errors
from ferryline.model.key import printable
from ferryline.storage.file import beneath, moving, names, twins
from ferryline.storage.file.root import Root
from ferryline.storage.file.temporary import Temporaries, Temporary

_ATTEMPTS = 16
_VERIFIED_MAX = 50_000
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EPERM, errno.EACCES})


_NO_PARENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""No key has a file there: what lies behind a link is not below the root."""


class _LostRace(Exception):
    """The tree changed between two steps; begin again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key, its path, and whether it must not be there yet."""

    key: bytes
    path: beneath.Path
    absent: bool = False


class Landing:
    """The tree below one root, as writes and deletes see it."""

    def __init__(self, root: Root, temporaries: Temporaries) -> None:
        self._root = root
        self._temporaries = temporaries
        self._verified: set[beneath.Path] = set()

    def open_file(self, wanted: Wanted) -> int | None:
        """The file of a key, open for reading, or None where there is none. The caller closes it.

        Never opens anything but a regular file for longer than an fstat: O_NONBLOCK keeps a FIFO
        from blocking. Raises OSError(ELOOP) where a symbolic link is in the way.
        """
        folder = self._root.folder()
        if folder is None:
            return None
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
        for path in (wanted.path, (*wanted.path, names.SELF)):
            try:
                opened = beneath.open_path(folder, path, flags)
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                if error.errno == errno.ENXIO:  # a socket, or a device without a driver
                    return None
                raise
            mode = os.fstat(opened).st_mode
            if stat.S_ISREG(mode):
                return opened
            os.close(opened)
            if not stat.S_ISDIR(mode):
                return None
        return None

    def look(self, wanted: Wanted) -> os.stat_result | None:
        """lstat of a key's file without opening it, or None where there is no regular file."""
        for path in (wanted.path, (*wanted.path, names.SELF)):
            parent = self._open_parent(path)
            if parent is None:
                return None
            try:
                seen = beneath.look(parent, path[-1])
            except NotADirectoryError:
                return None
            finally:
                os.close(parent)
            if seen is None or stat.S_ISREG(seen.st_mode):
                return seen
            if not stat.S_ISDIR(seen.st_mode):
                return None
        return None

    def place(self, temporary: Temporary, wanted: Wanted) -> os.stat_result | None:
        """Move a synced temporary file to the key's place and sync the directory.

        Returns the file's lstat there, or None where somebody replaced it at once. Raises
        DestinationChanged where the key had to be absent and is not, KeyRefused where something
        that is no file of a key is in the way, OSError otherwise.
        """
        inode = beneath.look(*temporary.spot)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "the temporary file was removed", temporary.name)
        for _ in range(_ATTEMPTS):
            parent = self._make_parent(wanted)
            if parent is None:
                continue
            try:
                seen = self._settle(parent, wanted, temporary)
            except (_LostRace, FileNotFoundError):
                continue
            finally:
                os.close(parent)
            return seen if seen is not None and seen.st_ino == inode.st_ino else None
        raise errors.RetryLater(
            f"the directories around {printable(wanted.key)} below {self._root.path} keep changing",
            advice="it is tried again",
            key=wanted.key,
            place=self._root.path,
        )

    def remove(self, wanted: Wanted) -> None:
        """Unlink a key's file, then the directories that this left empty, up to the root's own entries."""
        parent = self._open_parent(wanted.path)
        if parent is None:
            return
        path = wanted.path
        try:
            seen = beneath.look(parent, path[-1])
            if seen is None:
                return
            if stat.S_ISDIR(seen.st_mode):
                inner = self._open_parent((*path, names.SELF))
                if inner is None:
                    return
                os.close(parent)
                parent, path = inner, (*path, names.SELF)
                seen = beneath.look(parent, names.SELF)
            if seen is None or not stat.S_ISREG(seen.st_mode):
                return
            self._refuse_twin(parent, path[-1], seen, wanted.key)
            os.unlink(path[-1], dir_fd=parent)
            crash.point("file.unlinked")
            beneath.sync_folder(parent)
        except FileNotFoundError:
            return
        finally:
            os.close(parent)
        self._prune(path[:-1])

    def _prune(self, path: beneath.Path) -> None:
        while path:
            parent = self._open_parent(path)
            if parent is None:
                return
            try:
                os.rmdir(path[-1], dir_fd=parent)
                self._verified.discard(path)
                beneath.sync_folder(parent)
            except OSError as error:
                if error.errno in _OCCUPIED or error.errno == errno.ENOENT:
                    return
                raise
            finally:
                os.close(parent)
            path = path[:-1]

    def _open_parent(self, path: beneath.Path) -> int | None:
        folder = self._root.folder()
        if folder is None:
            return None
        try:
            return beneath.open_path(folder, path[:-1], beneath.DIRECTORY)
        except OSError as error:
            if error.errno in _NO_PARENT:
                return None
            raise

    def _make_parent(self, wanted: Wanted) -> int | None:
        """The open directory of a key's file, with every missing one made; None after a lost race."""
        folder = self._root.made()
        path = wanted.path[:-1]
        if not path or path in self._verified:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return beneath.open_path(folder, path, beneath.DIRECTORY)
        here = beneath.open_path(folder, (), beneath.DIRECTORY)
        try:
            for depth in range(len(path)):
                below = self._step(here, path[: depth + 1], wanted.key)
                os.close(here)
                here = below
                if len(self._verified) >= _VERIFIED_MAX:
                    self._verified.clear()
                self._verified.add(path[: depth + 1])
        except (_LostRace, FileNotFoundError, NotADirectoryError):
            os.close(here)
            return None
        except BaseException:
            os.close(here)
            raise
        return here

    def _step(self, here: int, path: beneath.Path, key: bytes) -> int:
        name = path[-1]
        seen = beneath.look(here, name)
        if seen is None:
            try:
                os.mkdir(name, dir_fd=here)
            except FileExistsError as error:
                raise _LostRace from error
            crash.point("file.directory.made")
            beneath.sync_folder(here)
            return os.open(name, beneath.DIRECTORY, dir_fd=here)
        if stat.S_ISREG(seen.st_mode):
            self._refuse_twin(here, name, seen, key)
            moving.into_directory(self._temporaries, moving.Spot(here, path))
            raise _LostRace
        if not stat.S_ISDIR(seen.st_mode):
            raise self._in_the_way(seen, name, key)
        self._refuse_twin(here, name, seen, key)
        return os.open(name, beneath.DIRECTORY, dir_fd=here)

    def _settle(self, parent: int, wanted: Wanted, temporary: Temporary) -> os.stat_result | None:
        name = wanted.path[-1]
        seen = beneath.look(parent, name)
        if seen is not None and stat.S_ISDIR(seen.st_mode):
            self._refuse_twin(parent, name, seen, wanted.key)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=parent)  # an empty directory is no key's; a used one refuses
                raise _LostRace
            inner = os.open(name, beneath.DIRECTORY, dir_fd=parent)
            try:
                return self._move(inner, names.SELF, wanted, temporary)
            finally:
                os.close(inner)
        return self._move(parent, name, wanted, temporary)

    def _move(self, folder: int, name: bytes, wanted: Wanted, temporary: Temporary) -> os.stat_result | None:
        seen = beneath.look(folder, name)
        if seen is None:
            try:
                beneath.move_new(temporary.spot, (folder, name))
            except FileExistsError as error:
                raise _LostRace from error
            except OSError as error:
                if wanted.absent or error.errno not in beneath.UNAVAILABLE | {errno.EPERM, errno.EMLINK}:
                    raise
                # Neither RENAME_NOREPLACE nor hard links here; nothing asked for exclusiveness.
                beneath.replace(temporary.spot, (folder, name))
        elif not stat.S_ISREG(seen.st_mode):
            if stat.S_ISDIR(seen.st_mode):
                raise _LostRace
            raise self._in_the_way(seen, name, wanted.key)
        else:
            self._refuse_twin(folder, name, seen, wanted.key)
            if wanted.absent:
                raise errors.DestinationChanged(
                    f"{printable(wanted.key)} appeared below {self._root.path} meanwhile",
                    advice="run again to compare it",
                    key=wanted.key,
                    place=self._root.path,
                )
            try:
                beneath.replace(temporary.spot, (folder, name))
            except IsADirectoryError as error:
                raise _LostRace from error
        crash.point("file.renamed")
        beneath.sync_folder(folder)
        crash.point("file.directory.synced")
        return beneath.look(folder, name)

    def _refuse_twin(self, folder: int, name: bytes, seen: os.stat_result, key: bytes) -> None:
        other = twins.other_name(folder, name, seen)
        if other is not None:
            raise errors.KeyRefused(
                f"{printable(key)} cannot be told from {printable(other)} below {self._root.path}",
                advice="rename one of the two, or use a file system that tells case and Unicode forms apart",
                key=key,
                place=self._root.path,
            )

    def _in_the_way(self, seen: os.stat_result, name: bytes, key: bytes) -> errors.KeyRefused:
        what = "a symbolic link" if stat.S_ISLNK(seen.st_mode) else "a special file"
        return errors.KeyRefused(
            f"{what} named {printable(name)} is in the way of {printable(key)} below {self._root.path}",
            advice="remove it, or exclude the key; links are neither followed nor replaced",
            key=key,
            place=self._root.path,
        )
