"""Time as an argument: the only caller of `time` and `asyncio.sleep` in the package.

Every room that waits, stamps or measures takes a `Clock`, so that a year of back-off can be
tested in a millisecond. Wall time is always UTC; durations come from the monotonic clock.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Wall time, timezone-aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`; zero yields to other tasks once."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall time, timezone-aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds` on the running event loop."""
        await asyncio.sleep(seconds)
