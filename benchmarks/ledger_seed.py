"""Writes the ledger that a copy of a synthetic keyspace would have left, through `ferryline.state`.

    python -m benchmarks.ledger_seed --keys 1000000 --state DIR 's3://src/?endpoint_url=…' 's3://dst/?endpoint_url=…'

For the row whose ETags are unequal on purpose: only a ledger can say that such objects are the same.
It runs as a process of its own, because its memory must not be counted to anybody.
"""

import argparse
import calendar
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from benchmarks.keyspace import ETagForm, Keyspace, Row, Side
from ferryline.clock import SystemClock
from ferryline.model.digest import Evidence
from ferryline.model.page import LEDGER
from ferryline.policy import location
from ferryline.state import open_state

BATCH_ROWS = 10_000


def batches(count: int, destination_etags: ETagForm) -> Iterator[pa.RecordBatch]:
    """LEDGER rows of all keys, ascending, as a copy between the two sides would have proven them."""
    source = Keyspace(count, Side.SOURCE)
    destination = Keyspace(count, Side.DESTINATION, destination_etags)
    for start in range(0, count, BATCH_ROWS):
        indexes = range(start, min(count, start + BATCH_ROWS))
        left, right = [source.row(index) for index in indexes], [destination.row(index) for index in indexes]
        columns = [
            pa.array([row.key for row in left], pa.binary()),
            pa.array([row.size_bytes for row in left], pa.int64()),
        ]
        for rows in (left, right):
            columns += [
                pa.array([row.etag for row in rows], pa.binary()),
                pa.array([_modified_ns(row) for row in rows], pa.int64()),
                pa.nulls(len(rows), pa.int64()),
                pa.nulls(len(rows), pa.int64()),
            ]
        evidence = pa.array([Evidence.READ_BACK.value] * len(left), pa.string())
        columns += [pa.nulls(len(left), pa.binary()), evidence]
        yield pa.RecordBatch.from_arrays(columns, schema=LEDGER)


def _modified_ns(row: Row) -> int:
    return calendar.timegm((2025, *row.modified)) * 1_000_000_000


def main(arguments: list[str] | None = None) -> None:
    """Seed one ledger."""
    parser = argparse.ArgumentParser(prog="benchmarks.ledger_seed", description=__doc__)
    parser.add_argument("--keys", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--destination-etags", choices=[form.value for form in ETagForm], default="parts")
    parser.add_argument("source")
    parser.add_argument("destination")
    options = parser.parse_args(arguments)
    source, destination = location.parse(options.source), location.parse(options.destination)
    with open_state(options.state, SystemClock()) as state:
        ledger = state.ledger(source.identity, destination.identity)
        with ledger.update() as update:
            for rows in batches(options.keys, ETagForm(options.destination_etags)):
                update.put(rows)
            update.commit()
        if ledger.rows_count != options.keys:
            raise SystemExit(f"{ledger.rows_count} rows were written instead of {options.keys}")


if __name__ == "__main__":
    main()
