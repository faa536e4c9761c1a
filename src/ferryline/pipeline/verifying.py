"""The run of `verify`: compare, repair nothing; what is found bad is distrusted on this host.

Objects are compared as a plan compares them. Files, and the share that `--deep` asks for, are read
on both sides. Every finding passes here once.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator

from ferryline.listing.coverage import Coverage
from ferryline.listing.join import Remembers, RemembersNothing
from ferryline.model.finding import Finding, Match, Mismatch, Trouble
from ferryline.model.key import KeyRange
from ferryline.model.pair import Both
from ferryline.model.run import Phase
from ferryline.pipeline import ends as opening
from ferryline.pipeline import inspection as inspecting
from ferryline.pipeline import scan as scanning
from ferryline.pipeline import skipped
from ferryline.pipeline.ends import Ends
from ferryline.pipeline.inspection import Inspection
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.plan import rows as joined_rows
from ferryline.plan.classify import Classified
from ferryline.policy.options import OverwriteMode, PreserveDeletedFiles, TransferMode
from ferryline.policy.values import OnUnknown
from ferryline.verify import audit
from ferryline.verify.sample import Sample


async def verify(run: Run, sample: Sample, found: Inspection) -> None:
    """Compare both ends of a task into `found`. Raises what stops a run."""
    run.announce()
    run.recorder.enter(Phase.VERIFYING)
    async with opening.opened(run.task, run.opening()) as ends:
        await opening.check_mount(ends.source, run.task, run.memory)
        with run.state.lock_on_host(run.task.destinations[0].identity):
            ledger = run.ledger()
            with ledger.update() as update:
                remembering = Remembering(update)
                verification = _Verification(run, ends, found, remembering)
                try:
                    if (
                        ends.source.capabilities.hashes_locally
                        or ends.destination.capabilities.hashes_locally
                    ):
                        await verification.read_everything()
                    else:
                        await verification.compare(ledger)
                        if sample.percent:
                            await verification.read_sample(sample)
                finally:
                    # What was found bad until a stop stays distrusted.
                    remembering.flush()
                    update.checkpoint()
                update.commit()


class _Verification:
    """One verification under way."""

    def __init__(self, run: Run, ends: Ends, found: Inspection, remembering: Remembering) -> None:
        self._run = run
        self._ends = ends
        self._found = found
        self._remembering = remembering
        self._pairs: dict[bytes, Both] = {}

    async def compare(self, ledger: Remembers) -> None:
        """Both listings, the ledger, and what HEAD can tell."""
        view = self._view(ledger, TransferMode.CHANGED)
        ranges = await scanning.scope(view)
        coverage = Coverage(self._ends.destination.place, ranges)
        async with contextlib.aclosing(scanning.scan(view, ranges, coverage)) as steps:
            async for step in steps:
                if isinstance(step, Classified):
                    self._count(step)
                    self._found.same(step.counts.evidence)
                    continue
                trouble = inspecting.trouble_of(step)
                if trouble is None:
                    self._found.same({step.evidence.value: 1})  # type: ignore[union-attr]  # only Same has none
                else:
                    self._found.mismatch(trouble)

    async def read_everything(self) -> None:
        """Every pair read on both sides: for files, whose size and time prove nothing."""
        view = self._view(RemembersNothing(), TransferMode.ALL)
        ranges = await scanning.scope(view)
        async for finding in self._audited(self._all_pairs(view, ranges)):
            self._found.deep_checked += 1
            if isinstance(finding, Match):
                self._found.match(finding)
                self._remembering.proven(finding)
            else:
                self._found.mismatch(finding)

    async def read_sample(self, sample: Sample) -> None:
        """The chosen share read on both sides."""
        view = self._view(RemembersNothing(), TransferMode.ALL)
        ranges = await scanning.scope(view)
        async for finding in self._audited(_chosen(scanning.every_pair(view, ranges), sample)):
            self._found.deep_checked += 1
            if isinstance(finding, Mismatch):
                self._found.overturned(finding)

    async def _audited(self, pairs: AsyncGenerator[Both, None]) -> AsyncGenerator[Finding, None]:
        """The findings; a pair found bad is noted as distrusted before it is passed on."""
        checking = self._run.checking()
        noted = self._noted(pairs)
        findings = audit.audit(noted, self._ends.source, self._ends.destination, checking)
        async with contextlib.aclosing(noted), contextlib.aclosing(findings):
            async for finding in findings:
                pair = self._pairs.pop(finding.key, None)
                if isinstance(finding, Mismatch) and pair is not None and finding.trouble is Trouble.DIFFERS:
                    self._remembering.distrusted(pair)
                yield finding

    async def _noted(self, pairs: AsyncGenerator[Both, None]) -> AsyncGenerator[Both, None]:
        """The same pairs, kept by key while they are looked at; at most as many as are looked at at once."""
        async with contextlib.aclosing(pairs):
            async for pair in pairs:
                self._pairs[pair.source.key] = pair
                yield pair

    async def _all_pairs(
        self, view: scanning.View, ranges: tuple[KeyRange, ...]
    ) -> AsyncGenerator[Both, None]:
        coverage = Coverage(self._ends.destination.place, ranges)
        async with contextlib.aclosing(scanning.pages(view, ranges, coverage)) as pages:
            async for page in pages:
                self._count(page)
                for key in page.orphan_rows.column("key").to_pylist():
                    self._found.mismatch(inspecting.only_there(key))
                for pair in joined_rows.pairs(page.undecided_rows):
                    if isinstance(pair, Both):
                        yield pair
                    else:
                        self._found.mismatch(inspecting.missing(pair.source.key))  # type: ignore[union-attr]  # orphans are no undecided rows under ALL
        skips = skipped.skips_of(self._ends.source)
        if skips is not None:
            for word, count in skipped.not_carried(skips, self._run.task.filters).items():
                self._found.source_objects += count
                self._found.excluded += count
                self._run.recorder.warn(f"not carried: {count} {word}", skipped.NOT_CARRIED_ADVICE)
            for one in skips.items:
                if not one.reason.excluded and self._run.task.filters.selects(one.key):
                    self._found.mismatch(
                        Mismatch(
                            one.key, Trouble.UNCHECKED, one.reason.value, "rename it, or give permission"
                        )
                    )

    def _count(self, page: Classified) -> None:
        self._found.source_objects += page.counts.listed
        self._found.destination_objects += page.counts.destination_listed
        self._found.excluded += page.counts.excluded
        self._found.reserved += page.counts.reserved

    def _view(self, ledger: Remembers, mode: TransferMode) -> scanning.View:
        view = self._run.view(self._ends, ledger)
        removes = mode is TransferMode.CHANGED
        rules = dataclasses.replace(
            view.rules,
            transfer_mode=mode,
            overwrite_mode=OverwriteMode.ALWAYS,
            preserve_deleted_files=PreserveDeletedFiles.REMOVE if removes else PreserveDeletedFiles.PRESERVE,
            on_unknown=OnUnknown.REFUSE,
        )
        return dataclasses.replace(view, rules=rules)


async def _chosen(pairs: AsyncGenerator[Both, None], sample: Sample) -> AsyncGenerator[Both, None]:
    async with contextlib.aclosing(pairs):
        async for pair in pairs:
            if sample.chosen(pair.source.key):
                yield pair
