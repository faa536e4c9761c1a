"""The ledger's rows as the tables of a snapshot, and back again: columns in, columns out.

`publication` writes snapshots with it, `seeding` reads them on a host that remembers nothing.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.model import span
from ferryline.model.page import DISTRUSTED, LEDGER
from ferryline.policy.filters import Filters
from ferryline.snapshot.rows import CONTENT, PROOFS, SOURCE

_TOKEN = ("etag", "modified_ns", "change_ns", "inode")
_PARTS_FORM = r"\A[0-9a-f]{32}-[1-9][0-9]{0,4}\z"


def selected(rows: pa.RecordBatch, filters: Filters) -> pa.RecordBatch:
    """The rows whose keys the filters select: the ledger also remembers what filters hide by now."""
    if filters.everything:
        return rows
    return rows.filter(filters.selected(rows.column("key")))


def content(rows: pa.RecordBatch) -> pa.RecordBatch:
    """CONTENT rows; every digest must be there."""
    return pa.RecordBatch.from_arrays(
        [rows.column("key"), rows.column("size"), rows.column("digest")], schema=CONTENT.schema
    )


def of_source(rows: pa.RecordBatch) -> pa.RecordBatch:
    """PROOFS rows of the source: the states that the copies were proven against."""
    count = rows.num_rows
    tokens = [rows.column(f"source_{name}") for name in _TOKEN]
    columns = [rows.column("key"), *tokens, pa.nulls(count, pa.string()), pa.array([SOURCE] * count)]
    return pa.RecordBatch.from_arrays(columns, schema=PROOFS.schema)


def of_replica(rows: pa.RecordBatch, versions: pa.Array) -> pa.RecordBatch:
    """PROOFS rows of a replica.

    Where both ETags are the same they are the proof, and the time is left out (0): the answer to a
    write does not tell it, and a receipt must not change because somebody looked again.
    """
    by_etag = pc.fill_null(
        pc.equal(rows.column("source_etag"), rows.column("destination_etag")), fill_value=False
    )
    times = pc.if_else(by_etag, 0, rows.column("destination_modified_ns"))
    columns = [
        rows.column("key"),
        rows.column("destination_etag"),
        times,
        rows.column("destination_change_ns"),
        rows.column("destination_inode"),
        versions,
        rows.column("evidence"),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PROOFS.schema)


def ledger(content_rows: pa.RecordBatch, source: pa.RecordBatch, replica: pa.RecordBatch) -> pa.RecordBatch:
    """LEDGER rows out of the three tables of a snapshot, cut at the same keys."""
    columns = [content_rows.column("key"), content_rows.column("size")]
    for proofs in (source, replica):
        columns += [proofs.column(name) for name in _TOKEN]
    columns += [content_rows.column("digest"), replica.column("evidence")]
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER)


def lacking(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows without the digest that identifies their object: MD5 of what was written in one piece and
    hashed, CRC64NVME of what came in parts or is too large to be hashed in one piece."""
    digests = rows.column("digest")
    parts = pc.fill_null(
        pc.match_substring_regex(rows.column("source_etag"), pattern=_PARTS_FORM), fill_value=False
    )
    large = pc.greater(rows.column("size"), span.PART_BUDGET_BYTES)
    is_md5 = pc.fill_null(pc.starts_with(digests, pattern="md5:"), fill_value=False)
    is_crc = pc.fill_null(pc.starts_with(digests, pattern="crc64nvme:"), fill_value=False)
    good = pc.or_(pc.and_not(is_md5, parts), pc.and_(is_crc, pc.or_(parts, large)))
    return rows.filter(pc.invert(good)) if good.false_count else rows.slice(0, 0)


def with_digests(rows: pa.RecordBatch, digests: pa.Array) -> pa.RecordBatch:
    """The same LEDGER rows with these digests."""
    columns = [
        digests if name == "digest" else column
        for name, column in zip(LEDGER.names, rows.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER)


def distrusted(rows: pa.RecordBatch) -> int:
    """How many rows were found bad and not proven since."""
    return int(pc.equal(rows.column("evidence"), DISTRUSTED).true_count)
