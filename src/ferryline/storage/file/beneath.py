"""Opening, renaming and syncing strictly beneath a directory: the system calls Python lacks.

Called by every other module of this package; nothing here knows keys. Paths are tuples of file
names relative to an open directory; no symbolic link is ever followed, whoever swaps one in and
whenever. `openat2` does that in one call where the kernel has it; elsewhere the path is walked
name by name with O_NOFOLLOW, which promises the same.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from typing import Any

OPENAT2_NUMBER = 437
"""The same on every architecture of Linux (kernel 5.6 and later)."""
_RESOLVE = 0x02 | 0x04 | 0x08  # RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STEP = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)

UNAVAILABLE = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY})
"""What a kernel or a file system answers that does not know a flag of renameat2."""

Path = tuple[bytes, ...]


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _library() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:  # a static interpreter: the portable ways below are used
        return None


_LIBC = _library()


def _openat2_works() -> bool:
    if _LIBC is None or not hasattr(_LIBC, "syscall"):
        return False
    try:
        os.close(_openat2(os.open("/", DIRECTORY), b".", DIRECTORY, close_folder=True))
    except OSError:  # ENOSYS before 5.6, EPERM in some sandboxes
        return False
    return True


def _openat2(folder: int, path: bytes, flags: int, *, close_folder: bool = False) -> int:
    how = _OpenHow(flags, 0, _RESOLVE)
    opened: int = _LIBC.syscall(
        ctypes.c_long(OPENAT2_NUMBER),
        ctypes.c_int(folder),
        ctypes.c_char_p(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    number = ctypes.get_errno()
    if close_folder:
        os.close(folder)
    if opened < 0:
        raise OSError(number, os.strerror(number), path)
    return opened


one_call = _openat2_works()
"""Whether openat2 answers here; tests set it to False to walk the portable way."""


def open_path(folder: int, path: Path, flags: int) -> int:
    """Open an existing `path` below `folder`; the caller closes what is returned.

    Raises OSError: ELOOP where any name is a symbolic link, ENOENT, ENOTDIR, EACCES as usual.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    if not path:
        return os.open(b".", flags, dir_fd=folder)
    if len(path) == 1:
        return os.open(path[0], flags, dir_fd=folder)
    if one_call:
        try:
            return _openat2(folder, b"/".join(path), flags)
        except OSError as error:
            # A tree deeper than PATH_MAX can still be walked; ENOSYS cannot come after the trial.
            if error.errno not in {errno.ENAMETOOLONG, errno.EAGAIN}:
                raise
    return _open_by_steps(folder, path, flags)


def _open_by_steps(folder: int, path: Path, flags: int) -> int:
    here = folder
    try:
        for name in path[:-1]:
            try:
                below = os.open(name, _STEP, dir_fd=here)
            except NotADirectoryError:
                if is_link(here, name):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
                raise
            if here != folder:
                os.close(here)
            here = below
        return os.open(path[-1], flags, dir_fd=here)
    finally:
        if here != folder:
            os.close(here)


def is_link(folder: int, name: bytes) -> bool:
    """Whether `name` in `folder` is a symbolic link right now."""
    seen = look(folder, name)
    return seen is not None and stat.S_ISLNK(seen.st_mode)


def look(folder: int, name: bytes) -> os.stat_result | None:
    """lstat of `name` in `folder`, or None when nothing has that name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _renameat2(source: tuple[int, bytes], target: tuple[int, bytes], flags: int) -> None:
    if _LIBC is None or not hasattr(_LIBC, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), target[1])
    if _LIBC.renameat2(source[0], source[1], target[0], target[1], ctypes.c_uint(flags)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source[1], None, target[1])


def exchange(source: tuple[int, bytes], target: tuple[int, bytes]) -> None:
    """Swap two names (each an open directory and a name in it) in one step, or raise OSError."""
    _renameat2(source, target, _RENAME_EXCHANGE)


def replace(source: tuple[int, bytes], target: tuple[int, bytes]) -> None:
    """Move a file over whatever file has the target's name, in one step."""
    os.rename(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0])


def move_new(source: tuple[int, bytes], target: tuple[int, bytes]) -> None:
    """Move a file to a name that nothing has; FileExistsError leaves both as they were.

    Where the file system does not know RENAME_NOREPLACE the file is linked and then unlinked,
    which refuses an existing name as surely and leaves, after a crash, only a second name behind.
    """
    try:
        _renameat2(source, target, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno not in UNAVAILABLE:
            raise
        os.link(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0], follow_symlinks=False)
        os.unlink(source[1], dir_fd=source[0])


def sync_folder(folder: int) -> None:
    """Make the names in an open directory durable, where the file system can (some FUSE ones cannot)."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNAVAILABLE:
            raise


def write_whole(write: Callable[[memoryview, int], int], body: bytes | bytearray | memoryview) -> None:
    """Call `write(rest, offset)` until every byte of `body` was taken: a write may take fewer."""
    view = memoryview(body).cast("B")
    offset = 0
    while offset < len(view):
        offset += write(view[offset:], offset)
