"""Delete candidates, kept as columns until the listing is complete and the guards have spoken.

Filled while pages come, emptied once by the delete phase. A hundred bytes a key instead of an object
each, because a cap that was raised may let millions in.
"""

from collections.abc import Callable, Iterator

import pyarrow as pa

from ferryline.model.action import Delete, Reason
from ferryline.model.entry import Entry, Token
from ferryline.model.page import listing_rows

_CHUNK = 4096


class Candidates:
    """Keys that only the destination has. Nothing is deleted here. Markers come out first: they speak of
    what is about to go."""

    def __init__(self, is_marker: Callable[[bytes], bool] | None = None) -> None:
        self._is_marker = is_marker
        self._markers: list[Entry] = []
        self._batches: list[pa.RecordBatch] = []
        self._open: list[Entry] = []
        self.count = 0

    def add(self, delete: Delete) -> None:
        """Hold one candidate."""
        self.count += 1
        if self._is_marker is not None and self._is_marker(delete.key):
            self._markers.append(delete.destination)
            return
        self._open.append(delete.destination)
        if len(self._open) == _CHUNK:
            self._batches.append(listing_rows(self._open))
            self._open = []

    def take(self) -> Iterator[Delete]:
        """Every candidate once, in the order they came; none is held afterwards."""
        batches, last, markers = self._batches, self._open, self._markers
        self._batches, self._open, self._markers, self.count = [], [], [], 0
        for entry in markers:
            yield Delete(entry, Reason.GONE_AT_SOURCE)
        for batch in batches:
            for row in batch.to_pylist():
                yield Delete(_entry(row), Reason.GONE_AT_SOURCE)
        for entry in last:
            yield Delete(entry, Reason.GONE_AT_SOURCE)


def _entry(row: dict[str, object]) -> Entry:
    key, size, etag, modified_ns, change_ns, inode, storage_class = row.values()
    token = Token(etag, modified_ns, change_ns, inode)  # type: ignore[arg-type]  # columns of LISTING
    return Entry(key, size, token, storage_class)  # type: ignore[arg-type]  # columns of LISTING
