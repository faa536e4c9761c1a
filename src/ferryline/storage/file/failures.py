"""Errno to the exception tree: how far each failure of a file system reaches.

Called by the store of this package at its border, once per operation. It decides nothing else and
touches no file. The errno's name, the key and the path are in every message.
"""

import errno
import os
from dataclasses import dataclass
from enum import StrEnum

from ferryline import errors
from ferryline.model.key import printable


class Doing(StrEnum):
    """What was being done; the word in the message."""

    LIST = "list"
    LOOK = "look at"
    READ = "read"
    WRITE = "write"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: the verb, the key (None for a whole listing) and the store's root."""

    doing: Doing
    key: bytes | None
    root: str

    @property
    def what(self) -> str:
        """The object of the sentence."""
        return self.root if self.key is None else f"{printable(self.key)} below {self.root}"


_DISK = {
    errno.ENOSPC: "free space there, then run the same command again",
    errno.EDQUOT: "raise the quota or free space there, then run the same command again",
    errno.EROFS: "mount it writable, then run the same command again",
}
_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
        errno.ETIMEDOUT,
        errno.ESTALE,
        errno.ETXTBSY,
    }
)
_NAME = {
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.EILSEQ: "this file system does not take these bytes in a name",
    errno.EINVAL: "this file system does not take these bytes in a name",
    errno.ELOOP: "a symbolic link is in the way, and links are never followed",
    errno.EXDEV: "another file system is mounted below the root, so the file cannot be moved there whole",
}


def explain(error: OSError) -> str:
    """`ENOSPC: No space left on device`."""
    number = error.errno or 0
    return f"{errno.errorcode.get(number, number)}: {os.strerror(number)}"


def translate(error: OSError, attempt: Attempt) -> errors.FerrylineError:
    """The exception that says how far `error` reaches; the caller raises it from `error`."""
    number = error.errno or 0
    said = f"cannot {attempt.doing.value} {attempt.what}: {explain(error)}"

    def failed(reach: type[errors.FerrylineError], advice: str, kind: str = "") -> errors.FerrylineError:
        return reach(said, advice=advice, key=attempt.key, place=attempt.root, kind=kind)

    if number in _DISK:
        return failed(errors.DiskFailed, _DISK[number])
    if number == errno.EIO:
        advice = "the disk or the mount is failing: look at the system log"
        if attempt.doing in {Doing.WRITE, Doing.DELETE} or attempt.key is None:
            return failed(errors.DiskFailed, advice)
        return failed(errors.ObjectFailed, advice, "io-error")
    if number in _PASSING:
        return failed(errors.RetryLater, "it is tried again")
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return failed(errors.ObjectMissing, "it was removed meanwhile; the next run sees it")
    if number in {errno.EACCES, errno.EPERM}:
        reach = errors.CredentialsRefused if attempt.key is None else errors.AccessRefused
        return failed(reach, f"give this user the permission to {attempt.doing.value} it")
    if number in _NAME:
        return failed(errors.KeyRefused, _NAME[number])
    return failed(errors.ObjectFailed, "look at the file system and the system log")
