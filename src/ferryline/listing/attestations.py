"""What checksum reports say of a folder's objects, by key: sorted on a disk, looked up one key at a time.

`pipeline.reports` fills it while reports are read, and asks while both sides are compared. Memory is one
run while filling, then the first key of each batch. Many rows of one key are kept side by side.
"""

import bisect
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.listing import runs
from ferryline.listing.checksum_report import Attested
from ferryline.model import digest

RUN_ROWS = 250_000
"""Rows that are held in memory before they go to disk: about 64 MiB."""

_OPEN_MAX = 64
"""Runs that are merged at once: each is an open file."""

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(), nullable=False),
        pa.field("etag", pa.binary(), nullable=False),
        pa.field("version_id", pa.string()),
        pa.field("digest", pa.string(), nullable=False),
    ]
)


class Attestations:
    """`add` all rows, `settle` once, then `of`. The files lie in a folder that the caller removes."""

    def __init__(self, folder: Path, run_rows: int = RUN_ROWS) -> None:
        self._folder = folder
        self._run_rows = run_rows
        self._held: list[Attested] = []
        self._runs: list[Path] = []
        self._made = 0
        self._reader: pa.ipc.RecordBatchFileReader | None = None
        self._firsts: list[bytes] = []
        self.count = 0

    def add(self, one: Attested) -> None:
        """Hold one row. Raises DiskFailed."""
        self._held.append(one)
        self.count += 1
        if len(self._held) >= self._run_rows:
            self._spill()

    def settle(self) -> None:
        """No row comes any more: bring them into one order. Raises DiskFailed."""
        if self._held:
            self._spill()
        try:
            while len(self._runs) > 1:
                some, rest = self._runs[:_OPEN_MAX], self._runs[_OPEN_MAX:]
                path = self._path()
                runs.store(runs.merged(some), _SCHEMA, path)
                for one in some:
                    one.unlink()
                self._runs = [*rest, path]
            if self._runs:
                self._reader = pa.ipc.open_file(pa.memory_map(str(self._runs[0])))
                count = self._reader.num_record_batches
                self._firsts = [self._reader.get_batch(index).column(0)[0].as_py() for index in range(count)]
        except OSError as problem:
            raise self._failed(problem) from problem

    def of(self, key: bytes) -> Iterator[Attested]:
        """Everything that was said of a key."""
        if self._reader is None:
            return
        # Rows of one key may begin in the batch before the one whose first key it is.
        index = max(0, bisect.bisect_left(self._firsts, key) - 1)
        while index < len(self._firsts) and self._firsts[index] <= key:
            batch = self._reader.get_batch(index)
            for row in batch.filter(pc.equal(batch.column(0), pa.scalar(key, pa.binary()))).to_pylist():
                yield Attested(key, row["etag"], row["version_id"], digest.parse(row["digest"]))
            index += 1

    def _spill(self) -> None:
        held, self._held = self._held, []
        columns = (
            [one.key for one in held],
            [one.etag for one in held],
            [one.version_id for one in held],
            [str(one.digest) for one in held],
        )
        arrays = [pa.array(values, column.type) for values, column in zip(columns, _SCHEMA, strict=True)]
        path = self._path()
        try:
            runs.write([pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)], path)
        except OSError as problem:
            raise self._failed(problem) from problem
        self._runs.append(path)

    def _path(self) -> Path:
        self._made += 1
        return self._folder / f"{self._made}.arrow"

    def _failed(self, problem: OSError) -> errors.DiskFailed:
        return errors.DiskFailed(
            f"sorting a checksum report in {self._folder} failed: {problem.strerror or problem}",
            advice="free space in the state folder, or give another with --state, and run again",
        )
