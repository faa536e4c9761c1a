"""What differs between two snapshots, found by their chunks: what both have is never read.

`cli` and `reader` ask it. Memory holds a few chunks of each side, however different they are.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.snapshot import patch
from ferryline.snapshot.index import Chunk, Index
from ferryline.snapshot.load import Loader
from ferryline.snapshot.rows import CONTENT
from ferryline.snapshot.shelf import Shelf


class Change(StrEnum):
    """What happened to a key between two snapshots."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


DIFFERENCE = pa.schema(
    [
        pa.field("key", pa.binary(), nullable=False),
        pa.field("change", pa.string(), nullable=False),
        pa.field("old_size", pa.int64()),
        pa.field("old_digest", pa.binary()),
        pa.field("new_size", pa.int64()),
        pa.field("new_digest", pa.binary()),
    ]
)
"""One row per key that differs, ascending."""


@dataclass(frozen=True, slots=True)
class Version:
    """A snapshot's table and the shelf it can be read from; the two sides may be on different ones."""

    shelf: Shelf
    index: Index


async def differences(old: Version, new: Version) -> AsyncIterator[pa.RecordBatch]:
    """The keys that differ, in DIFFERENCE batches, ascending by key."""
    common = {one.id for one in old.index.chunks} & {one.id for one in new.index.chunks}
    left, right = _Side(old, common), _Side(new, common)
    while await left.fill() | await right.fill():
        # Up to here both sides are known: the smaller of the two ends, or all where a side has ended.
        ends = [side.end for side in (left, right) if side.end is not None]
        upto = min(ends) if ends else None
        batch = _difference(left.take(upto), right.take(upto))
        if batch.num_rows:
            yield batch


class _Side:
    """The rows of one side's own chunks, as a stream that is taken up to a key."""

    def __init__(self, version: Version, common: set[str]) -> None:
        self._loader = Loader(version.shelf, CONTENT)
        self._todo: list[tuple[bytes | None, Chunk]] = [
            (after, chunk) for after, chunk in version.index.spans() if chunk.id not in common
        ]
        self._todo.reverse()
        self._held = pa.RecordBatch.from_pylist([], schema=CONTENT.schema)

    @property
    def end(self) -> bytes | None:
        """The last key that is known while more may come; None once everything is held."""
        if not self._todo:
            return None
        return self._held.column("key")[-1].as_py()  # type: ignore[no-any-return]

    async def fill(self) -> bool:
        """Hold at least one row; False when none is left."""
        if not self._held.num_rows and self._todo:
            after, chunk = self._todo.pop()
            self._held = await self._loader.rows(chunk, after)
        return bool(self._held.num_rows)

    def take(self, upto: bytes | None) -> pa.RecordBatch:
        """The rows held up to a key; the later ones stay."""
        if upto is None:
            taken, self._held = self._held, self._held.slice(self._held.num_rows)
            return taken
        inside = pc.less_equal(self._held.column("key"), pa.scalar(upto, pa.binary()))
        count = pc.sum(inside).as_py() or 0
        taken, self._held = self._held.slice(0, count), self._held.slice(count)
        return taken


def _difference(old: pa.RecordBatch, new: pa.RecordBatch) -> pa.RecordBatch:
    gone, come = _missing(old, new), _missing(new, old)
    keys = pc.unique(pa.concat_arrays([gone.column("key"), come.column("key")]))
    keys = keys.take(pc.sort_indices(keys))
    before, after = pc.index_in(keys, gone.column("key")), pc.index_in(keys, come.column("key"))
    change = pc.if_else(
        before.is_null(),
        pa.scalar(Change.ADDED.value),
        pc.if_else(after.is_null(), pa.scalar(Change.REMOVED.value), pa.scalar(Change.CHANGED.value)),
    )
    columns = [keys, change]
    for side, places in ((gone, before), (come, after)):
        columns += [side.column("size").take(places), side.column("digest").take(places)]
    return pa.RecordBatch.from_arrays(columns, schema=DIFFERENCE)


def _missing(some: pa.RecordBatch, others: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of `some` that `others` does not have just so."""
    there = others.take(pc.index_in(some.column("key"), others.column("key")))
    return some.filter(pc.invert(patch.equal_rows(there, some)))
