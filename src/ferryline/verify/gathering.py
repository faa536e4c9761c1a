"""Findings on their way out: a bounded number of looks at once, every task owned, every queue bounded.

`prove` and `audit` run in it. A leader feeds it and starts looks; the caller takes findings in the
order they are made. It knows nothing of objects.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

from ferryline.model.finding import Finding

WAITING_MAX = 1_024
"""Findings that may wait for the caller before looks stop."""


class Gathering:
    """What a leader works with: `put` a finding that needs no look, `start` a look."""

    def __init__(self, looks_max: int) -> None:
        self._looks_max = max(1, looks_max)
        self._looks: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._room = asyncio.Event()
        self._freed = asyncio.Event()
        self.found: deque[Finding] = deque()
        self.failure: BaseException | None = None

    async def put(self, finding: Finding) -> None:
        """Give out one finding; waits while the caller is far behind."""
        self.found.append(finding)
        self._bell.set()
        while len(self.found) >= WAITING_MAX:
            self._room.clear()
            await self._room.wait()

    async def start(self, look: Coroutine[None, None, None]) -> None:
        """Run a look beside the others; waits while as many as allowed are under way."""
        try:
            while len(self._looks) >= self._looks_max and self.failure is None:
                self._freed.clear()
                await self._freed.wait()
        except asyncio.CancelledError:
            look.close()
            raise
        if self.failure is not None:
            look.close()
            raise self.failure
        task = asyncio.ensure_future(look)
        self._looks.add(task)
        task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Wait until no look is under way; raises what stopped one of them."""
        while self._looks and self.failure is None:
            self._freed.clear()
            await self._freed.wait()
        if self.failure is not None:
            raise self.failure

    def take(self) -> Finding:
        """The oldest finding that was not taken yet."""
        finding = self.found.popleft()
        self._room.set()
        return finding

    async def something(self, leader: "asyncio.Task[None]") -> bool:
        """Wait until a finding is there (true), or nothing more will come (false)."""
        while not self.found:
            if leader.done() or self.failure is not None:
                return False
            self._bell.clear()
            await self._bell.wait()
        return True

    def ring(self, _: object = None) -> None:
        """Wake the caller: something may have changed."""
        self._bell.set()

    async def stop(self) -> None:
        """Cancel the looks that are under way and wait for them."""
        looks = list(self._looks)
        for one in looks:
            one.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def _ended(self, look: "asyncio.Task[None]") -> None:
        self._looks.discard(look)
        if not look.cancelled():
            problem = look.exception()
            if problem is not None and self.failure is None:
                self.failure = problem
        self._freed.set()
        self._bell.set()


async def gathered(
    lead: Callable[[Gathering], Awaitable[None]], looks_max: int
) -> AsyncGenerator[Finding, None]:
    """Yield every finding that `lead` and its looks make, in the order they are made.

    Findings that were made are yielded before an error of `lead` or of a look is raised. Close it
    (`aclosing`) when it is not read to the end; nothing of it runs after that.
    """
    gathering = Gathering(looks_max)
    leader = asyncio.ensure_future(_led(lead, gathering))
    leader.add_done_callback(gathering.ring)
    try:
        while await gathering.something(leader):
            while gathering.found:
                yield gathering.take()
        leader.cancel()
        results = await asyncio.gather(leader, return_exceptions=True)
        await gathering.stop()
        while gathering.found:
            yield gathering.take()
        if gathering.failure is not None:
            raise gathering.failure
        if isinstance(results[0], BaseException):
            raise results[0]
    finally:
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)
        await gathering.stop()


async def _led(lead: Callable[[Gathering], Awaitable[None]], gathering: Gathering) -> None:
    await lead(gathering)
    await gathering.settled()


async def side_by_side(count: int, work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run `count` of the same worker and wait for all; the first error cancels the others and is raised."""
    workers = [asyncio.ensure_future(work()) for _ in range(max(1, count))]
    try:
        for one in asyncio.as_completed(workers):
            await one
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
