"""Lifecycle rules of a bucket as values: what the endpoint does to objects by itself. Pure.

`storage.s3` reads them; `pipeline.lifecycle_notes` says what they mean for a dataset. Prefixes are those of
whole keys, never relative to a location's folder.
"""

from dataclasses import dataclass

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects must be restored before they can be read."""


@dataclass(frozen=True, slots=True)
class When:
    """After how many days, or from which date on (as the endpoint wrote it)."""

    days: int | None = None
    date: str = ""

    def __str__(self) -> str:
        if self.days is None:
            return f"from {self.date[:10]} on"
        return f"after {self.days} day{'' if self.days == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Move:
    """A transition to another storage class; `noncurrent` for versions that were written over."""

    storage_class: str
    when: When
    noncurrent: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that is switched on, with what it does; None for what it does not do.

    `narrowed` says that tags or sizes choose among the keys below `prefix`. `noncurrent_kept` versions
    stay beside the current one, however old they are. `abort_days` ends unfinished uploads.
    """

    name: str
    prefix: bytes = b""
    narrowed: bool = False
    expires: When | None = None
    noncurrent_expires: When | None = None
    noncurrent_kept: int = 0
    moves: tuple[Move, ...] = ()
    abort_days: int | None = None

    def covers(self, prefix: bytes) -> bool:
        """Whether every key below `prefix` is chosen."""
        return prefix.startswith(self.prefix) and not self.narrowed

    def touches(self, prefix: bytes) -> bool:
        """Whether some key below `prefix` may be chosen."""
        return prefix.startswith(self.prefix) or self.prefix.startswith(prefix)
