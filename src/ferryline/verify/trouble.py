"""The mismatches, in words: what was seen of a pair that is not proven equal, and what to do. Pure."""

from ferryline import errors
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.key import one_line

_AGAIN = "run copy: it sends the object again"


def missing(key: bytes) -> Mismatch:
    """The destination does not have it."""
    return Mismatch(key, Trouble.MISSING, "it is not at the destination", "run copy: it sends the object")


def size_differs(key: bytes, source_bytes: int, destination_bytes: int) -> Mismatch:
    """The destination's object has another length."""
    detail = f"the source has {source_bytes} bytes, the destination {destination_bytes}"
    return Mismatch(key, Trouble.DIFFERS, detail, _AGAIN)


def bytes_differ(key: bytes, size_bytes: int) -> Mismatch:
    """The bytes were read and are others."""
    detail = f"all {size_bytes} bytes were read and do not hash to the same"
    return Mismatch(key, Trouble.DIFFERS, detail, _AGAIN)


def damaged(key: bytes, problem: errors.FerrylineError) -> Mismatch:
    """The destination's bytes are not those of its own checksum, however often they were read."""
    return Mismatch(key, Trouble.DIFFERS, one_line(problem.message), _AGAIN)


def keeps_changing(key: bytes, looks: int) -> Mismatch:
    """Somebody writes the destination's object again and again."""
    detail = f"it changed at the destination during each of {looks} looks"
    return Mismatch(key, Trouble.DIFFERS, detail, "find out who writes there; then run copy")


def source_changed(key: bytes, *, gone: bool) -> Mismatch:
    """The source is no longer what it was compared with."""
    detail = "it was deleted at the source meanwhile" if gone else "it changed at the source meanwhile"
    return Mismatch(key, Trouble.SOURCE_CHANGED, detail, "run again when the source is quiet")


def unchecked(key: bytes, problem: errors.FerrylineError) -> Mismatch:
    """It could not be looked at or read."""
    advice = problem.advice or "see to it, then verify again"
    return Mismatch(key, Trouble.UNCHECKED, one_line(problem.message), one_line(advice))
