"""Rows as Parquet and back. The bytes may differ between library versions; what they say may not.

`build` writes and `load` reads with it. Nothing read here is believed: the caller compares the
identity of the rows with the one that was asked for.
"""

import pyarrow as pa
from pyarrow import parquet

_ENCODINGS = {
    "key": "DELTA_BYTE_ARRAY",  # sorted keys share long prefixes
    "size": "DELTA_BINARY_PACKED",
    "modified_ns": "DELTA_BINARY_PACKED",
    "change_ns": "DELTA_BINARY_PACKED",
    "inode": "DELTA_BINARY_PACKED",
}
_DICTIONARY = ["evidence"]


def pack(rows: pa.RecordBatch) -> bytes:
    """One Parquet file with these rows, compressed."""
    sink = pa.BufferOutputStream()
    names = rows.schema.names
    parquet.write_table(
        pa.Table.from_batches([rows]),
        sink,
        compression="zstd",
        use_dictionary=[name for name in _DICTIONARY if name in names],
        column_encoding={name: _ENCODINGS[name] for name in names if name in _ENCODINGS},
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def unpack(body: bytes, schema: pa.Schema, most_rows: int) -> pa.RecordBatch:
    """The rows of a file in the given schema. Raises ValueError, with the reason, for anything else."""
    try:
        opened = parquet.ParquetFile(pa.BufferReader(body))
        if opened.metadata.num_rows > most_rows:
            raise ValueError(
                f"it has {opened.metadata.num_rows} rows where at most {most_rows} were expected"
            )
        if sorted(opened.schema_arrow.names) != sorted(schema.names):
            raise ValueError(f"it has the columns {', '.join(opened.schema_arrow.names)}")
        # Threads of Arrow's own do not pay for files this small; the caller has several at once.
        table = opened.read(use_threads=False).select(schema.names)
        batches = (table if table.schema == schema else table.cast(schema)).combine_chunks().to_batches()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"it is no Parquet file of these rows: {error}") from error
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)
