"""Sorted runs on a disk: rows are written in runs of ascending keys, and read back merged into one order.

`spill` (listings) and `attestations` (checksum reports) keep more rows with it than memory would hold.
The key is the first column. Memory is one run in the making, then one batch of each run.
"""

import contextlib
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.listing import join

BATCH_ROWS = 4096


def write(held: Sequence[pa.RecordBatch], path: Path) -> None:
    """Sort what is held and write it as one run. Raises OSError."""
    rows = pa.concat_batches(held)
    store(_batches(rows.take(pc.sort_indices(rows.column(0)))), rows.schema, path)


def store(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> None:
    """Write batches that ascend already as one run. Raises OSError."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def merged(runs: Sequence[Path]) -> Generator[pa.RecordBatch, None, None]:
    """All rows of all runs in key order: whole columns up to the nearest end of a batch, then the next.

    Rows of one key stay beside each other, in no order among themselves. Raises OSError.
    """
    with contextlib.ExitStack() as files:
        readers = [pa.ipc.open_file(files.enter_context(pa.OSFile(str(path), "rb"))) for path in runs]
        positions = [0] * len(readers)
        heads: list[pa.RecordBatch] = [pa.RecordBatch.from_pylist([], schema=one.schema) for one in readers]
        while True:
            for index, reader in enumerate(readers):
                if not heads[index].num_rows and positions[index] < reader.num_record_batches:
                    heads[index] = reader.get_batch(positions[index])
                    positions[index] += 1
            ends = [head.column(0)[head.num_rows - 1].as_py() for head in heads if head.num_rows]
            if not ends:
                return
            parts = [join.split(head, min(ends)) for head in heads]
            heads = [rest for _, rest in parts]
            rows = pa.concat_batches([part for part, _ in parts if part.num_rows])
            yield rows.take(pc.sort_indices(rows.column(0)))


def _batches(rows: pa.RecordBatch) -> Iterable[pa.RecordBatch]:
    return (rows.slice(start, BATCH_ROWS) for start in range(0, rows.num_rows, BATCH_ROWS))
