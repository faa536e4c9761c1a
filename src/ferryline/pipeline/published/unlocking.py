"""A replica's lock: who holds it, and its removal when a person says that the holder is gone.

`dataset_door` calls it for `unlock`, first to look, then to remove what was looked at. A lock that
another run took meanwhile is never removed.
"""

from dataclasses import dataclass
from typing import Any

from ferryline import errors
from ferryline.model import exitcode
from ferryline.pipeline import shelves
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.errand import Errand
from ferryline.snapshot import lock
from ferryline.snapshot.lock import Lock
from ferryline.snapshot.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Found:
    """A lock as it lies there: `lock` is None where `damaged` says why it cannot be read."""

    body: bytes
    lock: Lock | None
    damaged: str = ""

    def is_still(self, other: "Found | None") -> bool:
        """Whether `other` is the same run's lock, renewed perhaps, or the same damaged bytes."""
        if other is None or (self.lock is None) != (other.lock is None):
            return False
        if self.lock is not None and other.lock is not None:
            return (self.lock.run_id, self.lock.holder) == (other.lock.run_id, other.lock.holder)
        return self.body == other.body


async def look(errand: Errand, name: str) -> tuple[dict[str, Any], Found | None]:
    """The document of what is there, and what `remove` has to be given."""
    async with shelves.opened(errand.task.replica(name), errand.opening) as opened:
        found = await _read(opened.shelf)
    return _document(errand, name, found, removed=False), found


async def remove(errand: Errand, name: str, seen: Found) -> dict[str, Any]:
    """Remove the lock that was looked at. Raises `LockHeld` where it is another one by now."""
    async with shelves.opened(errand.task.replica(name), errand.opening) as opened:
        there = await _read(opened.shelf)
        if there is not None and not seen.is_still(there):
            holder = there.lock.holder if there.lock is not None else "a lock that cannot be read"
            raise errors.LockHeld(
                f"the lock in {opened.shelf.store.place} is another one by now: {holder}",
                advice="look at it again: ferryline unlock",
                place=opened.shelf.store.place,
            )
        if there is not None:
            await lock.remove(opened.shelf)
    return _document(errand, name, seen, removed=there is not None)


async def _read(shelf: Shelf) -> Found | None:
    found = await shelf.get(lock.lock_key(shelf))
    if found is None:
        return None
    try:
        seen = await lock.read(shelf)
    except (errors.DigestMismatch, errors.BadUsage) as problem:
        return Found(found.body, None, problem.message)
    return Found(seen.found.body, seen.lock) if seen is not None else None


def _document(errand: Errand, name: str, found: Found | None, *, removed: bool) -> dict[str, Any]:
    """As told: it exits 6 while a lock is left that holds others up."""
    now = errand.around.clock.now()
    held = found.lock if found is not None else None
    holds_up = found is not None and not removed and (held is None or held.until > now)
    return {
        "schema": "ferryline.unlock/1",
        **errands.outcome(exitcode.LOCKED if holds_up else exitcode.DONE),
        "policy": errand.task.policy,
        "dataset": errand.task.dataset,
        "replica": name,
        "url": errand.task.replica(name).location.url,
        "lock": errands.held_by(held, now),
        "damaged": found.damaged if found is not None else "",
        "removed": removed,
    }
