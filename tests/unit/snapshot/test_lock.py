"""One holder at a time, for as long as its lease; who slept through it finds out before it writes again."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from ferryline import errors
from ferryline.snapshot import lock
from ferryline.snapshot.lock import LEASE_SECONDS, Lock
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore
from tests.unit.snapshot.made import NOON


@dataclass
class Hands:
    """A clock that is turned by hand; nobody wakes by it before that."""

    at: datetime = NOON
    turned: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()

    async def sleep(self, seconds):
        until = self.at + timedelta(seconds=seconds)
        while self.at < until:
            await self.turned.wait()
            self.turned.clear()

    async def turn(self, seconds):
        await asyncio.sleep(0)  # whoever was just begun goes to sleep first
        self.at += timedelta(seconds=seconds)
        self.turned.set()
        for _ in range(20):
            await asyncio.sleep(0)


def wanted(run, process=1):
    return Lock(f"somebody (process {process})", "host", process, run, 1, NOON, NOON)


def nobody_is_gone(_lock):
    return False


async def test_a_second_holder_is_told_who_has_it_and_nothing_is_left_afterwards():
    shelf, clock = Shelf(MemoryStore()), Hands()
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone):
        with pytest.raises(errors.LockHeld, match="somebody"):
            async with lock.held(shelf, wanted("second", 2), clock, nobody_is_gone):
                pass
    assert await lock.read(shelf) is None


async def test_a_dead_holder_of_this_host_is_not_waited_for():
    shelf, clock = Shelf(MemoryStore()), Hands()
    await shelf.put(
        lock.lock_key(shelf), lock.to_bytes(Lock("x", "host", 9, "dead", 4, NOON, NOON + timedelta(hours=1)))
    )

    async with lock.held(shelf, wanted("next"), clock, lambda there: there.process == 9):
        assert (await lock.read(shelf)).lock.run_id == "next"


async def test_it_is_renewed_while_it_is_held():
    shelf, clock = Shelf(MemoryStore()), Hands()
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone) as mine:
        for _ in range(10):
            await clock.turn(LEASE_SECONDS / 3)
            mine.check(clock)
        assert (await lock.read(shelf)).lock.until > clock.now()


async def test_who_slept_through_the_lease_writes_no_more_and_leaves_the_others_lock_alone():
    shelf, clock = Shelf(MemoryStore()), Hands()
    async with lock.held(shelf, wanted("sleeper"), clock, nobody_is_gone) as mine:
        clock.at += timedelta(seconds=LEASE_SECONDS + 1)
        async with lock.held(shelf, wanted("other", 2), Hands(clock.at), nobody_is_gone):
            with pytest.raises(errors.LockHeld) as caught:
                mine.check(clock)
            assert caught.value.kind == "fenced"
            there = await lock.read(shelf)
    assert there.lock.run_id == "other"


@dataclass
class Apart(Hands):
    """Its two clocks are turned apart."""

    ran: float = 0.0

    def monotonic(self):
        return self.ran


@pytest.mark.parametrize(
    ("wall_seconds", "monotonic_seconds"),
    [(lock.BELIEVED_SECONDS + 1, 0.0), (-3600.0, lock.BELIEVED_SECONDS + 1)],
    ids=["a machine that slept", "a clock that was set back"],
)
async def test_who_could_not_renew_stops_by_either_clock_long_before_another_may_begin(
    wall_seconds, monotonic_seconds
):
    shelf, clock = Shelf(MemoryStore()), Apart()
    async with lock.held(shelf, wanted("sleeper"), clock, nobody_is_gone) as mine:
        mine.check(clock)
        clock.at += timedelta(seconds=wall_seconds)
        clock.ran += monotonic_seconds
        with pytest.raises(errors.LockHeld, match="not renewed in time"):
            mine.check(clock)
        still = Hands(NOON + timedelta(seconds=lock.BELIEVED_SECONDS + 1))
        with pytest.raises(errors.LockHeld, match="somebody"):
            async with lock.held(shelf, wanted("other", 2), still, nobody_is_gone):
                pass
    assert lock.BELIEVED_SECONDS * 2 <= LEASE_SECONDS


async def test_a_renewal_counts_from_before_it_was_asked_for():
    class Slow(MemoryStore):
        async def write(self, key, *more):
            clock.at += timedelta(seconds=10)
            return await super().write(key, *more)

    clock = Hands()
    shelf = Shelf(Slow())
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone) as mine:
        assert mine.believed[1] == NOON + timedelta(seconds=lock.BELIEVED_SECONDS)
        await clock.turn(lock.RENEW_SECONDS)
        renewing = NOON + timedelta(seconds=10 + lock.RENEW_SECONDS)
        assert mine.believed[1] == renewing + timedelta(seconds=lock.BELIEVED_SECONDS)
        assert mine.seen.lock.until == renewing + timedelta(seconds=LEASE_SECONDS)


async def test_somebody_elses_lock_in_its_place_is_noticed_at_the_next_renewal():
    shelf, clock = Shelf(MemoryStore()), Hands()
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone) as mine:
        other = Lock("other", "elsewhere", 3, "other", 9, NOON, NOON + timedelta(hours=1))
        await shelf.put(lock.lock_key(shelf), lock.to_bytes(other))
        await clock.turn(lock.RENEW_SECONDS)
        with pytest.raises(errors.LockHeld):
            mine.check(clock)
    assert (await lock.read(shelf)).lock.run_id == "other"


async def test_a_lock_that_a_person_removed_is_missed_at_the_next_look_long_before_it_is_renewed():
    shelf, clock = Shelf(MemoryStore()), Hands()
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone) as mine:
        await mine.confirm(clock)
        await lock.remove(shelf)
        async with lock.held(shelf, wanted("second", 2), clock, nobody_is_gone):
            mine.check(clock)  # it cannot know yet
            await mine.confirm(clock)  # it looked a moment ago
            clock.at += timedelta(seconds=lock.LOOK_SECONDS)
            with pytest.raises(errors.LockHeld, match=r"process 2\) took it"):
                await mine.confirm(clock)
            with pytest.raises(errors.LockHeld):
                mine.check(clock)


async def test_looks_at_the_lock_do_not_grow_with_what_is_deleted():
    class Counting(MemoryStore):
        looks = 0

        async def read(self, key, *more):
            type(self).looks += 1
            return await super().read(key, *more)

    shelf, clock = Shelf(Counting()), Hands()
    async with lock.held(shelf, wanted("first"), clock, nobody_is_gone) as mine:
        before = Counting.looks
        await asyncio.gather(*(mine.confirm(clock) for _ in range(500)))
        assert Counting.looks == before + 1
