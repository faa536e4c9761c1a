"""Finds the present state of touched keys by listing them again, skipping what lies between.

`prove` calls it for batches. A listing shows an object's state exactly as the next run's listing
will, which a HEAD need not (its times have whole seconds), and resolves up to a page of neighbours
at once: about N/1000 requests for dense keys, never more than one a key. Believes no absence: that
is for a HEAD to say.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.entry import Entry, Token
from ferryline.model.key import KEY_BYTES_MAX, KeyRange
from ferryline.model.page import Page
from ferryline.verify.checking import ListedEnd
from ferryline.verify.gathering import side_by_side

FEW = 4
"""A page that resolves fewer keys was not worth more than a HEAD for each."""
_STRIDE = 32
_EXACT_ROWS = 8
_SECOND_NS = 1_000_000_000
_LAST_CHARACTER = "\U0010ffff"
_WHOLE_SECONDS = frozenset({"aws", "memory"})
"""Providers whose listings are known to have times in whole seconds, as a HEAD has."""

Look = Entry | None | errors.FerrylineError
"""A key's state, its absence, or why that could not be found out."""


class Relisting:
    """Looks at keys of one destination; learns from every page whether a HEAD tells times as exactly."""

    def __init__(self, destination: ListedEnd, looks_max: int) -> None:
        self._destination = destination
        self._looks_max = max(1, looks_max)
        self._slots = asyncio.Semaphore(self._looks_max)
        self._whole_rows = 0
        self._fractions = False

    @property
    def head_is_exact(self) -> bool:
        """Whether a HEAD gives the token that a listing will show."""
        known = self._destination.capabilities
        if known.provider in _WHOLE_SECONDS or (known.hashes_locally and not known.etag_is_md5.honoured):
            return True
        return not self._fractions and self._whole_rows >= _EXACT_ROWS

    async def find(self, keys: Sequence[bytes]) -> dict[bytes, Look]:
        """The state of each of `keys` (ascending, each once). Raises what stops the run."""
        found: dict[bytes, Look] = {}
        known = self._destination.capabilities
        if not (known.ordered and known.ranged):
            await self._each(keys, found)
            return found
        index, stride = 0, _STRIDE
        while index < len(keys):
            page = await self._page(keys[index], keys[-1])
            reached = index if page is None else _reached(keys, page, index)
            if page is None or reached == index:
                found[keys[index]] = await self.head(keys[index])
                index += 1
                await self._each(keys[index : index + stride], found)
                index, stride = index + stride, stride * 2
                continue
            self._resolve(keys[index:reached], page.rows, found)
            if reached - index >= FEW:
                index, stride = reached, _STRIDE
                continue
            await self._each(keys[reached : reached + stride], found)
            index, stride = reached + stride, stride * 2
        return found

    async def head(self, key: bytes) -> Look:
        """The state as a HEAD tells it."""
        async with self._slots:
            try:
                stat = await self._destination.head(key)
            except (errors.ObjectFailed, errors.RetryLater) as problem:
                return problem
        return None if stat is None else stat.entry

    async def _each(self, keys: Sequence[bytes], found: dict[bytes, Look]) -> None:
        """One request for each key, side by side."""
        waiting = iter(keys)

        async def work() -> None:
            for key in waiting:
                found[key] = await self._one(key)

        if keys:
            await side_by_side(min(len(keys), self._looks_max), work)

    async def _one(self, key: bytes) -> Look:
        known = self._destination.capabilities
        if not self.head_is_exact and known.ordered and known.ranged:
            async with self._slots:
                page = await self._page(key, key)
            if page is not None:
                only: dict[bytes, Look] = {}
                self._resolve([key], page.rows, only)
                return only[key]
        return await self.head(key)

    async def _page(self, first: bytes, last: bytes) -> Page | None:
        """The first page of the listing from `first`; None where it cannot be had or believed."""
        pages = self._destination.pages(KeyRange(before(first), last))
        try:
            page = await anext(pages, None)
        except (errors.ListingUnbelievable, errors.ObjectFailed, errors.RetryLater):
            return None  # a HEAD for each key answers instead
        finally:
            if isinstance(pages, _Closes):
                await pages.aclose()
        return page if page is not None and _ascends(page.rows) else None

    def _resolve(self, keys: Sequence[bytes], rows: pa.RecordBatch, found: dict[bytes, Look]) -> None:
        self._learn(rows)
        found.update(dict.fromkeys(keys))
        if rows.num_rows:
            wanted = pc.is_in(rows.column("key"), value_set=pa.array(keys, pa.binary()))
            for row in rows.filter(wanted).to_pylist():
                found[row["key"]] = _entry(row)

    def _learn(self, rows: pa.RecordBatch) -> None:
        if self._fractions or not rows.num_rows:
            return
        times = rows.column("modified_ns")
        seconds = pc.multiply(pc.divide(times, _SECOND_NS), _SECOND_NS)
        self._fractions = not pc.all(pc.equal(times, seconds)).as_py()
        self._whole_rows += rows.num_rows


def before(key: bytes) -> bytes | None:
    """A place to list from so that `key` comes first, or nearly so. Valid UTF-8 where the key is."""
    try:
        text = key.decode("utf-8")
    except UnicodeDecodeError:
        return key[:-1] + bytes([key[-1] - 1]) + b"\xff" if key[-1] else key[:-1]
    if not text:
        return None
    head, last = text[:-1], ord(text[-1])
    if last == 0:
        return head.encode()
    previous = 0xD7FF if last == 0xE000 else last - 1
    nearest = (head + chr(previous) + _LAST_CHARACTER).encode()
    # A long key's neighbour may be longer than a key can be; its head is not, if less near.
    return nearest if len(nearest) <= KEY_BYTES_MAX * 3 // 4 else head.encode()


@runtime_checkable
class _Closes(Protocol):
    async def aclose(self) -> None: ...


def _reached(keys: Sequence[bytes], page: Page, index: int) -> int:
    """The index after the last key that the page proves."""
    return len(keys) if page.upto is None else bisect_right(keys, page.upto, index)


def _ascends(rows: pa.RecordBatch) -> bool:
    keys = rows.column("key")
    return (
        bool(pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1))).as_py()) if len(keys) > 1 else True
    )


def _entry(row: Mapping[str, object]) -> Entry:
    key, size, etag, modified_ns, change_ns, inode, storage_class = row.values()
    token = Token(etag, modified_ns, change_ns, inode)  # type: ignore[arg-type]  # columns of LISTING
    return Entry(key, size, token, storage_class)  # type: ignore[arg-type]  # columns of LISTING
