"""A bounded crew of workers over an asynchronous stream: every task owned, every queue bounded.

Used by the copies, the deletes and the sweep. It knows nothing of objects: `work` turns one item
into one result and raises only what stops everything.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from ferryline import errors

T = TypeVar("T")
R = TypeVar("R")


class _End:
    """Marks the end of the stream in the workers' queue."""


_END: Final = _End()


async def crew(
    items: AsyncIterator[T], work: Callable[[T], Awaitable[R]], count: int
) -> AsyncGenerator[R, None]:
    """Yield one result for each item, in the order they are done; at most `count` are under way.

    One task reads `items`, at most `count` ahead of the workers; workers stop while as many results
    wait to be taken. When `work` or `items` raises, the others are cancelled and waited for, results
    that were done are still yielded, and the first error is raised. Close it (`aclosing`) when it is
    not read to the end; nothing of it runs after that.
    """
    together = _Crew(items, work, max(1, count))
    try:
        together.start()
        while await together.something():
            while together.done:
                yield together.take()
        await together.stop()
        while together.done:
            yield together.take()
        if together.failure is not None:
            raise together.failure
    finally:
        await together.stop()


class _Crew(Generic[T, R]):
    def __init__(self, items: AsyncIterator[T], work: Callable[[T], Awaitable[R]], count: int) -> None:
        self._items = items
        self._work = work
        self._count = count
        self._waiting: asyncio.Queue[T | _End] = asyncio.Queue(count)
        self._workers = 0
        self._idle = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._room = asyncio.Event()
        self._stopping = False
        self.done: deque[R] = deque()
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._spawn(self._feed())

    def take(self) -> R:
        result = self.done.popleft()
        self._room.set()
        return result

    async def something(self) -> bool:
        """Wait until a result is there (true), or all is done or something failed (false)."""
        while True:
            if self.failure is not None:
                return False
            if self.done:
                return True
            if not self._tasks:
                return False
            self._bell.clear()
            await self._bell.wait()

    async def stop(self) -> None:
        self._stopping = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self) -> None:
        async for item in self._items:
            if self._waiting.qsize() >= self._idle and self._workers < self._count:
                self._workers += 1
                self._spawn(self._serve())
            await self._waiting.put(item)
        for _ in range(self._workers):
            await self._waiting.put(_END)

    async def _serve(self) -> None:
        waiting, work, done = self._waiting, self._work, self.done
        while True:
            self._idle += 1
            item = await waiting.get()
            self._idle -= 1
            if isinstance(item, _End):
                return
            result = await work(item)
            while len(done) >= self._count:
                self._room.clear()
                await self._room.wait()
            done.append(result)
            self._bell.set()

    def _spawn(self, steps: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(steps)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error: BaseException | None
        if task.cancelled():
            # Only `stop` may cancel: an item that disappears with its worker would never be accounted for.
            error = None if self._stopping else errors.BrokenInvariant("a worker was cancelled from inside")
        else:
            error = task.exception()
        if error is not None and self.failure is None:
            self.failure = error
        self._bell.set()
