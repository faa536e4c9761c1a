"""Repeats attempts that may succeed later, with full jitter, and tells a dead endpoint from a bad object.

The only catcher of `RetryLater`. Writes are repeated blindly, because they carry the same bytes;
whoever sent them settles what a repetition cannot (a 412 after a lost reply). An endpoint that says
"slow down" is obeyed for as long as patience lasts, without using up attempts.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ferryline import errors
from ferryline.clock import Clock
from ferryline.storage.wrap.window import Window

R = TypeVar("R")

_ABOUT_THE_OBJECT = frozenset(
    {
        "digest-mismatch",
        "short-body",
        "wrong-range",
        "not-the-object",
        "malformed-answer",
        "write-conflict",
        "transparent-compression",
        "abort-incomplete",
        "listing",
    }
)
"""Kinds of RetryLater that say nothing about whether the endpoint is alive: it did answer."""

_TIMEOUTS = frozenset({"connect-timeout", "stalled", "too-slow"})
"""Kinds that say the endpoint, or the way to it, is overloaded."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on. Delays double from the first to the longest, with full jitter."""

    attempts: int = 8
    first_delay_seconds: float = 0.1
    delay_seconds_max: float = 20.0
    throttle_patience_seconds: float = 900.0


class Health:
    """What is known of one endpoint: when it last did something for us, and since when it says no."""

    def __init__(self) -> None:
        self.successes = 0
        self.throttled_since: float | None = None

    def succeeded(self) -> None:
        """A request ended well."""
        self.successes += 1
        self.throttled_since = None


class Retry:
    """The retry of one endpoint, shared by all stores on it."""

    def __init__(self, patience: Patience, clock: Clock, chance: random.Random, place: str) -> None:
        self.patience = patience
        self.clock = clock
        self.place = place
        self._chance = chance
        self.health = Health()

    def check_throttling(self, refusal: errors.SlowDown) -> None:
        """Note a "slow down"; raises EndpointFailed when nothing else was heard for too long."""
        now = self.clock.monotonic()
        since = self.health.throttled_since
        if since is None:
            self.health.throttled_since = now
        elif now - since > self.patience.throttle_patience_seconds:
            raise errors.EndpointFailed(
                f"{self.place} has let nothing through and asked to slow down for {now - since:.0f} seconds",
                advice="run again later: what was done is kept; limits.connections lowers the pressure",
                place=self.place,
                kind=refusal.kind,
            ) from refusal

    def delay(self, times: int, asked: float | None) -> float:
        """Full jitter: anywhere between nothing and the doubled delay, but never sooner than was asked."""
        doubled = self.patience.first_delay_seconds * 2.0 ** min(times, 30)
        ceiling = min(self.patience.delay_seconds_max, doubled)
        return max(self._chance.uniform(0.0, ceiling), asked or 0.0)

    async def repeat(self, window: Window, attempt: Callable[..., Awaitable[R]], *words: object) -> R:
        """The first success of `attempt(*words)`.

        Raises what is no RetryLater at once, and the last RetryLater when attempts are used up.
        Raises EndpointFailed when nothing at all succeeded at the endpoint meanwhile, or when it has
        said "slow down" for longer than patience lasts.
        """
        series: Series | None = None
        while True:
            try:
                result = await within(window, attempt, *words)
            except errors.RetryLater as failure:
                series = series or self.series()
                await series.wait(failure)
            else:
                self.health.succeeded()
                return result

    def series(self) -> "Series":
        """The failures of one operation from now on."""
        return Series(self)


class Series:
    """The failed attempts of one operation: waits before the next one, or raises that there is none."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._successes = retry.health.successes
        self._failures = 0
        self._throttles = 0

    async def wait(self, failure: errors.RetryLater) -> None:
        """Sleep until the next attempt. Raises `failure` or EndpointFailed when there is none."""
        retry = self._retry
        if isinstance(failure, errors.SlowDown):
            self._throttles += 1
            retry.check_throttling(failure)
            delay = retry.delay(self._throttles, failure.delay_seconds)
        else:
            self._failures += 1
            if self._failures >= retry.patience.attempts:
                raise self._exhausted(failure) from failure
            delay = retry.delay(self._failures, failure.delay_seconds)
        await retry.clock.sleep(delay)

    def _exhausted(self, failure: errors.RetryLater) -> errors.FerrylineError:
        retry = self._retry
        if failure.kind in _ABOUT_THE_OBJECT or retry.health.successes != self._successes:
            return failure
        return errors.EndpointFailed(
            f"{failure.message}; {retry.patience.attempts} attempts, and nothing else succeeded meanwhile",
            advice=failure.advice or "run again: what was done is kept",
            key=failure.key,
            place=failure.place or retry.place,
            kind=failure.kind,
        )


async def within(window: Window, attempt: Callable[..., Awaitable[R]], *words: object) -> R:
    """One attempt inside the window, which learns how it ended."""
    if not window.enter_now():
        await window.enter()
    epoch = window.epoch
    try:
        result = await attempt(*words)
    except errors.RetryLater as failure:
        press(window, epoch, failure)
        raise
    finally:
        window.leave()
    window.succeeded()
    return result


def press(window: Window, epoch: int, failure: errors.RetryLater) -> None:
    """Tell a window of a failed attempt, where it says that the endpoint has too much to do."""
    if isinstance(failure, errors.SlowDown):
        window.pressed(epoch, "slow-down")
    elif failure.kind in _TIMEOUTS:
        window.pressed(epoch, failure.kind)
