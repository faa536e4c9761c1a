"""What a root is like, looked at without opening or writing anything: for `check --online`.

Called by the store of this package, in a thread.
"""

import os
from pathlib import Path

from ferryline.storage.file.root import Mount
from ferryline.storage.premises import Premises


def survey(path: str) -> Premises:
    """The folder at `path`, or of the nearest one above it that is there. Raises OSError."""
    root = Path(path)
    exists = root.exists()
    nearest = root
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    is_folder = nearest.is_dir()
    seen, space = nearest.stat(), os.statvfs(nearest)
    identity = Mount(seen.st_dev, seen.st_ino, space.f_fsid)
    look = os.R_OK | os.X_OK
    return Premises(
        exists=exists,
        is_folder=is_folder,
        nearest=str(nearest),
        readable=os.access(nearest, look),
        writable=os.access(nearest, os.W_OK | os.X_OK) and not space.f_flag & os.ST_RDONLY,
        free_bytes=space.f_bavail * space.f_frsize,
        identity=str(identity) if exists and is_folder else "",
        device=seen.st_dev,
    )
