"""The publication of one lane's work: decided, built, made current; then deletes, then old snapshots.

`Lane` calls it last. It knows why nothing is published, and when nothing need be.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ferryline import errors
from ferryline.listing.coverage import Coverage
from ferryline.model.run import Consistency
from ferryline.pipeline.candidates import Candidates
from ferryline.pipeline.copying import CopyRun, PassState
from ferryline.pipeline.ends import Ends
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.roll import Roll
from ferryline.pipeline.syncing import proofs, publication, seeding
from ferryline.pipeline.syncing.tenure import Tenure
from ferryline.policy.options import PreserveDeletedFiles, VerifyMode
from ferryline.snapshot import history, prune, publish
from ferryline.snapshot.publish import Fencing

PRUNE_AFTER = timedelta(days=1)
"""Snapshot files that nothing needs stay this long: a reader may still hold a manifest that names them."""


class Issuing:
    """What comes after everything is proven. Its outcome stands in the attributes."""

    def __init__(self, tenure: Tenure, copying: CopyRun, ends: Ends) -> None:
        self.snapshot: str | None = None
        """What is current at the replica, once it was published or confirmed."""
        self.published = False
        self.published_at: datetime | None = None
        """When it became current there."""
        self.why_not = ""
        self.fencing = Fencing.LOCAL
        self._tenure = tenure
        self._run = tenure.run
        self._task = tenure.task
        self._there = tenure.there
        self._copying = copying
        self._ends = ends
        self._state = PassState(Coverage(tenure.there.store.place, ()), Candidates(tenure.run.state.folder))
        self._versions: Mapping[bytes, str] = {}

    async def publish(self, state: PassState, versions: Mapping[bytes, str]) -> None:
        """Make what is proven current, unless it is or must not be; then delete, then prune.

        `versions` are the ids that writes of this run made.
        """
        self._state, self._versions = state, versions
        self.why_not = self._unpublishable()
        if self.why_not:
            return
        if not await self._is_current():
            await self._publish()
        await self._delete()
        await self._prune()

    def _unpublishable(self) -> str:
        if self._task.options.verify_mode is VerifyMode.NONE:
            return "verify_mode is NONE, and what is not proven is never published"
        if self._copying.tally.failures_total:
            return f"{self._copying.tally.failures_total} objects failed"
        if self._state.kept:
            return f"{self._state.kept} objects are kept by overwrite_mode NEVER and not proven equal"
        if not self._state.coverage.complete:
            return "a part of the source or of the replica could not be listed"
        return ""

    async def _is_current(self) -> bool:
        """Whether the head already says what this run found, and every file that it needs is there."""
        entry, state = self._tenure.current, self._state
        if entry is None or not entry.eligible or self._versions or state.copies or state.news:
            return False
        if state.forgotten or self._proven_rows() != entry.rows:
            return False
        mark = self._run.memory.mount(seeding.published_mark_of(self._there.replica.location.identity))
        if mark != entry.receipt or not await self._is_whole(entry.snapshot):
            return False
        better = self._copying.consistency is Consistency.POINT_IN_TIME
        if better and entry.consistency is not Consistency.POINT_IN_TIME:
            return False
        self.snapshot, self.published_at = entry.snapshot, entry.at
        self.fencing = publish.fencing_of(self._there.shelf)
        return True

    def _proven_rows(self) -> int:
        ledger, filters = self._run.ledger(), self._task.filters
        if filters.everything:
            return ledger.count()
        return sum(proofs.selected(rows, filters).num_rows for rows in ledger.rows())

    async def _is_whole(self, snapshot: str) -> bool:
        """Whether every file of the snapshot is on the shelf."""
        try:
            needed = await prune.needed_by(self._there.shelf, [snapshot])
        except (errors.ObjectMissing, errors.DigestMismatch):
            return False
        if self._tenure.last.source is None:
            return False
        present = {one.key for one in await prune.listed(self._there.shelf, self._there.files)}
        return needed - {self._there.shelf.head_key} <= present

    async def _publish(self) -> None:
        await self._tenure.write()
        await self._tenure.promise()
        entry = self._tenure.current
        whole = entry is None or not entry.eligible or not await self._is_whole(entry.snapshot)
        ledger = self._run.ledger()
        making = publication.Publication(
            self._there, self._ends.source, self._task, self._tenure.last, whole=whole
        )
        try:
            await making.complete(ledger, self._run.frame.reports)
        finally:
            self._copying.tally.counts.source_bytes_read += making.bytes_read
        ledger = self._run.ledger()
        made = await making.make(ledger, self._copying.consistency, self._tenure.keeping, self._versions)
        expected = self._state.listed - self._state.vanished
        if made.manifest.index.rows != expected:
            raise errors.BrokenInvariant(
                f"{made.manifest.index.rows} objects are proven in {self._there.store.place} and {expected} "
                "were listed: nothing was published"
            )
        with Roll(self._run.state.folder) as gone:
            async for keys in making.removed(made):
                gone.add(keys)
            if gone.count:
                caps = self._copying.delete_guard(self._tenure.last.rows, self._state)
                caps.check(gone.count, self._ends.source.place)
                await making.doubt(gone.keys())
        now = self._tenure.now()
        announced = await making.publish(self._tenure.writer, made, now)
        self.published_at = now
        self.snapshot, self.published = made.manifest.snapshot, announced.written
        self.fencing = announced.fencing
        identity = self._there.replica.location.identity
        seeding.agree(self._run.memory, identity, made.receipt.index.root)
        self._tenure.last = publication.Before(announced.head, made.manifest, made.receipt, made.source)

    async def _delete(self) -> None:
        """What the source no longer has goes last, and only once the snapshot without it is current."""
        state = self._state
        if not state.candidates.count:
            return
        if self._task.options.preserve_deleted_files is not PreserveDeletedFiles.REMOVE:
            raise errors.BrokenInvariant("something was about to be deleted although deleted files are kept")
        await self._tenure.write()
        ledger = self._run.ledger()
        with ledger.update() as update:
            remembering = Remembering(update)
            try:
                await self._copying.delete(self._ends, state, remembering, ledger)
            finally:
                remembering.flush()
                update.checkpoint()
            update.commit()

    async def _prune(self) -> None:
        """Drop the snapshots beyond `keep_snapshots`, and the files that only they need."""
        head = self._tenure.last.head
        if head is None or not self._tenure.writing:
            return
        now = self._tenure.now()
        stays = history.kept(head, self._task.keep, now)
        if {one.snapshot for one in head.snapshots} <= stays:
            return
        horizon = int((now - PRUNE_AFTER).timestamp() * 1_000_000_000)
        try:
            right = prune.Right(self._tenure.writer, self._tenure.confirm)
            done, _ = await prune.prune(self._there.files, self._there.shelf, right, stays, horizon)
        except (errors.ObjectMissing, errors.DigestMismatch) as damage:
            self._run.recorder.warn(f"old snapshots were not removed: {damage.message}", damage.advice)
            return
        if done.versions_left:
            place = self._there.files.place
            self._run.recorder.warn(f"files of old snapshots take space in {place}", done.versions_left)
