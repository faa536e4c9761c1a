"""How a policy's datasets stand: what each replica has, whether they agree, and how far behind they are.

`dataset_door` calls it for `status`; the answer is a document. Everything is asked at once. What cannot
be reached is told, and the rest is still answered.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ferryline import errors
from ferryline.model import exitcode, place
from ferryline.pipeline.dataset import Mover
from ferryline.pipeline.published import documents, explaining, lag
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.documents import Latest
from ferryline.pipeline.published.errand import Errand, Looked
from ferryline.pipeline.published.explaining import Ground, Standing
from ferryline.pipeline.published.lag import Basis, Lag
from ferryline.snapshot import lock
from ferryline.snapshot.lock import Lock
from ferryline.storage.wrap.stack import DressedStore

_COUNTS = (1, 20, 300)
"""Documents read of a dataset: the newest one nearly always tells, a replica that is broken needs more."""

RUN = "ferryline.run/"


@dataclass(frozen=True, slots=True)
class Wish:
    """What `status` was asked for."""

    lists: bool = False
    explains: bool = False
    max_lag_seconds: float | None = None
    movers: Mapping[tuple[str, str], Mover] = field(default_factory=dict)
    """Who moves the bytes of replicas that Ferryline does not fill, by dataset and replica."""


async def told(wanted: Sequence[Errand], where: place.Location, wish: Wish) -> dict[str, Any]:
    """The status of these datasets, all of one policy; `where` its run documents lie."""
    now = wanted[0].around.clock.now()
    async with contextlib.AsyncExitStack() as closing:
        kept: DressedStore | errors.FerrylineError
        try:
            kept = await closing.enter_async_context(documents.opened(where, wanted[0].opening))
        except (errors.RunStopped, errors.UserMistake, errors.RetryLater) as problem:
            kept = problem
        answers = await asyncio.gather(*(_dataset(one, kept, wish, now) for one in wanted))
    code = exitcode.first(one.pop("code") for one in answers)
    return {
        "schema": "ferryline.status/1",
        **errands.outcome(code),
        "policy": wanted[0].task.policy,
        "at": now.isoformat(),
        "max_lag_seconds": wish.max_lag_seconds,
        "datasets": answers,
    }


async def _dataset(
    errand: Errand, kept: DressedStore | errors.FerrylineError, wish: Wish, now: datetime
) -> dict[str, Any]:
    async with errands.looked(errand) as found:
        (runs, problem), locks, services = await asyncio.gather(
            _runs(errand, kept, found),
            asyncio.gather(*(_lock(one) for one in found)),
            _services(errand.task.dataset, found, wish),
        )
        lags = {one.replica.name: _by_last_run(one, runs, now) for one in found}
        if wish.lists:
            try:
                for name, changes in (await lag.source_changes(errand, found)).items():
                    lags[name] = (
                        dataclasses.replace(lags[name], note=f"not measured by listing: {changes.message}")
                        if isinstance(changes, errors.FerrylineError)
                        else lag.by_listing(lags[name], changes, now)
                    )
            except errors.ListingUnordered:
                raise
            except (errors.RunStopped, errors.ObjectFailed, errors.RetryLater, errors.UserMistake) as failure:
                problem = problem or failure
        standings = [
            Standing(one, lags[one.replica.name], held) for one, held in zip(found, locks, strict=True)
        ]
        ground = Ground(errand.task.dataset, now, runs.documents, wish.max_lag_seconds)
        behind = await explaining.behind(standings, ground) if wish.explains else {}
        codes = [exitcode.of_error(one.problem) for one in found if one.problem is not None]
        codes += [exitcode.of_error(problem)] if problem is not None else []
        codes += [one["problem"]["exit_code"] for one in services.values() if one["problem"] is not None]
        codes += [
            exitcode.OBJECTS_FAILED for one in standings if explaining.is_late(one, wish.max_lag_seconds)
        ]
        return {
            "dataset": errand.task.dataset,
            "source": errand.task.source.url,
            "agree": _agree(found),
            "last_run": _last_run(runs),
            "replicas": [
                _replica(one, behind.get(one.looked.replica.name), now)
                | {"service": services.get(one.looked.replica.name)}
                for one in standings
            ],
            "unreadable_documents": list(runs.unreadable),
            "problem": errands.problem_of(problem),
            "code": exitcode.first(codes),
        }


async def _runs(
    errand: Errand, kept: DressedStore | errors.FerrylineError, found: Iterable[Looked]
) -> tuple[Latest, errors.FerrylineError | None]:
    """As many of the newest run documents as tell of every replica; fewer where there are no more."""
    if isinstance(kept, errors.FerrylineError):
        return Latest(()), kept
    task, clock = errand.task, errand.around.clock
    latest = Latest(())
    for count in _COUNTS:
        try:
            latest = await documents.latest(kept, task.dataset, count, policy=task.policy, clock=clock)
        except (errors.RunStopped, errors.RetryLater, errors.ObjectFailed) as problem:
            return latest, problem
        runs = tuple(one for one in latest.documents if str(one.get("schema", "")).startswith(RUN))
        latest = Latest(runs, latest.unreadable)
        known = [_by_last_run(one, latest, clock.now()).basis for one in found if lag.readable(one.head)]
        if runs and Basis.NONE not in known:
            break
    return latest, None


async def _services(dataset: str, found: Iterable[Looked], wish: Wish) -> dict[str, dict[str, Any]]:
    """How the services stand that move bytes to these replicas, by the replica's name."""
    asked = {
        one.replica.name: mover
        for one in found
        if (mover := wish.movers.get((dataset, one.replica.name))) is not None
    }
    told = await asyncio.gather(*(mover.standing() for mover in asked.values()))
    return dict(zip(asked, told, strict=True))


