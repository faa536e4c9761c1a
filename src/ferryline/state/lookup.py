"""What a ledger holds of given keys, and which given rows say anything new. Reads only the blocks needed.

`update` asks before every checkpoint, so that a row that is already there is never written again;
`ledger` asks for the rows it distrusts.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.state import bounds, merge
from ferryline.state.segment import FORGOTTEN, Segment

_LEAPS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that differ from what the ledger holds, ascending, and by how many rows it grows (or shrinks)."""

    rows: pa.RecordBatch
    growth: int


def held(segments: Sequence[Segment], keys: pa.Array) -> pa.RecordBatch:
    """The newest stored row of each of these keys (ascending, each once), in no order, forgotten included."""
    found: list[pa.RecordBatch] = []
    for one in reversed(segments):
        if not len(keys):
            break
        hits = list(_hits(one, keys))
        if hits:
            found += hits
            known = pa.concat_arrays([rows.column(0) for rows in hits])
            keys = keys.filter(pc.invert(pc.is_in(keys, value_set=known)))
    return pa.concat_batches(found) if found else merge.EMPTY


def _hits(one: Segment, keys: pa.Array) -> Iterator[pa.RecordBatch]:
    """The rows of one segment with these keys; only blocks whose span holds one of them are read."""
    wanted = keys.to_pylist()
    start = 0
    for number, block in enumerate(one.blocks):
        start = bisect_left(wanted, block.first, start)
        end = bisect_right(wanted, block.last, start)
        if start < end and _may_share(one.keys(number), wanted[start:end]):
            rows = one.read(number)
            rows = rows.filter(pc.is_in(rows.column(0), value_set=keys.slice(start, end - start)))
            if rows.num_rows:
                yield rows
        if end == len(wanted):
            return
        start = end


def _may_share(there: pa.Array, wanted: list[bytes]) -> bool:
    """Whether a few leaps over both sorted lists meet a common key, or do not come to an end.

    New keys mostly fall into one gap of a block: that of two ranges which were listed at once.
    """
    start = 0
    for _ in range(_LEAPS):
        at = bounds.position(there, wanted[start])
        if at == len(there):
            return False
        nearest = there[at].as_py()
        start = bisect_left(wanted, nearest, start)
        if start == len(wanted):
            return False
        if wanted[start] == nearest:
            return True
    return True


def change(segments: Sequence[Segment], wanted: pa.RecordBatch) -> Change:
    """What writing `wanted` (strictly ascending) would change. A row that is held so already is left out."""
    keys = wanted.column(0)
    there = held(segments, keys)
    before = there.take(pc.index_in(keys, value_set=there.column(0)))
    was = pc.fill_null(pc.not_equal(before.column(before.num_columns - 1), FORGOTTEN), fill_value=False)
    will = pc.not_equal(wanted.column(wanted.num_columns - 1), FORGOTTEN)
    unchanged = pc.and_(pc.invert(was), pc.invert(will))
    if was.true_count:
        equal = pc.and_(was, will)
        for left, right in zip(before.columns[1:], wanted.columns[1:], strict=True):
            equal = pc.and_(equal, _same(left, right))
        unchanged = pc.or_(unchanged, equal)
    rows = wanted if unchanged.true_count == 0 else wanted.filter(pc.invert(unchanged))
    return Change(rows, will.true_count - was.true_count)


def _same(left: pa.Array, right: pa.Array) -> pa.Array:
    """Null-safe equality: null equals null and nothing else."""
    equal = pc.equal(left, right)
    if not left.null_count and not right.null_count:
        return equal
    return pc.coalesce(equal, pc.and_(pc.is_null(left), pc.is_null(right)))
