"""The copies of one replica, decided and not yet begun: kept in key order, on disk once they are many.

A `Lane` fills it while it scans; a `Convoy` reads it in key order beside the others'. Copies are of two
classes, because new keys go before overwrites. Memory holds a batch of each range.
"""

import bisect
import heapq
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa

from ferryline import errors
from ferryline.model.action import Copy, Reason
from ferryline.model.entry import Entry, Token
from ferryline.model.key import KeyRange

BATCH_ROWS = 4096
"""Copies of one range that are held in memory before they go to disk."""


class Turn(IntEnum):
    """When a copy is due, within a run."""

    NEW = 0
    OVERWRITE = 1
    MARKER = 2


_ENTRY = (
    ("key", pa.binary()),
    ("size", pa.int64()),
    ("etag", pa.binary()),
    ("modified_ns", pa.int64()),
    ("change_ns", pa.int64()),
    ("inode", pa.int64()),
    ("storage_class", pa.string()),
)
_COPY = pa.schema(
    [
        pa.field("reason", pa.string(), nullable=False),
        *(pa.field(f"source_{name}", kind) for name, kind in _ENTRY),
        *(pa.field(f"replaces_{name}", kind) for name, kind in _ENTRY),
    ]
)


class Itinerary:
    """Copies by turn and range. `add` while scanning, `copies` as often as wanted, `close` at the end."""

    def __init__(self, ranges: Sequence[KeyRange], folder: Path) -> None:
        self._folder = folder
        self._scratch: Path | None = None
        ordered = sorted(ranges, key=lambda one: (one.prefix, one.after or b""))
        self._starts = [max(one.after or b"", one.prefix) for one in ordered]
        self._held: dict[tuple[Turn, int], list[Copy]] = {}
        self._files: dict[tuple[Turn, int], list[_Run]] = {}
        self.count = dict.fromkeys(Turn, 0)
        self.size_bytes = 0

    def add(self, turn: Turn, copy: Copy) -> None:
        """Hold one copy. Those of one range come nearly in key order, ranges in any."""
        place = turn, max(0, bisect.bisect_right(self._starts, copy.key) - 1)
        held = self._held.setdefault(place, [])
        held.append(copy)
        self.count[turn] += 1
        self.size_bytes += copy.source.size_bytes
        if len(held) >= BATCH_ROWS:
            self._spill(place)

    @property
    def total(self) -> int:
        """All copies."""
        return sum(self.count.values())

    def copies(self, turn: Turn, after: bytes | None = None) -> Iterator[Copy]:
        """The copies of a turn in key order, those behind `after`. Raises DiskFailed."""
        for number in range(max(1, len(self._starts))):
            place = turn, number
            held = sorted(self._held.get(place, ()), key=_key)
            runs = list(self._files.get(place, ()))
            if held:
                runs.append(_Run(held[0].key, held[-1].key, held=tuple(held)))
            for together in _overlapping(runs):
                for copy in heapq.merge(*(one.copies() for one in together), key=_key):
                    if after is None or copy.key > after:
                        yield copy

    def close(self) -> None:
        """Forget everything, on disk too."""
        self._held, self._files = {}, {}
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _spill(self, place: tuple[Turn, int]) -> None:
        held = sorted(self._held.pop(place), key=_key)
        try:
            if self._scratch is None:
                self._scratch = Path(mkdtemp(prefix="itinerary-", dir=self._folder))
            files = self._files.setdefault(place, [])
            path = self._scratch / f"{place[0].name.lower()}-{place[1]}-{len(files)}.arrow"
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _COPY) as writer:
                writer.write_batch(_rows(held))
            files.append(_Run(held[0].key, held[-1].key, path=path))
        except OSError as problem:
            raise errors.DiskFailed(
                f"the plan could not be kept in {self._folder}: {problem}",
                advice="free space in the state folder, or give another with --state",
                place=str(self._folder),
            ) from problem


@dataclass(frozen=True, slots=True)
class _Run:
    """Copies in key order, in memory or in a file, from `first` to `last`."""

    first: bytes
    last: bytes
    held: tuple[Copy, ...] = ()
    path: Path | None = None

    def copies(self) -> Iterator[Copy]:
        """The copies; a file is opened when the first one is asked for."""
        return iter(self.held) if self.path is None else _read(self.path)


def _overlapping(runs: list[_Run]) -> Iterator[list[_Run]]:
    """Runs in key order, those together that reach into one another: a few, as keys come nearly in order, so
    that few files are open at once however many there are."""
    together: list[_Run] = []
    last = b""
    for one in sorted(runs, key=lambda run: run.first):
        if together and one.first > last:
            yield together
            together = []
        last = max(last, one.last) if together else one.last
        together.append(one)
    if together:
        yield together


def _key(copy: Copy) -> bytes:
    return copy.key


def _rows(copies: list[Copy]) -> pa.RecordBatch:
    columns = [pa.array([one.reason.value for one in copies], pa.string())]
    for entries in ([one.source for one in copies], [one.replaces for one in copies]):
        fields = [_fields(entry) for entry in entries]
        columns += [pa.array([one[index] for one in fields], kind) for index, (_, kind) in enumerate(_ENTRY)]
    return pa.RecordBatch.from_arrays(columns, schema=_COPY)


def _fields(entry: Entry | None) -> tuple[object, ...]:
    if entry is None:
        return (None,) * len(_ENTRY)
    token = entry.token
    return (
        entry.key,
        entry.size_bytes,
        token.etag,
        token.modified_ns,
        token.change_ns,
        token.inode,
        entry.storage_class,
    )


def _read(path: Path) -> Iterator[Copy]:
    with pa.memory_map(str(path)) as source:
        rows = pa.ipc.open_file(source).get_batch(0)
        for row in rows.to_pylist():
            reason = Reason(row.pop("reason"))
            values = list(row.values())
            half = len(_ENTRY)
            found = _entry(values[:half])
            if found is None:
                raise errors.BrokenInvariant("a planned copy was read back without its source")
            yield Copy(found, reason, _entry(values[half:]))


def _entry(fields: list[object]) -> Entry | None:
    key, size, etag, modified_ns, change_ns, inode, storage_class = fields
    if key is None:
        return None
    token = Token(etag, modified_ns, change_ns, inode)  # type: ignore[arg-type]  # columns of _ENTRY
    return Entry(key, size, token, storage_class)  # type: ignore[arg-type]  # columns of _ENTRY
