"""Changes between two states of one chunk: computed, and applied. Pure.

`build` stores them instead of a whole chunk when few rows of it changed; `load` applies them.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.snapshot.rows import Shape, joined


def between(shape: Shape, old: pa.RecordBatch, new: pa.RecordBatch) -> pa.RecordBatch:
    """The changes that turn `old` into `new`, by key."""
    before, after = old.column("key"), new.column("key")
    if before.equals(after):
        there, gone = old, before.slice(0, 0)
    else:
        there = old.take(pc.index_in(after, before))
        gone = before.filter(pc.invert(pc.is_in(before, value_set=after)))
    put = new.filter(pc.invert(equal_rows(there, new)))
    names = [name for name in shape.schema.names if name != "key"]
    kept = [put.column(name) for name in names]
    none = [pa.nulls(len(gone), shape.schema.field(name).type) for name in names]
    placed = [pa.repeat(value=False, size=put.num_rows), put.column("key"), *kept]
    removed = [pa.repeat(value=True, size=len(gone)), gone, *none]
    both = [pa.RecordBatch.from_arrays(one, schema=shape.patch_schema) for one in (placed, removed)]
    return _sorted(joined(both))


def apply(shape: Shape, old: pa.RecordBatch, changes: pa.RecordBatch) -> pa.RecordBatch:
    """`old` with `changes` made."""
    kept = old.filter(pc.invert(pc.is_in(old.column("key"), value_set=changes.column("key"))))
    put = changes.filter(pc.invert(changes.column("removed")))
    columns = [put.column(name) for name in shape.schema.names]
    placed = pa.RecordBatch.from_arrays(columns, schema=shape.schema)
    return _sorted(joined([kept, placed]))


def within(changes: pa.RecordBatch, after: bytes | None, upto: bytes) -> pa.RecordBatch:
    """The changes of the keys in `(after, upto]`."""
    keys = changes.column("key")
    inside = pc.less_equal(keys, pa.scalar(upto, pa.binary()))
    if after is not None:
        inside = pc.and_(inside, pc.greater(keys, pa.scalar(after, pa.binary())))
    return changes.filter(inside)


def equal_rows(left: pa.RecordBatch, right: pa.RecordBatch) -> pa.Array:
    """Per row, whether all fields are equal; absent equals absent."""
    same = pc.equal(left.column("key"), right.column("key"))
    for one, other in zip(left.columns, right.columns, strict=True):
        equal = pc.equal(one, other)
        if one.null_count or other.null_count:
            equal = pc.or_kleene(equal, pc.and_(one.is_null(), other.is_null()))
        same = pc.and_kleene(same, equal)
    return pc.fill_null(same, pa.scalar(value=False))


def _sorted(rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows.take(pc.sort_indices(rows.column("key")))
