"""Writes a segment: rows in, a durable file out, whose name is made from its contents.

`update` calls it for checkpoints and merges. Until the file is whole and synced it has a temporary
name that no reader knows; a crash leaves that name behind, and the next update removes it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from awscrt import checksums

from ferryline import crash
from ferryline.model.page import LEDGER
from ferryline.state import disk, segment
from ferryline.state.segment import BLOCK_ROWS, FORGOTTEN, INDEX, MAGIC, TRAILER, Segment

TEMPORARY = ".segment.new"
SUFFIX = ".segment"
_NO_ROWS = pa.RecordBatch.from_pylist([], schema=LEDGER)
_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")
"""zstd halves what LZ4 leaves of hex digits; reading a million rows costs 0.2 s of CPU."""


def sealed(folder: Path, batches: Iterator[pa.RecordBatch]) -> Segment | None:
    """Write LEDGER batches, strictly ascending by key, as one durable segment; None when they hold no row."""
    temporary = folder / TEMPORARY
    with disk.failing(temporary):
        crash.point("segment.writing")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, disk.FILE_MODE)
        try:
            name = _write(descriptor, batches)
            crash.point("segment.written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        crash.point("segment.synced")
        if name is None:
            temporary.unlink()
            return None
        path = folder / name
        temporary.rename(path)
        crash.point("segment.named")
        disk.sync_folder(folder)
        crash.point("segment.durable")
        return segment.opened(path)


def _write(descriptor: int, batches: Iterator[pa.RecordBatch]) -> str | None:
    sink = _Sink(descriptor)
    columns: list[list[bytes | int]] = [[] for _ in INDEX]
    with pa.PythonFile(sink, "w") as file, pa.ipc.new_stream(file, LEDGER, options=_OPTIONS) as writer:
        writer.write_batch(_NO_ROWS)  # Arrow writes the schema with the first batch: it must not be a block
        for rows in evened(batches):
            offset = sink.begin()
            writer.write_batch(rows)
            keys = rows.column(0)
            entry = (
                keys[0].as_py(),
                keys[rows.num_rows - 1].as_py(),
                rows.num_rows,
                _forgotten(rows),
                offset,
                sink.written - offset,
                sink.checksum,
            )
            for column, value in zip(columns, entry, strict=True):
                column.append(value)
    if not columns[0]:
        return None
    index = pa.BufferOutputStream()
    with pa.ipc.new_stream(index, INDEX) as writer:
        arrays = [pa.array(column, field.type) for column, field in zip(columns, INDEX, strict=True)]
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=INDEX))
    body = index.getvalue().to_pybytes()
    checksum = checksums.crc64nvme(body)
    disk.write_all(descriptor, body + TRAILER.pack(sink.written, len(body), checksum, MAGIC))
    return f"{checksum:016x}{SUFFIX}"


def _forgotten(rows: pa.RecordBatch) -> int:
    return int(pc.equal(rows.column(rows.num_columns - 1), FORGOTTEN).true_count)


class _Sink:
    """What Arrow writes into: counts bytes, and sums those since `begin`."""

    closed = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.written = 0
        self.checksum = 0

    def begin(self) -> int:
        """A block begins here."""
        self.checksum = 0
        return self.written

    def write(self, data: bytes) -> int:
        """Write, count and sum."""
        body = memoryview(data).cast("B")
        disk.write_all(self._descriptor, body)
        self.checksum = checksums.crc64nvme(body, self.checksum)
        self.written += len(body)
        return len(body)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The descriptor is the caller's."""


def evened(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in blocks of BLOCK_ROWS, the last one shorter; one block is held."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for rows in batches:
        start = 0
        while count + rows.num_rows - start >= BLOCK_ROWS:
            taken = BLOCK_ROWS - count
            waiting.append(rows.slice(start, taken))
            yield _one(waiting)
            start += taken
            waiting, count = [], 0
        if start < rows.num_rows:
            waiting.append(rows.slice(start))
            count += rows.num_rows - start
    if waiting:
        yield _one(waiting)


def _one(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)
