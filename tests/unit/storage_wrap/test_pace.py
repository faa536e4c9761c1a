"""The bandwidth limit, in virtual time."""

import asyncio

import pytest

from ferryline.storage.wrap.pace import Pace
from tests.unit.storage_wrap.ground import VirtualClock


async def test_bytes_take_the_time_that_the_rate_says():
    clock = VirtualClock()
    pace = Pace(1000, clock)
    for _ in range(100):
        await pace.take(100)
    assert clock.seconds == pytest.approx(10, abs=0.5)


async def test_a_quiet_hour_is_not_made_up_for_at_once():
    clock = VirtualClock()
    pace = Pace(1000, clock)
    await pace.take(100)
    clock.seconds += 3600
    started = clock.seconds
    for _ in range(50):
        await pace.take(100)
    assert clock.seconds - started == pytest.approx(5, abs=0.6)


async def test_a_large_piece_is_paid_for_by_whoever_comes_next():
    clock = VirtualClock()
    pace = Pace(1000, clock)
    await pace.take(60_000)
    assert clock.seconds == 0
    await pace.take(1)
    assert clock.seconds == pytest.approx(60, abs=0.5)


async def test_no_limit_waits_for_nothing():
    clock = VirtualClock()
    pace = Pace(None, clock)
    for _ in range(10):
        await pace.take(10**12)
    assert clock.slept == []


async def test_a_rate_set_while_somebody_waits_counts_for_the_waiting():
    clock = VirtualClock()
    pace = Pace(10, clock)
    await pace.take(10_000)
    real_sleep = clock.sleep

    async def sleep(seconds):
        await real_sleep(seconds)
        pace.bytes_per_second = 10_000

    clock.sleep = sleep
    await pace.take(1)
    assert clock.seconds < 3, "a thousand seconds at the old rate"


async def test_lifting_the_limit_lets_everybody_go():
    clock = VirtualClock()
    pace = Pace(1, clock)
    await pace.take(10**6)
    real_sleep = clock.sleep

    async def sleep(seconds):
        await real_sleep(seconds)
        pace.bytes_per_second = None

    clock.sleep = sleep
    await asyncio.gather(*(pace.take(10**6) for _ in range(5)))
    assert clock.seconds < 5


async def test_two_streams_share_one_rate():
    clock = VirtualClock()
    pace = Pace(1000, clock)

    async def stream():
        for _ in range(50):
            await pace.take(100)

    await asyncio.gather(stream(), stream())
    assert clock.seconds == pytest.approx(10, abs=1)
