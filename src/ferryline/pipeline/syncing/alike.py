"""Itineraries held against each other in key order, some copies at a time.

`DrivenLane` asks what differed before and what still does. Memory holds a batch of each range.
"""

import heapq
import itertools
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

from ferryline.clock import Clock
from ferryline.model.action import Copy
from ferryline.pipeline.syncing.itinerary import BATCH_ROWS, Itinerary, Turn

Item = TypeVar("Item")


def every(*itineraries: Itinerary) -> Iterator[Copy]:
    """The copies of all turns in key order."""
    streams = [one.copies(turn) for one in itineraries for turn in Turn]
    return heapq.merge(*streams, key=lambda copy: copy.key)


def without(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[Copy]:
    """Those of `copies` whose key is in none of `others`; both in key order."""
    return (copy for copy, there in beside(copies, others) if not there)


def within(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[Copy]:
    """Those of `copies` whose key is in `others`; both in key order."""
    return (copy for copy, there in beside(copies, others) if there)


def beside(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[tuple[Copy, bool]]:
    """Each of `copies`, and whether its key is in `others` too; both in key order."""
    other = next(others, None)
    for copy in copies:
        while other is not None and other.key < copy.key:
            other = next(others, None)
        yield copy, other is not None and other.key == copy.key


def batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Some at a time."""
    while batch := list(itertools.islice(items, BATCH_ROWS)):
        yield batch


async def yielding(batches: Iterator[list[Item]], clock: Clock) -> AsyncGenerator[list[Item], None]:
    """The same, letting others work between them: locks have to be renewed meanwhile."""
    for batch in batches:
        yield batch
        await clock.sleep(0)
