"""One command about one dataset's replicas: its task, what it borrows, and the replicas it opened.

`published`, `pointing`, `pruning`, `status`, `unlocking` and `retiring` share it; `dataset_door` makes
it. A replica that cannot be opened or read is a value here, so that the others are still answered for.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ferryline import errors
from ferryline.model.key import one_line
from ferryline.model.run import Status
from ferryline.pipeline import ends, shelves
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.ends import Opening
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import holding
from ferryline.pipeline.task import Surroundings
from ferryline.snapshot import lock, publish
from ferryline.snapshot.head import Head, Published
from ferryline.snapshot.publish import Writer
from ferryline.state import State
from ferryline.transfer import MayWrite

LOOK_ATTEMPTS = 3
"""Who only looks is told soon that a replica does not answer; who changes something is more patient."""
LOOK_THROTTLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Errand:
    """What a command about one dataset works with. `state` is open for as long as it lives."""

    task: DatasetTask
    around: Surroundings
    state: State
    opening: Opening
    run_id: str


@dataclass(frozen=True, slots=True)
class Looked:
    """A replica as it was found. `head` is None where nothing is published, or where `problem` says why.

    `open` is None only where the replica could not even be opened.
    """

    replica: Replica
    open: OpenReplica | None
    head: Head | None
    problem: errors.FerrylineError | None = None

    @property
    def there(self) -> OpenReplica:
        """The open replica. Call it only where a head was read."""
        if self.open is None:
            raise errors.BrokenInvariant(f"the replica {self.replica.name} was used and is not open")
        return self.open

    def entry(self, snapshot: str) -> Published | None:
        """The history's entry for a snapshot here, or None."""
        return self.head.entry(snapshot) if self.head is not None else None


@contextlib.asynccontextmanager
async def looked(errand: Errand, only: str | None = None) -> AsyncGenerator[tuple[Looked, ...], None]:
    """Every replica (or the one called `only`) with its head, all read at once; closed on the way out."""
    task = errand.task
    wanted = task.replicas if only is None else (task.replica(only),)
    async with contextlib.AsyncExitStack() as closing:

        async def look(replica: Replica) -> Looked:
            opened = None
            try:
                opened = await closing.enter_async_context(shelves.opened(replica, errand.opening))
                seen = await publish.read_head(opened.shelf)
                if seen is not None:
                    publish.check_owner(seen.head, task.identity(replica), opened.shelf.store.place)
            except errors.BrokenInvariant:
                raise
            except errors.FerrylineError as problem:
                return Looked(replica, opened, None, problem)
            return Looked(replica, opened, seen.head if seen is not None else None)

        yield tuple(await asyncio.gather(*(look(one) for one in wanted)))


@dataclass(frozen=True, slots=True)
class Grip:
    """A replica that is held: who writes its head, and what is asked before anything is removed there."""

    writer: Writer
    may_write: MayWrite


@contextlib.asynccontextmanager
async def held(errand: Errand, opened: OpenReplica) -> AsyncGenerator[Grip, None]:
    """Hold a replica for a `with`, on this host and in its own lock; whoever may change its head.

    Raises `LockHeld`, naming the holder.
    """
    clock, replica = errand.around.clock, opened.replica
    with errand.state.lock(replica.location.identity) as still_ours:
        wanted = await holding.wanted(opened.shelf, errand.run_id, clock.now())
        async with lock.held(opened.shelf, wanted, clock, holding.is_gone) as mine:

            def check() -> None:
                still_ours()
                mine.check(clock)

            async def confirm() -> None:
                still_ours()
                await mine.confirm(clock)

            with opened.store.fence.asking(check):
                yield Grip(Writer(errand.task.identity(replica), wanted.epoch), confirm)
            check()


async def head_now(one: Looked) -> Head:
    """The replica's head as it is now, under its lock. Raises `ObjectMissing` where it went meanwhile."""
    seen = await publish.read_head(one.there.shelf)
    if seen is None:
        raise errors.ObjectMissing(
            f"the head in {one.there.shelf.store.place} was removed meanwhile",
            advice="look at what is published: ferryline snapshots",
            place=one.there.shelf.store.place,
        )
    return seen.head


def hurried(around: Surroundings) -> Surroundings:
    """The same surroundings with little patience: for looking at places that others can answer for."""
    pressure = dataclasses.replace(
        around.pressure, retry_attempts=LOOK_ATTEMPTS, throttle_patience_seconds=LOOK_THROTTLE_SECONDS
    )
    return dataclasses.replace(around, pressure=pressure)


def in_a_hurry(errand: Errand) -> Errand:
    """The same errand with little patience."""
    around = hurried(errand.around)
    harness = ends.harness(around, around.emit)
    opening = dataclasses.replace(errand.opening, around=around, harness=harness)
    return dataclasses.replace(errand, around=around, opening=opening)


def resolve(name: str, found: Iterable[Looked]) -> str:
    """The whole id of the snapshot of that tag, id or prefix at any of the replicas.

    Raises `BadUsage` where there is none, or more than one.
    """
    heads = [(one.replica.name, one.head) for one in found if one.head is not None]
    tagged = {replica: head.tags[name] for replica, head in heads if name in head.tags}
    ids = list(dict.fromkeys(one.snapshot for _, head in heads for one in head.snapshots))
    chosen = set(tagged.values())
    if not chosen and len(name) >= 4:
        chosen = {one for one in ids if one.startswith(name)}
    if len(chosen) == 1:
        return chosen.pop()
    if tagged:
        where = ", ".join(f"{one[:12]} at {replica}" for replica, one in tagged.items())
        raise errors.BadUsage(f"the tag {name!r} stands for several snapshots: {where}", advice="name an id")
    tags = sorted({tag for _, head in heads for tag in head.tags})
    known = ", ".join([*tags, *(one[:12] for one in ids)]) or "none"
    what = f"{len(chosen)} snapshots start with {name!r}" if chosen else f"no snapshot is called {name!r}"
    unread = ", ".join(one.replica.name for one in found if one.problem is not None)
    advice = f"there are: {known}" + (f"; {unread} could not be read" if unread else "")
    raise errors.BadUsage(what, advice=advice)


def first_problem(found: Iterable[Looked]) -> errors.FerrylineError | None:
    """What went wrong at the first replica that could not be read, if any."""
    return next((one.problem for one in found if one.problem is not None), None)


def problem_of(problem: errors.FerrylineError | None) -> dict[str, Any] | None:
    """A problem as documents tell it."""
    if problem is None:
        return None
    return {
        "kind": problem.kind,
        "message": one_line(problem.message),
        "place": one_line(problem.place),
        "advice": one_line(problem.advice),
    }


def outcome(code: int) -> dict[str, Any]:
    """`status` and `exit_code` of a document."""
    return {"status": (Status.ERROR if code else Status.SUCCESS).value, "exit_code": code}


def held_by(held: lock.Lock | None, now: datetime) -> dict[str, Any] | None:
    """A lock as documents tell it."""
    if held is None:
        return None
    return {
        "holder": held.holder,
        "run_id": held.run_id,
        "epoch": held.epoch,
        "since": held.since.isoformat(),
        "renewed": (held.until - timedelta(seconds=lock.LEASE_SECONDS)).isoformat(),
        "until": held.until.isoformat(),
        "counts": held.until > now,
    }
