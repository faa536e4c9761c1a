"""The run of `copy`: scan → transfer → prove → delete, and again until quiet where that was asked for.

Called by `door` (and later by whoever runs datasets). It holds no rule: it hands each value that a
stage yields to the next one and to the tally. An error that ends the run becomes part of the facts.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from ferryline import errors, transfer
from ferryline.listing.coverage import Coverage
from ferryline.model import action, finding, outcome
from ferryline.model.run import Consistency, Phase
from ferryline.pipeline import ends as opening
from ferryline.pipeline import origin, probing, single, skipped
from ferryline.pipeline import scan as scanning
from ferryline.pipeline.candidates import Candidates
from ferryline.pipeline.ends import Ends
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.pipeline.tally import Tally
from ferryline.plan import guard
from ferryline.plan.classify import Classified
from ferryline.policy.options import TransferMode, VerifyMode
from ferryline.state.ledger import Ledger
from ferryline.verify import audit
from ferryline.verify import prove as proving


def _nobody(_done: outcome.Outcome) -> None:
    """Nobody waits for a key to be done with."""


@dataclass(slots=True)
class PassState:
    """What one pass over both listings leaves for the next. Mutable: the pass folds into it."""

    coverage: Coverage
    candidates: Candidates
    copies: int = 0
    deletes: int = 0
    drift: int = 0
    """Objects that were no longer as listed when they were read: this listing is not a state that was."""
    first: bool = True
    """Later passes count only what they act on."""
    listed: int = 0
    destination_listed: int = 0
    kept: int = 0
    """Objects that OverwriteMode NEVER left as they were, not proven equal."""
    forgotten: int = 0
    """Rows of the ledger that lost a side."""
    vanished: int = 0
    """Objects that were gone from the source when they were to be read."""
    news: int = 0
    """Pairs proven same of which the ledger knew nothing."""

    @property
    def quiet(self) -> bool:
        """Whether the pass found nothing to do."""
        return not (self.copies or self.deletes or self.drift)


class CopyRun:
    """One execution of one task with one destination. `run` once; then `tally` and `consistency`."""

    def __init__(self, run: Run, may_write: transfer.MayWrite = transfer.always) -> None:
        self._run = run
        self._task = run.task
        self._options = run.task.options
        self._may_write = may_write
        self._held = Candidates(run.state.folder)
        self._probed = False
        self.leftovers: transfer.Leftovers | None = None
        self._guard = guard.TransferGuard(run.task.max_transfer_bytes)
        self.tally: Tally = run.tally
        self.consistency = Consistency.PER_OBJECT

    async def run(self) -> None:
        """Do all of it. Raises what stopped the run; what was proven until then is kept."""
        run = self._run
        run.begin()
        run.recorder.enter(Phase.LAUNCHING)
        with run.state.lock(self._task.destinations[0].identity) as still_ours:

            async def confirm() -> None:
                still_ours()

            self._may_write = confirm
            async with opening.opened(self._task, run.opening()) as ends:
                mount = await opening.check_mount(ends.source, self._task, run.memory)
                # Also where nothing will be copied: the next run ends what a dead one left.
                self.leftovers = await transfer.sweep(ends.destination, self.manner())
                try:
                    with ends.destination.fence.asking(still_ours):
                        await self._rounds(ends)
                finally:
                    self._held.close()
                if mount is not None:
                    run.memory.remember_mount(self._task.source.identity, mount)

    async def _rounds(self, ends: Ends) -> None:
        """One pass, and for POINT_IN_TIME_CONSISTENT more until one finds nothing to do."""
        first = await self._pass(ends, first=True)
        wanted = self._options.verify_mode is VerifyMode.POINT_IN_TIME_CONSISTENT
        if not wanted or self._task.object_key is not None or self._failed():
            return
        self._run.recorder.enter(Phase.VERIFYING)
        before = first
        for _ in range(max(1, self._run.around.pressure.changed_rounds)):
            now = await self._pass(ends, first=False)
            if self._failed():
                return
            if not (now.copies or now.deletes or now.drift or before.drift):
                await self.audit_files(ends)
                if not self._failed():
                    self.consistency = Consistency.POINT_IN_TIME
                return
            before = now
        raise errors.SourceKeptChanging(
            f"{ends.source.place} changed during each of {self._run.around.pressure.changed_rounds} rounds",
            advice="everything copied so far is proven object by object; run again when less is written "
            "there, or use verify_mode ONLY_FILES_TRANSFERRED",
            place=ends.source.place,
        )

    def _failed(self) -> bool:
        return self.tally.failures_total > 0

    async def _pass(self, ends: Ends, *, first: bool) -> PassState:
        """List both sides once and bring the destination in line with what was listed."""
        run = self._run
        if first:
            run.recorder.enter(Phase.PREPARING)
        ledger = run.ledger()
        view = run.view(ends, ledger)
        if not first:
            # TransferMode ALL has sent everything once; a second time would never find the listing at rest.
            view = scanning.ruled(view, transfer_mode=TransferMode.CHANGED)
        with ledger.update() as update:
            remembering = Remembering(update)
            try:
                state = await self._work(view, remembering, first=first)
                if self.leftovers is not None:
                    await self.leftovers.clear()
                await self.delete(ends, state, remembering, ledger)
            finally:
                remembering.flush()
                update.checkpoint()
            update.commit()
        return state

    async def _work(self, view: scanning.View, remembering: Remembering, *, first: bool) -> PassState:
        ends = view.ends
        if self._task.object_key is not None:
            state = PassState(Coverage(ends.destination.place, ()), self._candidates(), first=first)
            steps = single.steps(view, self._task)
        else:
            ranges = await scanning.scope(view)
            state = PassState(Coverage(ends.destination.place, ranges), self._candidates(), first=first)
            steps = scanning.scan(view, ranges, state.coverage)
        copies = self._copies(steps, ends, state, remembering)
        self._run.coverage = state.coverage
        arrivals = self.arrivals(copies, ends, state)
        if self._options.verify_mode is VerifyMode.NONE:
            async with contextlib.aclosing(arrivals) as unproven:
                async for done in unproven:
                    if done.proof is not None and done.destination is not None:
                        # Nothing was looked at for it, and yet the next run may know it by its token.
                        remembering.proven(
                            finding.Match(done.source, done.destination, done.proof, done.digest)
                        )
        else:
            await self.prove(arrivals, ends, remembering)
        self.fold_skipped(ends, state)
        return state

    async def _copies(
        self,
        steps: AsyncGenerator[scanning.Step, None],
        ends: Ends,
        state: PassState,
        remembering: Remembering,
    ) -> AsyncGenerator[action.Copy, None]:
        """The copies of a scan; everything else is folded on the way."""
        async with contextlib.aclosing(steps):
            async for step in steps:
                if isinstance(step, Classified):
                    self.fold_page(step, state, remembering)
                elif isinstance(step, action.Copy):
                    self._guard.admit(step.source.size_bytes, ends.destination.place)
                    if not self._probed:
                        self._probed = True
                        self._run.recorder.enter(Phase.TRANSFERRING)
                        await probing.learn(ends, self._run.memory, step.source)
                    state.copies += 1
                    self.tally.counts.listed += not state.first
                    yield step
                else:
                    self.fold(step, state, remembering)

    def _candidates(self) -> Candidates:
        """Those of a new pass; the last pass's are done with."""
        self._held.close()
        self._held = Candidates(self._run.state.folder)
        return self._held

    def fold_skipped(self, ends: Ends, state: PassState) -> None:
        """What walks over file trees passed over."""
        skips = skipped.skips_of(ends.source)
        if skips is not None and state.first:
            skipped.fold_source(skips, self._task.filters, self.tally, self._run.recorder)
        skipped.blind(ends.source, ends.destination, state.coverage)

    def fold_page(self, page: Classified, state: PassState, remembering: Remembering) -> None:
        """What one page of the scan showed."""
        remembering.same(page.same_rows)
        remembering.forgotten(page.forgotten)
        state.listed += page.counts.listed - page.counts.excluded - page.counts.reserved
        state.destination_listed += page.counts.destination_listed
        state.kept += page.counts.kept
        state.forgotten += len(page.forgotten)
        state.news += page.same_rows.column("digest").null_count
        if state.first:
            page.counts.add_to(self.tally.counts)

    def fold(self, step: action.Action, state: PassState, remembering: Remembering) -> None:
        """Everything that is not copied, once. Later passes count only what is acted on."""
        counts = self.tally.counts
        if isinstance(step, action.Delete):
            state.candidates.add(step)
        elif isinstance(step, action.Refuse):
            counts.listed += not state.first
            self.tally.refused(step)
        elif isinstance(step, action.Same):
            remembering.proven(finding.Match(step.source, step.destination, step.evidence, step.digest))
            state.news += 1
            if state.first:
                counts.same += 1
                counts.evidence[step.evidence.value] += 1
        elif isinstance(step, action.Keep):
            orphan = step.reason is action.Reason.KEPT_BY_PRESERVE
            state.kept += not orphan
            counts.kept_orphans += orphan and state.first
            counts.kept += not orphan and state.first

    async def arrivals(
        self,
        copies: AsyncGenerator[action.Copy, None],
        ends: Ends,
        state: PassState,
        through: Callable[[outcome.Outcome], None] = _nobody,
    ) -> AsyncGenerator[outcome.Transferred, None]:
        """What arrived; failures and vanished objects are folded. `through` is told of each that is done
        with, however it ended."""
        stage_ends = transfer.Ends(ends.source, ends.destination, origin.origin(self._task, ends))
        moving = transfer.transfer(copies, stage_ends, self.manner(), self.leftovers)
        async with contextlib.aclosing(copies), contextlib.aclosing(moving) as outcomes:
            async for done in outcomes:
                through(done)
                if isinstance(done, outcome.Transferred):
                    state.drift += done.source.token != done.action.source.token
                    self.tally.transferred(done)
                    yield done
                elif isinstance(done, outcome.Vanished):
                    state.drift += 1
                    state.vanished += 1
                    self.tally.vanished(done)
                elif isinstance(done, outcome.Failed):
                    self.tally.failed(done)

    async def prove(
        self, arrivals: AsyncGenerator[outcome.Transferred, None], ends: Ends, remembering: Remembering
    ) -> None:
        """Prove what arrived; the tally and the ledger learn what came of it."""
        checking = self._run.checking(self._rename)
        findings = proving.prove(arrivals, ends.source, ends.destination, checking)
        async with contextlib.aclosing(arrivals), contextlib.aclosing(findings):
            async for found in findings:
                if isinstance(found, finding.Match):
                    self.tally.proven(found)
                    remembering.proven(found)
                else:
                    self.tally.disproven(found)

    async def delete(self, ends: Ends, state: PassState, remembering: Remembering, ledger: Ledger) -> None:
        """The delete phase: only from proven ranges, after the guards, with a second look for each."""
        if not state.candidates.count:
            return
        place, ledger_rows = ends.destination.place, ledger.count()
        facts = guard.SourceFacts(state.listed, ledger_rows, state.destination_listed)
        guard.check_source(facts, ends.source.place)
        self.delete_guard(ledger_rows, state).check(state.candidates.count, place)
        stage_ends = transfer.Ends(ends.source, ends.destination)
        candidates = self._proven_absent(state)
        async with contextlib.aclosing(transfer.delete(candidates, stage_ends, self.manner())) as outcomes:
            async for done in outcomes:
                if isinstance(done, outcome.Deleted):
                    state.deletes += 1
                    self.tally.deleted(done)
                    remembering.gone(done.key)
                elif isinstance(done, outcome.Spared):
                    self.tally.spared(done)
                elif isinstance(done, outcome.Failed):
                    self.tally.failed(done)

    def delete_guard(self, held: int, state: PassState) -> guard.DeleteGuard:
        """The caps on deletes, where `held` objects were proven before."""
        task = self._task
        return guard.DeleteGuard.of(task.max_delete, held, state.destination_listed, task.approved_deletes)

    async def _proven_absent(self, state: PassState) -> AsyncGenerator[action.Delete, None]:
        for candidate in state.candidates.take():
            if state.coverage.proves(candidate.key):
                yield candidate
            else:
                self.tally.spared(outcome.Spared(candidate, "its place was not listed to the end"))

    async def audit_files(self, ends: Ends) -> None:
        """Files are always hashed: a size and a time prove nothing about a disk."""
        if not (ends.source.capabilities.hashes_locally or ends.destination.capabilities.hashes_locally):
            return
        view = scanning.ruled(self._run.view(ends, self._run.ledger()), transfer_mode=TransferMode.CHANGED)
        pairs = scanning.every_pair(view, await scanning.scope(view))
        checking = self._run.checking(self._rename)
        async with contextlib.aclosing(
            audit.audit(pairs, ends.source, ends.destination, checking)
        ) as findings:
            async for found in findings:
                if isinstance(found, finding.Mismatch):
                    self.tally.disproven_later(found)

    def _rename(self, key: bytes) -> bytes:
        name = self._task.object_name
        return key if name is None else name

    def manner(self) -> transfer.Manner:
        """How this run's objects are worked on."""
        run = self._run
        pressure = run.around.pressure
        return transfer.Manner(
            run_id=run.run_id,
            clock=run.around.clock,
            chance=run.around.chance,
            emit=run.recorder.emit,
            memory_bytes=pressure.memory_bytes,
            objects=pressure.objects,
            metadata=self._options.object_metadata,
            mtime=self._options.mtime,
            tags=transfer.TagsKept.of(self._options),
            rename=self._rename,
            changed_rounds=pressure.changed_rounds,
            may_write=self._may_write,
        )
