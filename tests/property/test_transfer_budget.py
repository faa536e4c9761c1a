"""Whatever is asked of the budget, in whatever order it is cancelled: never over-granted, never stuck."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryline.transfer.budget import Budget

STEPS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(STEPS, st.integers(0, 7))
def test_never_over_granted_and_whole_again_at_the_end(steps, cancel_every):
    asyncio.run(_exercise(steps, cancel_every))


async def _exercise(steps, cancel_every):
    budget = Budget(100)
    held = most = finished = 0

    async def hold(size, turns):
        nonlocal held, most, finished
        async with budget.take(size):
            held += size
            most = max(most, held)
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                held -= size
        finished += 1

    tasks = []
    for number, (size, turns, pause) in enumerate(steps):
        tasks.append(asyncio.create_task(hold(size, turns)))
        if pause:
            await asyncio.sleep(0)
        if cancel_every and number % (cancel_every + 1) == cancel_every:
            tasks[number // 2].cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert most <= 100
    assert budget.free_bytes == 100
    assert finished == sum(not task.cancelled() for task in tasks)
