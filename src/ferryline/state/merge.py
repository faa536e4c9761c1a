"""Merges runs of ledger rows that each ascend by key: the newest run wins, forgotten rows go.

`ledger` reads with it and `update` merges segments with it. It holds one batch of each run, whatever
their length; where only one run has rows in an interval, they pass through untouched.
"""

import itertools
from collections.abc import Iterator, Sequence
from enum import Enum, auto

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.model.page import LEDGER
from ferryline.state import bounds
from ferryline.state.bounds import Bounds
from ferryline.state.segment import FORGOTTEN, Segment

EMPTY = pa.RecordBatch.from_pylist([], schema=LEDGER)


class Forgotten(Enum):
    """What becomes of rows that take an older row back."""

    DROP = auto()
    """There is no older segment: a reader's view, or a merge with the oldest one."""
    KEEP = auto()


def rows_of(segments: Sequence[Segment], inside: Bounds, forgotten: Forgotten) -> Iterator[pa.RecordBatch]:
    """The rows of all segments (oldest first) inside bounds: strictly ascending, each key's newest row."""
    runs = [one.batches(inside) for one in segments]
    merged_rows = runs[0] if len(runs) == 1 else merged(runs)
    drops = forgotten is Forgotten.DROP and any(one.forgotten for one in segments)
    for rows in merged_rows:
        found = without_forgotten(rows) if drops else rows
        if found.num_rows:
            yield found


def merged(runs: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Batches of all keys of all runs, ascending, each key once, from the last run that has it."""
    heads = [_Head(run) for run in runs]
    while True:
        heads = [head for head in heads if head.fill()]
        if not heads:
            return
        if len(heads) == 1:
            yield heads[0].take_all()
            continue
        horizon = min(head.last for head in heads)
        parts = [part for part in (head.take(horizon) for head in heads) if part.num_rows]
        yield parts[0] if len(parts) == 1 else newest(parts)


class _Head:
    """The rows of one run that were not merged yet: never more than one batch."""

    def __init__(self, run: Iterator[pa.RecordBatch]) -> None:
        self._run = run
        self._rows = EMPTY
        self.last = b""

    def fill(self) -> bool:
        """Fetch the next batch where this one is used up; false at the end of the run."""
        while not self._rows.num_rows:
            following = next(self._run, None)
            if following is None:
                return False
            self._rows = following
            if following.num_rows:
                self.last = following.column(0)[following.num_rows - 1].as_py()
        return True

    def take(self, horizon: bytes) -> pa.RecordBatch:
        """The rows at or before `horizon`."""
        if self.last <= horizon:
            return self.take_all()
        count = bounds.position(self._rows.column(0), bounds.after(horizon))
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return taken

    def take_all(self) -> pa.RecordBatch:
        """What is left of the batch."""
        taken, self._rows = self._rows, EMPTY
        return taken


def newest(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch, strictly ascending, of batches in any order; of rows that share a key the last one stays."""
    parts = [part for part in parts if part.num_rows]
    if not parts:
        return EMPTY
    ordered = _disjoint(parts)
    if ordered is not None:
        return ordered[0] if len(ordered) == 1 else pa.concat_batches(ordered)
    rows = pa.concat_batches(parts)
    rows = rows.take(pc.sort_indices(rows.column(0)))  # stable: of equal keys the last put is last
    keys = rows.column(0)
    ends = pc.not_equal(keys.slice(0, len(keys) - 1), keys.slice(1))
    if ends.false_count == 0:
        return rows
    return rows.filter(pa.concat_arrays([ends, pa.array([True])]))


def _disjoint(parts: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch] | None:
    """The batches in an order in which all their keys ascend, or None: what ranges listed at once give."""
    found: list[tuple[bytes, bytes, pa.RecordBatch]] = []
    for part in parts:
        keys = part.column(0)
        if not pc.all(pc.less(keys.slice(0, len(keys) - 1), keys.slice(1)), min_count=0).as_py():
            return None
        found.append((keys[0].as_py(), keys[len(keys) - 1].as_py(), part))
    found.sort(key=lambda one: one[0])
    if any(left[1] >= right[0] for left, right in itertools.pairwise(found)):
        return None
    return [part for _, _, part in found]


def without_forgotten(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows that take nothing back."""
    kept = pc.not_equal(rows.column(rows.num_columns - 1), FORGOTTEN)
    return rows if kept.false_count == 0 else rows.filter(kept)
