"""What travels with the bytes: user metadata, Content-* headers, and a file's time.

Pure. Called by the lanes before they write, and by `settle` to compare what arrived. The table of
what survives which way is `docs/explanation/what-is-kept.md`.
"""

import re
from collections.abc import Mapping

from ferryline import errors
from ferryline.model.entry import Metadata, Stat
from ferryline.model.key import printable
from ferryline.policy.options import Mtime, ObjectMetadata
from ferryline.transfer.manner import Ends, Manner

FILE_MTIME = "file-mtime"
"""The user metadata key under which DataSync, FSx for Lustre and Storage Gateway keep a file's time.

All three read milliseconds, or nanoseconds when `ns` follows. We write `…ns`: milliseconds would
lose what file systems keep, and a file that went to S3 and back must have its time to the nanosecond.
"""

USER_BYTES_MAX = 2048
"""S3 limits the sum of names and values of user metadata to 2 KB."""

_MTIME_FORM = re.compile(r"(-?[0-9]{1,19})(ns|ms)?")
_INT64_MAX = (1 << 63) - 1
_DEFAULT_TYPES = frozenset({"binary/octet-stream", "application/octet-stream"})
_EMPTY = Metadata()


def metadata(stat: Stat, ends: Ends, manner: Manner) -> Metadata:
    """What the destination's object is given. Raises ObjectFailed for more than a store can hold."""
    if stat.entry.token.etag is None:  # a file: it has no metadata but its time
        if manner.mtime is Mtime.NONE or not ends.destination.capabilities.keeps_metadata:
            return _EMPTY
        return Metadata(user={FILE_MTIME: f"{stat.entry.token.modified_ns}ns"})
    if manner.metadata is not ObjectMetadata.PRESERVE:
        return _EMPTY
    if stat.metadata.user and ends.destination.capabilities.keeps_metadata:
        _refuse_large(stat.metadata.user, stat.entry.key, ends.destination.place)
    return stat.metadata


def modified_ns(stat: Stat, manner: Manner) -> int | None:
    """The time a file is given: what `file-mtime` says, else when the source object was modified."""
    if manner.mtime is Mtime.NONE:
        return None
    told = stat.metadata.user.get(FILE_MTIME)
    kept = mtime_ns(told) if told is not None else None
    return stat.entry.token.modified_ns if kept is None else kept


def mtime_ns(text: str) -> int | None:
    """`file-mtime` in epoch nanoseconds, or None where it is no time: others write it too."""
    match = _MTIME_FORM.fullmatch(text.strip())
    if match is None:
        return None
    number = int(match[1]) * (1 if match[2] == "ns" else 1_000_000)
    return number if -_INT64_MAX <= number <= _INT64_MAX else None


def same(sent: Metadata, seen: Metadata) -> bool:
    """Whether an object carries what was sent; no type equals the stores' own default."""
    return _bare(sent.user) == _bare(seen.user) and _system(sent.system) == _system(seen.system)


def _bare(values: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value.strip() for name, value in values.items()}


def _system(values: Mapping[str, str]) -> dict[str, str]:
    bare = _bare(values)
    if bare.get("content-type", "") in _DEFAULT_TYPES:
        bare.pop("content-type")
    return {name: value for name, value in bare.items() if value}


def _refuse_large(user: Mapping[str, str], key: bytes, place: str) -> None:
    size_bytes = sum(
        len(name.encode("utf-8", "surrogateescape")) + len(value.encode("utf-8", "surrogateescape"))
        for name, value in user.items()
    )
    if size_bytes > USER_BYTES_MAX:
        raise errors.ObjectFailed(
            f"{printable(key)} has {size_bytes} bytes of user metadata; S3 takes {USER_BYTES_MAX}",
            advice="shorten its metadata at the source, or copy with object_metadata NONE",
            key=key,
            place=place,
            kind="metadata-too-large",
        )
