"""Ground for the state tests: a clock that stands still, ledger rows from short words, what lies on the disk."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import LEDGER
from ferryline.state import open_state
from ferryline.state.ledger import Ledger


class StillClock:
    """Time that moves only when a test moves it."""

    def __init__(self):
        self.moment = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

    def now(self):
        return self.moment

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)


def opened(folder, clock=None):
    return open_state(folder, clock or StillClock())


def ledger_in(folder) -> Ledger:
    return opened(folder).ledger("s3://a/", "s3://b/")


def row(key: bytes, version: int = 0, evidence: str = "etag-md5") -> tuple:
    """One LEDGER row whose values all follow from its key and a version; every second one has nulls."""
    etag = b"%032x" % version if version % 2 else None
    return (
        key,
        version,
        etag,
        version * 10,
        None,
        7 if version % 3 else None,
        b"e%d" % version,
        version,
        None,
        None,
        None,
        evidence,
    )


def batch(rows: list[tuple]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in LEDGER]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, LEDGER, strict=True)], schema=LEDGER
    )


def held(ledger: Ledger, keys: KeyRange = EVERYTHING) -> list[tuple]:
    """Every row the ledger gives out, as tuples; checks schema and order on the way."""
    found: list[tuple] = []
    for rows in ledger.rows(keys):
        assert rows.schema.equals(LEDGER)
        assert rows.num_rows
        found += zip(*(column.to_pylist() for column in rows.columns), strict=True)
    assert all(left[0] < right[0] for left, right in zip(found, found[1:], strict=False))
    return found


def put(ledger: Ledger, rows: list[tuple], forget: list[bytes] = ()) -> None:
    with ledger.update() as update:
        if rows:
            update.put(batch(rows))
        if forget:
            update.forget(pa.array(forget, pa.binary()))
        update.commit()


def on_disk(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a folder with its inode, time of change and bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
