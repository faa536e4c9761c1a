"""The walk: every file of a key range in the order of the decoded keys, as columnar pages.

Called by the store of this package, one step per page, in a thread. It never opens a file, follows
a link, or fails because something vanished. It holds the names of the directories on the way to
where it is (about 60 bytes a name, nothing is spilled): one directory of a million files costs some 60 MB.

Order: below a directory whose keys start with `p`, a file `x` has the key `p + x` and everything
in a directory `x` starts with `p + x + "/"`; sorting files as `x` and directories as `x/` is
therefore the order of the keys. The key of the directory itself (`x/%self`) sorts as the file `x`.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

import pyarrow as pa

from ferryline.model.key import KeyRange
from ferryline.model.page import LISTING, Page
from ferryline.storage.file import beneath, names
from ferryline.storage.file.root import Root
from ferryline.storage.file.skipped import Skip, SkipReason, Skips
from ferryline.storage.file.temporary import FOLDER

PAGE_ROWS = 4096
_OPEN_MAX = 8
"""Directories kept open by one walk; deeper ones are opened again on the way back."""
_BLIND = frozenset({errno.EACCES, errno.EPERM, errno.EIO})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_INT64_MAX = (1 << 63) - 1


def inode_number(seen: os.stat_result) -> int:
    """st_ino as a signed 64-bit number: some file systems use the top bit."""
    return seen.st_ino if seen.st_ino <= _INT64_MAX else seen.st_ino - (1 << 64)


def nanoseconds(value: int) -> int:
    """A timestamp that fits a signed 64-bit column (the years 1678 to 2262); beyond, the nearest."""
    return max(-_INT64_MAX, min(_INT64_MAX, value))


class _Columns:
    """The rows of one page in the making, and what was passed over meanwhile."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.seen: list[os.stat_result] = []
        self.skips: list[Skip] = []
        self.vanished = 0

    def batch(self) -> pa.RecordBatch:
        count = len(self.keys)
        return pa.RecordBatch.from_arrays(
            [
                pa.array(self.keys, pa.binary()),
                pa.array([one.st_size for one in self.seen], pa.int64()),
                pa.nulls(count, pa.binary()),
                pa.array([nanoseconds(one.st_mtime_ns) for one in self.seen], pa.int64()),
                pa.array([nanoseconds(one.st_ctime_ns) for one in self.seen], pa.int64()),
                pa.array([inode_number(one) for one in self.seen], pa.int64()),
                pa.nulls(count, pa.string()),
            ],
            schema=LISTING,
        )


class _Frame:
    """One directory being walked: its names in key order and how far the walk is."""

    __slots__ = ("folder", "names", "path", "position", "prefix", "selves", "spelled")

    def __init__(self, path: beneath.Path, prefix: bytes) -> None:
        self.path = path
        self.prefix = prefix
        self.names: list[bytes] = []
        """Components in key order; a directory ends with a slash."""
        self.selves: set[bytes] = set()
        """Components of files that are `%self` in the directory of that name."""
        self.spelled: dict[bytes, bytes] = {}
        """File names of the components that are escaped."""
        self.position = 0
        self.folder = -1


