"""Lists and joins the ranges of both sides at once, a bounded number at a time.

`pipeline` calls it. Every task it starts it also ends; a failure of one range stops them all and is
raised, and the ranges that were open stay open in the coverage record. It decides nothing.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from ferryline import errors
from ferryline.listing import join, walk
from ferryline.listing.join import Remembers
from ferryline.model.key import KeyRange
from ferryline.model.page import JoinedPage, Page
from ferryline.storage.store import Lists

PAGES_WAITING_MAX = 4
"""Joined pages that wait for the caller, all ranges together, beside one in the hand of each range."""

Delivery = JoinedPage | asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class Sides:
    """What one destination's survey reads: both stores and the ledger between them."""

    source: Lists
    destination: Lists
    remembered: Remembers


async def survey(
    sides: Sides, ranges: Sequence[KeyRange], concurrency: int
) -> AsyncGenerator[JoinedPage, None]:
    """Yield the joined pages of all `ranges`, at most `concurrency` of them under way.

    Pages of one range come in key order, its last one `complete`; ranges interleave. Raises
    `RunStopped` when any listing fails, after the other ranges were stopped. Close it (`aclosing`)
    when it is not read to the end.
    """
    waiting = deque(ranges)
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    room = asyncio.Semaphore(PAGES_WAITING_MAX)

    async def work() -> None:
        while waiting:
            async with contextlib.aclosing(surveyed(sides, waiting.popleft())) as pages:
                async for page in pages:
                    await room.acquire()
                    deliveries.put_nowait(page)

    workers = [asyncio.ensure_future(work()) for _ in range(max(1, min(concurrency, len(ranges))))]
    for worker in workers:
        worker.add_done_callback(deliveries.put_nowait)
    working = len(workers)
    try:
        while working:
            delivery = await deliveries.get()
            if isinstance(delivery, JoinedPage):
                room.release()
                yield delivery
            else:
                working -= 1
                await delivery
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def surveyed(sides: Sides, keys: KeyRange) -> AsyncGenerator[JoinedPage, None]:
    """Yield the joined pages of one range, both sides listed at once; failures become `RunStopped`."""
    async with (
        contextlib.aclosing(_stopping(walk.checked(sides.source, keys), sides.source)) as source,
        contextlib.aclosing(_stopping(walk.checked(sides.destination, keys), sides.destination)) as other,
        contextlib.aclosing(join.joined(source, other, sides.remembered.rows(keys), keys)) as pages,
    ):
        async for page in pages:
            yield page


async def _stopping(pages: AsyncIterator[Page], store: Lists) -> AsyncGenerator[Page, None]:
    """The same pages; what fails one attempt or one key of a listing fails the run."""
    place = walk.place_of(store)
    where = f" of {place}" if place else ""
    try:
        async for page in pages:
            yield page
    except errors.AccessRefused as refusal:
        raise errors.CredentialsRefused(
            f"the listing{where} was refused: {refusal.message}", advice=refusal.advice, place=place
        ) from refusal
    except (errors.RetryLater, errors.ObjectFailed) as failure:
        raise errors.EndpointFailed(
            f"the listing{where} failed: {failure.message}",
            advice=failure.advice or "run again: what was done is kept",
            place=place,
        ) from failure
    finally:
        if isinstance(pages, walk.Closes):
            await pages.aclose()
