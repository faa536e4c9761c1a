"""One sorted file of ledger rows, and its index: written once, read by range, never changed.

`ledger` owns a list of them. The index holds the first key of every batch, so that a range is found
without reading what lies before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ferryline import crash, errors
from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import LEDGER
from ferryline.state import disk, merge

BATCH_ROWS = 8192
STORED = LEDGER.append(pa.field(merge.FORGOTTEN, pa.bool_(), nullable=False))
"""LEDGER's columns and whether the row was taken back."""
_INDEX = pa.schema(
    [pa.field("first", pa.binary(), nullable=False), pa.field("rows", pa.int64(), nullable=False)]
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A written segment: `firsts` are the first keys of its batches, `rows` how many rows it holds."""

    path: Path
    firsts: tuple[bytes, ...]
    rows: int

    def batches(self, keys: KeyRange = EVERYTHING) -> Iterator[pa.RecordBatch]:
        """The stored rows of `keys`, ascending, a batch at a time."""
        low, high = keys.after, keys.upto
        if keys.prefix and (low is None or low < keys.prefix):
            low = keys.prefix
        start = max(0, _before(self.firsts, low))
        if not self.firsts:
            return
        with disk.failing(self.path), pa.OSFile(str(self.path), "rb") as source:
            reader = _reader(source, self.path)
            for number in range(start, len(self.firsts)):
                first = self.firsts[number]
                if high is not None and first > high:
                    return
                if keys.prefix and first > keys.prefix and not first.startswith(keys.prefix):
                    return
                rows = within(reader.get_batch(number), keys)
                if rows.num_rows:
                    yield rows


def write(path: Path, batches: Iterator[pa.RecordBatch]) -> Segment:
    """Write a segment durably from STORED batches that ascend by key."""
    firsts: list[bytes] = []
    counts: list[int] = []
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with disk.failing(path):
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, STORED, options=options) as writer:
            for rows in _evened(batches):
                firsts.append(rows.column(0)[0].as_py())
                counts.append(rows.num_rows)
                writer.write_batch(rows)
        index = pa.RecordBatch.from_arrays(
            [pa.array(firsts, pa.binary()), pa.array(counts, pa.int64())], schema=_INDEX
        )
        with pa.OSFile(str(_index_of(path)), "wb") as sink, pa.ipc.new_file(sink, _INDEX) as writer:
            writer.write_batch(index)
        crash.point("state.segment.written")
        for one in (path, _index_of(path)):
            one.chmod(0o600)
            disk.sync_file(one)
        disk.sync_folder(path.parent)
    crash.point("state.segment.synced")
    return Segment(path, tuple(firsts), sum(counts))


def open_segment(path: Path) -> Segment:
    """A segment that was written before. Raises DiskFailed when it is gone or damaged."""
    with disk.failing(path), pa.OSFile(str(_index_of(path)), "rb") as source:
        rows = _reader(source, path).read_all()
    return Segment(path, tuple(rows.column(0).to_pylist()), sum(rows.column(1).to_pylist()))


def remove(path: Path) -> None:
    """Remove a segment that nothing refers to any more."""
    path.unlink(missing_ok=True)
    _index_of(path).unlink(missing_ok=True)


def within(rows: pa.RecordBatch, keys: KeyRange) -> pa.RecordBatch:
    """The rows of an ascending batch that lie in `keys`, without a copy."""
    low, high = keys.after, keys.upto
    if low is not None and rows.num_rows:
        rows = merge.split(rows, low)[1]
    if keys.prefix and rows.num_rows:
        # Keys that start with the prefix come right after those before it.
        rows = rows.slice(_first_at(rows, keys.prefix))
    if high is not None and rows.num_rows:
        rows = merge.split(rows, high)[0]
    if keys.prefix and rows.num_rows:
        end = _first_beyond(rows, keys.prefix)
        rows = rows.slice(0, end)
    return rows


def _first_at(rows: pa.RecordBatch, key: bytes) -> int:
    """Index of the first row at or after `key`."""
    column, low, high = rows.column(0), 0, rows.num_rows
    while low < high:
        middle = (low + high) // 2
        if column[middle].as_py() < key:
            low = middle + 1
        else:
            high = middle
    return low


def _first_beyond(rows: pa.RecordBatch, prefix: bytes) -> int:
    """Index of the first row that does not start with `prefix`, in rows that all lie at or after it."""
    column, low, high = rows.column(0), 0, rows.num_rows
    while low < high:
        middle = (low + high) // 2
        if column[middle].as_py().startswith(prefix):
            low = middle + 1
        else:
            high = middle
    return low


def _before(firsts: tuple[bytes, ...], key: bytes | None) -> int:
    """The number of the batch that may hold the first key after `key`."""
    if key is None:
        return 0
    low, high = 0, len(firsts)
    while low < high:
        middle = (low + high) // 2
        if firsts[middle] <= key:
            low = middle + 1
        else:
            high = middle
    return low - 1


def _evened(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of BATCH_ROWS, so that the index is as fine as it should be."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for rows in batches:
        waiting.append(rows)
        count += rows.num_rows
        while count >= BATCH_ROWS:
            whole = pa.concat_batches(waiting)
            yield whole.slice(0, BATCH_ROWS)
            rest = whole.slice(BATCH_ROWS)
            waiting, count = [rest], rest.num_rows
    if count:
        yield pa.concat_batches(waiting)


def _index_of(path: Path) -> Path:
    return path.with_suffix(".index")


def _reader(source: pa.NativeFile, path: Path) -> pa.ipc.RecordBatchFileReader:
    try:
        return pa.ipc.open_file(source)
    except pa.ArrowInvalid as problem:
        raise errors.DiskFailed(
            f"{path} in the state folder is damaged",
            advice="remove the folder it lies in; it is rebuilt by comparing the stores",
            place=str(path),
        ) from problem
