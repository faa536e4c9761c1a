"""Cut a sorted stream of rows into chunks, store what is new, and give back the table's index.

`publish` calls it for the snapshot's content and for receipts. Memory holds a few chunks whatever
the number of keys. A chunk that the previous table has is not written, nor read; one of which few
rows changed is stored as changes on top of what is there.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import crash, errors
from ferryline.snapshot import canonical, parquet, patch
from ferryline.snapshot.cut import Cutter
from ferryline.snapshot.index import Chunk, Index, Layer
from ferryline.snapshot.load import Loader
from ferryline.snapshot.rows import Shape, joined
from ferryline.snapshot.shelf import Shelf

CHUNKS_AT_ONCE = 8
"""Chunks being looked at and stored at once: bounds memory to a few hundred kilobytes each."""

PATCH_ROWS = 65_536
"""A file of changes ends once it has this many."""

PATCHED_SHARE = 4
"""A chunk is stored whole once its layers have more than one row in this many of its own."""


@dataclass(frozen=True, slots=True)
class Built:
    """A table that is stored: its index, and what storing it took."""

    index: Index
    files_written: int
    bytes_written: int


@dataclass(frozen=True, slots=True)
class _Settled:
    """A chunk that is stored but for `changes`, which still have to go into a file of changes."""

    chunk: Chunk
    changes: pa.RecordBatch | None = None


class Builder:
    """Stores one table on one shelf, given the one that is there already."""

    def __init__(self, shelf: Shelf, shape: Shape, previous: Index | None = None) -> None:
        self._shelf = shelf
        self._shape = shape
        spans = previous.spans() if previous is not None else []
        # A chunk with layers is only good in its own span: its changes are found by their keys.
        self._whole = {chunk.id: chunk for _, chunk in spans if not chunk.layers}
        self._by_span = {(after, chunk.upto): chunk for after, chunk in spans}
        self._loader = Loader(shelf, shape)
        self._chunks: list[Chunk] = []
        self._changes: list[pa.RecordBatch] = []
        self._waiting: list[int] = []
        self._after: bytes | None = None
        self._files_written = 0
        self._bytes_written = 0

    async def build(self, batches: AsyncIterator[pa.RecordBatch]) -> Built:
        """Store all rows of `batches`, which ascend by key. When it returns, everything is durable."""
        cutter = Cutter(self._shape)
        under_way: deque[asyncio.Task[_Settled]] = deque()
        try:
            async for batch in batches:
                await self._take(cutter.take(batch), under_way)
            await self._take(cutter.finish(), under_way)
            while under_way:
                await self._settled(await under_way.popleft())
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        await self._flush()
        return Built(Index(self._shape, tuple(self._chunks)), self._files_written, self._bytes_written)

    async def _take(self, chunks: list[pa.RecordBatch], under_way: deque[asyncio.Task[_Settled]]) -> None:
        for rows in chunks:
            if len(under_way) >= CHUNKS_AT_ONCE:
                await self._settled(await under_way.popleft())
            after, self._after = self._after, rows.column("key")[-1].as_py()
            under_way.append(asyncio.create_task(self._settle(rows, after)))

    async def _settle(self, rows: pa.RecordBatch, after: bytes | None) -> _Settled:
        """Find out how one chunk is to be stored, and store it if whole."""
        name = await asyncio.to_thread(canonical.chunk_id, self._shape, rows)
        upto = rows.column("key")[-1].as_py()
        former = self._by_span.get((after, upto))
        known = former if former is not None and former.id == name else self._whole.get(name)
        if known is not None:
            return _Settled(known)
        size_bytes = pc.sum(rows.column("size")).as_py() if "size" in rows.schema.names else 0
        whole = Chunk(name, upto, rows.num_rows, size_bytes, name, rows.num_rows)
        if former is not None:
            patched = await self._patched(whole, former, rows, after)
            if patched is not None:
                return patched
        await self._store(self._shelf.chunk_key(self._shape, name), rows, "chunk")
        return _Settled(whole)

    async def _patched(
        self, whole: Chunk, former: Chunk, rows: pa.RecordBatch, after: bytes | None
    ) -> _Settled | None:
        """The chunk as changes on top of `former`, or None when it is better stored whole.

        A layer is merged with the one below while that has at most twice its rows, so that n
        snapshots leave about log2(n) layers, and each change is written about as often.
        """
        try:
            states = await self._loader.states(former, after)
        except (errors.ObjectMissing, errors.DigestMismatch):
            return None  # what is there is damaged: a whole chunk heals it
        layers = list(former.layers)
        changes = await asyncio.to_thread(patch.between, self._shape, states[-1], rows)
        while layers and layers[-1].rows <= 2 * changes.num_rows:
            layers.pop()
            changes = await asyncio.to_thread(patch.between, self._shape, states[len(layers)], rows)
        if (sum(one.rows for one in layers) + changes.num_rows) * PATCHED_SHARE > rows.num_rows:
            return None
        kept = replace(whole, base=former.base, base_rows=former.base_rows, layers=tuple(layers))
        return _Settled(kept, changes if changes.num_rows else None)

    async def _settled(self, settled: _Settled) -> None:
        """Append a chunk in key order; gather its changes."""
        if settled.changes is not None:
            self._waiting.append(len(self._chunks))
            self._changes.append(settled.changes)
        self._chunks.append(settled.chunk)
        if sum(one.num_rows for one in self._changes) >= PATCH_ROWS:
            await self._flush()

    async def _flush(self) -> None:
        """Store the gathered changes as one file, and point their chunks to it."""
        if not self._changes:
            return
        rows = joined(self._changes)
        name = canonical.patch_id(self._shape, rows)
        await self._store(self._shelf.patch_key(self._shape, name), rows, "patch")
        for place, changes in zip(self._waiting, self._changes, strict=True):
            chunk = self._chunks[place]
            layers = (*chunk.layers, Layer(name, changes.num_rows))
            self._chunks[place] = replace(chunk, layers=layers)
        self._changes, self._waiting = [], []

    async def _store(self, key: bytes, rows: pa.RecordBatch, what: str) -> None:
        """Write one file named by its content; one of that name that is damaged is replaced."""
        body = await asyncio.to_thread(parquet.pack, rows)
        crash.point(f"snapshot.{self._shape.name}.{what}.writing")
        if not await self._shelf.add(key, body):
            if await self._is_intact(key, rows):
                return
            await self._shelf.put(key, body)
        crash.point(f"snapshot.{self._shape.name}.{what}.written")
        self._files_written += 1
        self._bytes_written += len(body)

    async def _is_intact(self, key: bytes, rows: pa.RecordBatch) -> bool:
        found = await self._shelf.get(key)
        if found is None:
            return False
        try:
            return bool(parquet.unpack(found.body, rows.schema, rows.num_rows).equals(rows))
        except ValueError:
            return False


async def build(
    batches: AsyncIterator[pa.RecordBatch], shelf: Shelf, shape: Shape, previous: Index | None = None
) -> Built:
    """Store a table on a shelf, reusing what `previous` has there; see `Builder.build`."""
    return await Builder(shelf, shape, previous).build(batches)
