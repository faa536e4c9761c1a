"""The canonical bytes of rows, and the identities made of them; in words: docs/reference/snapshot-format.md.

Everything that has a name by content asks here. The bytes depend on values alone: not on batches,
Arrow versions, ranges or workers. All integers are little endian.
"""

import sys

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from ferryline.snapshot.rows import Shape

ID_HEX = 64
"""Length of an identity in text: 32 bytes of BLAKE3 in lower-case hexadecimal."""


def encode(rows: pa.RecordBatch) -> pa.Array:
    """One binary value per row: its fields in the schema's order, each self-delimiting."""
    if sys.byteorder != "little":  # the views below read Arrow's native buffers
        raise NotImplementedError("identities are computed on little-endian machines only")
    parts: list[pa.Array | pa.Scalar] = []
    for index, field in enumerate(rows.schema):
        parts += _field(rows.column(index), field)
    return pc.binary_join_element_wise(*parts, b"")


_ABSENT = pa.scalar(b"\x00")
_PRESENT = pa.scalar(b"\x01")


def _field(column: pa.Array, field: pa.Field) -> list[pa.Array | pa.Scalar]:
    """The parts of one field, to be joined; the common cases of all or none absent cost nothing extra."""
    if not field.nullable:
        return _value(column, field.type)
    if column.null_count == len(column):
        return [_ABSENT]
    if not column.null_count:
        return [_PRESENT, *_value(column, field.type)]
    value = _value(column.fill_null(_ZERO[field.type]), field.type)
    return [pc.if_else(column.is_null(), _ABSENT, pc.binary_join_element_wise(_PRESENT, *value, b""))]


_ZERO = {pa.int64(): 0, pa.binary(): b"", pa.string(): "", pa.bool_(): False}


def _value(column: pa.Array, kind: pa.DataType) -> list[pa.Array | pa.Scalar]:
    if kind == pa.bool_():
        return [_raw(column.cast(pa.uint8()), 1)]
    if kind == pa.int64():
        return [_raw(column, 8)]
    return [_raw(pc.binary_length(column), 4), column.cast(pa.binary())]


def _raw(numbers: pa.Array, width: int) -> pa.Array:
    """The numbers' own bytes as binary values."""
    buffer = numbers.buffers()[1]
    view = pa.Array.from_buffers(pa.binary(width), len(numbers), [None, buffer], offset=numbers.offset)
    return view.cast(pa.binary())


def chunk_id(shape: Shape, rows: pa.RecordBatch) -> str:
    """The identity of some rows of a table."""
    return _digest(f"ferryline {shape.name} 1\n", rows)


def patch_id(shape: Shape, rows: pa.RecordBatch) -> str:
    """The identity of some changes of a table."""
    return _digest(f"ferryline patch of {shape.name} 1\n", rows)


def root_id(shape: Shape, chunk_ids: list[str]) -> str:
    """The identity of a whole table: for CONTENT this is the snapshot's id."""
    hasher = blake3(f"ferryline root of {shape.name} 1\n".encode())
    for one in chunk_ids:
        hasher.update(bytes.fromhex(one))
    return hasher.hexdigest()


def _digest(domain: str, rows: pa.RecordBatch) -> str:
    hasher = blake3(domain.encode())
    if rows.num_rows:
        encoded = encode(rows)
        hasher.update(memoryview(encoded.buffers()[2])[: pc.sum(pc.binary_length(encoded)).as_py()])
    return hasher.hexdigest()
