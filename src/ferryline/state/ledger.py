"""The ledger of one (source, destination): what was proven, read by key range, in bounded memory.

`State.ledger` makes it; `pipeline` reads rows, asks for hints, and opens updates. It lies in a folder of
its own: sorted segments that are never changed, and a list that says which of them count. Reading
takes no lock and writes nothing.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import DISTRUSTED, LEDGER
from ferryline.state import bounds, lookup, merge, versions
from ferryline.state.bounds import Bounds
from ferryline.state.home import Home
from ferryline.state.merge import Forgotten
from ferryline.state.segment import Segment
from ferryline.state.update import LedgerUpdate

DISTRUST_KEYS = 65_536
"""Keys that are looked up at once when they are distrusted."""

_FINE = 8
"""Where a hint must fall among fewer blocks a hint than this, the blocks themselves are looked into."""


class Ledger:
    """One version of a ledger: the one that counted when it was made, or that its own update committed.

    Checkpoints of an update, and other processes, change nothing of what it reads.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._version = versions.load(home.folder)

    @property
    def rows_count(self) -> int:
        """How many rows it holds, exactly."""
        return self._version.rows

    def count(self) -> int:
        """The same as `rows_count`."""
        return self._version.rows

    @property
    def folder(self) -> Path:
        """Where it lies; may be missing as long as nothing was proven."""
        return self._home.folder

    def rows(self, keys: KeyRange = EVERYTHING) -> Iterator[pa.RecordBatch]:
        """The rows of `keys` as LEDGER batches, strictly ascending by key within and across batches.

        Holds one block of each segment. Raises DiskFailed where a block is not what was written.
        """
        return merge.rows_of(self._version.segments, bounds.bounds_of(keys), Forgotten.DROP)

    def hints(self, prefix: bytes, count: int) -> list[bytes]:
        """At most `count - 1` keys, ascending, that cut the rows under `prefix` into `count` like parts."""
        inside = bounds.bounds_of(KeyRange(prefix=prefix))
        blocks = [(one, number) for one in self._version.segments for number in one.within(inside)]
        if len(blocks) < _FINE * count:
            marks = sorted(mark for one, number in blocks for mark in _marks(one, number, inside))
        else:
            ends = [(one.blocks[number].last, one.blocks[number].rows) for one, number in blocks]
            marks = sorted(end for end in ends if inside.high is None or end[0] < inside.high)
        total = sum(rows for _, rows in marks)
        found: list[bytes] = []
        passed = reached = 0
        for key, rows in marks[:-1]:
            passed += rows
            if passed * count // total > reached:
                reached = passed * count // total
                found.append(key)
        return found

    def update(self) -> LedgerUpdate:
        """Begin a change of this ledger; see `LedgerUpdate`. A commit becomes this value's version."""
        return LedgerUpdate(self._home, self._version, self._moved)

    def distrust(self, keys: Iterable[bytes]) -> int:
        """Mark the rows of these keys as never same until proven again; how many rows there were.

        `keys` are taken some at a time, all in one commit; one that comes twice is counted once where it
        comes in the same some.
        """
        count, rest = 0, iter(keys)
        with self.update() as update:
            while some := set(itertools.islice(rest, DISTRUST_KEYS)):
                wanted = pa.array(sorted(some), pa.binary())
                rows = merge.without_forgotten(lookup.held(update.version.segments, wanted))
                words = pa.array([DISTRUSTED] * rows.num_rows, pa.string())
                columns = [*rows.columns[:-1], words]
                update.put(pa.RecordBatch.from_arrays(columns, schema=LEDGER))
                count += int(rows.num_rows)
            update.commit()
        return count

    def held(self, keys: Iterable[bytes]) -> pa.RecordBatch:
        """The rows of these keys, those that there are, in no order. Reads only the blocks they may be in."""
        wanted = pa.array(sorted(set(keys)), pa.binary())
        return merge.without_forgotten(lookup.held(self._version.segments, wanted))

    def _moved(self, version: versions.Version) -> None:
        self._version = version


def _marks(one: Segment, number: int, inside: Bounds) -> Iterator[tuple[bytes, int]]:
    """Evenly spaced keys of a block inside bounds, each with the number of rows it stands for."""
    keys = inside.of(one.read(number)).column(0)
    step = max(1, len(keys) // 64)
    for end in range(step - 1, len(keys), step):
        yield keys[end].as_py(), step
