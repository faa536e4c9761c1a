"""Read rows of a table back, and believe only what has the right identity.

`build`, `compare`, readers and rollback ask it. A file that is missing or altered is a named error
(`ObjectMissing`, `DigestMismatch`), never other rows. It writes nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator

import pyarrow as pa

from ferryline import errors
from ferryline.model.key import printable
from ferryline.snapshot import canonical, parquet, patch
from ferryline.snapshot.cut import MOST_ROWS
from ferryline.snapshot.index import Chunk, Index
from ferryline.snapshot.rows import Shape
from ferryline.snapshot.shelf import Shelf

PATCH_ROWS_MOST = 65_536 + MOST_ROWS
"""The most changes in one file: `build` begins another past 65,536."""

_ADVICE = "run sync: it writes the metadata of the next snapshot anew; or read another replica"


class Loader:
    """Reads chunks of one table from one shelf; holds a few files of changes in memory."""

    def __init__(self, shelf: Shelf, shape: Shape, patches_held: int = 16) -> None:
        self._shelf = shelf
        self._shape = shape
        self._patches: OrderedDict[str, pa.RecordBatch] = OrderedDict()
        self._patches_held = patches_held
        self._reading = asyncio.Lock()

    async def rows(self, chunk: Chunk, after: bytes | None) -> pa.RecordBatch:
        """The chunk's rows; `after` is the previous chunk's `upto`."""
        return (await self.states(chunk, after))[-1]

    async def states(self, chunk: Chunk, after: bytes | None) -> list[pa.RecordBatch]:
        """The base's rows, then the rows after each layer; the last are the chunk's."""
        key = self._shelf.chunk_key(self._shape, chunk.base)
        states = [await self._read(key, self._shape.schema, chunk.base_rows)]
        for layer in chunk.layers:
            changes = patch.within(await self._patch(layer.patch), after, chunk.upto)
            states.append(patch.apply(self._shape, states[-1], changes))
        if await asyncio.to_thread(canonical.chunk_id, self._shape, states[-1]) != chunk.id:
            if not chunk.layers or canonical.chunk_id(self._shape, states[0]) != chunk.base:
                raise self._altered(key, "its rows have another identity")
            key = self._shelf.patch_key(self._shape, chunk.layers[-1].patch)
            raise self._altered(key, f"its changes do not lead to the chunk {chunk.id[:16]}…")
        return states

    async def _patch(self, name: str) -> pa.RecordBatch:
        async with self._reading:
            return await self._held(name)

    async def _held(self, name: str) -> pa.RecordBatch:
        if name not in self._patches:
            key = self._shelf.patch_key(self._shape, name)
            rows = await self._read(key, self._shape.patch_schema, PATCH_ROWS_MOST)
            if canonical.patch_id(self._shape, rows) != name:
                raise self._altered(key, "its changes have another identity")
            self._patches[name] = rows
            if len(self._patches) > self._patches_held:
                self._patches.popitem(last=False)
        return self._patches[name]

    async def _read(self, key: bytes, schema: pa.Schema, most_rows: int) -> pa.RecordBatch:
        found = await self._shelf.get(key)
        if found is None:
            place = self._shelf.store.place
            message = f"{printable(key)} is missing in {place}, and a snapshot needs it"
            raise errors.ObjectMissing(message, advice=_ADVICE, key=key, place=place)
        try:
            return await asyncio.to_thread(parquet.unpack, found.body, schema, most_rows)
        except ValueError as error:
            raise self._altered(key, str(error)) from error

    def _altered(self, key: bytes, why: str) -> errors.DigestMismatch:
        place = self._shelf.store.place
        message = f"{printable(key)} in {place} was altered: {why}"
        return errors.DigestMismatch(message, advice=_ADVICE, key=key, place=place)


async def every_row(shelf: Shelf, index: Index) -> AsyncIterator[pa.RecordBatch]:
    """All rows of a table in key order, one chunk at a time."""
    loader = Loader(shelf, index.shape)
    for after, chunk in index.spans():
        yield await loader.rows(chunk, after)