class Walk:
    """One listing of one key range. `pages` may be iterated once; `close` gives descriptors back."""

    def __init__(self, root: Root, keys: KeyRange, skips: Skips) -> None:
        self._root = root
        self._keys = keys
        self._skips = skips
        self._stack: list[_Frame] = []
        self._columns = _Columns()

    def pages(self) -> Iterator[Page]:
        """Yield the pages; at least one, the last with `upto=None`. Raises OSError and DiskFailed."""
        try:
            if self._root.folder() is not None:
                first = self._first()
                if self._scan(first):
                    self._stack.append(first)
            while self._stack:
                self._advance()
                if len(self._columns.keys) >= PAGE_ROWS:
                    yield self._page(self._columns.keys[-1])
            yield self._page(None)
        finally:
            self.close()

    def close(self) -> None:
        """Close the directories that are open."""
        while self._stack:
            self._shut(self._stack.pop())

    def _page(self, upto: bytes | None) -> Page:
        done, self._columns = self._columns, _Columns()
        self._skips.add(done.skips, done.vanished)
        return Page(done.batch(), upto)

    def _first(self) -> _Frame:
        # Everything under the prefix lies in one directory: start there, not at the root.
        prefix = self._keys.prefix[: self._keys.prefix.rfind(b"/") + 1]
        return _Frame(names.folder_of(prefix), prefix)

    def _advance(self) -> None:
        """Take names of the innermost directory until a page is full, a directory begins, or it ends."""
        frame = self._stack[-1]
        columns, keys = self._columns, self._keys
        while frame.position < len(frame.names):
            name = frame.names[frame.position]
            key = frame.prefix + name
            frame.position += 1
            if name.endswith(b"/"):
                spelled = frame.spelled.get(name) or name[:-1]
                below = _Frame((*frame.path, spelled), key)
                if self._scan(below):
                    self._stack.append(below)
                    if len(self._stack) > _OPEN_MAX:
                        self._shut(frame)
                    return
                continue
            if key not in keys:
                continue
            seen = self._look(frame, name)
            if seen is not None:
                columns.keys.append(key)
                columns.seen.append(seen)
                if len(columns.keys) >= PAGE_ROWS:
                    return
        self._shut(self._stack.pop())

    def _look(self, frame: _Frame, name: bytes) -> os.stat_result | None:
        spelled = frame.spelled.get(name) or name
        if name in frame.selves:
            return self._look_moved(frame, spelled, (spelled, names.SELF), (spelled,))
        try:
            seen = os.stat(spelled, dir_fd=self._opened(frame), follow_symlinks=False)
        except OSError as error:
            self._note(error, frame.prefix + name)
            return None
        mode = seen.st_mode
        if stat.S_ISREG(mode):
            return seen
        if stat.S_ISDIR(mode):  # it became a directory since the scan: its key moved inside
            return self._look_moved(frame, spelled, (spelled, names.SELF))
        self._columns.skips.append(Skip(frame.prefix + name, _kind(mode)))
        return None

    def _look_moved(self, frame: _Frame, name: bytes, *places: beneath.Path) -> os.stat_result | None:
        """The first of `places` that is a regular file; a move may be under way in either direction."""
        key = frame.prefix + (names.decode_component(name) or b"")
        for path in places:
            try:
                parent = beneath.open_path(self._opened(frame), path[:-1], beneath.DIRECTORY)
            except OSError as error:
                if error.errno in _GONE:
                    continue
                self._note(error, key)
                return None
            try:
                seen = beneath.look(parent, path[-1])
            finally:
                os.close(parent)
            if seen is not None and stat.S_ISREG(seen.st_mode):
                return seen
            if seen is not None and not stat.S_ISDIR(seen.st_mode):
                self._columns.skips.append(Skip(key, _kind(seen.st_mode)))
                return None
        self._columns.vanished += 1
        return None

    def _note(self, error: OSError, key: bytes) -> None:
        if error.errno in _GONE:
            self._columns.vanished += 1
        elif error.errno in _BLIND:
            self._skip(key, SkipReason.UNREADABLE)
            self._skips.add_blind(key if key.endswith(b"/") or not key else key + b"/")
        else:
            raise error

    def _skip(self, key: bytes, reason: SkipReason) -> None:
        # Ranges that tile the keys may all meet a folder; the one that holds its key counts it.
        above = self._keys.after is None and self._keys.prefix.startswith(key)
        if key in self._keys or above:
            self._columns.skips.append(Skip(key, reason))

    def _opened(self, frame: _Frame) -> int:
        if frame.folder < 0:
            folder = self._root.folder()
            if folder is None:
                raise FileNotFoundError(errno.ENOENT, "the root was removed", self._root.path)
            frame.folder = beneath.open_path(folder, frame.path, beneath.DIRECTORY)
        return frame.folder

    def _shut(self, frame: _Frame) -> None:
        if frame.folder >= 0:
            os.close(frame.folder)
            frame.folder = -1

    def _scan(self, frame: _Frame) -> bool:
        """Read a directory's names that may lie in the range; False where there is nothing to walk."""
        if not _may_hold(self._keys, frame.prefix) or frame.path == FOLDER:
            return False
        try:
            folder = self._opened(frame)
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    is_folder = entry.is_dir(follow_symlinks=False)
                    self._take(frame, name, is_folder=is_folder)
        except OSError as error:
            self._shut(frame)
            if error.errno == errno.ELOOP or self._is_link(frame.path):
                self._skip(frame.prefix[:-1], SkipReason.SYMLINK)
                return False
            self._note(error, frame.prefix)
            return False
        frame.names.sort()
        return True

    def _is_link(self, path: beneath.Path) -> bool:
        folder = self._root.folder()
        if folder is None or not path:
            return False
        with contextlib.suppress(OSError):
            parent = beneath.open_path(folder, path[:-1], beneath.DIRECTORY)
            try:
                return beneath.is_link(parent, path[-1])
            finally:
                os.close(parent)
        return False

    def _take(self, frame: _Frame, name: bytes, *, is_folder: bool) -> None:
        component = names.decode_component(name)
        if component is None:
            # `%self` speaks for its directory, and the directory's parent looks for it there.
            if is_folder or not frame.path:
                path = b"/".join((*frame.path, name))
                if frame.prefix + name in self._keys:  # so that ranges that tile count it once
                    self._columns.skips.append(Skip(path, SkipReason.NAME))
            return
        if is_folder:
            if self._has_self(frame, name):
                self._add(frame, component, name)
                frame.selves.add(component)
            component += b"/"
            if not _may_hold(self._keys, frame.prefix + component):
                return
        self._add(frame, component, name)

    def _has_self(self, frame: _Frame, name: bytes) -> bool:
        try:
            os.stat(name + b"/" + names.SELF, dir_fd=frame.folder, follow_symlinks=False)
        except OSError:  # not there; or not to be looked at, which the directory's own scan will say
            return False
        return True

    @staticmethod
    def _add(frame: _Frame, component: bytes, name: bytes) -> None:
        frame.names.append(component)
        if name != component.removesuffix(b"/"):
            frame.spelled[component] = name


def _may_hold(keys: KeyRange, prefix: bytes) -> bool:
    """Whether any key that starts with `prefix` may lie in `keys`."""
    if not (prefix.startswith(keys.prefix) or keys.prefix.startswith(prefix)):
        return False
    if keys.after is not None and keys.after > prefix and not keys.after.startswith(prefix):
        return False
    return keys.upto is None or keys.upto >= prefix


def _kind(mode: int) -> SkipReason:
    if stat.S_ISLNK(mode):
        return SkipReason.SYMLINK
    if stat.S_ISFIFO(mode):
        return SkipReason.FIFO
    return SkipReason.SOCKET if stat.S_ISSOCK(mode) else SkipReason.DEVICE
