"""How a source differs from the state of it that a snapshot was proven against, and since when at least.

`pipeline` calls it for `status --list`, with a listing of the source and the source's receipt. It
reads no object and decides nothing: a key whose token is not the receipt's is a change.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.model.page import Page
from ferryline.snapshot.compare import Change
from ferryline.snapshot.rollback import Listed, same

EXAMPLES = 20
"""Keys that an answer names; the counts are complete."""


@dataclass(slots=True)
class Changes:
    """What changed: counts, the first keys, and when the oldest new or changed state was written (ns).

    `oldest_ns` is None where no key is new or changed: the time of a removal is not known to a store.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    oldest_ns: int | None = None
    examples: list[tuple[bytes, Change]] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.changed or self.removed)

    def _name(self, keys: pa.Array, change: Change) -> int:
        room = max(0, EXAMPLES - len(self.examples))
        self.examples += [(key, change) for key in keys[:room].to_pylist()]
        return len(keys)

    def written(self, rows: pa.RecordBatch, change: Change) -> None:
        """Rows of the listing that are new, or other than they were."""
        if not rows.num_rows:
            return
        count = self._name(rows.column("key"), change)
        if change is Change.ADDED:
            self.added += count
        else:
            self.changed += count
        # A file's own time can be set at will; when it got its name or its bytes is its change time.
        moments = pc.coalesce(rows.column("change_ns"), rows.column("modified_ns"))
        oldest = pc.min(moments).as_py()
        self.oldest_ns = oldest if self.oldest_ns is None else min(self.oldest_ns, oldest)

    def gone(self, keys: pa.Array) -> None:
        """Keys that the source no longer has."""
        self.removed += self._name(keys, Change.REMOVED)


async def changes(
    proven: AsyncIterator[pa.RecordBatch],
    pages: AsyncIterator[Page],
    selected: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> Changes:
    """Compare the source's listing with what was proven (`rollback.expected` of the source's receipt).

    `selected` leaves of the listing what belongs to the dataset.
    """
    found, shown = Changes(), Listed(pages)

    def added(rows: pa.RecordBatch) -> None:
        found.written(selected(rows), Change.ADDED)

    async for batch in proven:
        there = selected(await shown.among(batch.column("key"), added))
        place = pc.index_in(batch.column("key"), there.column("key"))
        found.gone(batch.column("key").filter(place.is_null()))
        known = place.is_valid()
        before, now = batch.filter(known), there.take(place.filter(known))
        found.written(now.filter(pc.invert(same(now, before))), Change.CHANGED)
    async for rows in shown.rest():
        added(rows)
    return found
