"""A replica whose bytes a service moves: compared, moved by the service, compared again, then published.

`Sync` makes such a lane where the policy names another engine. The service is started only where something
differs, and its word is never taken: what counts is the second comparison, after it has ended.
"""

from ferryline import errors
from ferryline.model import event, outcome
from ferryline.model.action import Action, Copy, Delete, Reason, Refuse
from ferryline.model.execution import Execution
from ferryline.model.page import DISTRUSTED
from ferryline.model.run import Consistency, Phase
from ferryline.pipeline import scan as scanning
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.pipeline.scan import View
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import alike
from ferryline.pipeline.syncing.convoy import Convoy
from ferryline.pipeline.syncing.following import Following, Service
from ferryline.pipeline.syncing.itinerary import Itinerary, Turn
from ferryline.pipeline.syncing.lane import Lane
from ferryline.pipeline.syncing.sharing import Sharing
from ferryline.pipeline.syncing.untold import Untold
from ferryline.plan import cost, guard
from ferryline.policy.options import OverwriteMode, TransferMode, VerifyMode
from ferryline.snapshot.receipt import Keeping
from ferryline.state.ledger import Ledger


class DrivenLane(Lane):
    """The work at one replica that a service fills."""

    carries = False

    def __init__(
        self, run: Run, task: DatasetTask, there: OpenReplica, sharing: Sharing, service: Service
    ) -> None:
        super().__init__(run, task, there, sharing)
        self._mover = service.mover
        self._asks = service.asks
        self._following = Following(service, run.recorder, there.store.place)
        self._compares = self._came = False
        self._carried = self._barred = False
        self._refused: Itinerary | None = None
        self._untold = Untold(run.state.folder)
        self._clock = run.around.clock
        self._tells = False
        self.copying.tally.emit = self._tell_later

    async def prepare(self) -> None:
        """Look for what was deployed, then as every lane."""
        for warned in await self._mover.look():
            self.run.recorder.emit(warned)
        await super().prepare()

    @property
    def destroys(self) -> bool:
        """Whether bytes may go that a snapshot here still needs: a service lists, and decides, for itself."""
        spares = self._never and not self.state.candidates.count
        return self.tenure.keeping is Keeping.LATEST and self._goes and not spares

    @property
    def asked(self) -> cost.Estimate | None:
        """What the service asks for the executions that this run started, as far as they have come."""
        return self._following.asked(self.copying.tally.counts.bytes_transferred)

    def afford(self, max_usd: float | None, way: cost.Way | None, spent_usd: float) -> float:
        """What the service asks for the bytes that wait, with what others cost. Raises GuardRefused."""
        if max_usd is None or not self._itinerary.total:
            return spent_usd
        asked = self._asks(self.plan_bytes) if self._asks is not None else cost.Estimate()
        cap = guard.SpendGuard(max_usd, guard.NoPrices())
        cap.admitted_usd = spent_usd
        cap.admit_usd(asked.usd, self.there.store.place, asked.unknown or "")
        return cap.admitted_usd

    # -- moving ---------------------------------------------------------------------------------------

    async def carry(self, turns: tuple[Turn, ...], convoys: dict[Turn, Convoy] | None = None) -> None:
        """Have the service move what differs, markers included, and compare again. Once; then nothing."""
        if self._carried:
            return
        self._carried = True
        self._refuse_reserved()
        anew = self.tenure.current is None and self.task.options.transfer_mode is TransferMode.CHANGED
        if self._itinerary.total and (anew or not self._mover.starts):
            # Nothing is remembered of what the service brought earlier: digests tell it.
            await self._compare()
        if self._goes:
            await self._moved()
        else:
            if self.state.kept and not self._compares:
                await self._compare(came=True)
            await self._sift(Itinerary((), self.run.state.folder))
        await self._leave()
        self._tell_now()

    @property
    def _goes(self) -> bool:
        """Whether there is something for the service to do, or it is at work where nothing old is kept."""
        if not self._mover.starts:
            return False
        at_work = self._mover.busy and self.tenure.keeping is Keeping.LATEST
        if self._unproven and not self.state.candidates.count:
            # What no digest tells will not be told afterwards either, where nothing is to be proven.
            return at_work or any(one.reason is not Reason.UNKNOWN for one in alike.every(self._itinerary))
        return at_work or not self.quiet

    def _refuse_reserved(self) -> None:
        """Refuse a task that would carry the source's own snapshot files over the replica's."""
        if self.copying.tally.counts.reserved and not self._mover.spares_reserved:
            raise errors.GuardRefused(
                f"{self._ends.source.place} holds Ferryline's own folders, and the deployed task carries "
                f"them over those of {self.there.store.place}",
                advice="deploy the policy (ferryline deploy up), or exclude */.ferryline in the task; "
                "nothing was started",
                place=self.there.store.place,
                kind="drift",
            )

    async def _moved(self) -> None:
        """One execution, or a second where the first had listed the source before what now differs came; each
        compared. The last comparison counts."""
        await self._mover.ready()
        await self.tenure.write()
        if self.destroys:
            self._barred = True
            await self.tenure.withdraw()
        self._moves_on()
        planned, extra = self._itinerary, self.state.candidates.count
        listed, self._itinerary = self.state.listed, Itinerary((), self.run.state.folder)
        try:
            for again in (False, True):
                if again:
                    await self._mover.ready()
                done = await self._follow()
                await self.tenure.confirm()
                await self._compare(came=True)
                # Nothing may be published of a source that was emptied while the service worked.
                guard.check_source(guard.SourceFacts(self.state.listed, listed, 0), self._ends.source.place)
                await self._sift(planned)
                late = done is not None and (done.joined or not self._only_planned(planned))
                if again or not late or not self._itinerary.total:
                    break
            self._refuse_late(planned)
            await self._account(planned)
        finally:
            planned.close()
        gone = max(0, extra - self.state.candidates.count)
        told = self.execution.counters.get("files_deleted", gone) if self.execution is not None else 0
        self.copying.tally.counts.deleted += min(gone, told)

    async def _follow(self) -> Execution | None:
        try:
            return await self._following.follow()
        except errors.FerrylineError:
            if self.execution is None and self._barred:
                self.run.recorder.warn(
                    f"readers of {self.there.store.place} were barred before {self._mover.name} was started, "
                    "and it could not be",
                    "they are let in again by the next sync that ends well",
                )
            raise

    @property
    def execution(self) -> Execution | None:
        """What the service told of its work, the newest execution's."""
        return self._following.execution

    def _only_planned(self, planned: Itinerary) -> bool:
        """Whether all that differs now differed when the service was started."""
        return next(alike.without(alike.every(self._itinerary), alike.every(planned)), None) is None

    def _refuse_late(self, planned: Itinerary) -> None:
        """Raise SourceKeptChanging where all that is missing came to the source while the service worked."""
        if (
            self._itinerary.total
            and next(alike.within(alike.every(self._itinerary), alike.every(planned)), None) is None
        ):
            raise errors.SourceKeptChanging(
                f"{self._ends.source.place} got {self._itinerary.total} objects while {self._mover.name} "
                "worked, in each of two executions",
                advice="nothing was published; run again when less is written there",
                place=self._ends.source.place,
            )

    # -- comparing ------------------------------------------------------------------------------------

    async def _compare(self, *, came: bool = False) -> None:
        """Compare everything by what lies there, whoever brought it; this is what counts from now on. Once
        all that will come `came`, what NEVER would keep is compared as well: it must be proven."""
        self._compares, self._came = True, came
        self.run.recorder.enter(Phase.VERIFYING)
        await self.get_to_know()
        self._untold.close()
        self.copying.tally.start_over()
        self._forget_refused()
        await self.scan(first=True)
        self.guard()

    def _view(self, ledger: Ledger, *, first: bool) -> View:
        view = super()._view(ledger, first=first and not self._compares)
        if not self._compares:
            return view
        return scanning.ruled(
            view,
            overwrite_mode=OverwriteMode.ALWAYS if self._came else view.rules.overwrite_mode,
            on_unknown=self.task.once_brought,
        )

    @property
    def _never(self) -> bool:
        return self.task.options.overwrite_mode is OverwriteMode.NEVER

    @property
    def _unproven(self) -> bool:
        return self.task.options.verify_mode is VerifyMode.NONE

    def _fold(self, step: Action, remembering: Remembering) -> None:
        if isinstance(step, Delete) and self._mover.excuse(step.key):
            self.copying.tally.counts.kept_orphans += self.state.first
            return
        super()._fold(step, remembering)
        if isinstance(step, Refuse):
            if self._refused is None:
                self._refused = Itinerary(self.ranges, self.run.state.folder)
            self._refused.add(Turn.NEW, Copy(step.source, Reason.REFUSED_UNKNOWN))

    def _forget_refused(self) -> None:
        if self._refused is not None:
            self._refused.close()
            self._refused = None

    # -- what it came to --------------------------------------------------------------------------------

    async def _sift(self, planned: Itinerary) -> None:
        """Take out of what differs still what is no failure of the service: what NEVER keeps as it was, and,
        where nothing is to be proven, what no digest tells."""
        if not (self._never or self._unproven):
            return
        found, self._itinerary = self._itinerary, Itinerary(self.ranges, self.run.state.folder)
        counts, batches = (
            self.copying.tally.counts,
            alike.batches(alike.beside(alike.every(found), alike.every(planned))),
        )
        async for batch in alike.yielding(batches, self._clock):
            for copy, was_planned in batch:
                if self._unproven and copy.reason is Reason.UNKNOWN:
                    counts.transferred += was_planned
                    counts.same += not was_planned
                elif self._never and copy.replaces is not None and not was_planned:
                    counts.kept += 1
                    self.state.kept += 1
                else:
                    self._itinerary.add(self._turn(copy), copy)
        found.close()

    async def _account(self, planned: Itinerary) -> None:
        """Count as transferred what differed before and is proven now."""
        counts, recorder, place = self.copying.tally.counts, self.run.recorder, self.there.store.place
        ledger = self.run.ledger()
        refused = (self._refused,) if self._refused is not None else ()
        left = alike.without(alike.every(planned), alike.every(self._itinerary, *refused))
        async for copies in alike.yielding(alike.batches(left), self._clock):
            for row in ledger.held(one.key for one in copies).to_pylist():
                if row["evidence"] == DISTRUSTED:
                    continue
                counts.same -= 1
                counts.transferred += 1
                counts.verified += 1
                counts.bytes_transferred += row["size"]
                recorder.emit(event.ObjectTransferred(row["key"], place, row["size"], row["evidence"]))
                recorder.emit(event.ObjectVerified(row["key"], place, row["evidence"]))
        counts.bytes_written += self._following.total("bytes_written", counts.bytes_transferred)

    async def _leave(self) -> None:
        """What the service did not bring is a failure each; where a first execution brought nothing, one
        error. Nothing is deleted here but by the service."""
        done, counts = self.execution, self.copying.tally.counts
        left = self.state.candidates.count
        if left:
            counts.kept_orphans += left
            self.run.recorder.warn(
                f"{left} objects that the source no longer has are still in {self.there.store.place}",
                f"{self._mover.name} removes them, or not, by the task that is deployed",
            )
        self.state.candidates.close()
        if done is not None and not done.succeeded:
            self._ended_badly(done)
        reasons = {one.key: one.message for one in done.failed} if done is not None else {}
        async for copies in alike.yielding(alike.batches(alike.every(self._itinerary)), self._clock):
            for copy in copies:
                self.copying.tally.failed(self._failure(copy, reasons.get(copy.key)))
        self._itinerary.close()
        self._itinerary = Itinerary((), self.run.state.folder)

    def _ended_badly(self, done: Execution) -> None:
        """The service calls it no success. Raises EndpointFailed where nothing came of it at all."""
        counts, trouble = self.copying.tally.counts, done.trouble or "it gives no reason"
        if self._itinerary.total and not (counts.transferred or counts.same or done.failed_total):
            raise errors.EndpointFailed(
                f"{self._mover.name}'s execution ended with {done.status} and brought nothing: {trouble}",
                advice=f"see to what it names, then run again; the execution is {done.arn}",
                place=self.there.store.place,
                kind="execution-failed",
            )
        self.run.recorder.warn(
            f"{self._mover.name}'s execution ended with {done.status}: {trouble}",
            f"every object was compared all the same; the execution is {done.arn}",
        )

    def _failure(self, copy: Copy, reason: str | None) -> outcome.Failed:
        name, advice = self._mover.name, "see to the cause and run again; or leave it out with a filter"
        why = "it is not at the replica"
        if copy.replaces is not None:
            why = f"it is not proven equal ({copy.reason.value})"
        if copy.replaces is not None and copy.replaces.size_bytes == copy.source.size_bytes:
            # A service that compares sizes and times sees no reason to.
            advice = "delete it at the replica, so that it is brought again, then run again"
        if copy.reason is Reason.UNKNOWN:
            advice = "on_unknown: read_back has both sides read where no digest tells"
        said = reason or self._mover.excuse(copy.key)
        return outcome.Failed(
            copy.key,
            "not-moved",
            f"{name} did not bring it: {why}" + (f"; {said}" if said else ""),
            advice,
            phase="verify",
        )

    async def settle(self) -> None:
        """For POINT_IN_TIME_CONSISTENT, a second listing like the one before. Raises SourceKeptChanging."""
        exact = self.task.options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT
        if not exact or self.failed or self.state.kept:
            return
        self._compares = self._came = True
        self.run.recorder.enter(Phase.VERIFYING)
        await self.scan(first=False)
        self.guard()
        self.state.candidates.close()
        if self._itinerary.total or self.state.forgotten or self.state.news:
            raise errors.SourceKeptChanging(
                f"{self._ends.source.place} changed while {self._mover.name} moved it",
                advice="nothing was published; run again when less is written there",
                place=self._ends.source.place,
            )
        await self.copying.audit_files(self._ends)
        self.copying.consistency = Consistency.POINT_IN_TIME

    # -- telling ----------------------------------------------------------------------------------------

    def _tell_later(self, fact: event.Event) -> None:
        """Hold what failed until it is known which comparison counts."""
        if isinstance(fact, event.ObjectFailedEvent) and not self._tells:
            self._untold.add(fact)
        else:
            self.run.recorder.emit(fact)

    def _tell_now(self) -> None:
        self._tells = True
        for fact in self._untold.take():
            self.run.recorder.emit(fact)

    async def close(self) -> None:
        """Tell what was held back, forget what was refused, then as every lane."""
        self._tell_now()
        self._forget_refused()
        await super().close()
