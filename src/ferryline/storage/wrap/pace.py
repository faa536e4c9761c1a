"""A bandwidth limit that can be changed while it is in force: bytes are granted at a rate.

One `Pace` is shared by all reads of a run. It never measures; it only grants.
"""

from ferryline.clock import Clock

_BURST_SECONDS = 0.25
"""How far a quiet moment may be made up for."""
_SLICE_SECONDS = 0.5
"""How soon a changed rate is noticed by those who wait."""
_NAP_SECONDS = 0.001
"""Shortest wait: what rounding left over is no reason to spin."""


class Pace:
    """Grants bytes. `bytes_per_second` may be set at any time; None lifts the limit."""

    def __init__(self, bytes_per_second: int | None, clock: Clock) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._granted = 0.0
        self._asked = 0.0
        self._at = clock.monotonic()

    async def take(self, count: int) -> None:
        """Wait until `count` bytes may move. Grants are in the order they were asked for."""
        self._advance()
        start = self._asked
        self._asked += count
        while self.bytes_per_second is not None and self._granted < start:
            lacking = (start - self._granted) / self.bytes_per_second
            await self._clock.sleep(max(_NAP_SECONDS, min(_SLICE_SECONDS, lacking)))
            self._advance()

    def _advance(self) -> None:
        now = self._clock.monotonic()
        rate = self.bytes_per_second
        if rate is None:
            self._granted = self._asked
        else:
            ahead = self._asked + rate * _BURST_SECONDS
            self._granted = min(self._granted + rate * (now - self._at), max(ahead, self._granted))
        self._at = now
