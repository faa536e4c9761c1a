"""The only composer of wrappers: retry outside, then limit, then fence, then pace, then the bare store.

`pipeline` dresses every store here. `Harness` is shared by all stores of a run, so that two stores on
one endpoint share its windows, its patience and the run's bandwidth.
"""

import contextlib
import dataclasses
import functools
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from ferryline import errors
from ferryline.clock import Clock
from ferryline.model import event
from ferryline.model.entry import Stat
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.model.span import Layout, Span
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import (
    ALWAYS,
    Buffer,
    Completion,
    Condition,
    Copies,
    CopySource,
    Part,
    Pin,
    Received,
    Store,
    Upload,
    Writing,
    Written,
)
from ferryline.storage.wrap.fence import Fence
from ferryline.storage.wrap.limit import Kind, Windows
from ferryline.storage.wrap.pace import Pace
from ferryline.storage.wrap.retry import Patience, Retry, press, within
from ferryline.storage.wrap.window import Window

R = TypeVar("R")

_REPEATED = frozenset(
    {
        "delete_version",
        "delete_marking",
        "delete_many",
        "delete_versions",
        "greet",
        "lifecycle",
        "resolve_region",
        "set_tags",
        "tags",
        "versions",
        "versions_page",
        "versioning",
    }
)
"""Verbs that only some stores have, and that may be repeated."""

_CHANGING = frozenset(
    {"delete_version", "delete_marking", "delete_many", "delete_versions", "set_tags", "upload_part_stream"}
)
"""Those of them, and others, that change what their first word names."""


@dataclass(frozen=True, slots=True)
class Harness:
    """What all stores of a run share. `pace` limits the bytes that are read, where there is one."""

    clock: Clock
    chance: random.Random
    emit: Callable[[event.Event], None]
    windows: Windows
    patience: Patience = field(default_factory=Patience)
    pace: Pace | None = None
    retries: dict[str, Retry] = field(default_factory=dict)
    """One per endpoint, made when it is first needed."""

    def retry(self, endpoint: str, place: str) -> Retry:
        """The retry of an endpoint."""
        found = self.retries.get(endpoint)
        if found is None:
            found = self.retries[endpoint] = Retry(self.patience, self.clock, self.chance, place)
        return found


def dress(store: Store, endpoint: str, harness: Harness) -> "DressedStore":
    """`store` behind retry, limit, fence and pace. Closing it closes the store."""
    return DressedStore(store, endpoint, harness)


