"""The memory budget: never over-granted, fair, and whole again whatever is cancelled."""

import asyncio

import pytest

from ferryline import errors
from ferryline.transfer.budget import Budget


async def test_what_is_free_is_lent_at_once_and_comes_back():
    budget = Budget(10)
    async with budget.take(4):
        assert budget.free_bytes == 6
        async with budget.take(6):
            assert budget.free_bytes == 0
    assert budget.free_bytes == 10


async def test_a_large_request_is_not_starved_by_small_ones():
    budget = Budget(10)
    order = []

    async def hold(name, size):
        async with budget.take(size):
            order.append(name)
            await asyncio.sleep(0)

    async with budget.take(5):
        large = asyncio.create_task(hold("large", 10))
        await asyncio.sleep(0)
        small = asyncio.create_task(hold("small", 1))
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(large, small)
    assert order == ["large", "small"]
    assert budget.free_bytes == 10


async def test_whoever_is_cancelled_while_waiting_lets_the_next_one_through():
    budget = Budget(10)
    entered = asyncio.Event()

    async def hold(size):
        async with budget.take(size):
            entered.set()

    async with budget.take(5):
        large = asyncio.create_task(hold(10))
        await asyncio.sleep(0)
        small = asyncio.create_task(hold(5))
        await asyncio.sleep(0)
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)
        await small
        assert entered.is_set()
    assert budget.free_bytes == 10


async def test_a_grant_that_meets_a_cancellation_is_given_back():
    budget = Budget(10)
    await budget.wait_for(10)
    waiting = asyncio.create_task(budget.wait_for(10))
    await asyncio.sleep(0)
    budget.give_back(10)  # granted, but the task has not run yet
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert budget.free_bytes == 10


async def test_more_than_there_is_is_a_bug_and_not_a_deadlock():
    with pytest.raises(errors.BrokenInvariant, match="11 bytes"):
        Budget(10).take(11)
