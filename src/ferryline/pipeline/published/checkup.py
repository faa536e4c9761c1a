"""`verify` of a dataset: every replica against its snapshot; what is bad is distrusted and withdrawn.

Called by `door`. It repairs nothing: the next sync sends again what a receipt no longer proves.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model import event
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.page import DISTRUSTED
from ferryline.model.run import Phase
from ferryline.pipeline import border, loop, shelves
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.inspection import Inspection
from ferryline.pipeline.published.pins import Pins
from ferryline.pipeline.published.proofreading import Proofreading, Proven
from ferryline.pipeline.roll import Roll, Upto
from ferryline.pipeline.run import Frame, Run
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import publication, seeding
from ferryline.pipeline.syncing.tenure import Tenure
from ferryline.pipeline.task import Surroundings
from ferryline.report.facts import VerifyFacts
from ferryline.snapshot import opening, publish
from ferryline.snapshot.build import build
from ferryline.snapshot.load import every_row
from ferryline.snapshot.receipt import Receipt
from ferryline.snapshot.rows import PROOFS
from ferryline.state import State
from ferryline.verify.sample import Sample


class Checkup:
    """One verification of one dataset's replicas, one after the other. `run` once; then `facts`."""

    def __init__(self, task: DatasetTask, around: Surroundings, state: State, sample: Sample) -> None:
        self._task = task
        self._around = around
        self._state = state
        self._sample = sample
        self.facts: list[VerifyFacts] = []

    async def run(self, replicas: tuple[str, ...] = ()) -> None:
        """Look at the replicas named, or all. Raises what concerns the dataset; the rest is in `facts`."""
        border.check(self._task, {})
        for replica in tuple(map(self._task.replica, replicas)) or self._task.replicas:
            await self._one(replica)

    async def _one(self, replica: Replica) -> None:
        task = self._task
        run = Run(task.leg(replica), self._around, self._state, frame=Frame(self._around, task.options))
        visit = _Visit(run, task, replica, self._sample)
        stopped: errors.FerrylineError | None = None
        try:
            await visit.pay()
        except BaseExceptionGroup as group:
            first = loop.first(group)
            if not isinstance(first, errors.FerrylineError) or isinstance(first, errors.BrokenInvariant):
                raise
            stopped = first
        except errors.BrokenInvariant:
            raise
        except errors.FerrylineError as error:
            stopped = error
        facts = run.checked(
            visit.found, self._sample, stopped, snapshot=visit.snapshot, withdrawn=visit.withdrawn
        )
        self.facts.append(facts)
        if isinstance(stopped, errors.Interrupted):
            raise stopped


class _Visit:
    """One replica."""

    def __init__(self, run: Run, task: DatasetTask, replica: Replica, sample: Sample) -> None:
        self._run = run
        self._task = task
        self._replica = replica
        self._sample = sample
        self.found = Inspection()
        self.snapshot: str | None = None
        self.withdrawn = False

    async def pay(self) -> None:
        """Look, and distrust what is bad."""
        recorder = self._run.recorder
        recorder.emit(
            event.RunStarted(self._run.run_id, self._task.source.url, (self._replica.location.url,))
        )
        recorder.enter(Phase.VERIFYING)
        async with shelves.opened(self._replica, self._run.opening()) as there:
            await border.check_again(self._task, None, [there])
            endpoint = opening_ends.endpoint_of(self._replica.location)
            ends = opening_ends.joined(there.store, there.store, self._run.opening(), endpoint, endpoint)
            tenure = Tenure(self._run, self._task, there, ends)
            try:
                await tenure.begin()
                await self._look(there, tenure, ends)
            finally:
                await tenure.close()

    async def _look(self, there: OpenReplica, tenure: Tenure, ends: opening_ends.Ends) -> None:
        current = tenure.current
        if current is None:
            raise errors.ObjectMissing(
                f"nothing is published in {there.shelf.store.place}",
                advice="run sync, or adopt the copy that is there",
                place=there.shelf.store.place,
            )
        self.snapshot = current.snapshot
        why = await self._documents(there, tenure.last)
        manifest, receipt = tenure.last.manifest, tenure.last.receipt
        with Roll(self._run.state.folder) as bad:
            if manifest is not None and receipt is not None:
                proofreading = Proofreading(
                    there.store,
                    ends.destination_listing,
                    self._sample,
                    self._run.around.pressure.objects,
                    self.found,
                )
                pins = Pins(there.store, receipt, self._run.recorder.warn)
                try:
                    await proofreading.compare(Proven(there.shelf, manifest, receipt), pins, bad)
                except (errors.ObjectMissing, errors.DigestMismatch) as damage:
                    why = why or self._damaged(damage)
            if bad.count:
                objects = f"{bad.count} object{'s' if bad.count > 1 else ''}"
                why = f"verify found {objects} that are not what was proven"
            if why:
                await self._distrust(there, tenure, why, bad)

    async def _documents(self, there: OpenReplica, last: publication.Before) -> str:
        """Why the snapshot's own documents cannot be believed, or an empty string."""
        if last.manifest is not None and last.receipt is not None and last.source is not None:
            return ""
        for read in (opening.read_manifest, opening.read_receipt, opening.read_source_receipt):
            try:
                await read(there.shelf, self.snapshot or "")
            except (errors.ObjectMissing, errors.DigestMismatch) as damage:
                return self._damaged(damage)
        return ""

    def _damaged(self, damage: errors.ObjectFailed) -> str:
        """Note a document or a chunk of the snapshot that is missing or altered."""
        self.found.mismatch(
            Mismatch(damage.key or b"", Trouble.MISSING, damage.message, "run sync: it writes it anew")
        )
        return damage.message

    async def _distrust(self, there: OpenReplica, tenure: Tenure, why: str, bad: Roll) -> None:
        place = self._replica.location.identity
        seeding.differ(self._run.memory, place)
        if bad.count:
            self._run.ledger().distrust(bad.keys())
        await tenure.write()
        receipt = await self._rewritten(there, tenure.last.receipt, why, bad)
        done = await publish.disown(there.shelf, tenure.writer, self.snapshot or "", why, receipt)
        self.withdrawn = done.written

    async def _rewritten(
        self, there: OpenReplica, receipt: Receipt | None, why: str, bad: Roll
    ) -> Receipt | None:
        """The receipt with the bad objects marked; None where it cannot be read to be marked."""
        if receipt is None:
            return None
        evidence: Counter[str] = Counter()
        marks = Upto(bad.batches())

        async def marked() -> AsyncIterator[pa.RecordBatch]:
            async for rows in every_row(there.shelf, receipt.index):
                is_bad = pc.is_in(rows.column("key"), marks.take(rows.column("key")[-1].as_py()))
                words = pc.if_else(is_bad, DISTRUSTED, rows.column("evidence"))
                for word in pc.value_counts(words):
                    evidence[word["values"].as_py()] += word["counts"].as_py()
                index = rows.schema.get_field_index("evidence")
                yield rows.set_column(index, PROOFS.schema.field("evidence"), words)

        with contextlib.suppress(errors.ObjectMissing, errors.DigestMismatch):
            built = await build(marked(), there.shelf, PROOFS, receipt.index)
            return publication.disowned(receipt, built.index, evidence, why)
        return None
