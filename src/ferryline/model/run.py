"""A task execution: its identity, phases, status and counts. Does not persist or print itself."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """DataSync's phases of a task execution."""

    QUEUED = "QUEUED"
    LAUNCHING = "LAUNCHING"
    PREPARING = "PREPARING"
    TRANSFERRING = "TRANSFERRING"
    VERIFYING = "VERIFYING"


class Status(StrEnum):
    """How an execution ended."""

    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


class Consistency(StrEnum):
    """What a destination's state corresponds to."""

    PER_OBJECT = "per-object"
    POINT_IN_TIME = "point-in-time"


FENCING_LOCAL = "local"
"""One writer is kept by a lock on this host only."""

FENCING_DATABASE = "database"
"""One writer is kept among all hosts that share the state's database."""


@dataclass(slots=True)
class Counts:
    """What happened, per destination. Files are objects; bytes are object bytes unless said.

    The accounting identity (law 2): listed = transferred + same + kept + excluded + reserved +
    vanished + failed. `source_failed` counts failures of source objects; failures of deletes are
    in `failed` of the document but not in the identity. Mutable on purpose: one run folds into it.
    """

    listed: int = 0
    transferred: int = 0
    same: int = 0
    kept: int = 0
    excluded: int = 0
    reserved: int = 0
    vanished: int = 0
    source_failed: int = 0
    deleted: int = 0
    verified: int = 0
    delete_failed: int = 0
    kept_orphans: int = 0
    destination_listed: int = 0
    bytes_transferred: int = 0
    bytes_written: int = 0
    source_bytes_read: int = 0
    evidence: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """All failures, deletes included."""
        return self.source_failed + self.delete_failed

    @property
    def accounted(self) -> int:
        """The right side of the accounting identity."""
        return (
            self.transferred
            + self.same
            + self.kept
            + self.excluded
            + self.reserved
            + self.vanished
            + self.source_failed
        )

    @property
    def balanced(self) -> bool:
        """Whether the accounting identity holds."""
        return self.listed == self.accounted


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether one key range was listed to its end, on each side."""

    range: str
    source_complete: bool
    destination_complete: bool
