"""Files as a store: a folder of a local or mounted file system. Opened by `storage.location` alone."""

from ferryline.storage.file.root import MissingRoot, Mount
from ferryline.storage.file.skipped import Skip, SkipReason, Skips
from ferryline.storage.file.store import FILES, FileStore, Setting

__all__ = ["FILES", "FileStore", "MissingRoot", "Mount", "Setting", "Skip", "SkipReason", "Skips"]
