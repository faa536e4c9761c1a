"""Counts bytes as they move and tells of them now and then, not for every chunk.

One `Motion` per call of `transfer`. What it emits are facts for progress; outcomes carry the exact
numbers of each object.
"""

from collections.abc import Callable

from ferryline.clock import Clock
from ferryline.model import event

TELL_SECONDS = 0.25


class Motion:
    """Bytes read at the source and written at the destination since the last `BytesMoved`."""

    def __init__(self, clock: Clock, emit: Callable[[event.Event], None]) -> None:
        self._now = clock.monotonic
        self._emit = emit
        self._told_at = clock.monotonic()
        self._read = 0
        self._written = 0

    def read(self, size_bytes: int) -> None:
        """Bytes came from the source."""
        self._read += size_bytes
        self._perhaps()

    def wrote(self, size_bytes: int) -> None:
        """Bytes were accepted by the destination."""
        self._written += size_bytes
        self._perhaps()

    def tell(self) -> None:
        """Emit what has not been told yet; nothing when nothing moved."""
        if self._read or self._written:
            moved = event.BytesMoved(self._read, self._written)
            self._read = self._written = 0
            self._emit(moved)

    def _perhaps(self) -> None:
        now = self._now()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self.tell()
