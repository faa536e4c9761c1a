"""One read of the source for several replicas: whoever asks first reads, the others get the same bytes.

A `Convoy` says which replicas want a key; each reads through a `Tap` of its own. What was read is held
until every live one has taken it, within a window of bytes: a full window makes the fast ones wait
for the slow, but only so long. One that falls behind for longer is let go, and reads by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from ferryline import errors
from ferryline.clock import Clock
from ferryline.model.entry import Stat, Token
from ferryline.model.span import Span
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Pin, Received
from ferryline.storage.wrap.stack import DressedStore

PATIENCE_SECONDS = 2.0
"""How long a full window is waited for before what the slow ones have not taken is dropped."""

STRIKES = 3
"""How often one may be waited for in vain before it is waited for no more."""

Name = tuple[bytes, Token, Span | None]


@dataclass(slots=True)
class _Read:
    """Bytes on their way or held: `wanted` are the taps that have not taken them yet."""

    wanted: set["Tap"]
    size_bytes: int = 0
    done: asyncio.Future[Received] = field(default_factory=asyncio.Future)


class Sharing:
    """What several taps of one source share. Belongs to one event loop."""

    def __init__(self, source: DressedStore, window_bytes: int, clock: Clock) -> None:
        self.source = source
        self._window_bytes = window_bytes
        self._clock = clock
        self._held_bytes = 0
        self._reads: dict[Name, _Read] = {}
        self._wants: dict[bytes, set[Tap]] = {}
        self._room = asyncio.Event()
        self._strikes: Counter[Tap] = Counter()

    def tap(self) -> "Tap":
        """A source for one replica."""
        return Tap(self)

    def want(self, key: bytes, taps: set["Tap"]) -> None:
        """Say who is going to read a key. Nothing is held for a key that one alone wants."""
        live = {tap for tap in taps if self._strikes[tap] < STRIKES}
        if len(live) > 1:
            self._wants[key] = live

    def done(self, tap: "Tap", key: bytes) -> None:
        """A tap is through with a key, read or not."""
        wants = self._wants.get(key)
        if wants is None:
            return
        wants.discard(tap)
        if not wants:
            del self._wants[key]
            self._room.set()
        for name in [one for one in self._reads if one[0] == key]:
            self._taken(name, tap)

    def lags(self, tap: "Tap") -> None:
        """Somebody waited for this tap in vain; the third time it is let go, and reads by itself."""
        self._strikes[tap] += 1
        if self._strikes[tap] == STRIKES:
            for key in [one for one, taps in self._wants.items() if tap in taps]:
                self.done(tap, key)

    @property
    def wanted(self) -> int:
        """Keys that some tap has been promised and has not finished."""
        return len(self._wants)

    async def settle(self, most: int) -> None:
        """Wait a while until at most so many keys are promised; then let the slow ones go."""
        until = self._clock.monotonic() + PATIENCE_SECONDS
        while self.wanted > most:
            if not await self._waited(until):
                for tap in set(next(iter(self._wants.values()), ())):
                    self.lags(tap)
                until = self._clock.monotonic() + PATIENCE_SECONDS

    async def read(self, tap: "Tap", key: bytes, pin: Pin, span: Span | None) -> Received:
        """Read for one tap: from the source, or what another tap's read brings."""
        name = (key, pin.token, span)
        there = self._reads.get(name)
        if there is not None and tap in there.wanted:
            return await self._joined(tap, name, there)
        others = self._wants.get(key, set()) - {tap}
        if there is not None or not others:
            return await self.source.read(key, pin, span)
        reading = self._reads[name] = _Read(set(others))
        try:
            received = await self.source.read(key, pin, span)
        except BaseException as failure:
            # Each of the others tries for itself, and hears its own answer.
            self._reads.pop(name, None)
            reading.done.set_exception(_Lost() if isinstance(failure, asyncio.CancelledError) else failure)
            reading.done.exception()
            raise
        reading.size_bytes = len(received.body)
        self._held_bytes += reading.size_bytes
        reading.done.set_result(received)
        if not reading.wanted:
            self._drop(name)
        elif self._held_bytes > self._window_bytes:
            await self._make_room()
        return received

    async def _joined(self, tap: "Tap", name: Name, there: _Read) -> Received:
        key, token, span = name
        try:
            received = await asyncio.shield(there.done)
        except (errors.FerrylineError, _Lost):
            return await self.source.read(key, Pin(token), span)
        finally:
            if there.done.done():
                self._taken(name, tap)
        return Received(received.body, received.stat, shared=True)

    def _taken(self, name: Name, tap: "Tap") -> None:
        reading = self._reads.get(name)
        if reading is None:
            return
        reading.wanted.discard(tap)
        if not reading.wanted and reading.done.done():
            self._drop(name)

    def _drop(self, name: Name) -> None:
        reading = self._reads.pop(name, None)
        if reading is not None:
            self._held_bytes -= reading.size_bytes
            self._room.set()

    async def _make_room(self) -> None:
        """Wait for the slow ones a while; then what they have not taken is dropped, the oldest first."""
        until = self._clock.monotonic() + PATIENCE_SECONDS
        while self._held_bytes > self._window_bytes:
            if not await self._waited(until):
                break
        for name in [one for one, reading in self._reads.items() if reading.done.done()]:
            if self._held_bytes <= self._window_bytes:
                return
            for tap in tuple(self._reads[name].wanted):
                self.lags(tap)
            self._drop(name)

    async def _waited(self, until: float) -> bool:
        """Whether something was taken before the time was over."""
        self._room.clear()
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await self._room.wait()
        except TimeoutError:
            return False
        return True


class _Lost(Exception):
    """Whoever was reading was stopped."""


class Tap:
    """The source as one replica's transfer sees it: reads are shared, everything else is the source's own."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing
        self._source = sharing.source

    def __getattr__(self, name: str) -> Any:
        """What only some sources have."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._source, name)

    @property
    def place(self) -> str:
        """The source's place."""
        return self._source.place

    @property
    def capabilities(self) -> Capabilities:
        """What the source's endpoint was seen to honour so far."""
        return self._source.capabilities

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """The object's state, or None when it is not there."""
        return await self._source.head(key, version_id)

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """All bytes (or those of `span`) of the pinned state; perhaps read by another replica's transfer."""
        return await self._sharing.read(self, key, pin, span)

    def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The same in chunks, always read for this one alone."""
        return self._source.stream(key, pin, span)
