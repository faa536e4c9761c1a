"""Which line of a run goes into which file of its report folder, by LogLevel. `pipeline` opens the files.

OFF writes nothing. BASIC, as DataSync's level of that name, tells what went wrong: failed objects and
warnings, beside `summary.json`. TRANSFER tells of every object that was transferred, verified or
deleted as well.
"""

from ferryline.model import event
from ferryline.policy.options import LogLevel
from ferryline.report import lines

SUMMARY = "summary.json"
"""The run's document; written once, at the end."""
FAILED = "failed.jsonl"
WARNINGS = "warnings.jsonl"
TRANSFERRED = "transferred.jsonl"
VERIFIED = "verified.jsonl"
DELETED = "deleted.jsonl"
SPARED = "spared.jsonl"
VANISHED = "vanished.jsonl"

_BASIC: dict[type[event.Event], str] = {
    event.ObjectFailedEvent: FAILED,
    event.Warned: WARNINGS,
}
_FILES: dict[LogLevel, dict[type[event.Event], str]] = {
    LogLevel.OFF: {},
    LogLevel.BASIC: _BASIC,
    LogLevel.TRANSFER: {
        **_BASIC,
        event.ObjectTransferred: TRANSFERRED,
        event.ObjectVerified: VERIFIED,
        event.ObjectDeleted: DELETED,
        event.ObjectSpared: SPARED,
        event.ObjectVanished: VANISHED,
    },
}


def line(fact: event.Event, level: LogLevel) -> tuple[str, str] | None:
    """The file's name and the JSON line (without its line end), or None for what this level leaves out."""
    name = _FILES[level].get(type(fact))
    return None if name is None else (name, lines.line(fact))
