"""A change of a ledger: rows are put and forgotten, made durable in steps, and merged when they have grown.

`Ledger.update` makes it. Every step writes a new segment and then replaces the list of segments, so a
crash leaves each key with its old or its new row. A put that says what is already held writes nothing;
an update that changes nothing takes no lock and touches no file.
"""

import contextlib
from collections.abc import Callable, Sequence
from types import TracebackType

import pyarrow as pa

from ferryline import errors
from ferryline.model.page import LEDGER
from ferryline.state import bounds, lock, lookup, merge, sealing, versions
from ferryline.state.home import Home
from ferryline.state.merge import Forgotten
from ferryline.state.segment import FORGOTTEN, Segment
from ferryline.state.versions import Version

CHECKPOINT_ROWS = 65_536
CHECKPOINT_BYTES = 32 * 1024 * 1024
"""What may wait in memory before it is made durable without being asked."""

SEGMENTS_MAX = 16
"""Segments that checkpoints may leave before they are merged; each costs a reader one block."""

MERGE_SHARE = 8
"""An older segment is merged with the newer ones once these hold an eighth of its rows."""

MERGE_ROWS_MIN = 16_384
"""Below this, merging costs less than looking twice."""


class LedgerUpdate:
    """Changes of one ledger, in a `with`. What was checkpointed stays, whatever happens afterwards.

    One at a time for each ledger. `version` is what is durable; the ledger it came from moves on to it
    at `commit`. Rows that were not checkpointed are dropped at the end of the `with`.
    """

    def __init__(self, home: Home, version: Version, moved: Callable[[Version], None]) -> None:
        self._home = home
        self._moved = moved
        self._writing = contextlib.ExitStack()
        self._locked = False
        self._wrote = False
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self.version = version

    def __enter__(self) -> "LedgerUpdate":
        self.version = versions.load(self._home.folder, self.version)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()
        self._writing.close()
        self._locked = False

    def put(self, rows: pa.RecordBatch) -> None:
        """LEDGER rows in any order; the last one of a key wins."""
        if not rows.schema.equals(LEDGER):
            raise errors.BrokenInvariant("rows of another schema were put into the ledger")
        self._take(rows)

    def forget(self, keys: pa.Array) -> None:
        """Take back the rows of these binary keys; a later `put` brings a key back."""
        count = len(keys)
        others = (field for field in LEDGER if field.name != "key")
        columns = [pa.nulls(count, one.type) if one.nullable else _blank(one, count) for one in others]
        self._take(pa.RecordBatch.from_arrays([keys.cast(pa.binary()), *columns], schema=LEDGER))

    def checkpoint(self) -> None:
        """Make durable what was put so far. Raises DiskFailed: then nothing of it counts."""
        if not self._waiting:
            return
        self._write_waiting()  # on its own, so that the rows are gone from memory before a merge begins
        if len(self.version.segments) > SEGMENTS_MAX:
            self._merge()

    def _write_waiting(self) -> None:
        wanted = merge.newest(self._waiting)
        self._drop()
        change = lookup.change(self.version.segments, wanted)
        if not change.rows.num_rows:
            return
        before = self.version
        self._begin_writing()
        if self.version is not before:
            change = lookup.change(self.version.segments, wanted)
            if not change.rows.num_rows:
                return
        written = sealing.sealed(self._home.folder, iter([change.rows]))
        if written is None:
            raise errors.BrokenInvariant("a checkpoint with rows left no segment")
        self._publish([*self.version.segments, written], self.version.rows + change.growth)

    def commit(self) -> None:
        """Checkpoint, merge what has grown, and remove what no longer counts. Without a change: nothing."""
        self.checkpoint()
        if self._wrote:
            self._merge()
            versions.sweep(self._home.folder, self.version)
            self._wrote = False
        self._moved(self.version)

    def _take(self, rows: pa.RecordBatch) -> None:
        if not rows.num_rows:
            return
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._waiting_bytes += rows.nbytes
        if self._waiting_rows >= CHECKPOINT_ROWS or self._waiting_bytes >= CHECKPOINT_BYTES:
            self.checkpoint()

    def _drop(self) -> None:
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0

    def _begin_writing(self) -> None:
        """Lock the ledger against other writers, and see what it holds now."""
        if self._locked:
            return
        self._home.settle()
        self._writing.enter_context(lock.held(self._home.lock_path, self._home.what, self._home.me))
        self._locked = True
        now = versions.load(self._home.folder, self.version)
        if [one.name for one in now.segments] != [one.name for one in self.version.segments]:
            self.version = now

    def _merge(self) -> None:
        segments = self.version.segments
        start = merge_from([one.rows for one in segments])
        if start >= len(segments) - 1:
            return
        forgotten = Forgotten.KEEP if start else Forgotten.DROP
        rows = merge.rows_of(segments[start:], bounds.EVERYTHING, forgotten)
        written = sealing.sealed(self._home.folder, rows)
        self._publish([*segments[:start], *([written] if written else [])], self.version.rows)
        versions.sweep(self._home.folder, self.version)

    def _publish(self, segments: Sequence[Segment], rows: int) -> None:
        self.version = versions.publish(self._home.folder, segments, rows)
        self._wrote = True


def merge_from(rows: Sequence[int]) -> int:
    """From which segment (oldest first) to the newest everything is merged into one.

    A segment of `n` rows is rewritten only once the newer ones hold `n / MERGE_SHARE`, so a row is
    rewritten a bounded number of times, and the segments' number grows with the logarithm of the rows.
    """
    newer = 0
    start = len(rows) - 1
    for index in range(len(rows) - 1, -1, -1):
        if newer and (newer * MERGE_SHARE >= rows[index] or newer + rows[index] <= MERGE_ROWS_MIN):
            start = index
        newer += rows[index]
    return start


def _blank(field: pa.Field, count: int) -> pa.Array:
    if field.name == "evidence":
        return pa.array([FORGOTTEN] * count, pa.string())
    return pa.array([0] * count, field.type)
