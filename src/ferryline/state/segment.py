"""One sorted file of ledger rows: written once, read by block, never changed. Its format and its reader.

`version` opens the segments that count; `merge` and `lookup` read them. A segment is an Arrow IPC
stream of the LEDGER schema (any Arrow reader can look inside), followed by an index of its blocks and
a trailer. Only the index is kept in memory: a block is read when it is asked for, and believed only
when its checksum is the one in the index.
"""

import os
import struct
import weakref
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from awscrt import checksums

from ferryline import errors
from ferryline.model.page import LEDGER
from ferryline.state import disk
from ferryline.state.bounds import EVERYTHING, Bounds

BLOCK_ROWS = 4096
"""Rows of a block at most: about a megabyte in memory, a third of that on the disk."""

FORGOTTEN = "forgotten"
"""The `evidence` of a stored row that takes an older segment's row back. Never given out."""

MAGIC = b"FERRYLG1"
TRAILER = struct.Struct("<QQQ8s")  # where the index begins, its bytes, its checksum, MAGIC
INDEX = pa.schema(
    [
        pa.field("first", pa.binary(), nullable=False),
        pa.field("last", pa.binary(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("forgotten", pa.int64(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("checksum", pa.uint64(), nullable=False),
    ]
)

_SCHEMA = LEDGER.serialize().to_pybytes()
_KEYS_ONLY = pa.ipc.IpcReadOptions(included_fields=[0])


@dataclass(frozen=True, slots=True)
class Block:
    """One row of the index: a block's keys, counts, place in the file and CRC64NVME."""

    first: bytes
    last: bytes
    rows: int
    forgotten: int
    offset: int
    size: int
    checksum: int


class Segment:
    """An opened segment. The file is closed when nobody refers to it any more, even if it was removed."""

    def __init__(self, path: Path, descriptor: int, blocks: tuple[Block, ...]) -> None:
        self.path = path
        self.blocks = blocks
        self.rows = sum(block.rows for block in blocks)
        self.forgotten = sum(block.forgotten for block in blocks)
        self._lasts = [block.last for block in blocks]
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @property
    def name(self) -> str:
        """The file's name, which is made from its contents."""
        return self.path.name

    def within(self, bounds: Bounds) -> range:
        """The numbers of the blocks that may hold keys inside `bounds`."""
        start = bisect_left(self._lasts, bounds.low)
        end = start
        while end < len(self.blocks) and (bounds.high is None or self.blocks[end].first < bounds.high):
            end += 1
        return range(start, end)

    def read(self, number: int) -> pa.RecordBatch:
        """One block, forgotten rows included. Raises DiskFailed when it is not what was written."""
        body = self._believed(number)
        return pa.ipc.read_record_batch(pa.ipc.read_message(pa.py_buffer(body)), LEDGER)

    def keys(self, number: int) -> pa.Array:
        """The keys of one block; the other columns are not decompressed, which is most of the cost."""
        stream = pa.py_buffer(_SCHEMA + self._believed(number))
        return pa.ipc.open_stream(stream, options=_KEYS_ONLY).read_next_batch().column(0)

    def _believed(self, number: int) -> bytes:
        block = self.blocks[number]
        body = _read(self._descriptor, block.offset, block.size, self.path)
        if len(body) != block.size or checksums.crc64nvme(body) != block.checksum:
            raise damaged(self.path, f"the rows from byte {block.offset} on are not what was written")
        return body

    def batches(self, bounds: Bounds = EVERYTHING) -> Iterator[pa.RecordBatch]:
        """The rows inside `bounds`, ascending, a block at a time, forgotten rows included."""
        for number in self.within(bounds):
            rows = bounds.of(self.read(number))
            if rows.num_rows:
                yield rows


def opened(path: Path) -> Segment:
    """Open a segment. Raises FileNotFoundError when it is gone, DiskFailed when it is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as problem:
        with disk.failing(path):
            raise problem
    try:
        blocks = _index(descriptor, path)
    except errors.FerrylineError:
        os.close(descriptor)
        raise
    return Segment(path, descriptor, blocks)


def damaged(path: Path, what: str) -> errors.DiskFailed:
    """A segment that is not what was written."""
    return disk.damaged(path, what, f"remove the folder {path.parent}")


def _index(descriptor: int, path: Path) -> tuple[Block, ...]:
    with disk.failing(path):
        end = os.fstat(descriptor).st_size - TRAILER.size
    if end < 0:
        raise damaged(path, "it is too short")
    offset, size, checksum, magic = TRAILER.unpack(_read(descriptor, end, TRAILER.size, path))
    if magic != MAGIC or offset + size != end:
        raise damaged(path, "its end is missing")
    body = _read(descriptor, offset, size, path)
    if checksums.crc64nvme(body) != checksum:
        raise damaged(path, "its index is not what was written")
    table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    return tuple(Block(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True))


def _read(descriptor: int, offset: int, size: int, path: Path) -> bytes:
    with disk.failing(path):
        return os.pread(descriptor, size, offset)
