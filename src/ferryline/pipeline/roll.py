"""Keys in ascending order, as many as there may be: kept on disk once they are many, read again in order.

`syncing` keeps what a snapshot is about to lose in one, `published` what a verification found bad. `Upto`
takes any such stream beside the chunks of a table. Memory holds one batch, whatever the number of keys.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors

BATCH_KEYS = 65_536
"""Keys that are held in memory before they go to disk."""

_KEYS = pa.schema([pa.field("key", pa.binary(), nullable=False)])


class Roll(contextlib.AbstractContextManager["Roll"]):
    """Keys that ascend: `add` them, then read them as often as wanted. Leaving the `with` forgets them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch: Path | None = None
        self._files: list[Path] = []
        self._held: list[pa.Array] = []
        self._held_keys = 0
        self._last: bytes | None = None
        self.count = 0

    def add(self, keys: pa.Array) -> None:
        """Hold some more keys, ascending, all behind those that are there. Raises DiskFailed."""
        if not len(keys):
            return
        if self._last is not None and keys[0].as_py() <= self._last:
            raise errors.BrokenInvariant("keys were to be kept that do not ascend", key=keys[0].as_py())
        self._last = keys[-1].as_py()
        self.count += len(keys)
        for start in range(0, len(keys), BATCH_KEYS):
            some = keys.slice(start, BATCH_KEYS)
            # A copy: what is held must not keep the whole table alive that the keys were cut out of.
            self._held.append(pc.take(some, pa.array(range(len(some)), pa.int64())))
            self._held_keys += len(some)
            if self._held_keys >= BATCH_KEYS:
                self._spill()

    def batches(self) -> Iterator[pa.Array]:
        """All keys in order, some at a time. Raises DiskFailed."""
        for path in self._files:
            try:
                with pa.OSFile(str(path), "rb") as source:
                    rows = pa.ipc.open_file(source).get_batch(0)
            except (OSError, pa.ArrowInvalid) as problem:
                raise self._failed(problem) from problem
            yield rows.column(0)
        yield from self._held

    def keys(self) -> Iterator[bytes]:
        """The same, one by one."""
        for some in self.batches():
            yield from some.to_pylist()

    def close(self) -> None:
        """Forget everything, on disk too. Safe to call twice."""
        self._files, self._held = [], []
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _spill(self) -> None:
        rows = pa.RecordBatch.from_arrays([pa.concat_arrays(self._held)], schema=_KEYS)
        try:
            if self._scratch is None:
                self._scratch = Path(mkdtemp(prefix="roll-", dir=self._folder))
            path = self._scratch / f"{len(self._files)}.arrow"
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _KEYS) as writer:
                writer.write_batch(rows)
        except OSError as problem:
            raise self._failed(problem) from problem
        self._files.append(path)
        self._held, self._held_keys = [], 0

    def _failed(self, problem: Exception) -> errors.DiskFailed:
        return errors.DiskFailed(
            f"keys could not be kept in {self._folder}: {problem}",
            advice="free space in the state folder, or give another with --state",
            place=str(self._folder),
        )


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
