"""One replica's part of a sync: scanned, brought in line, proven, published, cleaned up behind.

`Sync` drives it beside the other lanes, and one that stops does not stop them. Order is the promise: new
keys, overwrites, markers, publication, deletes; on a replica that keeps no versions eligibility is
withdrawn before the first overwrite or delete.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import cast

from ferryline import errors, transfer
from ferryline.listing.coverage import Coverage
from ferryline.model import action, outcome
from ferryline.model.finding import Match
from ferryline.model.run import Consistency, Phase
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline import probing, proofs, publication, scan, seeding
from ferryline.pipeline.candidates import Candidates
from ferryline.pipeline.convoy import Convoy, Traveller
from ferryline.pipeline.copying import CopyRun, PassState
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.itinerary import Itinerary, Turn
from ferryline.pipeline.markers import Markers
from ferryline.pipeline.remembering import Remembering
from ferryline.pipeline.run import Run
from ferryline.pipeline.sharing import Sharing
from ferryline.pipeline.shelves import OpenReplica
from ferryline.plan import guard
from ferryline.plan.classify import Classified
from ferryline.policy.options import PreserveDeletedFiles, VerifyMode
from ferryline.snapshot import history, lock, prune, publish
from ferryline.snapshot.publish import Fencing, Writer
from ferryline.snapshot.receipt import Keeping
from ferryline.storage.wrap.stack import DressedStore

PRUNE_AFTER = timedelta(days=1)
"""Snapshot files that nothing needs stay this long: a reader may still hold a manifest that names them."""

VERSIONS_MAX = 1_000_000
"""Version ids that are kept from the answers to writes; beyond, they are asked for."""


class Lane:
    """The work at one replica. Its outcome stands in the attributes, whatever happened."""

    def __init__(
        self, run: Run, task: DatasetTask, there: OpenReplica, sharing: Sharing, holder: str
    ) -> None:
        self.run = run
        self.task = task
        self.there = there
        self.replica = there.replica
        self.copying = CopyRun(run)
        self.stopped: errors.FerrylineError | None = None
        self.snapshot: str | None = None
        self.published = False
        self.why_not = ""
        self.fencing = Fencing.LOCAL
        self.state = PassState(Coverage(there.store.place, ()), Candidates())
        self.keeping = Keeping.LATEST
        self._sharing = sharing
        self._tap = sharing.tap()
        self._holder = holder
        self._closing = contextlib.AsyncExitStack()
        self._held: lock.Held | None = None
        self._last = publication.Before(None)
        self._itinerary = Itinerary((), run.state.folder)
        self._markers = Markers(task.markers)
        self._versions: dict[bytes, str] = {}
        self._withdrawn = False
        self._listed_at = run.began_at
        endpoints = (
            opening_ends.endpoint_of(task.source),
            opening_ends.endpoint_of(there.replica.location),
        )
        self._ends = opening_ends.joined(sharing.source, there.store, run.opening(), *endpoints)

    # -- looking ----------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Take the host's lock, read what is published, take over what it proves, find leftovers."""
        self._closing.enter_context(self.run.state.lock(self.replica.location.identity))
        seen = await publish.read_head(self.there.shelf)
        head = seen.head if seen is not None else None
        if head is not None:
            publish.belongs(head, self.task.identity(self.replica), self.there.shelf.store.place)
            self._last = await publication.before(self.there, head)
            identity = self.replica.location.identity
            await seeding.seed(self.there.shelf, head, self.run.ledger(), self.run.memory, identity)
        self.copying.leftovers = await transfer.sweep(self._ends.destination, self.copying.manner())

    async def scan(self, *, first: bool) -> None:
        """List both sides and hold every copy and delete that follows from them. Nothing is written there."""
        self._itinerary.close()
        self._listed_at = self.run.around.clock.now()
        ledger = self.run.ledger()
        view = self.run.view(self._ends, ledger)
        with ledger.update() as update:
            remembering = Remembering(update)
            ranges = await scan.scope(view)
            coverage = Coverage(self._ends.destination.place, ranges)
            state = self.state = PassState(coverage, Candidates(self._markers), first=first)
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
                        self.copying.fold(step, state, remembering)
            self.copying.fold_skipped(self._ends, state)
            self.run.coverage = coverage
            remembering.flush()
            update.commit()

    def _turn(self, copy: action.Copy) -> Turn:
        if self._markers(copy.key):
            return Turn.MARKER
        return Turn.NEW if copy.replaces is None else Turn.OVERWRITE

    def guard(self) -> None:
        """Refuse a source that is suddenly empty or shrunken, and too many deletes. Raises GuardRefused."""
        state, held = self.state, self._last.rows
        place = self._ends.destination.place
        if held:
            guard.check_source(guard.SourceFacts(state.listed, held, 0), self._ends.source.place)
        if state.candidates.count:
            rows = held or self.run.ledger().count()
            facts = guard.SourceFacts(state.listed, rows, state.destination_listed)
            guard.check_source(facts, self._ends.source.place)
            self.copying.delete_guard(rows, state).check(state.candidates.count, place)

    @property
    def plan_bytes(self) -> int:
        """Object bytes that wait to be sent here."""
        return self._itinerary.size_bytes

    @property
    def is_eligible(self) -> bool:
        """Whether a reader may use this replica as it is now."""
        head = self._last.head
        entry = head.entry(head.current) if head is not None and head.current is not None else None
        return entry is not None and entry.eligible

    @property
    def destroys(self) -> bool:
        """Whether the run will write over, or remove, bytes that a snapshot here still needs."""
        writes_over = self._itinerary.count[Turn.OVERWRITE] > 0 or self._markers_overwrite
        return self.keeping is Keeping.LATEST and (writes_over or self.state.candidates.count > 0)

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

    async def learn_keeping(self) -> None:
        """Find out whether overwrites keep what was there."""
        ask = getattr(self.there.store, "versioning", None)
        try:
            versioned = ask is not None and await ask()
        except (errors.AccessRefused, errors.ObjectFailed):
            versioned = False
            self.run.recorder.warn(
                f"{self.there.store.place} does not say whether it keeps versions; taken as if it did not",
                "grant s3:GetBucketVersioning",
            )
        self.keeping = Keeping.VERSIONS if versioned else Keeping.LATEST

    # -- writing ----------------------------------------------------------------------------------

    async def begin_writing(self) -> None:
        """Find out what the endpoint honours and take the replica's lock: once, before the first write."""
        if self._held is not None:
            return
        memory = self.run.memory
        sample = next((one for turn in Turn for one in self._itinerary.copies(turn)), None)
        if sample is not None:
            await probing.learn(self._ends, memory, sample.source)
        await probing.learn_destination(self.there.store, self._ends.destination_endpoint, memory)
        if self.replica.metadata is not None:
            endpoint = opening_ends.endpoint_of(self.replica.metadata)
            await probing.learn_destination(self.there.files, endpoint, memory)
        seen = await publish.read_head(self.there.shelf)
        epoch = (seen.head.epoch if seen is not None else 0) + 1
        now = self.run.around.clock.now()
        wanted = lock.Lock(self._holder, self.run.run_id, epoch, now, now)
        self._held = await self._closing.enter_async_context(
            lock.held(self.there.shelf, wanted, self.run.around.clock)
        )
        if seen is not None and (self._last.head is None or seen.head.sequence != self._last.head.sequence):
            self._last = await publication.before(self.there, seen.head)

    @property
    def _writer(self) -> Writer:
        if self._held is None:
            raise errors.BrokenInvariant("a head was about to be written without a lock")
        self._held.check()
        return Writer(self.task.identity(self.replica), self._held.seen.lock.epoch)

    async def carry(self, turns: tuple[Turn, ...], convoys: dict[Turn, Convoy] | None = None) -> None:
        """Send and prove the copies of these turns. Failures of objects are in the tally."""
        if not any(self._itinerary.count[turn] for turn in turns):
            return
        await self.begin_writing()
        self.run.recorder.enter(Phase.TRANSFERRING)
        tapped = dataclasses.replace(self._ends, source=cast("DressedStore", self._tap))
        ledger = self.run.ledger()
        with ledger.update() as update:
            remembering = Remembering(update)
            arrivals = self.copying.arrivals(
                self._copies(turns, convoys or {}), tapped, self.state, self._through
            )
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
                        await self._withdraw()
                    yield copy

    def _through(self, key: bytes) -> None:
        self._sharing.done(self._tap, key)

    async def _noted(
        self, arrivals: AsyncGenerator[outcome.Transferred, None]
    ) -> AsyncGenerator[outcome.Transferred, None]:
        """The same, with the versions remembered that writes made."""
        async with contextlib.aclosing(arrivals):
            async for done in arrivals:
                if done.version_id is not None and len(self._versions) < VERSIONS_MAX:
                    self._versions[done.key] = done.version_id
                yield done

    async def _withdraw(self) -> None:
        """Bar readers before the first byte that a snapshot needs is written over, where none is kept."""
        if self._withdrawn or self.keeping is Keeping.VERSIONS:
            return
        self._withdrawn = True
        why = f"run {self.run.run_id} is writing over it"
        await publish.withdraw(self.there.shelf, self._writer, why)

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
            if exact and not late and not before.drift and not self._itinerary.total:
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

    # -- publishing -------------------------------------------------------------------------------

    async def publish(self) -> None:
        """Make what is proven current, unless it is or must not be; then delete, then prune."""
        self.why_not = self._unpublishable()
        if self.why_not:
            return
        if not await self._is_current():
            await self._publish()
        await self._delete()
        await self._prune()

    def _unpublishable(self) -> str:
        if self.task.options.verify_mode is VerifyMode.NONE:
            return "verify_mode is NONE, and what is not proven is never published"
        if self.failed:
            return f"{self.copying.tally.failures_total} objects failed"
        if self.state.kept:
            return f"{self.state.kept} objects are kept by overwrite_mode NEVER and not proven equal"
        if not self.state.coverage.complete:
            return "a part of the source or of the replica could not be listed"
        return ""

    async def _is_current(self) -> bool:
        """Whether the head already says what this run found, and every file that it needs is there."""
        last, state = self._last, self.state
        head = last.head
        entry = head.entry(head.current) if head is not None and head.current is not None else None
        if entry is None or not entry.eligible or self._versions or state.copies or state.news:
            return False
        if state.forgotten or self._proven_rows() != entry.rows:
            return False
        mark = self.run.memory.mount(seeding.mark_of(self.replica.location.identity))
        if mark != entry.receipt or not await self._is_whole(entry.snapshot):
            return False
        better = self.copying.consistency is Consistency.POINT_IN_TIME
        if better and entry.consistency is not Consistency.POINT_IN_TIME:
            return False
        self.snapshot = entry.snapshot
        self.fencing = publish.fencing_of(self.there.shelf)
        return True

    def _proven_rows(self) -> int:
        ledger, filters = self.run.ledger(), self.task.filters
        if filters.everything:
            return ledger.count()
        return sum(proofs.selected(rows, filters).num_rows for rows in ledger.rows())

    async def _is_whole(self, snapshot: str) -> bool:
        """Whether every file of the snapshot is on the shelf."""
        try:
            needed = await prune.needed_by(self.there.shelf, [snapshot])
        except (errors.ObjectMissing, errors.DigestMismatch):
            return False
        if self._last.source is None:
            return False
        present = {one.key for one in await prune.listed(self.there.shelf, self.there.files)}
        return needed - {self.there.shelf.head_key} <= present

    async def _publish(self) -> None:
        await self.begin_writing()
        head = self._last.head
        entry = head.entry(head.current) if head is not None and head.current is not None else None
        whole = entry is None or not await self._is_whole(entry.snapshot)
        ledger = self.run.ledger()
        making = publication.Publication(self.there, self._sharing.source, self.task, self._last, whole=whole)
        try:
            await making.complete(ledger)
        finally:
            self.copying.tally.counts.source_bytes_read += making.bytes_read
        ledger = self.run.ledger()
        made = await making.make(ledger, self.copying.consistency, self.keeping, self._versions)
        expected = self.state.listed - self.copying.tally.counts.vanished
        if made.manifest.index.rows != expected and self.state.first:
            raise errors.BrokenInvariant(
                f"{made.manifest.index.rows} objects are proven in {self.there.store.place} and {expected} "
                "were listed: nothing was published"
            )
        gone = await making.removed(made)
        if gone:
            self.copying.delete_guard(self._last.rows, self.state).check(len(gone), self._ends.source.place)
            await making.doubt(gone)
        announced = await making.publish(self._writer, made, self._now())
        self.snapshot, self.published = made.manifest.snapshot, announced.written
        self.fencing = announced.fencing
        identity = self.replica.location.identity
        self.run.memory.remember_mount(seeding.mark_of(identity), made.receipt.index.root)
        self._last = publication.Before(announced.head, made.manifest, made.receipt, made.source)

    async def _delete(self) -> None:
        """What the source no longer has goes last, and only once the snapshot without it is current."""
        state = self.state
        if not state.candidates.count:
            return
        if self.task.options.preserve_deleted_files is not PreserveDeletedFiles.REMOVE:
            raise errors.BrokenInvariant("something was about to be deleted although deleted files are kept")
        await self.begin_writing()
        ledger = self.run.ledger()
        with ledger.update() as update:
            remembering = Remembering(update)
            try:
                await self.copying.delete(self._ends, state, remembering, ledger)
            finally:
                remembering.flush()
                update.checkpoint()
            update.commit()

    async def _prune(self) -> None:
        """Drop the snapshots beyond `keep_snapshots`, and the files that only they need."""
        head = self._last.head
        if head is None or self._held is None:
            return
        now = self._now()
        stays = history.kept(head, self.task.keep, now)
        if {one.snapshot for one in head.snapshots} <= stays:
            return
        horizon = int((now - PRUNE_AFTER).timestamp() * 1_000_000_000)
        try:
            await prune.prune(self.there.files, self.there.shelf, self._writer, stays, horizon)
        except (errors.ObjectMissing, errors.DigestMismatch) as damage:
            self.run.recorder.warn(f"old snapshots were not removed: {damage.message}", damage.advice)

    async def close(self) -> None:
        """Give the locks back and forget the plan. Safe to call twice."""
        self._itinerary.close()
        if self.copying.leftovers is not None and self._held is not None:
            with contextlib.suppress(errors.FerrylineError):
                await self.copying.leftovers.clear()
        await self._closing.aclose()

    def _now(self) -> datetime:
        return self.run.around.clock.now()


async def _unproven(arrivals: AsyncGenerator[outcome.Transferred, None], remembering: Remembering) -> None:
    """VerifyMode NONE: nothing is looked at, but what a write's answer proved may be remembered."""
    async with contextlib.aclosing(arrivals):
        async for done in arrivals:
            if done.proof is not None and done.destination is not None:
                remembering.proven(Match(done.source, done.destination, done.proof, done.digest))
