"""Everything below a root removed, of whatever kind, and the look that proves that nothing is left.

Called by the store of this package, in steps, from its threads. Nothing outside the root is touched:
symbolic links are removed and never followed, and what another file system is mounted on stays.
"""

import errno
import os
import stat
from collections.abc import Iterator

from ferryline.storage.file import beneath, failures
from ferryline.storage.file.root import Root, open_folder
from ferryline.storage.store import Erased

_TOLD = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST})
"""It is gone already, or what it still holds was told where that could not be removed."""
_MOUNTED = "another file system is mounted there"


def erase(root: Root, keep: beneath.Path | None) -> Iterator[Erased]:
    """Remove every entry but the file at `keep` and the directories above it; one step a directory.

    What cannot be removed is told in its step, with the reason, and the rest goes on.
    """
    folders: list[beneath.Path] = []
    todo: list[beneath.Path] = [()]
    while todo:
        here = todo.pop()
        step, below = _empty(root, here, keep)
        folders += below
        todo += below
        yield step
    for path in reversed(folders):
        if keep is None or keep[: len(path)] != path:
            yield _remove_folder(root, path)


def remains(root: Root, most: int) -> tuple[int, tuple[bytes, ...]]:
    """How many entries of any kind lie below the root, and the first `most` paths that were met."""
    count = 0
    first: list[bytes] = []
    todo: list[beneath.Path] = [()]
    while todo:
        here = todo.pop()
        folder = open_folder(root, here)
        if folder is None:
            continue
        try:
            for name in sorted(os.fsencode(one) for one in os.listdir(folder)):
                count += 1
                if len(first) < most:
                    first.append(b"/".join((*here, name)))
                seen = beneath.look(folder, name)
                if seen is not None and stat.S_ISDIR(seen.st_mode):
                    todo.append((*here, name))
        finally:
            os.close(folder)
    return count, tuple(first)


def _empty(root: Root, here: beneath.Path, keep: beneath.Path | None) -> tuple[Erased, list[beneath.Path]]:
    """Unlink what is no directory in one directory; the directories are given back."""
    files = size_bytes = 0
    failed: list[tuple[bytes, str]] = []
    below: list[beneath.Path] = []
    try:
        folder = open_folder(root, here)
    except OSError as error:
        return Erased(failures=((b"/".join(here), failures.explain(error)),)), []
    if folder is None:
        return Erased(), []
    try:
        device = os.fstat(folder).st_dev
        for name in [os.fsencode(one) for one in os.listdir(folder)]:
            path = (*here, name)
            seen = beneath.look(folder, name)
            if seen is None or path == keep:
                continue
            if stat.S_ISDIR(seen.st_mode):
                if seen.st_dev == device:
                    below.append(path)
                else:
                    failed.append((b"/".join(path), _MOUNTED))
                continue
            try:
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed.append((b"/".join(path), failures.explain(error)))
            else:
                files += 1
                size_bytes += seen.st_size if stat.S_ISREG(seen.st_mode) else 0
        beneath.sync_folder(folder)
    finally:
        os.close(folder)
    return Erased(files, 0, size_bytes, tuple(failed)), below


def _remove_folder(root: Root, path: beneath.Path) -> Erased:
    try:
        parent = open_folder(root, path[:-1])
        if parent is None:
            return Erased()
        try:
            os.rmdir(path[-1], dir_fd=parent)
            beneath.sync_folder(parent)
        finally:
            os.close(parent)
    except OSError as error:
        if error.errno in _TOLD:
            return Erased()
        return Erased(failures=((b"/".join(path), failures.explain(error)),))
    return Erased(folders=1)
