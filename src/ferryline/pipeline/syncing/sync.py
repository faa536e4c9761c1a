"""A sync: one dataset, one read of its source, a lane to each replica, and every lane's own ending.

Called by `door`. Residency is decided before anything is opened and again with the regions that the
endpoints themselves name. A lane that stops leaves the others to publish; what stopped it stays with it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from ferryline import errors
from ferryline.model import event, exitcode
from ferryline.model.run import Consistency, Counts, Phase
from ferryline.pipeline import border, loop, reports, shelves
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline.dataset import DatasetTask, Replica, Wish
from ferryline.pipeline.metering import Part, billed
from ferryline.pipeline.run import Frame, Run
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing.convoy import Convoy
from ferryline.pipeline.syncing.driven import DrivenLane
from ferryline.pipeline.syncing.following import Service
from ferryline.pipeline.syncing.itinerary import Turn
from ferryline.pipeline.syncing.lane import Lane
from ferryline.pipeline.syncing.sharing import Sharing
from ferryline.pipeline.task import Pressure, Surroundings
from ferryline.plan import guard
from ferryline.policy.options import Engine
from ferryline.report.facts import DestinationFacts, RunFacts
from ferryline.state import State
from ferryline.storage.location import Side

_SEVERITY = (2, 5, 4, 6, 3, 7, 1)
"""Exit codes, the one that a person must hear of first (DESIGN 6.2)."""


class Sync:
    """One execution of one dataset. `run` once; then `facts`."""

    def __init__(
        self,
        task: DatasetTask,
        around: Surroundings,
        state: State,
        wish: Wish,
        unordered: frozenset[str] = frozenset(),
    ) -> None:
        self._task = task
        self._state = state
        self._wish = wish
        self._unordered = unordered
        self._replicas = tuple(map(task.replica, wish.replicas)) or task.replicas
        self._frame = Frame(around, task.options)
        self._around = replace(around, pressure=_shared_out(around.pressure, len(self._replicas)))
        self._lanes: list[Lane] = []
        self.listed_at = self._frame.began_at

    # -- the run ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do all of it. Raises what concerns the whole dataset; what stopped one lane stays there."""
        task, recorder = self._task, self._frame.recorder
        border.check(task, {})
        urls = tuple(one.location.url for one in self._replicas)
        recorder.emit(event.RunStarted(self._frame.run_id, task.source.url, urls))
        recorder.enter(Phase.LAUNCHING)
        first = self._run_of(self._replicas[0])
        async with contextlib.AsyncExitStack() as closing:
            opening = first.opening()
            if self._wish.checksum_reports:
                (one,) = self._replicas
                files = self._wish.checksum_reports
                self._frame.reports = await closing.enter_async_context(
                    reports.opened(files, task.source, one.location, opening)
                )
            source = await opening_ends.opened_store(task.source, Side.SOURCE, opening, closing)
            opened = [
                await closing.enter_async_context(shelves.opened(one, opening)) for one in self._replicas
            ]
            await border.check_again(task, source, opened)
            mount = await opening_ends.check_mount(source, first.task, first.memory)
            sharing = self._sharing = Sharing(source, self._around.pressure.memory_bytes, self._around.clock)
            for there in opened:
                lane = self._lane(there, sharing)
                self._lanes.append(lane)
                closing.push_async_callback(lane.close)
            await self._execute()
            if mount is not None:
                first.memory.remember_mount(task.source.identity, mount)

    def _lane(self, there: OpenReplica, sharing: Sharing) -> Lane:
        """The lane of one replica: driven where a service fills it, unless it only looks at what is there."""
        run, replica = self._run_of(there.replica), there.replica
        if self._wish.adopting or replica.engine is Engine.FERRYLINE:
            return Lane(run, self._task, there, sharing)
        mover = self._wish.movers.get(replica.name)
        if mover is None:
            raise errors.BadUsage(
                f"{replica.engine.value} moves the replica {replica.name!r}, and nothing here drives it",
                advice="run `ferryline sync`, or adopt what is there: ferryline adopt",
            )
        service = Service(mover, self._wish.services.get(replica.name))
        return DrivenLane(run, self._task, there, sharing, service)

    async def _execute(self) -> None:
        recorder = self._frame.recorder
        await self._each(lambda lane: lane.prepare())
        recorder.enter(Phase.PREPARING)
        if self._wish.adopting:
            await self._each(lambda lane: lane.get_to_know())
        self.listed_at = self._around.clock.now()
        await self._each(_first_scan)
        await self._each(_learned)
        if self._wish.dry_run:
            return
        if self._wish.adopting:
            for lane in self._live:
                lane.refuse_copies()
        else:
            self._admit()
        await self._travel()

    async def _travel(self) -> None:
        """Send, prove, publish: every lane to its own end, but for one that holds the last snapshot for
        readers until another has the new one."""
        last = self._held_back()
        going = [lane for lane in self._live if lane is not last]
        published = asyncio.Event()
        travellers = [lane.traveller() for lane in going if lane.carries]
        convoys = {turn: Convoy(self._sharing, turn, travellers) for turn in (Turn.NEW, Turn.OVERWRITE)}

        async def to_the_end(lane: Lane) -> None:
            await lane.carry((Turn.NEW, Turn.OVERWRITE), convoys)
            await lane.tidy()
            await lane.settle()
            await lane.publish()
            if lane.issuing.snapshot is not None:
                published.set()

        await self._each(to_the_end, going)
        if last is not None:
            if not published.is_set():
                last.stopped = errors.GuardRefused(
                    f"{last.there.store.place} keeps no versions and is the only replica that readers can "
                    "use; it was left as it is because no other replica could publish first",
                    advice="repair the others (their errors are in this document), then run again; or run "
                    f"with --replica {last.replica.name} to write over it all the same",
                    place=last.there.store.place,
                    kind="last-eligible",
                )
                return
            convoys = {}
            await self._each(to_the_end, [last])

    def _held_back(self) -> Lane | None:
        """The lane that goes second: on replicas without versions an overwrite ends what readers have."""
        live = self._live
        eligible = [lane for lane in live if lane.is_eligible]
        destructive = [lane for lane in eligible if lane.destroys]
        if not destructive or len(destructive) < len(eligible) or len(live) < 2:
            return None
        return destructive[-1]

    @property
    def _live(self) -> list[Lane]:
        return [lane for lane in self._lanes if lane.stopped is None]

    async def _each(
        self, step: Callable[[Lane], Awaitable[None]], lanes: Iterable[Lane] | None = None
    ) -> None:
        """One step of every lane at once; an error that ends a lane stays with it."""

        async def guarded(lane: Lane) -> None:
            try:
                await step(lane)
            except BaseExceptionGroup as group:
                self._end(lane, loop.first(group), group)
            except errors.FerrylineError as error:
                self._end(lane, error, error)

        async with asyncio.TaskGroup() as group:
            for lane in list(self._live if lanes is None else lanes):
                group.create_task(guarded(lane))

    def _end(self, lane: Lane, error: BaseException, cause: BaseException) -> None:
        """Keep what ended a lane. Bugs, and what only a new start can mend, end everything."""
        if not isinstance(error, errors.FerrylineError):
            raise cause
        if isinstance(error, errors.BrokenInvariant | errors.ListingUnordered | errors.Interrupted):
            raise error
        lane.stopped = error

    # -- before the first byte ----------------------------------------------------------------------

    def _admit(self) -> None:
        """Refuse a run that would send more than it may, before its first byte."""
        cap, spent = guard.TransferGuard(self._task.max_transfer.bytes), 0.0
        for lane in self._live:
            cap.admit(lane.plan_bytes, lane.there.store.place)
            spent = lane.afford(self._task.max_transfer.usd, self._wish.ways.get(lane.replica.name), spent)

    # -- what it came to ------------------------------------------------------------------------------

    def facts(self, stopped: errors.FerrylineError | None) -> RunFacts:
        """The facts of the run. Call it once, last."""
        frame, task = self._frame, self._task
        for warned in frame.reports.warnings() if frame.reports is not None else ():
            frame.recorder.emit(warned)
        for lane in self._lanes:
            if lane.stopped is not None and not lane.replica.required:
                frame.recorder.warn(f"{lane.replica.name}: {lane.stopped.message}", lane.stopped.advice)
        frame.recorder.close()
        parts = [self._part(lane.replica, self._destination(lane), lane) for lane in self._lanes]
        parts = parts or [self._part(one, _untouched(one)) for one in self._replicas]
        destinations = billed(frame.meter, task.source, parts)
        stopped = stopped or self._worst()
        facts = RunFacts(
            run_id=frame.run_id,
            source=task.source.url,
            destinations=destinations,
            began_at=frame.began_at,
            duration_seconds=frame.recorder.seconds(),
            phases=dict(frame.recorder.phases),
            requests=dict(frame.recorder.requests),
            warnings=tuple(frame.recorder.warnings),
            stopped=stopped,
            report=None if frame.recorder.report is None else str(frame.recorder.report),
            policy_digest=task.policy_digest,
            fencing="conditional"
            if destinations and all(one.fencing == "conditional" for one in destinations)
            else self._run_of(self._replicas[0]).fencing,
            dataset=task.dataset,
            listed_at=self.listed_at,
        )
        frame.recorder.emit(event.RunEnded(frame.run_id, facts.status.value, facts.exit_code))
        return facts

    def _part(self, replica: Replica, facts: DestinationFacts, lane: Lane | None = None) -> Part:
        return Part(
            replica.location,
            facts,
            lane.copying.tally if lane is not None else None,
            self._wish.ways.get(replica.name),
            replica.name,
            replica.metadata,
            self._wish.shelf_tariff,
            lane is None or lane.carries,
            lane.asked if lane is not None else None,
        )

    def _destination(self, lane: Lane) -> DestinationFacts:
        consistency = (
            lane.copying.consistency if lane.issuing.snapshot is not None else Consistency.PER_OBJECT
        )
        return replace(
            lane.run.destination(consistency),
            replica=lane.replica.name,
            snapshot=lane.issuing.snapshot,
            published=lane.issuing.published,
            published_at=lane.issuing.published_at,
            why_not=lane.issuing.why_not,
            required=lane.replica.required,
            fencing=lane.issuing.fencing.value,
            stopped=lane.stopped,
            engine=lane.replica.engine.value,
            execution=lane.execution,
        )

    def _worst(self) -> errors.FerrylineError | None:
        """What stopped a lane that the policy requires: the one that a person must hear of first."""
        ended = [one.stopped for one in self._lanes if one.stopped is not None and one.replica.required]
        return min(ended, key=_rank, default=None)

    def _run_of(self, replica: Replica) -> Run:
        one = replace(
            self._task.leg(replica),
            approved_deletes=self._wish.approved_deletes,
            accept_new_mount=self._wish.accept_new_mount,
            server_side_copy=self._wish.server_side_copy,
        )
        return Run(one, self._around, self._state, self._unordered, self._frame)


def _untouched(replica: Replica) -> DestinationFacts:
    return DestinationFacts(replica.location.url, Counts(), replica=replica.name, required=replica.required)


async def _learned(lane: Lane) -> None:
    await lane.tenure.learn_keeping()


async def _first_scan(lane: Lane) -> None:
    await lane.scan(first=True)
    lane.guard()


def _rank(error: errors.FerrylineError) -> int:
    code = exitcode.of_error(error)
    return _SEVERITY.index(code) if code in _SEVERITY else -1


def _shared_out(pressure: Pressure, lanes: int) -> Pressure:
    """The memory of a run, shared out: a part for each lane, and one for what is read once for all."""
    least = 64 * 1024 * 1024
    each = pressure.memory_bytes if lanes == 1 else max(least, pressure.memory_bytes // (lanes + 1))
    return replace(pressure, memory_bytes=each)
