"""Columnar values: pages of a listing, joined pages, and the ledger's rows, as Arrow schemas.

Python objects exist only for keys that differ; everything else stays in columns. All key columns
are `binary`, in strictly ascending byte order within a page and from page to page.
"""

from dataclasses import dataclass

import pyarrow as pa

from ferryline.model.entry import Entry, Token
from ferryline.model.key import KeyRange

LISTING = pa.schema(
    [
        pa.field("key", pa.binary(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("etag", pa.binary()),  # without quotes; null for files
        pa.field("modified_ns", pa.int64(), nullable=False),  # epoch nanoseconds, UTC
        pa.field("change_ns", pa.int64()),  # files: ctime
        pa.field("inode", pa.int64()),  # files
        pa.field("storage_class", pa.string()),  # null: standard or unknown
    ]
)
"""One row per object of one store."""

LEDGER = pa.schema(
    [
        pa.field("key", pa.binary(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("source_etag", pa.binary()),
        pa.field("source_modified_ns", pa.int64(), nullable=False),
        pa.field("source_change_ns", pa.int64()),
        pa.field("source_inode", pa.int64()),
        pa.field("destination_etag", pa.binary()),
        pa.field("destination_modified_ns", pa.int64(), nullable=False),
        pa.field("destination_change_ns", pa.int64()),
        pa.field("destination_inode", pa.int64()),
        pa.field("digest", pa.binary()),  # str(Digest) as ASCII; null when unknown
        pa.field("evidence", pa.string(), nullable=False),  # an Evidence value, or DISTRUSTED
    ]
)
"""One row per proven pair of one (source, destination)."""

DISTRUSTED = "distrusted"
"""The evidence of a ledger row that a verification found bad: never same until proven again."""


def joined_schema() -> pa.Schema:
    """The columns of a `JoinedPage`: key, then source_*, destination_* and ledger_* (null: not there)."""
    fields = [pa.field("key", pa.binary(), nullable=False)]
    for side in ("source", "destination"):
        fields += [pa.field(f"{side}_{one.name}", one.type) for one in LISTING if one.name != "key"]
    fields += [pa.field(f"ledger_{one.name}", one.type) for one in LEDGER if one.name != "key"]
    return pa.schema(fields)


JOINED = joined_schema()


@dataclass(frozen=True, slots=True)
class Page:
    """One validated page of one store: `rows` has the LISTING schema; `upto` is how far it proves.

    Every key of the store that lies after the previous page's `upto` and at or before this one's
    is in `rows`. `upto=None` marks the last page of the range.
    """

    rows: pa.RecordBatch
    upto: bytes | None


@dataclass(frozen=True, slots=True)
class JoinedPage:
    """Source, destination and ledger rows of one interval of one range, aligned by key.

    `rows` has the JOINED schema, ascending by key. A side is absent where its `…_size` is null.
    `complete` is true on the last page of the range: only then is the range proven on both sides.
    """

    range: KeyRange
    rows: pa.RecordBatch
    complete: bool


def entry_at(rows: pa.RecordBatch, index: int, side: str) -> Entry | None:
    """The `source` or `destination` Entry of one joined row, or None where that side is absent."""
    size = rows.column(f"{side}_size")[index].as_py()
    if size is None:
        return None
    return Entry(
        key=rows.column("key")[index].as_py(),
        size_bytes=size,
        token=Token(
            etag=rows.column(f"{side}_etag")[index].as_py(),
            modified_ns=rows.column(f"{side}_modified_ns")[index].as_py(),
            change_ns=rows.column(f"{side}_change_ns")[index].as_py(),
            inode=rows.column(f"{side}_inode")[index].as_py(),
        ),
        storage_class=rows.column(f"{side}_storage_class")[index].as_py(),
    )


def listing_rows(entries: list[Entry]) -> pa.RecordBatch:
    """Turn entries (already in key order) into one LISTING batch."""
    return pa.RecordBatch.from_arrays(
        [
            pa.array([one.key for one in entries], pa.binary()),
            pa.array([one.size_bytes for one in entries], pa.int64()),
            pa.array([one.token.etag for one in entries], pa.binary()),
            pa.array([one.token.modified_ns for one in entries], pa.int64()),
            pa.array([one.token.change_ns for one in entries], pa.int64()),
            pa.array([one.token.inode for one in entries], pa.int64()),
            pa.array([one.storage_class for one in entries], pa.string()),
        ],
        schema=LISTING,
    )