def _by_last_run(one: Looked, runs: Latest, now: datetime) -> Lag:
    return lag.by_last_run(one.replica.name, lag.readable(one.head), runs.documents, now)


async def _lock(one: Looked) -> Lock | None:
    """Who holds a replica. A lock that cannot be read does not keep the rest from being told."""
    if one.open is None or one.problem is not None:
        return None
    try:
        seen = await lock.read(one.open.shelf)
    except (errors.RunStopped, errors.ObjectFailed, errors.RetryLater, errors.UserMistake):
        return None  # `unlock` tells of it; the head was read, and that is what counts here
    return seen.lock if seen is not None else None


def _agree(found: Iterable[Looked]) -> bool:
    """Whether every replica has the same current snapshot, and each can be read."""
    heads = [one.head for one in found]
    current = {head.current if head is not None else None for head in heads}
    if len(current) != 1 or None in current:
        return False
    return all(head is not None and lag.readable(head) == current for head in heads)


def _last_run(runs: Latest) -> dict[str, Any] | None:
    if not runs.documents:
        return None
    newest = runs.documents[0]
    names = ("run_id", "status", "exit_code", "listed_at", "ended_at")
    return {name: newest.get(name) for name in names}


def _replica(one: Standing, behind: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    looked, head, changes = one.looked, one.looked.head, one.lag.changes
    entry = head.entry(head.current) if head is not None and head.current is not None else None
    return {
        "replica": looked.replica.name,
        "url": looked.replica.location.url,
        "engine": looked.replica.engine.value,
        "current": head.current if head is not None else None,
        "current_at": entry.at.isoformat() if entry is not None else None,
        "eligible": [each.snapshot for each in head.readable] if head is not None else [],
        "snapshots": len(head.snapshots) if head is not None else 0,
        "lag_seconds": None if one.lag.seconds is None else round(one.lag.seconds, 3),
        "lag_basis": one.lag.basis.value,
        "lag_is_upper_bound": one.lag.bound,
        "lag_note": one.lag.note,
        "published_at": one.lag.published_at,
        "lock": errands.held_by(one.lock, now),
        "changes": None
        if changes is None
        else {"added": changes.added, "changed": changes.changed, "removed": changes.removed},
        "behind": None if behind is None else dict(behind),
        "problem": errands.problem_of(looked.problem),
    }
