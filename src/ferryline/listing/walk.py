"""One store's pages of one key range, each checked before anybody believes it.

`survey`, `ranges` and `spill` call it. It checks order, bounds and advance for every store alike,
whatever the backend checked itself, and repairs nothing: a page that cannot be true stops the run.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.key import KeyRange, printable
from ferryline.model.page import LISTING, Page
from ferryline.storage.store import Lists

EMPTY_PAGES_MAX = 16
"""Pages without a key in a row, before the last, that are believed. Backends swallow their own."""

ADVICE = "nothing was deleted; check the endpoint and whatever stands before it, then run again"


@runtime_checkable
class Named(Protocol):
    """A store that can say which place it is."""

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        ...


def place_of(store: object) -> str:
    """The store's place for messages, or an empty string."""
    return store.place if isinstance(store, Named) else ""


async def checked(store: Lists, keys: KeyRange) -> AsyncGenerator[Page, None]:
    """Yield the store's pages of `keys`, each believed: keys inside, strictly ascending, advancing.

    The next page is fetched while the caller works on this one. Exactly one page, the last, has
    `upto=None`. Raises `ListingUnordered` where keys come out of order and `ListingUnbelievable`
    for everything else that cannot be true. Close it (`aclosing`) when it is not read to the end.
    """
    believer = Believer(keys, place_of(store))
    async with contextlib.aclosing(ahead(store.pages(keys))) as pages:
        async for page in pages:
            believer.check(page)
            yield page
            if page.upto is None:
                return
    raise believer.unbelievable("it ended without a last page")


async def ahead(pages: AsyncIterator[Page]) -> AsyncGenerator[Page, None]:
    """The same pages, with one fetched in advance. Closes `pages` when it is closed."""
    fetching = asyncio.ensure_future(_next(pages))
    try:
        while True:
            page = await fetching
            if page is None:
                return
            if page.upto is None:
                yield page
                return
            fetching = asyncio.ensure_future(_next(pages))
            yield page
    finally:
        if not fetching.done():  # a cancelled caller must not be stopped here before it has closed `pages`
            fetching.cancel()
            await asyncio.wait([fetching])
        if not fetching.cancelled():
            fetching.exception()  # a failure that nobody is left to read: the caller has stopped already
        if isinstance(pages, Closes):
            await pages.aclose()


@runtime_checkable
class Closes(Protocol):
    """An iterator that holds something to give back."""

    async def aclose(self) -> None:
        """Give it back."""
        ...


async def _next(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)


class Believer:
    """Checks the pages of one listing one after the other."""

    def __init__(self, keys: KeyRange, place: str) -> None:
        self._keys = keys
        self._place = place
        self._reached = keys.after
        self._began = False
        self._previous: pa.Array | None = None
        self._empty = 0

    def check(self, page: Page) -> None:
        """Raise unless `page` can follow the pages checked before."""
        columns(page.rows, self._place)
        keys = page.rows.column(0)
        if len(keys) == 0:
            self._check_empty(page)
        else:
            self._empty = 0
            self._check_keys(keys)
            last = keys[len(keys) - 1].as_py()
            self._check_upto(page.upto, last)
            self._reached = last if page.upto is None else page.upto
            self._previous = keys
            self._began = True

    def unbelievable(self, why: str) -> errors.ListingUnbelievable:
        """The error that stops the run, for this listing."""
        return unbelievable(self._place, why)

    def _check_empty(self, page: Page) -> None:
        if page.upto is None:
            return
        self._empty += 1
        if self._empty > EMPTY_PAGES_MAX:
            raise self.unbelievable(f"it does not advance: more than {EMPTY_PAGES_MAX} pages without a key")
        if self._reached is not None and page.upto < self._reached:
            raise self.unbelievable(f"it went back from {printable(self._reached)} to {printable(page.upto)}")
        if page.upto > (self._reached or b""):
            self._reached, self._began = page.upto, True

    def _check_keys(self, keys: pa.Array) -> None:
        first, last = keys[0].as_py(), keys[len(keys) - 1].as_py()
        if self._previous is not None and keys.equals(self._previous):
            raise self.unbelievable(f"it does not advance: the page from {printable(first)} came twice")
        ascending(keys, self._place)
        if self._reached is not None and first <= self._reached:
            if not self._began:
                raise self.unbelievable(
                    f"{printable(first)} lies at or before {printable(self._reached)}, where it was to start"
                )
            if self._previous is not None and first == self._previous[len(self._previous) - 1].as_py():
                raise self.unbelievable(f"{printable(first)} is listed twice")
            raise unordered(self._place, first, self._reached)
        # Keys between two that share a prefix share it too, and the same holds for the upper bound.
        for key in (first, last):
            if key not in self._keys:
                raise self.unbelievable(f"{printable(key)} is outside of what was asked for: {self._keys}")

    def _check_upto(self, upto: bytes | None, last: bytes) -> None:
        if upto is not None and upto < last:
            raise self.unbelievable(
                f"a page says it ends at {printable(upto)} and holds {printable(last)} beyond it"
            )


def columns(rows: pa.RecordBatch, place: str) -> None:
    """Raise unless `rows` has the LISTING columns, without nulls or negative sizes where none may be."""
    if rows.schema.names != LISTING.names or rows.schema.types != LISTING.types:
        raise errors.BrokenInvariant(
            f"a page of {place or 'a store'} does not have the columns of a listing",
            advice="the storage backend is at fault; report it",
            place=place,
        )
    if rows.column(0).null_count or rows.column(1).null_count or rows.column(3).null_count:
        raise unbelievable(place, "an entry has no key, size or time")
    if rows.num_rows and pc.min(rows.column(1)).as_py() < 0:
        raise unbelievable(place, "an entry has a negative size")


def ascending(keys: pa.Array, place: str) -> None:
    """Raise unless the keys of one page ascend strictly."""
    if len(keys) < 2:
        return
    left, right = keys.slice(0, len(keys) - 1), keys.slice(1)
    rising = pc.less(left, right)
    if pc.all(rising).as_py():
        return
    falling = pc.greater(left, right)
    if pc.any(falling).as_py():
        index = pc.index(falling, value=True).as_py()
        raise unordered(place, right[index].as_py(), left[index].as_py())
    twice = left[pc.index(rising, value=False).as_py()].as_py()
    raise unbelievable(place, f"{printable(twice)} is listed twice")


def unbelievable(place: str, why: str) -> errors.ListingUnbelievable:
    """The error for a listing that cannot be true."""
    where = f" of {place}" if place else ""
    return errors.ListingUnbelievable(
        f"the listing{where} cannot be believed: {why}", advice=ADVICE, place=place
    )


def unordered(place: str, key: bytes, before: bytes) -> errors.ListingUnordered:
    """The error for keys out of order."""
    where = f" of {place}" if place else ""
    return errors.ListingUnordered(
        f"the listing{where} is out of order: {printable(key)} comes after {printable(before)}",
        advice="the store must be listed whole and sorted before it can be compared",
        key=key,
        place=place,
    )
