"""The blocking door of the commands about a dataset's replicas: one call, one event loop, one document.

`cli` calls it. Where a command only looks, no state folder is needed or made. A store that was seen to
list out of order is sorted in a second try.
"""

import dataclasses
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from ferryline import errors
from ferryline.model import place
from ferryline.pipeline import door, ends, loop, online
from ferryline.pipeline.dataset import DatasetTask, Mover
from ferryline.pipeline.ends import Opening
from ferryline.pipeline.published import documents, looking, pointing, pruning, retiring, unlocking
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published import status as status_of
from ferryline.pipeline.published.errand import Errand
from ferryline.pipeline.published.pruning import Wish
from ferryline.pipeline.run import new_run_id
from ferryline.pipeline.task import Surroundings
from ferryline.state import State

Document = dict[str, Any]


def listed(task: DatasetTask, around: Surroundings, only: str | None) -> Document:
    """`snapshots list`."""
    return _look(task, around, lambda errand: looking.listed(errand, only))


def shown(
    task: DatasetTask,
    around: Surroundings,
    name: str,
    only: str | None,
    lines: Callable[[str], None] | None = None,
) -> Document:
    """`snapshots show`; with `lines`, every key is told there first."""
    return _look(task, around, lambda errand: looking.shown(errand, name, only, lines))


def differences(task: DatasetTask, around: Surroundings, old: str, new: str, only: str | None) -> Document:
    """`snapshots diff`."""
    return _look(task, around, lambda errand: looking.differences(errand, old, new, only))


def tag(task: DatasetTask, around: Surroundings, name: str, snapshot: str, *, moves: bool) -> Document:
    """`snapshots tag`."""
    return _change(task, around, lambda errand: pointing.tag(errand, name, snapshot, moves=moves))


def untag(task: DatasetTask, around: Surroundings, name: str) -> Document:
    """`snapshots untag`."""
    return _change(task, around, lambda errand: pointing.untag(errand, name))


def rollback(task: DatasetTask, around: Surroundings, snapshot: str, only: str | None) -> Document:
    """`snapshots rollback`."""
    return _change(task, around, lambda errand: pointing.back(errand, snapshot, only))


def prune(task: DatasetTask, around: Surroundings, wish: Wish) -> Document:
    """`snapshots prune`."""
    return _change(task, around, lambda errand: pruning.pruned(errand, wish))


def lock_of(task: DatasetTask, around: Surroundings, name: str) -> tuple[Document, unlocking.Found | None]:
    """`unlock`, the look: the document, and what `unlock` has to be given to remove it."""
    around = errands.hurried(around)
    with door.looked_into(around) as state:
        return loop.run(unlocking.look(errand(task, around, state), name))


def unlock(task: DatasetTask, around: Surroundings, name: str, seen: unlocking.Found) -> Document:
    """`unlock`, the removal of what was looked at."""
    with door.looked_into(around) as state:
        return loop.run(unlocking.remove(errand(task, around, state), name, seen))


def retire(task: DatasetTask, around: Surroundings, wish: retiring.Wish) -> Document:
    """`retire`."""
    return _change(task, around, lambda errand: retiring.retired(errand, wish))


def status(
    tasks: Sequence[DatasetTask], where: place.Location, around: Surroundings, wish: status_of.Wish
) -> Document:
    """`status`: several datasets of one policy in one loop."""
    around = errands.hurried(around)
    with door.looked_into(around) as state:

        def work(unordered: frozenset[str]) -> Coroutine[Any, Any, Document]:
            first = errand(tasks[0], around, state, unordered)
            return status_of.told([dataclasses.replace(first, task=one) for one in tasks], where, wish)

        return _sorted_where_needed(work)


def contacted(
    tasks: Sequence[DatasetTask], around: Surroundings, movers: Mapping[tuple[str, str], Mover]
) -> tuple[Document, int]:
    """`check --online`: the part of the document that tells of the places, and its exit code."""
    around = errands.hurried(around)
    with door.looked_into(around) as state:
        return loop.run(online.told(tasks, errand(tasks[0], around, state).opening, movers))


def keep(task: DatasetTask, where: place.Location, around: Surroundings, document: Document) -> None:
    """Keep a run's document where every host finds it. Raises what the place of the documents raises."""
    with door.looked_into(around) as state:
        opening = errand(task, around, state).opening

        async def work() -> None:
            async with documents.opened(where, opening) as store:
                await documents.write(store, task.policy, task.dataset, document)

        loop.run(work())


def newest_runs(
    task: DatasetTask, where: place.Location, around: Surroundings, count: int
) -> tuple[Document, ...]:
    """The documents of the newest runs of a dataset, on whatever host they were, newest first."""
    with door.looked_into(around) as state:
        opening = errand(task, around, state).opening

        async def work() -> tuple[Document, ...]:
            async with documents.opened(where, opening) as store:
                newest = await documents.latest(
                    store, task.dataset, count, policy=task.policy, clock=around.clock
                )
            return newest.documents

        return loop.run(work())


Work = Callable[[Errand], Coroutine[Any, Any, Document]]


def _look(task: DatasetTask, around: Surroundings, work: Work) -> Document:
    around = errands.hurried(around)
    with door.looked_into(around) as state:
        return _sorted_where_needed(lambda unordered: work(errand(task, around, state, unordered)))


def _change(task: DatasetTask, around: Surroundings, work: Work) -> Document:
    with door.remembered(around) as state:
        return _sorted_where_needed(lambda unordered: work(errand(task, around, state, unordered)))


def _sorted_where_needed(work: Callable[[frozenset[str]], Coroutine[Any, Any, Document]]) -> Document:
    unordered: frozenset[str] = frozenset()
    while True:
        try:
            return loop.run(work(unordered))
        except errors.ListingUnordered as stopped:
            if stopped.place in unordered:
                raise
            unordered |= {stopped.place}


def errand(
    task: DatasetTask, around: Surroundings, state: State, unordered: frozenset[str] = frozenset()
) -> Errand:
    """What a command about `task` works with."""
    opening = Opening(around, ends.harness(around, around.emit), state, state.folder, unordered)
    return Errand(task, around, state, opening, new_run_id(around.clock.now(), around.chance))
