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
from ferryline.model.action import Action, Copy, Reason, Refuse
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
from ferryline.plan import cost, guard
from ferryline.policy.options import ObjectMetadata, VerifyMode
from ferryline.policy.values import OnUnknown
from ferryline.state.ledger import Ledger

_PHASES = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True)
class Service:
    """Who moves the bytes, and what that asks for so many of them."""

    mover: Mover
    asks: Callable[[int], cost.Estimate] | None = None


class DrivenLane(Lane):
    """The work at one replica that `mover` fills."""

    carries = False

    def __init__(
        self, run: Run, task: DatasetTask, there: OpenReplica, sharing: Sharing, service: "Service"
    ) -> None:
        super().__init__(run, task, there, sharing)
        self._mover = service.mover
        self._asks = service.asks
        self._compares = False
        self._refused = Itinerary((), run.state.folder)

    async def prepare(self) -> None:
        """Look for what was deployed, then as every lane."""
        for warned in await self._mover.look():
            self.run.recorder.emit(warned)
        await super().prepare()
        if self.tenure.current is None:
            # Nothing is remembered of it: what the service brought earlier is known by digests alone.
            await self.get_to_know()

    def afford(self, max_usd: float | None, way: cost.Way | None, spent_usd: float) -> float:
        """What the service asks for the bytes that wait, with what others cost. Raises GuardRefused."""
        if max_usd is None or not self._itinerary.total:
            return spent_usd
        asked = self._asks(self.plan_bytes) if self._asks is not None else cost.Estimate()
        cap = guard.SpendGuard(max_usd, guard.NoPrices())
        cap.admitted_usd = spent_usd
        cap.admit_usd(asked.usd, self.there.store.place, asked.unknown or "")
        return cap.admitted_usd

    async def carry(self, turns: tuple[Turn, ...], convoys: dict[Turn, Convoy] | None = None) -> None:
        """Have the service move what differs, markers included, and compare again. Once; then nothing."""
        if self._compares or self.quiet:
            return
        self._compares = True
        await self.tenure.write()
        if self.destroys:
            await self.tenure.withdraw()
        self._moves_on()
        planned, extra = self._itinerary, self.state.candidates.count
        self._itinerary = Itinerary((), self.run.state.folder)
        try:
            if await self._moved():
                self._account(planned)
            else:
                self._itinerary, planned = planned, self._itinerary
            self._spare(extra)
        finally:
            planned.close()
        self._leave()

    async def _moved(self) -> bool:
        """One execution (two where the first ran before we looked), each compared; False for none."""
        for again in (False, True):
            self.execution = await self._followed()
            if self.execution is None:
                return False
            self.tenure.check()
            self.run.recorder.enter(Phase.VERIFYING)
            await self.get_to_know()
            self.copying.tally.start_over()
            self._refused.close()
            await self.scan(first=True)
            if again or not self.execution.joined or not self._itinerary.total:
                break
        return True

    async def _followed(self) -> Execution | None:
        try:
            return await self._mover.move(self._hear)
        except asyncio.CancelledError:
            seen = self.execution
            if seen is not None and not seen.ended:
                self.run.recorder.warn(
                    f"the execution {seen.arn} goes on",
                    "run the same command again to follow it; to end it: aws datasync "
                    f"cancel-task-execution --task-execution-arn {seen.arn}",
                )
            raise

    def _hear(self, seen: Execution) -> None:
        """The service told how far it is."""
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

    # -- comparing ----------------------------------------------------------------------------------

    def _view(self, ledger: Ledger, *, first: bool) -> View:
        view = super()._view(ledger, first=first and not self._compares)
        # What a service adds to an object's metadata is its own; bytes are what is proven here.
        view = scanning.ruled(view, metadata=ObjectMetadata.NONE)
        if not self._compares or view.rules.on_unknown is OnUnknown.REFUSE:
            return view
        # Nothing can be sent again for certainty's sake, so what no digest tells is read on both sides.
        return scanning.ruled(view, on_unknown=OnUnknown.READ_BACK)

    def _fold(self, step: Action, remembering: Remembering) -> None:
        super()._fold(step, remembering)
        if isinstance(step, Refuse):
            self._refused.add(Turn.NEW, Copy(step.source, Reason.REFUSED_UNKNOWN))

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
        if self._asks is not None:
            self.asked = self._asks(told.get("bytes_transferred", counts.bytes_transferred))

    def _spare(self, extra: int) -> None:
        """Nothing is deleted here but by the service: count what it removed, and say what it did not."""
        counts, left = self.copying.tally.counts, self.state.candidates.count
        counts.deleted += max(0, extra - left)
        counts.kept_orphans += left
        if left:
            self.run.recorder.warn(
                f"{left} objects that the source no longer has are still in {self.there.store.place}",
                f"{self._mover.name} removes them, or not, by the task that is deployed",
            )
        self.state.candidates.close()

    def _leave(self) -> None:
        """What the service did not bring is a failure each; where it brought nothing at all, one error."""
        done, brought = self.execution, self.copying.tally.counts.transferred
        if done is not None and not done.succeeded:
            trouble = done.trouble or "it gives no reason"
            if self._itinerary.total and not brought:
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
        reasons = {one.key: one.message for one in done.failed} if done is not None else {}
        for copy in _every(self._itinerary):
            self.copying.tally.failed(self._failure(copy, reasons.get(copy.key)))
        self._itinerary.close()
        self._itinerary = Itinerary((), self.run.state.folder)

    def _failure(self, copy: Copy, reason: str | None) -> outcome.Failed:
        name = self._mover.name
        why = "it is not at the replica"
        if copy.replaces is not None:
            why = f"it is not proven equal ({copy.reason.value})"
        said = reason or self._mover.excuse(copy.key)
        return outcome.Failed(
            copy.key,
            "not-moved",
            f"{name} did not bring it: {why}" + (f"; {said}" if said else ""),
            "see to the cause and run again; or leave it out with a filter",
            phase="verify",
        )

    async def settle(self) -> None:
        """For POINT_IN_TIME_CONSISTENT, a second listing like the one before. Raises SourceKeptChanging."""
        exact = self.task.options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT
        if not exact or self.failed:
            return
        self._compares = True
        self.run.recorder.enter(Phase.VERIFYING)
        await self.scan(first=False)
        self.state.candidates.close()
        if self._itinerary.total or self.state.forgotten:
            raise errors.SourceKeptChanging(
                f"{self._ends.source.place} changed while {self._mover.name} moved it",
                advice="nothing was published; run again when less is written there",
                place=self._ends.source.place,
            )
        await self.copying.audit_files(self._ends)
        self.copying.consistency = Consistency.POINT_IN_TIME

    async def close(self) -> None:
        """Forget what was refused, then as every lane."""
        self._refused.close()
        await super().close()


def _every(*itineraries: Itinerary) -> Iterator[Copy]:
    """The copies of all turns in key order."""
    streams = [one.copies(turn) for one in itineraries for turn in Turn]
    return heapq.merge(*streams, key=lambda copy: copy.key)


def _without(copies: Iterator[Copy], others: Iterator[Copy]) -> Iterator[Copy]:
    """Those of `copies` whose key is in none of `others`; both in key order."""
    other = next(others, None)
    for copy in copies:
        while other is not None and other.key < copy.key:
            other = next(others, None)
        if other is None or other.key != copy.key:
            yield copy


def _batches(copies: Iterator[Copy]) -> Iterator[list[Copy]]:
    while batch := list(itertools.islice(copies, BATCH_ROWS)):
        yield batch
