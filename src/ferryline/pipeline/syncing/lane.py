"""One replica's part of a sync: scanned, brought in line, proven, published, cleaned up behind.

`Sync` drives it beside the other lanes, and one that stops does not stop them. Order is the promise: new
keys, overwrites, markers, publication, deletes; on a replica that keeps no versions eligibility is
withdrawn before the first overwrite or delete.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from typing import cast

from ferryline import errors, transfer
from ferryline.listing.coverage import Coverage
from ferryline.model import action, outcome
from ferryline.model.execution import Execution
from ferryline.model.finding import Match
from ferryline.model.key import KeyRange
from ferryline.model.run import Consistency, Phase
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline import probing, scan
from ferryline.pipeline.candidates import Candidates
from ferryline.pipeline.copying import CopyRun, PassState
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.planning import habits_of
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.pipeline.scan import View
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import seeding
from ferryline.pipeline.syncing.convoy import Convoy, Traveller
from ferryline.pipeline.syncing.issuing import Issuing
from ferryline.pipeline.syncing.itinerary import Itinerary, Turn
from ferryline.pipeline.syncing.markers import Markers
from ferryline.pipeline.syncing.sharing import Sharing
from ferryline.pipeline.syncing.tenure import Tenure
from ferryline.plan import cost, guard
from ferryline.plan.classify import Classified
from ferryline.policy.options import Engine, TransferMode, VerifyMode
from ferryline.snapshot.receipt import Keeping
from ferryline.state.ledger import Ledger
from ferryline.storage.wrap.stack import DressedStore

VERSIONS_MAX = 1_000_000
"""Version ids that are kept from the answers to writes; beyond, they are asked for."""


class Lane:
    """The work at one replica. Its outcome stands in the attributes, whatever happened."""

    carries = True
    """Whether it sends the bytes itself, and so takes part in the reads that lanes share."""

    def __init__(self, run: Run, task: DatasetTask, there: OpenReplica, sharing: Sharing) -> None:
        self.run = run
        self.task = task
        self.there = there
        self.replica = there.replica
        self.stopped: errors.FerrylineError | None = None
        self.state = PassState(Coverage(there.store.place, ()), Candidates(run.state.folder))
        self._sharing = sharing
        self._tap = sharing.tap()
        self._itinerary = Itinerary((), run.state.folder)
        self._markers = Markers(task.markers)
        self.ranges: tuple[KeyRange, ...] = ()
        """What the last scan listed, range by range."""
        self._versions: dict[bytes, str] = {}
        self._moved_on = False
        self._listed_at = run.began_at
        endpoints = (
            opening_ends.endpoint_of(task.source),
            opening_ends.endpoint_of(there.replica.location),
        )
        self._ends = opening_ends.joined(sharing.source, there.store, run.opening(), *endpoints)
        self.tenure = Tenure(run, task, there, self._ends)
        self.copying = CopyRun(run, self.tenure.confirm)
        self.issuing = Issuing(self.tenure, self.copying, self._ends)

    # -- looking ----------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Take the host's lock, learn what is published and proven, find what a dead run left."""
        await self.tenure.begin()
        self.copying.leftovers = await transfer.sweep(self._ends.destination, self.copying.manner())

    async def scan(self, *, first: bool) -> None:
        """List both sides and hold every copy and delete that follows from them. Nothing is written there."""
        self._itinerary.close()
        self.state.candidates.close()
        self._listed_at = self.run.around.clock.now()
        ledger = self.run.ledger()
        view = self._view(ledger, first=first)
        with ledger.update() as update:
            remembering = Remembering(update)
            ranges = self.ranges = await scan.scope(view)
            coverage = Coverage(self._ends.destination.place, ranges)
            candidates = Candidates(self.run.state.folder, self._markers)
            state = self.state = PassState(coverage, candidates, first=first)
            self._itinerary = Itinerary(ranges, self.run.state.folder)
            async with contextlib.aclosing(scan.scan(view, ranges, coverage)) as steps:
                async for step in steps:
                    if isinstance(step, Classified):
                        self.copying.fold_page(step, state, remembering)
                    elif isinstance(step, action.Copy):
                        state.copies += 1
                        self.copying.tally.counts.listed += not first
                        self._itinerary.add(self._turn(step), step)
                    else:
                        self._fold(step, remembering)
                    if state.news or state.forgotten:
                        self._moves_on()
            self.copying.fold_skipped(self._ends, state)
            self.run.coverage = coverage
            remembering.flush()
            update.commit()

    def _view(self, ledger: Ledger, *, first: bool) -> View:
        """What a scan looks at, and by which rules."""
        view = self.run.view(self._ends, ledger)
        if self.replica.engine is not Engine.FERRYLINE:
            view = scan.ruled(view, rereads_distrusted=True)
        # TransferMode ALL has sent everything once; a second time would never find the listing at rest.
        return view if first else scan.ruled(view, transfer_mode=TransferMode.CHANGED)

    def _fold(self, step: action.Action, remembering: Remembering) -> None:
        """What is not copied."""
        self.copying.fold(step, self.state, remembering)

    def _moves_on(self) -> None:
        """Note, once, that the ledger will know more than what is published."""
        if not self._moved_on:
            self._moved_on = True
            seeding.differ(self.run.memory, self.replica.location.identity)

    def _turn(self, copy: action.Copy) -> Turn:
        if self._markers(copy.key):
            return Turn.MARKER
        return Turn.NEW if copy.replaces is None else Turn.OVERWRITE

    def guard(self) -> None:
        """Refuse a source that is suddenly empty or shrunken, and too many deletes. Raises GuardRefused."""
        state, held = self.state, self.tenure.last.rows
        place = self._ends.destination.place
        if held:
            guard.check_source(guard.SourceFacts(state.listed, held, 0), self._ends.source.place)
        if state.candidates.count:
            rows = held or self.run.ledger().count()
            facts = guard.SourceFacts(state.listed, rows, state.destination_listed)
            guard.check_source(facts, self._ends.source.place)
            self.copying.delete_guard(rows, state).check(state.candidates.count, place)

    @property
    def execution(self) -> Execution | None:
        """What a service in Ferryline's stead told of its work."""
        return None

    @property
    def asked(self) -> cost.Estimate | None:
        """What a service in Ferryline's stead asks for its work."""
        return None

    @property
    def plan_bytes(self) -> int:
        """Object bytes that wait to be sent here."""
        return self._itinerary.size_bytes

    @property
    def is_eligible(self) -> bool:
        """Whether a reader may use this replica as it is now."""
        entry = self.tenure.current
        return entry is not None and entry.eligible

    @property
    def destroys(self) -> bool:
        """Whether the run will write over, or remove, bytes that a snapshot here still needs."""
        writes_over = self._itinerary.count[Turn.OVERWRITE] > 0 or self._markers_overwrite
        return self.tenure.keeping is Keeping.LATEST and (writes_over or self.state.candidates.count > 0)

    @property
    def _markers_overwrite(self) -> bool:
        return any(copy.replaces is not None for copy in self._itinerary.copies(Turn.MARKER))

    @property
    def quiet(self) -> bool:
        """Whether the scan found nothing to do."""
        return not self._itinerary.total and not self.state.candidates.count

    def traveller(self) -> Traveller:
        """This lane as a convoy sees it."""
        return Traveller(self._tap, self._itinerary)

    def afford(self, max_usd: float | None, way: cost.Way | None, spent_usd: float) -> float:
        """What the run's copies cost with those that wait here. Raises GuardRefused above `max_usd`."""
        if max_usd is None or way is None:
            return spent_usd
        prices = cost.Marginal(way, habits_of(self.run, self._ends))
        cap = guard.SpendGuard(max_usd, prices)
        cap.admitted_usd = spent_usd
        for turn in Turn:
            for copy in self._itinerary.copies(turn):
                cap.admit_entry(copy.source, self._ends.destination.place)
        return cap.admitted_usd

    async def get_to_know(self) -> None:
        """Adopting: learn what both endpoints' digests mean before anything is compared by them."""
        await probing.learn_all(self._ends, self.run.memory)

    def refuse_copies(self) -> None:
        """Adopting: what would have to be copied is a failure, named with its reason, and nothing is sent."""
        for turn in Turn:
            for copy in self._itinerary.copies(turn):
                why = "it is not at the replica"
                if copy.replaces is not None:
                    why = f"it is not proven equal ({copy.reason.value})"
                self.copying.tally.failed(
                    outcome.Failed(
                        copy.key,
                        "not-adopted",
                        why,
                        "sync copies it; or leave it out with a filter",
                        phase="plan",
                    )
                )
        self._itinerary.close()
        self._itinerary = Itinerary((), self.run.state.folder)

    # -- writing ----------------------------------------------------------------------------------

    async def carry(self, turns: tuple[Turn, ...], convoys: dict[Turn, Convoy] | None = None) -> None:
        """Send and prove the copies of these turns. Failures of objects are in the tally."""
        if not any(self._itinerary.count[turn] for turn in turns):
            return
        sample = next((one for turn in turns for one in self._itinerary.copies(turn)), None)
        await self.tenure.write(sample.source if sample is not None else None)
        self.run.recorder.enter(Phase.TRANSFERRING)
        tapped = dataclasses.replace(self._ends, source=cast("DressedStore", self._tap))
        self._moves_on()
        ledger = self.run.ledger()
        with ledger.update() as update:
            remembering = Remembering(update)

            def through(done: outcome.Outcome) -> None:
                self._sharing.done(self._tap, done.key)
                if isinstance(done, outcome.Vanished):
                    remembering.gone(done.key)

            arrivals = self.copying.arrivals(self._copies(turns, convoys or {}), tapped, self.state, through)
            try:
                if self.task.options.verify_mode is VerifyMode.NONE:
                    await _unproven(arrivals, remembering)
                else:
                    await self.copying.prove(self._noted(arrivals), self._ends, remembering)
            finally:
                remembering.flush()
                update.checkpoint()
            update.commit()

    async def _copies(
        self, turns: tuple[Turn, ...], convoys: dict[Turn, Convoy]
    ) -> AsyncGenerator[action.Copy, None]:
        for turn in turns:
            convoy = convoys.get(turn) or Convoy(self._sharing, turn, [self.traveller()])
            async with contextlib.aclosing(convoy.copies(self.traveller())) as copies:
                async for copy in copies:
                    if copy.replaces is not None:
                        await self.tenure.withdraw()
                    yield copy

    async def _noted(
        self, arrivals: AsyncGenerator[outcome.Transferred, None]
    ) -> AsyncGenerator[outcome.Transferred, None]:
        """The same, with the versions remembered that writes made."""
        async with contextlib.aclosing(arrivals):
            async for done in arrivals:
                self._versions.pop(done.key, None)  # an earlier write's is not this one's
                if done.version_id is not None and len(self._versions) < VERSIONS_MAX:
                    self._versions[done.key] = done.version_id
                yield done

    @property
    def failed(self) -> bool:
        """Whether any object failed."""
        return self.copying.tally.failures_total > 0

    async def settle(self) -> None:
        """Further rounds until the state can be published: markers that are not newer than what they speak
        of, and for POINT_IN_TIME_CONSISTENT two listings alike. Raises SourceKeptChanging."""
        exact = self.task.options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT
        rounds = self.run.around.pressure.changed_rounds
        for _ in range(rounds + 1):
            if self.failed or self.task.options.verify_mode is VerifyMode.NONE:
                return
            late = self._late_markers()
            if not late:
                await self.carry((Turn.MARKER,))
                if not exact:
                    return
            before = self.state
            self.run.recorder.enter(Phase.VERIFYING)
            await self.scan(first=False)
            self.guard()
            if exact and not (late or before.drift or self._itinerary.total or self.state.forgotten):
                await self.copying.audit_files(self._ends)
                self.copying.consistency = Consistency.POINT_IN_TIME
                return
            await self.carry((Turn.NEW, Turn.OVERWRITE))
        raise errors.SourceKeptChanging(
            f"{self._ends.source.place} changed during each of {rounds} rounds",
            advice="everything copied so far is proven object by object, and nothing was published; run "
            "again when less is written there",
            place=self._ends.source.place,
        )

    def _late_markers(self) -> bool:
        """Whether a marker is newer than the start of the listing: what it names may not have been listed."""
        began_ns = int(self._listed_at.timestamp() * 1_000_000_000)
        return any(copy.source.token.modified_ns > began_ns for copy in self._itinerary.copies(Turn.MARKER))

    async def tidy(self) -> None:
        """End what dead runs left here and nobody took up, their lock included."""
        if self.tenure.left_locked:
            await self.tenure.write()
        leftovers = self.copying.leftovers
        if leftovers is not None and len(leftovers):
            await self.tenure.write()
            await leftovers.clear()

    async def publish(self) -> None:
        """Make what is proven current, then delete and prune; `issuing` says what came of it."""
        await self.issuing.publish(self.state, self._versions)

    async def close(self) -> None:
        """Give the locks back and forget the plan. Safe to call twice."""
        self._itinerary.close()
        self.state.candidates.close()
        await self.tenure.close()


async def _unproven(arrivals: AsyncGenerator[outcome.Transferred, None], remembering: Remembering) -> None:
    """VerifyMode NONE: nothing is looked at, but what a write's answer proved may be remembered."""
    async with contextlib.aclosing(arrivals):
        async for done in arrivals:
            if done.proof is not None and done.destination is not None:
                remembering.proven(Match(done.source, done.destination, done.proof, done.digest))
