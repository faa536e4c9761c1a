"""Keys in ascending order, as many as there may be, and streams of keys beside the chunks of a table.

`syncing` keeps what a snapshot is about to lose in a `Roll`, `published` what a verification found bad.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.pipeline.pile import Pile

_KEYS = pa.schema([pa.field("key", pa.binary(), nullable=False)])


class Roll(contextlib.AbstractContextManager["Roll"]):
    """Keys that ascend: `add` them, then read them as often as wanted. Leaving the `with` forgets them."""

    def __init__(self, folder: Path) -> None:
        self._pile = Pile(folder, _KEYS)
        self._last: bytes | None = None

    @property
    def count(self) -> int:
        """How many keys there are."""
        return self._pile.rows

    def add(self, keys: pa.Array) -> None:
        """Hold some more keys, ascending, all behind those that are there. Raises DiskFailed."""
        if not len(keys):
            return
        if self._last is not None and keys[0].as_py() <= self._last:
            raise errors.BrokenInvariant("keys were to be kept that do not ascend", key=keys[0].as_py())
        self._last = keys[-1].as_py()
        # A copy: what is held must not keep the whole table alive that the keys were cut out of.
        own = keys.take(pa.array(range(len(keys)), pa.int64()))
        self._pile.add(pa.RecordBatch.from_arrays([own], schema=_KEYS))

    def batches(self) -> Iterator[pa.Array]:
        """All keys in order, some at a time. Raises DiskFailed."""
        for rows in self._pile.batches():
            yield rows.column(0)

    def keys(self) -> Iterator[bytes]:
        """The same, one by one."""
        for some in self.batches():
            yield from some.to_pylist()

    def close(self) -> None:
        """Forget everything, on disk too. Safe to call twice."""
        self._pile.close()

    def __exit__(self, *_exception: object) -> None:
        self.close()


class Upto:
    """A stream of ascending keys, taken up to a key at a time."""

    def __init__(self, batches: Iterator[pa.Array]) -> None:
        self._batches = batches
        self._held = pa.array([], pa.binary())

    def take(self, key: bytes) -> pa.Array:
        """The keys up to `key` that were not taken yet."""
        taken: list[pa.Array] = []
        while True:
            inside = pc.sum(pc.less_equal(self._held, pa.scalar(key, pa.binary()))).as_py() or 0
            taken.append(self._held.slice(0, inside))
            self._held = self._held.slice(inside)
            if len(self._held):
                break
            following = next(self._batches, None)
            if following is None:
                break
            self._held = following
        return pa.concat_arrays(taken)

    def rest(self) -> int:
        """How many keys were not taken yet; none is left afterwards."""
        count = len(self._held) + sum(map(len, self._batches))
        self._held = self._held.slice(len(self._held))
        return count
