"""A replica whose bytes a service moves: compared, moved by the service, compared again, then published.

`Sync` makes such a lane where the policy names another engine. The service is started only where something
differs, and its word is never taken: what counts is the second comparison, after it has ended.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ferryline import errors
from ferryline.model import event, outcome
from ferryline.model.action import Action, Copy, Delete, Reason, Refuse
from ferryline.model.execution import Execution
from ferryline.model.page import DISTRUSTED
from ferryline.model.run import Consistency, Phase
from ferryline.pipeline import scan as scanning
from ferryline.pipeline.dataset import DatasetTask, Mover
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.pipeline.scan import View
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing.convoy import Convoy
from ferryline.pipeline.syncing.itinerary import BATCH_ROWS, Itinerary, Turn
from ferryline.pipeline.syncing.lane import Lane
from ferryline.pipeline.syncing.sharing import Sharing
from ferryline.pipeline.tally import FAILURES_MAX
from ferryline.plan import cost, guard
from ferryline.policy.options import OverwriteMode, TransferMode, VerifyMode
from ferryline.policy.values import OnUnknown
from ferryline.snapshot.receipt import Keeping
from ferryline.state.ledger import Ledger

_PHASES = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True)
class Service:
    """Who moves the bytes, and what that asks for so many of them."""

    mover: Mover
    asks: Callable[[int], cost.Estimate] | None = None


class DrivenLane(Lane):
    """The work at one replica that a service fills."""

    carries = False

    def __init__(
        self, run: Run, task: DatasetTask, there: OpenReplica, sharing: Sharing, service: Service
    ) -> None:
        super().__init__(run, task, there, sharing)
        self._mover = service.mover
        self._asks = service.asks
        self._compares = self._came = False
        self._carried = False
        self._refused = Itinerary((), run.state.folder)
        self._untold: list[event.Event] | None = []
        self.copying.tally.emit = self._tell_later

    async def prepare(self) -> None:
        """Look for what was deployed, then as every lane."""
        for warned in await self._mover.look():
            self.run.recorder.emit(warned)
        await super().prepare()

    @property
    def destroys(self) -> bool:
        """Whether bytes may go that a snapshot here still needs: a service lists, and decides, for itself."""
        return self._mover.starts and self.tenure.keeping is Keeping.LATEST and not self.quiet

    @property
    def asked(self) -> cost.Estimate | None:
        """What the service asks for the execution, as far as it has come."""
        if self._asks is None or self.execution is None:
            return None
        moved = self.execution.counters.get("bytes_transferred")
        return self._asks(self.copying.tally.counts.bytes_transferred if moved is None else moved)

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
        anew = self.tenure.current is None and self.task.options.transfer_mode is TransferMode.CHANGED
        if self._itinerary.total and (anew or not self._mover.starts):
            # Nothing is remembered of what the service brought earlier: digests tell it.
            await self._compare()
        if self._mover.starts and not self.quiet:
            await self._moved()
        elif self.state.kept and not self._compares:
            await self._compare(came=True)
            self._keep(Itinerary((), self.run.state.folder))
        self._leave()
        self._tell_now()

    async def _moved(self) -> None:
        """One execution (two where the first ran before we looked), each compared; the second one counts."""
        await self.tenure.write()
        if self.destroys:
            await self.tenure.withdraw()
        self._moves_on()
        planned, extra = self._itinerary, self.state.candidates.count
        self._itinerary = Itinerary((), self.run.state.folder)
        try:
            for again in (False, True):
                done = self.execution = await self._followed()
                self.tenure.check()
                await self._compare(came=True)
                if again or done is None or not done.joined or not self._itinerary.total:
                    break
            self._keep(planned)
            self._account(planned)
        finally:
            planned.close()
        self.copying.tally.counts.deleted += max(0, extra - self.state.candidates.count)

    async def _followed(self) -> Execution | None:
        try:
            return await self._mover.move(self._hear)
        except asyncio.CancelledError:
            seen = self.execution
            if seen is not None and not seen.ended:
                self.run.recorder.warn(
                    f"the execution {seen.arn} goes on",
                    "run the same command again to follow it; to end it: aws datasync "
                    f"cancel-task-execution --region {seen.region} --task-execution-arn {seen.arn}",
                )
            raise

    def _hear(self, seen: Execution) -> None:
        """The service told how far it is."""
        if seen.joined and self.execution is None:
            self.run.recorder.warn(
                f"{seen.arn} was running already, and is followed",
                "what it had listed before this run began, and by which options, is its own; where something "
                "still differs after it, another one is started",
            )
        self.execution = seen
        if seen.status in _PHASES:
            self.run.recorder.enter(_PHASES[seen.status])
        counters = seen.counters
        self.run.recorder.emit(
            event.ExecutionSeen(
                self.there.store.place,
                seen.arn,
                seen.status,
                counters.get("files_transferred", 0),
                counters.get("estimated_files_to_transfer"),
                counters.get("bytes_transferred", 0),
                counters.get("estimated_bytes_to_transfer"),
            )
        )

    # -- comparing ------------------------------------------------------------------------------------

    async def _compare(self, *, came: bool = False) -> None:
        """Compare everything by what lies there, whoever brought it; this is what counts from now on. Once
        all that will come `came`, what NEVER would keep is compared as well: it must be proven."""
        self._compares, self._came = True, came
        self.run.recorder.enter(Phase.VERIFYING)
        await self.get_to_know()
        self._untold = []
        self.copying.tally.start_over()
        self._refused.close()
        await self.scan(first=True)
        self.guard()

    def _view(self, ledger: Ledger, *, first: bool) -> View:
        view = super()._view(ledger, first=first and not self._compares)
        if not self._compares:
            return view
        return scanning.ruled(
            view,
            overwrite_mode=OverwriteMode.ALWAYS if self._came else view.rules.overwrite_mode,
            distrusts_states=True,
            on_unknown=self._when_unknown(view.rules.on_unknown),
        )

    def _when_unknown(self, wished: OnUnknown) -> OnUnknown:
        """What no digest tells is read on both sides, for nothing can be sent again; unless that could pass
        a cap in dollars, or nothing is to be proven."""
        capped = self.task.max_transfer.usd is not None
        if wished is OnUnknown.COPY and not capped and not self._unproven:
            return OnUnknown.READ_BACK
        return wished

    @property
    def _unproven(self) -> bool:
        return self.task.options.verify_mode is VerifyMode.NONE

    def _fold(self, step: Action, remembering: Remembering) -> None:
        if isinstance(step, Delete) and self._mover.excuse(step.key):
            self.copying.tally.counts.kept_orphans += self.state.first
            return
        super()._fold(step, remembering)
        if isinstance(step, Refuse):
            self._refused.add(Turn.NEW, Copy(step.source, Reason.REFUSED_UNKNOWN))

    # -- what it came to --------------------------------------------------------------------------------

    def _keep(self, planned: Itinerary) -> None:
        """What was there before and NEVER may replace is kept, and not a failure of the service."""
        if self.task.options.overwrite_mode is not OverwriteMode.NEVER:
            return
        found, self._itinerary = self._itinerary, Itinerary((), self.run.state.folder)
        for copy in _without(_every(found), _every(planned)):
            if copy.replaces is not None:
                self.copying.tally.counts.kept += 1
                self.state.kept += 1
            else:
                self._itinerary.add(Turn.NEW, copy)
        for copy in _within(_every(found), _every(planned)):
            self._itinerary.add(Turn.NEW, copy)
        found.close()

    def _account(self, planned: Itinerary) -> None:
        """Count as transferred what differed before and is proven now."""
        counts, recorder, place = self.copying.tally.counts, self.run.recorder, self.there.store.place
        ledger = self.run.ledger()
        for copies in _batches(_without(_every(planned), _every(self._itinerary, self._refused))):
            for row in ledger.held(one.key for one in copies).to_pylist():
                if row["evidence"] == DISTRUSTED:
                    continue
                counts.same -= 1
                counts.transferred += 1
                counts.verified += 1
                counts.bytes_transferred += row["size"]
                recorder.emit(event.ObjectTransferred(row["key"], place, row["size"], row["evidence"]))
                recorder.emit(event.ObjectVerified(row["key"], place, row["evidence"]))
        told = self.execution.counters if self.execution is not None else {}
        counts.bytes_written += told.get("bytes_written", counts.bytes_transferred)

    def _leave(self) -> None:
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
        for copy in _every(self._itinerary):
            if self._unproven and copy.reason is Reason.UNKNOWN:
                counts.transferred += 1
            else:
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
        if copy.reason is Reason.DISTRUSTED:
            advice = "delete it at the replica, so that it is brought again, then run again"
        elif copy.reason is Reason.UNKNOWN:
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
        if not exact or self.failed:
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
        """Hold what failed until it is known which comparison counts; the first ones, as documents do."""
        held = self._untold
        if held is not None and isinstance(fact, event.ObjectFailedEvent) and len(held) < FAILURES_MAX:
            held.append(fact)
        else:
            self.run.recorder.emit(fact)

    def _tell_now(self) -> None:
        held, self._untold = self._untold, None
        for fact in held or ():
            self.run.recorder.emit(fact)

    async def close(self) -> None:
        """Tell what was held back, forget what was refused, then as every lane."""
        self._tell_now()
        self._refused.close()
        await super().close()


def _every(*itineraries: Itinerary) -> Iterator[Copy]:
    """The copies of all turns in key order."""
    streams = [one.copies(turn) for one in itineraries for turn in Turn]
    return heapq.merge(*streams, key=lambda copy: copy.key)


def _without(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[Copy]:
    """Those of `copies` whose key is in none of `others`; both in key order."""
    return (copy for copy, there in _beside(copies, others) if not there)


def _within(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[Copy]:
    """Those of `copies` whose key is in `others`; both in key order."""
    return (copy for copy, there in _beside(copies, others) if there)


def _beside(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[tuple[Copy, bool]]:
    other = next(others, None)
    for copy in copies:
        while other is not None and other.key < copy.key:
            other = next(others, None)
        yield copy, other is not None and other.key == copy.key


def _batches(copies: Iterator[Copy]) -> Iterator[list[Copy]]:
    while batch := list(itertools.islice(copies, BATCH_ROWS)):
        yield batch
