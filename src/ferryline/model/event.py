"""Facts that happened during a run. Never formatted text: words are made in `report`.

`kind` is the stable name in `--events` lines; every field is plain data. Losing an event costs
time or insight, never correctness.
"""

from dataclasses import dataclass
from typing import ClassVar

from ferryline.model.run import Phase


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began."""

    kind: ClassVar[str] = "run-started"
    run_id: str
    source: str
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhaseEntered:
    """The run entered a phase (phases overlap: this marks the first work of each)."""

    kind: ClassVar[str] = "phase-entered"
    phase: Phase


@dataclass(frozen=True, slots=True)
class RangeListed:
    """One key range was listed to its end on both sides: `source_objects`, `destination_objects` in it."""

    kind: ClassVar[str] = "range-listed"
    range: str
    source_objects: int
    destination_objects: int


@dataclass(frozen=True, slots=True)
class PageCompared:
    """A page was compared: how far the listing has come."""

    kind: ClassVar[str] = "page-compared"
    source_objects: int
    same: int


@dataclass(frozen=True, slots=True)
class ObjectTransferred:
    """An object arrived at a destination."""

    kind: ClassVar[str] = "object-transferred"
    key: bytes
    destination: str
    size_bytes: int
    evidence: str | None


@dataclass(frozen=True, slots=True)
class ObjectVerified:
    """An object was proven equal at a destination."""

    kind: ClassVar[str] = "object-verified"
    key: bytes
    destination: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ObjectDeleted:
    """An object was deleted at a destination."""

    kind: ClassVar[str] = "object-deleted"
    key: bytes
    destination: str


@dataclass(frozen=True, slots=True)
class ObjectSpared:
    """A delete candidate was left alone; `why` says what saved it."""

    kind: ClassVar[str] = "object-spared"
    key: bytes
    destination: str
    why: str


@dataclass(frozen=True, slots=True)
class ObjectVanished:
    """A source object was gone when it was read."""

    kind: ClassVar[str] = "object-vanished"
    key: bytes
    destination: str


@dataclass(frozen=True, slots=True)
class ObjectFailedEvent:
    """An object could not be done."""

    kind: ClassVar[str] = "object-failed"
    key: bytes
    destination: str
    failure: str
    message: str
    advice: str
    phase: str


@dataclass(frozen=True, slots=True)
class BytesMoved:
    """Bytes read from the source and written to a destination since the last such event."""

    kind: ClassVar[str] = "bytes-moved"
    read: int
    written: int


@dataclass(frozen=True, slots=True)
class RequestMade:
    """One request attempt ended: `operation` is S3's name (or the verb for files).

    `bytes` is what came of the answer's body, `sent` the length of the request's.
    """

    kind: ClassVar[str] = "request"
    place: str
    operation: str
    status: int
    seconds: float
    bytes: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class WindowChanged:
    """The closed loop changed how many requests of one kind an endpoint gets at once."""

    kind: ClassVar[str] = "window-changed"
    place: str
    requests: str
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class ExecutionSeen:
    """A service that moves a replica's bytes told how far its execution has come, in its own counts.

    An estimate is None where the service gave none.
    """

    kind: ClassVar[str] = "execution"
    destination: str
    execution: str
    status: str
    files_transferred: int
    files_estimated: int | None
    bytes_transferred: int
    bytes_estimated: int | None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that is not a failure."""

    kind: ClassVar[str] = "warning"
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ended."""

    kind: ClassVar[str] = "run-ended"
    run_id: str
    status: str
    exit_code: int


Event = (
    RunStarted
    | PhaseEntered
    | RangeListed
    | PageCompared
    | ObjectTransferred
    | ObjectVerified
    | ObjectDeleted
    | ObjectSpared
    | ObjectVanished
    | ObjectFailedEvent
    | BytesMoved
    | RequestMade
    | WindowChanged
    | ExecutionSeen
    | Warned
    | RunEnded
)
