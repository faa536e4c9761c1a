"""Memory in bytes, lent and given back: what bounds the object bytes buffered at once.

Every buffer of an object's bytes in this room is taken from one `Budget`. It never lends more than
it has, lends in the order it was asked (so that a large buffer is not starved by small ones), and
cannot deadlock as long as nobody asks again while holding: a grant is taken, used and given back.
"""

import asyncio
from collections import deque
from types import TracebackType

from ferryline import errors


class Budget:
    """`total_bytes` to lend. One event loop."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = max(1, total_bytes)
        self.free_bytes = self.total_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, size_bytes: int) -> "Grant":
        """`async with budget.take(n):` holds `n` bytes inside. More than the total is a bug of the caller."""
        if not 0 <= size_bytes <= self.total_bytes:
            raise errors.BrokenInvariant(
                f"{size_bytes} bytes were asked of a memory budget of {self.total_bytes}",
                advice="report this; a larger memory budget avoids it",
            )
        return Grant(self, size_bytes)

    async def wait_for(self, size_bytes: int) -> None:
        """Come back when `size_bytes` are held. Use `take`, which gives them back."""
        if size_bytes <= self.free_bytes and not self._waiting:
            self.free_bytes -= size_bytes
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.free_bytes += size_bytes  # granted in the moment of cancellation
            self._lend()
            raise

    def give_back(self, size_bytes: int) -> None:
        """Return what `wait_for` held, and wake whoever it now suffices for."""
        self.free_bytes += size_bytes
        if self._waiting:
            self._lend()

    def _lend(self) -> None:
        while self._waiting:
            size_bytes, granted = self._waiting[0]
            if not granted.done():
                if size_bytes > self.free_bytes:
                    return
                self.free_bytes -= size_bytes
                granted.set_result(None)
            self._waiting.popleft()


class Grant:
    """Bytes held for the length of an `async with`."""

    __slots__ = ("_budget", "_size_bytes")

    def __init__(self, budget: Budget, size_bytes: int) -> None:
        self._budget = budget
        self._size_bytes = size_bytes

    async def __aenter__(self) -> None:
        await self._budget.wait_for(self._size_bytes)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.give_back(self._size_bytes)
