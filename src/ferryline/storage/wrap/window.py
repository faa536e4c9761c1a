"""How many requests of one kind an endpoint gets at once: additive increase, multiplicative decrease.

Pure arithmetic and a queue; `limit` asks it. The endpoint is the judge: "slow down" and timeouts
halve the window, success while it was full widens it. TCP's rule, for the same reason: every client
that follows it gets a fair share without knowing of the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable

START = 16
"""Wide enough to be quick at once, narrow enough for a small appliance."""


class Window:
    """One endpoint's window for one kind of request. Not thread-safe: one event loop."""

    def __init__(self, ceiling: int, changed: Callable[[int, str], None]) -> None:
        self._ceiling = float(max(1, ceiling))
        self._size = min(float(START), self._ceiling)
        self._changed = changed
        self._told = int(self._size)
        self._in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0

    @property
    def size(self) -> int:
        """How many requests may be out now."""
        return int(self._size)

    @property
    def in_use(self) -> int:
        """How many are."""
        return self._in_use

    def enter_now(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._in_use < int(self._size) and not self._waiting:
            self._in_use += 1
            return True
        return False

    async def enter(self) -> None:
        """Take a place, first come first served."""
        if self.enter_now():
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # the place was given in the same moment
            raise

    @property
    def epoch(self) -> int:
        """Changes with every decrease: a request remembers in which it went out."""
        return self._epoch

    def leave(self) -> None:
        """Give a place back."""
        self._in_use -= 1
        self._admit()

    def succeeded(self) -> None:
        """A request ended well: widen while the window is what limits."""
        if self._size < self._ceiling and (self._waiting or self._in_use >= int(self._size) - 1):
            self._size = min(self._ceiling, self._size + 1.0 / self._size)
            if int(self._size) >= 2 * self._told or (
                self._size == self._ceiling and self._told != int(self._size)
            ):
                self._tell("success")
            self._admit()

    def pressed(self, epoch: int, why: str) -> None:
        """The endpoint is under pressure: halve, once for all the requests that went out together."""
        if epoch != self._epoch:
            return
        self._epoch += 1
        self._size = max(1.0, self._size / 2)
        if int(self._size) != self._told:
            self._tell(why)

    def _tell(self, why: str) -> None:
        self._told = int(self._size)
        self._changed(self._told, why)

    def _admit(self) -> None:
        while self._waiting and self._in_use < int(self._size):
            place = self._waiting.popleft()
            if not place.done():
                self._in_use += 1
                place.set_result(None)