class DressedStore:
    """A store whose every verb is repeated, bounded, fenced and paced. What it does not wrap it passes on.

    Whoever holds the place says so with `fence.asking`.
    """

    def __init__(self, store: Store, endpoint: str, harness: Harness) -> None:
        self.bare = store
        self.fence = Fence()
        self._retry = harness.retry(endpoint, store.place)
        self._pace = harness.pace
        windows, place = harness.windows, store.place
        self._list = windows.of(endpoint, Kind.LIST, place)
        self._read = windows.of(endpoint, Kind.READ, place)
        self._write = windows.of(endpoint, Kind.WRITE, place)
        self._other = windows.of(endpoint, Kind.OTHER, place)

    def __getattr__(self, name: str) -> Any:
        """Verbs and facts that only some stores have: requests as wrapped as any, the rest as it is."""
        if name.startswith("_") or name in ("bare", "fence"):
            raise AttributeError(name)
        found = getattr(self.bare, name)
        if name in _CHANGING:
            found = self.fence.around(found)
        if name == "upload_part_stream":
            # A stream that was consumed cannot be sent again: whoever made it begins anew.
            return functools.partial(within, self._write, found)
        if name in _REPEATED:
            return functools.partial(self._retry.repeat, self._other, found)
        return found

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        return self.bare.place

    @property
    def capabilities(self) -> Capabilities:
        """What this endpoint was seen to honour so far."""
        return self.bare.capabilities

    async def close(self) -> None:
        """Close the bare store."""
        await self.bare.close()

    # -- looking and reading --------------------------------------------------------------------

    async def pages(self, keys: KeyRange) -> AsyncGenerator[Page, None]:
        """The listing; after a failed attempt it goes on behind the last page that came."""
        series = None
        rest = keys
        while True:
            listing = self.bare.pages(rest)
            try:
                while True:
                    page = await self._one_page(listing)
                    if page is None:
                        return
                    series = None
                    yield page
                    if page.upto is None:
                        return
                    rest = dataclasses.replace(rest, after=page.upto)
            except errors.RetryLater as failure:
                series = series or self._retry.series()
                await series.wait(failure)
            finally:
                if isinstance(listing, AsyncGenerator):
                    await listing.aclose()

    async def _one_page(self, listing: AsyncIterator[Page]) -> Page | None:
        await self._list.enter()
        epoch = self._list.epoch
        try:
            page = await anext(listing, None)
        except errors.RetryLater as failure:
            press(self._list, epoch, failure)
            raise
        finally:
            self._list.leave()
        self._list.succeeded()
        self._retry.health.succeeded()
        return page

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """The object's state, or None when it is not there."""
        return await self._retry.repeat(self._other, self.bare.head, key, version_id)

    async def head_part(self, key: bytes, pin: Pin, number: int) -> Stat | None:
        """One part's state where the store can tell it, else None."""
        look = getattr(self.bare, "head_part", None)
        if look is None:
            return None
        found: Stat | None = await self._retry.repeat(self._other, look, key, pin, number)
        return found

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """All bytes (or those of `span`) of the pinned state, complete or an error."""
        if self._pace is None:
            return await self._retry.repeat(self._read, self.bare.read, key, pin, span)
        if span is not None:
            await self._pace.take(span.size_bytes)
        received = await self._retry.repeat(self._read, self.bare.read, key, pin, span)
        if span is None:
            await self._pace.take(len(received.body))
        return received

    def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The same in chunks. After a failed attempt the pinned bytes go on where they stopped."""
        return contextlib.aclosing(self._chunks(key, pin, span))

    async def _chunks(self, key: bytes, pin: Pin, span: Span | None) -> AsyncGenerator[bytes, None]:
        series = None
        given = 0
        while True:
            await self._read.enter()
            epoch = self._read.epoch
            try:
                skip = given
                async with self.bare.stream(key, pin, _rest(span, given)) as chunks:
                    if span is not None:
                        skip = 0
                    async for chunk in chunks:
                        if skip >= len(chunk):
                            skip -= len(chunk)
                            continue
                        piece = chunk[skip:] if skip else chunk
                        skip = 0
                        if self._pace is not None:
                            await self._pace.take(len(piece))
                        given += len(piece)
                        yield piece
                self._read.succeeded()
                self._retry.health.succeeded()
                return
            except errors.RetryLater as failure:
                press(self._read, epoch, failure)
                if given and failure.kind == "digest-mismatch":
                    raise  # these bytes are with the reader already: nobody can take them back
                if span is not None and given == span.size_bytes:
                    return  # it broke behind the last byte that was wanted
                series = series or self._retry.series()
                problem = failure
            finally:
                self._read.leave()
            await series.wait(problem)

    # -- writing --------------------------------------------------------------------------------

    async def _change(self, window: Window, attempt: Callable[..., Awaitable[R]], *words: object) -> R:
        return await self._retry.repeat(window, self.fence.around(attempt), *words)

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        """Write all of `body` under `key`."""
        return await self._change(self._write, self.bare.write, key, body, writing)

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        """Remove `key`; removing what is not there is success."""
        await self._change(self._other, self.bare.delete, key, condition)

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        """Open an upload. Not repeated where it may have been opened: the caller's intent finds that one."""
        return await self._change(self._write, self._create_once, key, layout, writing)

    async def _create_once(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        return await self.bare.create_upload(key, layout, writing)

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        """Send one part; sending it again replaces it."""
        return await self._change(self._write, self.bare.upload_part, upload, span, body, md5)

    async def uploaded_parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts the store has, by number."""
        return await self._retry.repeat(self._other, self.bare.uploaded_parts, upload)

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        """Make the object visible as a whole."""
        return await self._change(self._write, self.bare.complete_upload, upload, completion)

    async def abort_upload(self, upload: Upload) -> None:
        """Throw the upload away; an unknown upload is success."""
        await self._retry.repeat(self._other, self.bare.abort_upload, upload)

    async def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """Uploads whose key starts with `prefix`, ours or not."""
        return await self._retry.repeat(self._other, self.bare.open_uploads, prefix)

    async def copy_from(self, key: bytes, source: CopySource, writing: Writing) -> Written:
        """A server-side copy, where the store can do one."""
        return await self._change(self._write, cast("Copies", self.bare).copy_from, key, source, writing)

    async def copy_part_from(self, upload: Upload, span: Span, source: CopySource) -> Part:
        """A server-side copy of one part, where the store can do one."""
        copying = cast("Copies", self.bare)
        return await self._change(self._write, copying.copy_part_from, upload, span, source)


def _rest(span: Span | None, given: int) -> Span | None:
    """What of a span is still to come."""
    if span is None or not given:
        return span
    return Span(span.number, span.offset + given, span.size_bytes - given)
