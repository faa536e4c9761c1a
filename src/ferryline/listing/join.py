"""Joins both listings of a range and what the ledger remembers of it, by key, as columns.

`survey` calls it for every range. Where the keys of an interval are equal on all sides the columns
are put side by side without a copy; elsewhere whole columns are taken by index. There is no loop
over rows. It holds one page of each store and one batch of the ledger.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import lru_cache
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.key import KeyRange, printable
from ferryline.model.page import JOINED, LEDGER, LISTING, JoinedPage, Page

_NOTHING_LISTED = pa.RecordBatch.from_pylist([], schema=LISTING)
_NOTHING_REMEMBERED = pa.RecordBatch.from_pylist([], schema=LEDGER)
_NULLS_KEPT = 8192


class Remembers(Protocol):
    """The ledger as the join needs it."""

    def rows(self, keys: KeyRange) -> Iterator[pa.RecordBatch]:
        """The rows of `keys`: LEDGER batches, strictly ascending by key within and across batches."""
        ...


class RemembersNothing:
    """A ledger without rows: the first run, or a lost state folder."""

    def rows(self, keys: KeyRange) -> Iterator[pa.RecordBatch]:
        """Nothing."""
        return iter(())


async def joined(
    source: AsyncIterator[Page],
    destination: AsyncIterator[Page],
    remembered: Iterator[pa.RecordBatch],
    keys: KeyRange,
) -> AsyncGenerator[JoinedPage, None]:
    """Yield every key of either listing or the ledger once, ascending; the last page is `complete`.

    Each page covers an interval that both listings have proven, so an absent side is truly absent
    there. Both iterators must yield believed pages (`walk.checked`) of exactly `keys`; whoever made
    them closes them. A failure of either ends the join before any unproven interval is given out.
    """
    left, right, memory = _Side(source), _Side(destination), _Memory(remembered)
    while True:
        await left.fill()
        await right.fill()
        horizon = _nearer(left.upto, right.upto)
        rows = align(left.take(horizon), right.take(horizon), memory.take(horizon))
        complete = horizon is None
        if complete or rows.num_rows:
            yield JoinedPage(keys, rows, complete)
        if complete:
            return


class _Side:
    """One listing: the part of its current page that was not joined yet."""

    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self._pages = pages
        self._rows = _NOTHING_LISTED
        self._used_up = True
        self.upto: bytes | None = None

    async def fill(self) -> None:
        """Fetch the next page where the current one was joined to its end."""
        if not self._used_up:
            return
        page = await anext(self._pages, None)
        if page is None:
            raise errors.BrokenInvariant("a listing ended without a last page; read it through walk.checked")
        self._rows, self.upto, self._used_up = page.rows, page.upto, False

    def take(self, horizon: bytes | None) -> pa.RecordBatch:
        """Its rows up to `horizon`, which no other side passes."""
        if horizon == self.upto:
            rows, self._rows, self._used_up = self._rows, _NOTHING_LISTED, True
            return rows
        rows, self._rows = split(self._rows, horizon)
        return rows


class _Memory:
    """The ledger's rows that were not joined yet."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rows = _NOTHING_REMEMBERED
        self._reached: bytes | None = None

    def take(self, horizon: bytes | None) -> pa.RecordBatch:
        """Its rows up to `horizon`."""
        taken: list[pa.RecordBatch] = []
        while True:
            rows, self._rows = split(self._rows, horizon)
            if rows.num_rows:
                taken.append(rows)
            if self._rows.num_rows:
                break
            following = next(self._batches, None)
            if following is None:
                break
            self._rows = self._believed(following)
        if len(taken) == 1:
            return taken[0]
        return pa.concat_batches(taken) if taken else _NOTHING_REMEMBERED

    def _believed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        keys = rows.column(0)
        if not len(keys):
            return rows
        rising = len(keys) < 2 or pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1))).as_py()
        first = keys[0].as_py()
        if not rising or (self._reached is not None and first <= self._reached):
            raise errors.BrokenInvariant(
                f"the ledger's rows from {printable(first)} are out of order",
                advice="remove this ledger from the state folder; it is rebuilt by comparing the stores",
            )
        self._reached = keys[len(keys) - 1].as_py()
        return rows


def _nearer(left: bytes | None, right: bytes | None) -> bytes | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)


def split(rows: pa.RecordBatch, horizon: bytes | None) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows with keys at or before `horizon`, and those after it; without a copy."""
    count = rows.num_rows
    if horizon is None or not count:
        return rows, rows.slice(count)
    keys = rows.column(0)
    if keys[count - 1].as_py() <= horizon:
        return rows, rows.slice(count)
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if keys[middle].as_py() <= horizon:
            low = middle + 1
        else:
            high = middle
    return rows.slice(0, low), rows.slice(low)


def align(source: pa.RecordBatch, destination: pa.RecordBatch, ledger: pa.RecordBatch) -> pa.RecordBatch:
    """One JOINED batch of three batches that each ascend strictly by key."""
    sides = (source.column(0), destination.column(0), ledger.column(0))
    union = _union(_union(sides[0], sides[1]), sides[2])
    arrays = [union]
    for batch, keys in zip((source, destination, ledger), sides, strict=True):
        arrays += _placed(batch, keys, union)
    return pa.RecordBatch.from_arrays(arrays, schema=JOINED)


def _union(left: pa.Array, right: pa.Array) -> pa.Array:
    """The keys of both, ascending, each once."""
    if not len(right) or left is right or left.equals(right):
        return left
    if not len(left):
        return right
    if left[len(left) - 1].as_py() < right[0].as_py():
        return pa.concat_arrays([left, right])
    if right[len(right) - 1].as_py() < left[0].as_py():
        return pa.concat_arrays([right, left])
    missing = right.filter(pc.invert(pc.is_in(right, value_set=left)))
    if not len(missing):
        return left
    if len(missing) + len(left) == len(right):
        return right
    both = pa.concat_arrays([left, missing])
    return both.take(pc.sort_indices(both))


def _placed(batch: pa.RecordBatch, keys: pa.Array, union: pa.Array) -> list[pa.Array]:
    """The columns of one side but its key, one row for every key of `union`, null where it has none."""
    rows = len(union)
    if not len(keys):
        return [nulls(rows, column.type) for column in batch.columns[1:]]
    if len(keys) == rows:  # a subset of the union with as many keys is the union
        return list(batch.columns[1:])
    where = pc.index_in(union, value_set=keys)
    return [
        nulls(rows, column.type) if column.null_count == len(column) else column.take(where)
        for column in batch.columns[1:]
    ]


@lru_cache(maxsize=16)
def _kept_nulls(kind: pa.DataType) -> pa.Array:
    return pa.nulls(_NULLS_KEPT, kind)


def nulls(rows: int, kind: pa.DataType) -> pa.Array:
    """A column of nulls; short ones share their memory."""
    return _kept_nulls(kind).slice(0, rows) if rows <= _NULLS_KEPT else pa.nulls(rows, kind)
