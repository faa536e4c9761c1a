"""The two tables of a snapshot, as Arrow schemas: what is there, and one replica's proof of it.

`CONTENT` is the snapshot itself: only it has an identity that is the same everywhere. `PROOFS` is a
replica's receipt. Both are sorted by key, cut at the same keys and stored the same way.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.digest import Digest, Evidence
from ferryline.model.entry import Entry
from ferryline.model.key import printable
from ferryline.model.page import DISTRUSTED

_CANONICAL_DIGEST = r"^(md5:[0-9a-f]{32}|crc64nvme:[0-9a-f]{16})$"
"""The digests that identify content. A cryptographic digest, where there is one, is no part of identity."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the tables: its name in documents and domains of hashing, its schema, its folder."""

    name: str
    schema: pa.Schema
    folder: bytes

    @property
    def patch_schema(self) -> pa.Schema:
        """Changes of this table: a row to put, or a key to remove (then all but the key is null)."""
        rest = [field.with_nullable(nullable=True) for field in self.schema if field.name != "key"]
        return pa.schema([pa.field("removed", pa.bool_(), nullable=False), self.schema.field("key"), *rest])


CONTENT = Shape(
    "rows",
    pa.schema(
        [
            pa.field("key", pa.binary(), nullable=False),
            pa.field("size", pa.int64(), nullable=False),
            pa.field("digest", pa.binary(), nullable=False),  # str(Digest) as ASCII: md5 or crc64nvme
        ]
    ),
    b"chunks/",
)

PROOFS = Shape(
    "proofs",
    pa.schema(
        [
            pa.field("key", pa.binary(), nullable=False),
            pa.field("etag", pa.binary()),  # without quotes; null for files
            pa.field("modified_ns", pa.int64(), nullable=False),
            pa.field("change_ns", pa.int64()),  # files
            pa.field("inode", pa.int64()),  # files
            pa.field("version_id", pa.string()),  # where the replica keeps versions
            pa.field("evidence", pa.string(), nullable=False),  # an Evidence value, DISTRUSTED, or SOURCE
        ]
    ),
    b"receipts/",
)

SOURCE = "source"
"""The evidence of a source's own receipt: it is what the copies were compared with."""

EVIDENCES = frozenset({*(one.value for one in Evidence), DISTRUSTED, SOURCE})


def check(shape: Shape, rows: pa.RecordBatch, last: bytes | None) -> None:
    """Raise `BrokenInvariant` unless `rows` are of the shape and strictly ascend from after `last`."""
    if rows.schema != shape.schema:
        raise _broken(f"rows have the schema {rows.schema.names}, not that of {shape.name}")
    if not rows.num_rows:
        return
    for field in shape.schema:
        if not field.nullable and rows.column(field.name).null_count:
            raise _broken(f"the column {field.name} of {shape.name} has nulls")
    keys = rows.column("key")
    ascending = pc.all(pc.greater(keys[1:], keys[:-1])).as_py() if len(keys) > 1 else True
    if not ascending or (last is not None and keys[0].as_py() <= last):
        raise _broken(f"keys do not ascend at or after {printable(keys[0].as_py())}")
    if shape is CONTENT:
        _check_content(rows)
    else:
        unknown = set(pc.unique(rows.column("evidence")).to_pylist()) - EVIDENCES
        if unknown:
            raise _broken(f"{sorted(unknown)} is no evidence")


def _check_content(rows: pa.RecordBatch) -> None:
    if pc.min(rows.column("size")).as_py() < 0:
        raise _broken("a size is negative")
    canonical = pc.match_substring_regex(rows.column("digest"), _CANONICAL_DIGEST)
    if not pc.all(canonical).as_py():
        index = pc.index(canonical, pa.scalar(value=False)).as_py()
        key = printable(rows.column("key")[index].as_py())
        raise _broken(f"the digest of {key} is no canonical MD5 or CRC64NVME")


def _broken(what: str) -> errors.BrokenInvariant:
    return errors.BrokenInvariant(
        f"a snapshot cannot be made: {what}", advice="report it; nothing was published"
    )


def joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Several batches of one schema, at least one, as one."""
    if len(batches) == 1:
        return batches[0]
    filled = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return filled[0] if filled else batches[0]


def content_rows(entries: list[tuple[bytes, int, Digest]]) -> pa.RecordBatch:
    """Turn (key, size, digest) in key order into one CONTENT batch."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([key for key, _, _ in entries], pa.binary()),
            pa.array([size for _, size, _ in entries], pa.int64()),
            pa.array([str(digest).encode() for _, _, digest in entries], pa.binary()),
        ],
        schema=CONTENT.schema,
    )


def proof_rows(proofs: list[tuple[Entry, str]]) -> pa.RecordBatch:
    """Turn (entry at the replica, evidence) in key order into one PROOFS batch."""
    entries = [entry for entry, _ in proofs]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([one.key for one in entries], pa.binary()),
            pa.array([one.token.etag for one in entries], pa.binary()),
            pa.array([one.token.modified_ns for one in entries], pa.int64()),
            pa.array([one.token.change_ns for one in entries], pa.int64()),
            pa.array([one.token.inode for one in entries], pa.int64()),
            pa.array([one.token.version_id for one in entries], pa.string()),
            pa.array([evidence for _, evidence in proofs], pa.string()),
        ],
        schema=PROOFS.schema,
    )
