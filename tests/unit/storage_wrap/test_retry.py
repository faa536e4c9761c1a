"""Retry in virtual time: what is repeated, how long, and when the whole endpoint is given up."""

import random

import pytest

from ferryline import errors
from ferryline.storage.wrap.retry import Patience, Retry
from ferryline.storage.wrap.window import Window
from tests.unit.storage_wrap.ground import Highest, VirtualClock

BROKEN = errors.RetryLater("it broke", key=b"key", kind="connection-lost")
DAMAGED = errors.RetryLater("bits flipped", key=b"key", kind="digest-mismatch")
BUSY = errors.SlowDown("slow down", key=b"key")


class Attempts:
    """Fails with each of the given errors in turn, then succeeds."""

    def __init__(self, *failures, endless=None):
        self.failures = list(failures)
        self.endless = endless
        self.made = 0

    async def __call__(self):
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.endless is not None:
            raise self.endless
        return "done"


class Ground:
    def __init__(self, patience=None, chance=None):
        self.clock = VirtualClock()
        self.retry = Retry(patience or Patience(), self.clock, chance or Highest(), "s3://there/")
        self.window = Window(16, lambda size, why: None)

    async def repeat(self, attempts):
        return await self.retry.repeat(self.window, attempts)


async def test_what_succeeds_is_done_once():
    ground, attempts = Ground(), Attempts()
    assert await ground.repeat(attempts) == "done"
    assert (attempts.made, ground.clock.slept) == (1, [])


async def test_an_attempt_is_repeated_with_doubling_delays():
    ground, attempts = Ground(), Attempts(*[BROKEN] * 5)
    assert await ground.repeat(attempts) == "done"
    assert attempts.made == 6
    assert ground.clock.slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])


async def test_delays_have_an_end_and_full_jitter():
    patience = Patience(attempts=200, delay_seconds_max=20)
    ground, attempts = Ground(patience, random.Random(1)), Attempts(*[BROKEN] * 150)
    await ground.repeat(attempts)
    late = ground.clock.slept[20:]
    assert max(late) <= 20
    assert min(late) < 2 < 18 < max(late)


async def test_a_delay_that_was_asked_for_is_the_shortest():
    ground = Ground()
    asked = errors.RetryLater("later", key=b"key", delay_seconds=33)
    await ground.repeat(Attempts(asked))
    assert ground.clock.slept == [33]


@pytest.mark.parametrize(
    "failure", [errors.ObjectMissing("gone"), errors.CredentialsRefused("no"), ValueError()]
)
async def test_what_no_repetition_mends_is_raised_at_once(failure):
    ground, attempts = Ground(), Attempts(failure)
    with pytest.raises(type(failure)):
        await ground.repeat(attempts)
    assert attempts.made == 1
    assert ground.window.in_use == 0


async def test_an_object_that_stays_damaged_fails_alone():
    ground, attempts = Ground(), Attempts(endless=DAMAGED)
    with pytest.raises(errors.RetryLater) as caught:
        await ground.repeat(attempts)
    assert caught.value is DAMAGED
    assert attempts.made == Patience().attempts


async def test_an_object_whose_requests_break_fails_alone_while_others_succeed():
    ground = Ground()
    good = Attempts()

    class Bad(Attempts):
        async def __call__(self):
            await ground.repeat(good)
            return await super().__call__()

    with pytest.raises(errors.RetryLater) as caught:
        await ground.repeat(Bad(endless=BROKEN))
    assert caught.value is BROKEN


async def test_an_endpoint_at_which_nothing_succeeds_is_given_up():
    ground = Ground()
    with pytest.raises(errors.EndpointFailed) as caught:
        await ground.repeat(Attempts(endless=BROKEN))
    assert caught.value.kind == "connection-lost"
    assert caught.value.key == b"key"
    assert "8 attempts" in caught.value.message
    assert caught.value.advice


async def test_a_burst_of_slow_downs_costs_no_attempts():
    ground, attempts = Ground(), Attempts(*[BUSY] * 30)
    assert await ground.repeat(attempts) == "done"
    assert attempts.made == 31
    assert ground.window.size < 16


async def test_slow_down_for_longer_than_patience_stops_the_run_as_throttled():
    ground, attempts = Ground(), Attempts(endless=BUSY)
    with pytest.raises(errors.EndpointFailed) as caught:
        await ground.repeat(attempts)
    assert caught.value.kind == "throttled"
    assert 900 <= ground.clock.seconds < 1000
    assert attempts.made > Patience().attempts


async def test_patience_begins_anew_with_every_success():
    ground = Ground()
    throttled_for = 0.0
    for _ in range(20):
        before = ground.clock.seconds
        assert await ground.repeat(Attempts(*[BUSY] * 10)) == "done"
        throttled_for += ground.clock.seconds - before
    assert throttled_for > 900


async def test_any_answer_but_slow_down_in_between_does_not_end_the_throttling():
    ground = Ground(Patience(attempts=1000))

    class Mixed(Attempts):
        async def __call__(self):
            self.made += 1
            raise BUSY if self.made % 2 else BROKEN

    with pytest.raises(errors.EndpointFailed) as caught:
        await ground.repeat(Mixed())
    assert caught.value.kind == "throttled"


async def test_retry_after_is_honoured_when_throttled():
    ground = Ground()
    await ground.repeat(Attempts(errors.SlowDown("later", delay_seconds=120)))
    assert ground.clock.slept == [120]


@pytest.mark.parametrize("kind", ["connect-timeout", "stalled", "too-slow"])
async def test_timeouts_shrink_the_window_and_broken_connections_do_not(kind):
    ground = Ground()
    await ground.repeat(Attempts(errors.RetryLater("slow", kind=kind)))
    assert ground.window.size == 8
    ground = Ground()
    await ground.repeat(Attempts(BROKEN))
    assert ground.window.size == 16


async def test_who_waits_for_the_next_attempt_holds_no_place():
    ground = Ground()
    seen = []
    real = ground.clock.sleep

    async def sleep(seconds):
        seen.append(ground.window.in_use)
        await real(seconds)

    ground.clock.sleep = sleep
    await ground.repeat(Attempts(BROKEN, BUSY, BROKEN))
    assert seen == [0, 0, 0]
