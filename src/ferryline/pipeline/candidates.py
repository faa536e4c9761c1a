"""What may be deleted, kept until the listing is complete and the guards spoke; on disk once it is much.

Filled while pages come, emptied once by the delete phase. A source whose listing comes back empty makes a
candidate of every object there is, before any guard can say so.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from ferryline.model.action import Delete, Reason
from ferryline.model.entry import Entry, Token
from ferryline.model.page import LISTING, listing_rows
from ferryline.pipeline.pile import Pile

_CHUNK = 4096


class Candidates:
    """Keys that only the destination has. Nothing is deleted here. Markers come out first: they speak of
    what is about to go. `close` it."""

    def __init__(self, folder: Path, is_marker: Callable[[bytes], bool] | None = None) -> None:
        self._is_marker = is_marker
        self._markers = _Entries(folder)
        self._others = _Entries(folder)
        self.count = 0

    def add(self, delete: Delete) -> None:
        """Hold one candidate. Raises DiskFailed."""
        self.count += 1
        marks = self._is_marker is not None and self._is_marker(delete.key)
        (self._markers if marks else self._others).add(delete.destination)

    def take(self) -> Iterator[Delete]:
        """Every candidate once, in the order they came; none is held afterwards. Raises DiskFailed."""
        self.count = 0
        for entries in (self._markers, self._others):
            for entry in entries:
                yield Delete(entry, Reason.GONE_AT_SOURCE)
            entries.close()

    def close(self) -> None:
        """Forget them, on disk too. Safe to call twice."""
        self.count = 0
        self._markers.close()
        self._others.close()


class _Entries:
    """Entries as columns: a hundred bytes each instead of an object."""

    def __init__(self, folder: Path) -> None:
        self._pile = Pile(folder, LISTING)
        self._open: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self._open.append(entry)
        if len(self._open) == _CHUNK:
            self._pile.add(listing_rows(self._open))
            self._open = []

    def __iter__(self) -> Iterator[Entry]:
        for batch in self._pile.batches():
            for start in range(0, batch.num_rows, _CHUNK):
                for row in batch.slice(start, _CHUNK).to_pylist():
                    yield _entry(row)
        yield from self._open

    def close(self) -> None:
        self._pile.close()
        self._open = []


def _entry(row: dict[str, object]) -> Entry:
    key, size, etag, modified_ns, change_ns, inode, storage_class = row.values()
    token = Token(etag, modified_ns, change_ns, inode)  # type: ignore[arg-type]  # columns of LISTING
    return Entry(key, size, token, storage_class)  # type: ignore[arg-type]  # columns of LISTING
