"""The window: one more per round trip while all goes well, half when the endpoint objects."""

import asyncio

import pytest

from ferryline.storage.wrap.limit import Kind, Windows
from ferryline.storage.wrap.window import START, Window


def window(ceiling=64):
    told = []
    return Window(ceiling, lambda size, why: told.append((size, why))), told


def fill(one):
    count = 0
    while one.enter_now():
        count += 1
    return count


def test_it_starts_narrow_and_never_passes_its_ceiling():
    assert fill(window(64)[0]) == START
    assert fill(window(3)[0]) == 3
    assert fill(window(0)[0]) == 1


def test_a_full_window_grows_by_one_place_per_round_of_successes():
    one, _ = window()
    for _ in range(START):
        fill(one)
        one.leave()
        one.succeeded()
    assert one.size == START
    one.succeeded()
    assert one.size == START + 1


def test_success_in_an_idle_window_proves_nothing():
    one, _ = window()
    for _ in range(1000):
        assert one.enter_now()
        one.leave()
        one.succeeded()
    assert one.size == START


def test_it_stops_growing_at_the_ceiling_and_says_so_once():
    one, told = window(ceiling=20)
    for _ in range(1000):
        fill(one)
        one.leave()
        one.succeeded()
    assert one.size == 20
    assert told == [(20, "success")]


def test_a_complaint_halves_it_once_for_all_requests_that_were_out_together():
    one, told = window()
    epoch = one.epoch
    for _ in range(10):
        one.pressed(epoch, "slow-down")
    assert one.size == START // 2
    assert told == [(START // 2, "slow-down")]
    one.pressed(one.epoch, "stalled")
    assert one.size == START // 4
    assert told[-1] == (START // 4, "stalled")


def test_it_never_closes_altogether():
    one, _ = window()
    for _ in range(20):
        one.pressed(one.epoch, "slow-down")
    assert one.size == 1
    assert one.enter_now()


async def test_those_who_wait_are_served_in_order_and_nobody_overtakes():
    one, _ = window(ceiling=1)
    await one.enter()
    served = []

    async def wait(name):
        await one.enter()
        served.append(name)

    tasks = [asyncio.ensure_future(wait(name)) for name in range(3)]
    await asyncio.sleep(0)
    for _ in range(3):
        one.leave()
        assert not one.enter_now(), "somebody overtook the queue"
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2]
    assert one.in_use == 1


async def test_after_halving_the_places_out_are_given_back_before_the_next_goes_out():
    one, _ = window(ceiling=4)
    assert fill(one) == 4
    one.pressed(one.epoch, "slow-down")
    waiting = asyncio.ensure_future(one.enter())
    await asyncio.sleep(0)
    for left in (3, 2):
        one.leave()
        await asyncio.sleep(0)
        assert one.in_use == left
        assert not waiting.done()
    one.leave()
    await waiting
    assert one.in_use == 2


@pytest.mark.parametrize("served_first", [False, True])
async def test_who_is_cancelled_while_waiting_takes_no_place(served_first):
    one, _ = window(ceiling=1)
    await one.enter()
    waiting = asyncio.ensure_future(one.enter())
    await asyncio.sleep(0)
    if served_first:
        one.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not served_first:
        one.leave()
    assert one.in_use == 0
    assert one.enter_now()


def test_kinds_and_endpoints_have_windows_of_their_own_and_stores_share_them():
    seen = []
    windows = Windows(8, seen.append)
    reads = windows.of("https://a", Kind.READ, "s3://one/")
    assert windows.of("https://a", Kind.READ, "s3://two/") is reads
    assert windows.of("https://a", Kind.WRITE, "s3://one/") is not reads
    assert windows.of("https://b", Kind.READ, "s3://one/") is not reads
    reads.pressed(reads.epoch, "slow-down")
    (changed,) = seen
    assert (changed.place, changed.requests, changed.size, changed.why) == (
        "s3://one/",
        "read",
        4,
        "slow-down",
    )
