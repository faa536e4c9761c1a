"""Ground for the wrappers' tests: a clock that moves only when somebody sleeps, chance that is none, a harness."""

import random
from datetime import UTC, datetime, timedelta

from ferryline.storage.wrap.limit import Windows
from ferryline.storage.wrap.retry import Patience
from ferryline.storage.wrap.stack import Harness


class VirtualClock:
    """Time that passes only in `sleep`."""

    def __init__(self):
        self.seconds = 0.0
        self.slept = []

    def now(self):
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.seconds += seconds


class Highest(random.Random):
    """Jitter at its longest, so that a delay can be told to the second."""

    def uniform(self, a, b):
        return b


def harness(clock=None, patience=None, ceiling=16, pace=None):
    """A harness with what happened in `.seen`."""
    seen = []
    clock = clock or VirtualClock()
    made = Harness(clock, Highest(), seen.append, Windows(ceiling, seen.append), patience or Patience(), pace)
    return made, seen
