"""The crew: bounded, owned, one result for each item, clean when something breaks or nobody listens."""

import asyncio
from contextlib import aclosing

import pytest

from ferryline import errors
from ferryline.transfer.crew import crew
from tests.unit.transfer.ground import each


async def test_each_item_has_exactly_one_result():
    async def double(number):
        await asyncio.sleep(0)
        return 2 * number

    found = [one async for one in crew(each(range(100)), double, 7)]
    assert sorted(found) == [2 * number for number in range(100)]


async def test_no_more_than_count_are_under_way_and_the_stream_is_not_read_far_ahead():
    running = most = pulled = finished = 0
    ahead = 0

    async def items():
        nonlocal pulled
        for number in range(50):
            pulled += 1
            yield number

    async def work(number):
        nonlocal running, most, finished, ahead
        running += 1
        most = max(most, running)
        ahead = max(ahead, pulled - finished)
        await asyncio.sleep(0)
        running -= 1
        finished += 1
        return number

    found = [one async for one in crew(items(), work, 4)]
    assert len(found) == 50
    assert most == 4
    assert ahead <= 4 + 4 + 1


async def test_a_consumer_that_is_slow_stops_the_workers():
    done = 0

    async def work(number):
        nonlocal done
        done += 1
        return number

    async with aclosing(crew(each(range(100)), work, 2)) as results:
        await anext(results)
        for _ in range(50):
            await asyncio.sleep(0)
        assert done <= 1 + 2 + 2 + 2


async def test_what_raises_cancels_the_rest_yields_what_was_done_and_is_raised():
    cancelled = []

    async def work(number):
        if number == 0:
            return number
        if number == 1:
            await asyncio.sleep(0)
            raise errors.DiskFailed("full")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    found = []
    with pytest.raises(errors.DiskFailed):
        async for one in crew(each(range(4)), work, 4):
            found.append(one)
    assert found == [0]
    assert sorted(cancelled) == [2, 3]
    assert len(asyncio.all_tasks()) == 1


async def test_a_stream_that_raises_is_raised():
    async def items():
        yield 1
        raise errors.ListingUnbelievable("cut")

    async def work(number):
        return number

    with pytest.raises(errors.ListingUnbelievable):
        _ = [one async for one in crew(items(), work, 4)]
    assert len(asyncio.all_tasks()) == 1


async def test_closing_early_leaves_no_task():
    async def work(number):
        if number:
            await asyncio.Event().wait()
        return number

    async with aclosing(crew(each(range(9)), work, 3)) as results:
        assert await anext(results) == 0
    assert len(asyncio.all_tasks()) == 1


async def test_the_callers_cancellation_reaches_the_workers():
    started = asyncio.Event()
    ended = asyncio.Event()

    async def work(_):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def consume():
        async with aclosing(crew(each([1]), work, 1)) as results:
            async for _ in results:
                pass

    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert ended.is_set()
    assert len(asyncio.all_tasks()) == 1


async def test_nothing_to_do_is_done_at_once():
    async def work(number):
        return number

    assert [one async for one in crew(each([]), work, 3)] == []
