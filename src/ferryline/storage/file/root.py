"""The root directory: opened once, made when first written to, reopened when its handle goes stale.

Called by every part of this package that touches the disk. It never looks below the root but for
the names Ferryline itself reserves there.
"""

import os
import threading
from dataclasses import dataclass
from enum import StrEnum

from ferryline import errors
from ferryline.storage.file import beneath


class MissingRoot(StrEnum):
    """What a root that does not exist means."""

    REFUSED = "refused"
    """A source that is not there is a mistake, an unmounted disk: never an empty listing."""
    EMPTY = "empty"
    """A destination that is not there has no keys yet; the first write makes it."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Which file system and directory a path led to: compared between runs, never within one.

    `filesystem` is statvfs's f_fsid, which outlives a reboot on ext4, XFS and most others;
    `device` (st_dev) may be numbered anew by a remount, so it counts only where f_fsid is zero.
    """

    device: int
    inode: int
    filesystem: int

    def __str__(self) -> str:
        if self.filesystem:
            return f"filesystem {self.filesystem:016x} inode {self.inode}"
        return f"device {self.device} inode {self.inode}"


class Root:
    """The open root. Thread-safe: descriptors live until `close`, so no thread can see one reused."""

    def __init__(self, path: str, missing: MissingRoot) -> None:
        self.path = path
        self._missing = missing
        self._lock = threading.Lock()
        self._folder: int | None = None
        self._retired: list[int] = []

    def folder(self) -> int | None:
        """The open root directory, or None where it is not there and that means empty.

        Raises DiskFailed where a missing root is refused, or where it is no directory.
        """
        if self._folder is None:
            try:
                self._keep(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            except FileNotFoundError as error:
                if self._missing is MissingRoot.EMPTY:
                    return None
                raise errors.DiskFailed(
                    f"{self.path} does not exist",
                    advice="mount it, or correct the path; a missing folder is never taken for an empty one",
                    place=self.path,
                ) from error
            except NotADirectoryError as error:
                raise errors.DiskFailed(
                    f"{self.path} is not a directory",
                    advice="name the folder that holds the files; one file is copied with --object",
                    place=self.path,
                ) from error
        return self._folder

    def made(self) -> int:
        """The open root directory, made first (with its parents) where it is not there."""
        if self._folder is None:
            try:
                self._keep(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            except FileNotFoundError:
                self._make(self.path)
                self._keep(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        folder = self.folder()
        if folder is None:
            raise errors.DiskFailed(f"{self.path} was removed while it was being made", place=self.path)
        return folder

    def mount(self) -> Mount:
        """The identity of what the root is on."""
        folder = self.folder()
        if folder is None:
            return Mount(0, 0, 0)
        seen = os.fstat(folder)
        return Mount(seen.st_dev, seen.st_ino, os.fstatvfs(folder).f_fsid)

    def forget(self) -> None:
        """Open the path anew next time (ESTALE: the server no longer knows the handle)."""
        with self._lock:
            if self._folder is not None:
                self._retired.append(self._folder)
                self._folder = None

    def close(self) -> None:
        """Give every descriptor back; the root may be used again afterwards."""
        self.forget()
        while self._retired:
            os.close(self._retired.pop())

    def _keep(self, opened: int) -> None:
        # Two threads may open at once: the second one's descriptor is only kept for closing.
        with self._lock:
            if self._folder is None:
                self._folder = opened
            else:
                self._retired.append(opened)

    def _make(self, path: str) -> None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            self._make(parent)
        try:
            os.mkdir(path)
        except FileExistsError:
            return
        above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)


def open_folder(root: Root, path: beneath.Path) -> int | None:
    """The directory at `path` below the root, or None where there is none. The caller closes it."""
    folder = root.folder()
    if folder is None:
        return None
    try:
        return beneath.open_path(folder, path, beneath.DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
