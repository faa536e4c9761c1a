"""Failures that are not told yet, because another comparison may find that there are none: kept on disk once
they are many.

`DrivenLane` holds them back while it compares, and tells those of the comparison that counts.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ferryline.model.event import ObjectFailedEvent
from ferryline.pipeline.pile import Pile

_FIELDS = ("key", "destination", "failure", "message", "advice", "phase")
_SCHEMA = pa.schema([pa.field(name, pa.binary() if name == "key" else pa.string()) for name in _FIELDS])
_CHUNK = 1024


class Untold:
    """Events in the order they came. `close` it."""

    def __init__(self, folder: Path) -> None:
        self._pile = Pile(folder, _SCHEMA)
        self._open: list[ObjectFailedEvent] = []

    def add(self, fact: ObjectFailedEvent) -> None:
        """Hold one back. Raises DiskFailed."""
        self._open.append(fact)
        if len(self._open) == _CHUNK:
            columns = [[getattr(one, name) for one in self._open] for name in _FIELDS]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            self._pile.add(pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA))
            self._open = []

    def take(self) -> Iterator[ObjectFailedEvent]:
        """Every one once; none is held afterwards. Raises DiskFailed."""
        for batch in self._pile.batches():
            for row in batch.to_pylist():
                yield ObjectFailedEvent(**row)
        yield from self._open
        self.close()

    def close(self) -> None:
        """Forget them, on disk too. Safe to call twice."""
        self._pile.close()
        self._open = []
