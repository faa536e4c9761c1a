"""Where a table is cut into chunks: after a key whose hash says so, so that an edit moves no other cut.

`build` feeds it. A cut is a function of the keys since the last cut and of nothing else.
"""

from zlib import crc32

import pyarrow as pa

from ferryline.snapshot.rows import Shape, check, joined

AVERAGE_ROWS = 4096
"""Rows per chunk to expect: a key ends its chunk when the lowest 12 bits of its CRC-32 are zero."""

MOST_ROWS = 8 * AVERAGE_ROWS
"""A chunk never has more rows than this; by chance alone one chunk in three thousand is cut so."""


def ends_chunk(key: bytes) -> bool:
    """Whether a chunk ends after this key, whatever stands around it."""
    return crc32(key) % AVERAGE_ROWS == 0


class Cutter:
    """Takes sorted batches of any size, gives back whole chunks; holds at most one chunk and one batch."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._last: bytes | None = None

    def take(self, rows: pa.RecordBatch) -> list[pa.RecordBatch]:
        """The chunks that are complete now. Raises `BrokenInvariant` for rows out of order or shape."""
        check(self._shape, rows, self._last)
        if not rows.num_rows:
            return []
        keys = rows.column("key").to_pylist()
        self._last = keys[-1]
        chunks: list[pa.RecordBatch] = []
        start = 0
        for end in (index + 1 for index, value in enumerate(map(crc32, keys)) if value % AVERAGE_ROWS == 0):
            start = self._full(rows, start, end, chunks)
            self._hold(rows.slice(start, end - start))
            chunks.append(self._drop())
            start = end
        start = self._full(rows, start, len(keys), chunks)
        self._hold(rows.slice(start))
        return chunks

    def _full(self, rows: pa.RecordBatch, start: int, end: int, chunks: list[pa.RecordBatch]) -> int:
        """Cut off chunks that reach the limit before `end`; where the rest starts."""
        while self._held_rows + end - start > MOST_ROWS:
            room = MOST_ROWS - self._held_rows
            self._hold(rows.slice(start, room))
            chunks.append(self._drop())
            start += room
        return start

    def finish(self) -> list[pa.RecordBatch]:
        """The last chunk, if there is one."""
        return [self._drop()] if self._held_rows else []

    def _hold(self, rows: pa.RecordBatch) -> None:
        if rows.num_rows:
            self._held.append(rows)
            self._held_rows += rows.num_rows

    def _drop(self) -> pa.RecordBatch:
        held, self._held, self._held_rows = self._held, [], 0
        return joined(held)
