"""Several replicas on one way: each takes its own copies in key order, and says beforehand what others share.

Between the `Itinerary` of each `Lane` and its transfer. It lets none run so far ahead that promises pile
up; who falls behind for too long is let go by `Sharing`, and goes on alone.
"""

import heapq
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from ferryline.model.action import Copy
from ferryline.pipeline.syncing.itinerary import Itinerary, Turn
from ferryline.pipeline.syncing.sharing import Sharing, Tap

AHEAD_MAX = 4096
"""Keys that may be promised to several replicas at once."""


@dataclass(frozen=True, slots=True)
class Traveller:
    """One replica on the way."""

    tap: Tap
    itinerary: Itinerary


class Convoy:
    """The way of one turn, for all who take part in it."""

    def __init__(self, sharing: Sharing, turn: Turn, travellers: list[Traveller]) -> None:
        self._sharing = sharing
        self._turn = turn
        self._merged = _merged(turn, travellers)
        self._next = next(self._merged, None)

    async def copies(self, traveller: Traveller) -> AsyncGenerator[Copy, None]:
        """The copies of one traveller, in key order."""
        for copy in traveller.itinerary.copies(self._turn):
            if self._next is not None and self._next[0] <= copy.key:
                await self._sharing.settle(AHEAD_MAX)
                self._promise(copy.key)
            yield copy

    def _promise(self, upto: bytes) -> None:
        """Tell `Sharing` who wants each key up to this one."""
        while self._next is not None and self._next[0] <= upto:
            key, tap = self._next
            taps = {tap}
            self._next = next(self._merged, None)
            while self._next is not None and self._next[0] == key:
                taps.add(self._next[1])
                self._next = next(self._merged, None)
            self._sharing.want(key, taps)


def _merged(turn: Turn, travellers: list[Traveller]) -> Iterator[tuple[bytes, Tap]]:
    streams = [_keys(turn, one) for one in travellers]
    return heapq.merge(*streams, key=lambda one: one[0])


def _keys(turn: Turn, traveller: Traveller) -> Iterator[tuple[bytes, Tap]]:
    for copy in traveller.itinerary.copies(turn):
        yield copy.key, traveller.tap
