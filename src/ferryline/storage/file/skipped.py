"""What a walk could not carry and where it could not look, counted once per page that was delivered.

Filled by the walker, read by whoever plans: the skipped are excluded (with a reason), a refused
name or an unreadable folder is a failure, and nothing may be deleted where the walk was blind.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ITEMS_MAX = 1000
BLIND_MAX = 10_000


class SkipReason(StrEnum):
    """Why a name below the root is not an object of the listing."""

    SYMLINK = "symbolic-link"
    FIFO = "fifo"
    SOCKET = "socket"
    DEVICE = "device"
    NAME = "name-not-canonical"
    """The name decodes to a key whose canonical name is another one: a failure, by name."""
    UNREADABLE = "unreadable"
    """A folder (its key ends with a slash) or file that may not be looked at: a failure, by name."""

    @property
    def excluded(self) -> bool:
        """Whether it is a kind of file that is not carried, rather than one that should have been."""
        return self not in {SkipReason.NAME, SkipReason.UNREADABLE}


@dataclass(frozen=True, slots=True)
class Skip:
    """One name that was passed over. `key` is what it would decode to, or the path as it is."""

    key: bytes
    reason: SkipReason


class Skips:
    """The tally of a store's walks since it was opened or last `clear`ed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begin a new tally; blind spots are forgotten too."""
        with self._lock:
            self.items: list[Skip] = []
            """The first 1,000, in the order they were met."""
            self.totals: Counter[SkipReason] = Counter()
            self.vanished = 0
            """Names that were gone before they could be looked at."""
            self.blind: list[bytes] = []
            """Prefixes (ending in a slash, or empty for everything) below which names are unknown."""

    @property
    def total(self) -> int:
        """All that was passed over, capped nowhere."""
        return sum(self.totals.values())

    @property
    def excluded(self) -> int:
        """Those of a kind that is not carried."""
        return sum(count for reason, count in self.totals.items() if reason.excluded)

    def add(self, skips: Iterable[Skip], vanished: int) -> None:
        """Count the skips of one page."""
        with self._lock:
            self.vanished += vanished
            for one in skips:
                self.totals[one.reason] += 1
                if len(self.items) < ITEMS_MAX:
                    self.items.append(one)

    def add_blind(self, prefix: bytes) -> None:
        """Note that names below `prefix` are unknown; at once, because safety does not wait for a page."""
        with self._lock:
            if self.blind == [b""] or prefix in self.blind:
                return
            # Too many to keep apart: better blind everywhere than forgetful.
            self.blind = [*self.blind, prefix] if len(self.blind) < BLIND_MAX else [b""]

    def is_blind(self, key: bytes) -> bool:
        """Whether `key` may exist although no walk showed it: below a blind prefix, or its `%self`."""
        return any(key.startswith(prefix) or key == prefix[:-1] for prefix in self.blind)
