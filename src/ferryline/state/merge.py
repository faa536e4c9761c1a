"""Merges runs of ledger rows that each ascend by key: the newest run wins, forgotten rows go.

`ledger` reads and compacts with it. It holds one batch of each run, whatever their length; where
only one run has rows in an interval, they pass through untouched.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

FORGOTTEN = "forgotten"
"""A column of stored rows beside LEDGER's: true where the key's row was taken back."""


def merged(runs: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Batches of all keys of all runs, ascending, each key once, from the last run that has it."""
    heads: list[pa.RecordBatch | None] = [next(run, None) for run in runs]
    while True:
        for index, run in enumerate(runs):
            head = heads[index]
            while head is not None and not head.num_rows:
                head = heads[index] = next(run, None)
        live = [index for index, head in enumerate(heads) if head is not None]
        if not live:
            return
        if len(live) == 1:
            yield heads[live[0]]
            heads[live[0]] = next(runs[live[0]], None)
            continue
        horizon = min(_last(heads[index]) for index in live)
        parts: list[pa.RecordBatch] = []
        for index in live:
            before, heads[index] = split(heads[index], horizon)
            if before.num_rows:
                parts.append(before)
        yield parts[0] if len(parts) == 1 else newest(parts)


def newest(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch, ascending by key, of several that may share keys; a later part wins over an earlier one.

    Within a part, a later row wins too, so unsorted rows that were put one after another may come.
    """
    rows = pa.concat_batches(list(parts))
    if rows.num_rows < 2:
        return rows
    positions = pa.array(range(rows.num_rows), pa.int64())
    columns = pa.table({"key": rows.column(0), "position": positions})
    order = pc.sort_indices(columns, sort_keys=[("key", "ascending"), ("position", "descending")])
    ordered = rows.take(order)
    keys = ordered.column(0)
    changes = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1))
    return ordered.filter(pa.concat_arrays([pa.array([True]), changes]))


def split(rows: pa.RecordBatch, horizon: bytes) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows at or before `horizon`, and those after it; without a copy."""
    keys = rows.column(0)
    if _last(rows) <= horizon:
        return rows, rows.slice(rows.num_rows)
    low, high = 0, rows.num_rows - 1
    while low < high:
        middle = (low + high) // 2
        if keys[middle].as_py() <= horizon:
            low = middle + 1
        else:
            high = middle
    return rows.slice(0, low), rows.slice(low)


def _last(rows: pa.RecordBatch | None) -> bytes:
    if rows is None:
        return b""
    key: bytes = rows.column(0)[rows.num_rows - 1].as_py()
    return key


def kept(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows that were not taken back, as LEDGER rows."""
    forgotten = rows.column(rows.num_columns - 1)
    if pc.any(forgotten).as_py():
        rows = rows.filter(pc.invert(forgotten))
    return rows.remove_column(rows.num_columns - 1)
