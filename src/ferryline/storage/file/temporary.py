"""Temporary names in `.ferryline/tmp/`: made, written durably, and swept.

Called by the landing, the part record and the store of this package. Names are random and never
derived from a key, so no key is too long for its temporary file. Only names of the form made here
are ever removed.
"""

import contextlib
import os
import random
import re
import threading
from collections.abc import Iterator, Set
from dataclasses import dataclass

from ferryline import crash
from ferryline.storage.file import beneath
from ferryline.storage.file.root import Root, open_folder

FOLDER = (b".ferryline", b"tmp")
WRITING = b".write"
PART_DATA = b".part"
PART_RECORD = b".parts"
MOVING = b".move"
MOVING_TO = b".moveto"

_OURS = re.compile(rb"([0-9a-f]{32})\.(?:write|part|parts|move|moveto)")
_ATTEMPTS = 8


@dataclass(slots=True)
class Temporary:
    """An open temporary file: `folder` and `name` say where it lies, `descriptor` writes to it."""

    folder: int
    name: bytes
    descriptor: int

    @property
    def spot(self) -> tuple[int, bytes]:
        """Where it lies, for a rename."""
        return self.folder, self.name

    def append(self, rest: memoryview, _: int) -> int:
        """Write what the system takes of `rest` behind what is there."""
        return os.write(self.descriptor, rest)

    def finish(self, modified_ns: int | None) -> None:
        """Set the mtime, make the bytes durable and close; every one of the three may raise OSError."""
        if modified_ns is not None:
            os.utime(self.descriptor, ns=(modified_ns, modified_ns))
        os.fsync(self.descriptor)
        descriptor, self.descriptor = self.descriptor, -1
        os.close(descriptor)  # NFS reports a failed write-back here at the latest
        crash.point("file.temp.synced")

    def drop(self) -> None:
        """Close what is open and remove what was not moved away."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
        with contextlib.suppress(OSError):
            os.unlink(self.name, dir_fd=self.folder)


class Temporaries:
    """The temporary folder of one root."""

    def __init__(self, root: Root, chance: random.Random) -> None:
        self._root = root
        self._chance = chance
        self._alive: set[bytes] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def folder(self) -> Iterator[int]:
        """The open temporary folder, made (durably) where it is not there; closed at the end."""
        opened = self._open()
        try:
            yield opened
        finally:
            os.close(opened)

    @contextlib.contextmanager
    def file(self, body: bytes | bytearray | memoryview) -> Iterator[Temporary]:
        """A new file that holds `body`, written but not synced; removed at the end unless moved."""
        for _ in range(_ATTEMPTS):
            with self.folder() as folder, self.name(WRITING) as name:
                try:
                    temporary = Temporary(folder, name, create(folder, name))
                except (FileExistsError, FileNotFoundError):  # a used name, or a folder swept meanwhile
                    continue
                try:
                    beneath.write_whole(temporary.append, body)
                    crash.point("file.temp.written")
                    yield temporary
                finally:
                    temporary.drop()
                return
        raise FileNotFoundError(2, "the temporary folder keeps disappearing", self._root.path)

    @contextlib.contextmanager
    def name(self, ending: bytes) -> Iterator[bytes]:
        """A random name that no sweep of this store touches until the end."""
        with self._lock:
            name = f"{self._chance.getrandbits(128):032x}".encode() + ending
            self._alive.add(name)
        try:
            yield name
        finally:
            self._alive.discard(name)

    def names(self) -> list[bytes]:
        """Every name of ours in the folder, sorted; empty where there is no folder."""
        opened = open_folder(self._root, FOLDER)
        if opened is None:
            return []
        try:
            found = [os.fsencode(name) for name in os.listdir(opened)]
        finally:
            os.close(opened)
        return sorted(name for name in found if _OURS.fullmatch(name))

    def stale(self, keep: Set[str], before_ns: int | None) -> list[bytes]:
        """Names of ours that nobody in this store uses, not of the uploads `keep`, last touched before."""
        opened = open_folder(self._root, FOLDER)
        if opened is None:
            return []
        try:
            return [name for name in self.names() if self._is_stale(opened, name, keep, before_ns)]
        finally:
            os.close(opened)

    def _is_stale(self, folder: int, name: bytes, keep: Set[str], before_ns: int | None) -> bool:
        if name in self._alive or name.partition(b".")[0].decode() in keep:
            return False
        seen = beneath.look(folder, name)
        # ctime, because a finished temporary carries the source's mtime.
        return seen is not None and (before_ns is None or seen.st_ctime_ns <= before_ns)

    def tidy(self) -> None:
        """Remove Ferryline's folders at the root where they are empty; anything else stays."""
        for path in (FOLDER, (b".ferryline", b"uploads"), (b".ferryline", b"probe"), (b".ferryline",)):
            parent = open_folder(self._root, path[:-1])
            if parent is None:
                continue
            try:
                # Not empty, not there, or no longer ours to remove: all three mean leave it.
                with contextlib.suppress(OSError):
                    os.rmdir(path[-1], dir_fd=parent)
            finally:
                os.close(parent)

    def _open(self) -> int:
        root = self._root.made()
        for _ in range(_ATTEMPTS):
            try:
                return beneath.open_path(root, FOLDER, beneath.DIRECTORY)
            except FileNotFoundError:
                for depth in range(len(FOLDER)):
                    with contextlib.suppress(FileNotFoundError, FileExistsError):
                        above = beneath.open_path(root, FOLDER[:depth], beneath.DIRECTORY)
                        try:
                            os.mkdir(FOLDER[depth], dir_fd=above)
                        finally:
                            os.close(above)
        return beneath.open_path(root, FOLDER, beneath.DIRECTORY)


def create(folder: int, name: bytes) -> int:
    """A new file for writing that nobody else has; permissions are what the umask leaves of 0666."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o666, dir_fd=folder)
