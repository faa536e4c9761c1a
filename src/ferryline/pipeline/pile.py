"""Rows that may be many, kept on disk once they are, and given back in the order they came.

`Roll` keeps keys in it and `Candidates` what may be deleted. Memory holds one batch, whatever the number of
rows. It knows nothing of what the rows mean.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa

from ferryline import errors

HELD_ROWS = 65_536
"""Rows that are held in memory before they go to disk."""


class Pile:
    """Rows of one schema: `add` them, then read `batches` as often as wanted; `close` forgets them."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._scratch: Path | None = None
        self._files: list[Path] = []
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self.rows = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Hold some more. Raises DiskFailed."""
        for start in range(0, rows.num_rows, HELD_ROWS):
            some = rows.slice(start, HELD_ROWS)
            self._held.append(some)
            self._held_rows += some.num_rows
            self.rows += some.num_rows
            if self._held_rows >= HELD_ROWS:
                self._spill()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in the order they came, some at a time. Raises DiskFailed."""
        for path in self._files:
            try:
                with pa.OSFile(str(path), "rb") as source:
                    rows = pa.ipc.open_file(source).get_batch(0)
            except (OSError, pa.ArrowInvalid) as problem:
                raise self._failed(problem) from problem
            yield rows
        yield from self._held

    def close(self) -> None:
        """Forget everything, on disk too. Safe to call twice; rows may be added again."""
        self._files, self._held, self._held_rows, self.rows = [], [], 0, 0
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _spill(self) -> None:
        rows = pa.concat_batches(self._held)
        try:
            if self._scratch is None:
                self._scratch = Path(mkdtemp(prefix="pile-", dir=self._folder))
            path = self._scratch / f"{len(self._files)}.arrow"
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, self._schema) as writer:
                writer.write_batch(rows)
        except OSError as problem:
            raise self._failed(problem) from problem
        self._files.append(path)
        self._held, self._held_rows = [], 0

    def _failed(self, problem: Exception) -> errors.DiskFailed:
        return errors.DiskFailed(
            f"what a run has to remember could not be kept in {self._folder}: {problem}",
            advice="free space in the state folder, or give another with --state",
            place=str(self._folder),
        )
