"""Residency at a run's doors: decided by what is declared, then by what the endpoints themselves say.

`Sync` and `Checkup` ask before anything is listed. The decision itself is `residency`'s.
"""

from collections.abc import Iterable

from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.shelves import OpenReplica
from ferryline.residency import stops
from ferryline.residency.decide import decide_all, enforce
from ferryline.storage.wrap.stack import DressedStore


def check(task: DatasetTask, resolved: dict[str, str]) -> None:
    """Raise GuardRefused where the rules forbid any place the bytes would lie or pass."""
    if has_rules(task):
        seen = stops.Seen(resolved=resolved, run_in=task.run_in)
        enforce(decide_all(task.bounds, stops.stops_of(task.declared, task.dataset, seen)))


async def check_again(task: DatasetTask, source: DressedStore | None, opened: Iterable[OpenReplica]) -> None:
    """The same with the regions that endpoints name, where they can: before a key is listed."""
    if not has_rules(task):
        return
    stores = [(one.store, one.replica.location.name) for one in opened]
    stores += [(one.files, one.replica.metadata.name) for one in opened if one.replica.metadata is not None]
    if source is not None:
        stores.append((source, task.source.name))
    resolved: dict[str, str] = {}
    for store, name in stores:
        if getattr(store, "is_aws", False):
            resolved[name] = await store.resolve_region()
    if resolved:
        check(task, resolved)


def has_rules(task: DatasetTask) -> bool:
    """Whether any residency rule binds the dataset."""
    return task.bounds.rules.allow is not None or bool(task.bounds.rules.deny)
