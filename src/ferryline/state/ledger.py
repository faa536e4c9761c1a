"""The ledger of one (source, destination): what was proven, in sorted segments that are never changed.

`state.opening` makes it; `pipeline` reads rows by range, puts what it proved, and commits. The file
`current.json` names the segments that count, oldest first; it is replaced as a whole, so a crash
leaves the old list or the new one. Segments that no list names are removed by the next update.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from ferryline import errors
from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import DISTRUSTED, LEDGER
from ferryline.state import disk, merge, segment
from ferryline.state.segment import STORED, Segment

CHECKPOINT_ROWS = 65_536
"""Rows that wait in memory before they are made durable by themselves."""
_SEGMENTS_MAX = 8
_SMALL_SHARE = 10
"""Changes stay apart from the base while they are less than a tenth of it."""


class Ledger:
    """One version of a ledger, as it was when it was opened; `update` makes the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments, self._next = _current(folder)

    @property
    def rows_count(self) -> int:
        """How many rows it holds; an upper bound while changes lie apart from the base."""
        return sum(one.rows for one in self._segments)

    def count(self) -> int:
        """How many rows it holds, exactly; reads the keys of all changes where there are any."""
        if len(self._segments) <= 1:
            return self.rows_count
        return sum(rows.num_rows for rows in self.rows())

    def rows(self, keys: KeyRange = EVERYTHING) -> Iterator[pa.RecordBatch]:
        """The rows of `keys` as LEDGER batches, strictly ascending by key. Memory: one batch a segment."""
        for rows in merge.merged([one.batches(keys) for one in self._segments]):
            found = merge.kept(rows)
            if found.num_rows:
                yield found

    def hints(self, prefix: bytes, count: int) -> list[bytes]:
        """At most `count` keys under `prefix`, ascending, that cut the rows evenly."""
        if not self._segments:
            return []
        largest = max(self._segments, key=lambda one: one.rows)
        inside = [first for first in largest.firsts if first.startswith(prefix)]
        step = max(1, len(inside) // max(1, count))
        return inside[step::step][:count]

    def update(self) -> "LedgerUpdate":
        """Begin the next version. One at a time: the destination's lock is held."""
        return LedgerUpdate(self._folder, self._segments, self._next)

    def distrust(self, keys: Iterable[bytes]) -> int:
        """Mark the rows of these keys as never same until proven again; returns how many there were."""
        found: list[pa.RecordBatch] = []
        for key in sorted(set(keys)):
            exact = KeyRange(after=key[:-1] if key else None, upto=key, prefix=key)
            found += [rows.slice(0, 1) for rows in self.rows(exact) if rows.column(0)[0].as_py() == key]
        if not found:
            return 0
        rows = pa.concat_batches(found)
        words = pa.array([DISTRUSTED] * rows.num_rows, pa.string())
        with self.update() as update:
            update.put(rows.set_column(rows.num_columns - 1, LEDGER.field("evidence"), words))
            update.commit()
        return int(rows.num_rows)


class LedgerUpdate:
    """Changes to a ledger. What was checkpointed stays, whatever happens afterwards."""

    def __init__(self, folder: Path, segments: tuple[Segment, ...], following: int) -> None:
        self._folder = folder
        self._base = segments
        self._segments = list(segments)
        self._next = following
        self._waiting: list[pa.RecordBatch] = []
        self._count = 0

    def __enter__(self) -> "LedgerUpdate":
        if self._folder.is_dir():
            named = {one.path.stem for one in self._segments}
            for path in self._folder.glob("[0-9]*.*"):
                if path.stem not in named:
                    segment.remove(path.with_suffix(".arrow"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting = []

    def put(self, rows: pa.RecordBatch) -> None:
        """LEDGER rows in any order; the last one of a key wins."""
        if rows.schema.names != LEDGER.names:
            raise errors.BrokenInvariant("rows of another schema were put into the ledger")
        if rows.num_rows:
            kept = pa.array([False] * rows.num_rows, pa.bool_())
            self._take(pa.RecordBatch.from_arrays([*rows.columns, kept], schema=STORED))

    def forget(self, keys: pa.Array) -> None:
        """Take back the rows of these binary keys."""
        if len(keys):
            nulls = [
                pa.nulls(len(keys), one.type) if one.nullable else _nothing(one, len(keys)) for one in LEDGER
            ]
            gone = pa.array([True] * len(keys), pa.bool_())
            self._take(pa.RecordBatch.from_arrays([keys.cast(pa.binary()), *nulls[1:], gone], schema=STORED))

    def checkpoint(self) -> None:
        """Make durable what was put so far."""
        if not self._waiting:
            return
        rows = merge.newest(self._waiting)
        self._waiting, self._count = [], 0
        self._segments.append(self._write(iter([rows])))
        if len(self._segments) > _SEGMENTS_MAX:
            base, changes = self._segments[0], self._segments[1:]
            self._segments = [base, self._write(merge.merged([one.batches() for one in changes]))]
        self._publish()

    def commit(self) -> None:
        """Checkpoint, and merge the changes into the base where they have grown. No change: no write."""
        self.checkpoint()
        if tuple(self._segments) == self._base and len(self._segments) <= 1:
            return
        base, changes = self._segments[0], self._segments[1:]
        changed = sum(one.rows for one in changes)
        if changes and changed * _SMALL_SHARE >= base.rows:
            every = merge.merged([one.batches() for one in self._segments])
            self._segments = [self._write(_without_forgotten(every))]
            self._publish()

    def _take(self, rows: pa.RecordBatch) -> None:
        self._waiting.append(rows)
        self._count += rows.num_rows
        if self._count >= CHECKPOINT_ROWS:
            self.checkpoint()

    def _write(self, batches: Iterator[pa.RecordBatch]) -> Segment:
        with disk.failing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{self._next:08}.arrow"
        self._next += 1
        return segment.write(path, batches)

    def _publish(self) -> None:
        names = [one.path.name for one in self._segments]
        body = json.dumps({"version": 1, "segments": names, "next": self._next}).encode()
        disk.replace(self._folder / "current.json", body)


def _current(folder: Path) -> tuple[tuple[Segment, ...], int]:
    path = folder / "current.json"
    try:
        told = json.loads(path.read_bytes())
        names, following = list(told["segments"]), int(told["next"])
    except FileNotFoundError:
        return (), 1
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise errors.DiskFailed(
            f"{path} in the state folder is damaged",
            advice=f"remove {folder}; it is rebuilt by comparing the stores",
            place=str(path),
        ) from problem
    return tuple(segment.open_segment(folder / name) for name in names), following


def _without_forgotten(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for rows in batches:
        found = merge.kept(rows)
        if found.num_rows:
            kept = pa.array([False] * found.num_rows, pa.bool_())
            yield pa.RecordBatch.from_arrays([*found.columns, kept], schema=STORED)


def _nothing(field: pa.Field, count: int) -> pa.Array:
    empty = "" if pa.types.is_string(field.type) else b"" if pa.types.is_binary(field.type) else 0
    return pa.array([empty] * count, field.type)
