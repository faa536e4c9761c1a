"""What a run holds of one replica: the host's lock, the replica's lock, and what was published there before.

`Lane` begins it; the fence around the replica asks it before every attempt to write an object, because only
it knows whether the run may still write. It copies and publishes nothing.
"""

import contextlib
from datetime import datetime

from ferryline import errors
from ferryline.model.entry import Entry
from ferryline.model.hold import StillOurs, always_ours
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline import probing
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.ends import Ends
from ferryline.pipeline.run import Run
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import holding, publication, seeding
from ferryline.snapshot import lock, publish
from ferryline.snapshot.head import Published
from ferryline.snapshot.publish import Writer
from ferryline.snapshot.receipt import Keeping


class Tenure:
    """One run at one replica. `keeping` is what happens to bytes that are written over."""

    def __init__(self, run: Run, task: DatasetTask, there: OpenReplica, ends: Ends) -> None:
        self.run = run
        self.task = task
        self.there = there
        self.keeping = Keeping.LATEST
        self.last = publication.Before(None)
        self._ends = ends
        self._closing = contextlib.AsyncExitStack()
        self._held: lock.Held | None = None
        self._withdrawn = False
        self._still_ours: StillOurs = always_ours
        self._sequence: int | None = None
        """That of the head when the run began to look; None where there was none."""
        self.left_locked = False
        """Whether a run that died left its lock here."""

    async def begin(self) -> None:
        """Take the host's lock, read what is published, take over what it proves. Nothing is written.

        Raises LockHeld, and BadUsage for a head of another policy.
        """
        place = self.there.replica.location.identity
        self._still_ours = self._closing.enter_context(self.run.state.lock(place))
        self._closing.enter_context(self.there.store.fence.asking(self.check))
        left = await lock.read(self.there.shelf)
        self.left_locked = left is not None and (left.lock.until <= self.now() or holding.is_gone(left.lock))
        seen = await publish.read_head(self.there.shelf)
        if seen is None:
            return
        self._sequence = seen.head.sequence
        publish.check_owner(seen.head, self.task.identity(self.there.replica), self.there.shelf.store.place)
        self.last = await publication.before(self.there, seen.head)
        await seeding.seed(self.there.shelf, seen.head, self.run.ledger(), self.run.memory, place)

    @property
    def current(self) -> Published | None:
        """What the head called current when the run began, or when it last wrote it."""
        head = self.last.head
        return head.entry(head.current) if head is not None and head.current is not None else None

    async def learn_keeping(self) -> None:
        """Find out whether overwrites keep what was there."""
        versioned = await self._asked()
        if versioned is None:
            self.run.recorder.warn(
                f"{self.there.store.place} does not say whether it keeps versions; taken as if it did not",
                "grant s3:GetBucketVersioning",
            )
        self.keeping = Keeping.VERSIONS if versioned else Keeping.LATEST

    async def promise(self) -> None:
        """Find out once more, before a receipt says that versions are kept: a bucket whose versioning was
        suspended meanwhile has written some of them over, and will write over what is published now."""
        if self.keeping is Keeping.LATEST or await self._asked():
            return
        self.keeping = Keeping.LATEST
        self.run.recorder.warn(
            f"{self.there.store.place} kept versions when this run began, and does not say so now; what is "
            "published can be read until the next overwrite, and older snapshots no more",
            "switch the bucket's versioning on again, then run again",
        )

    async def _asked(self) -> bool | None:
        """Whether the replica keeps versions; None where it may not be asked."""
        ask = getattr(self.there.store, "versioning", None)
        try:
            return ask is not None and await ask()
        except (errors.CredentialsRefused, errors.ObjectFailed):
            return None

    async def write(self, sample: Entry | None = None) -> None:
        """Get ready to write: find out what the endpoints honour and take the replica's lock, once.

        `sample` is a source object that is going to be read, where any is. Raises LockHeld.
        """
        if self._held is not None:
            self.check()
            return
        memory, replica = self.run.memory, self.there.replica
        if sample is not None:
            await probing.learn(self._ends, memory, sample)
        await probing.learn_destination(self._ends, memory)
        if replica.metadata is not None:
            endpoint = opening_ends.endpoint_of(replica.metadata)
            await probing.learn_store(self.there.files, endpoint, memory, self._ends.admitted)
        clock = self.run.around.clock
        wanted = await holding.wanted(self.there.shelf, self.run.run_id, self.now())
        self._held = await self._closing.enter_async_context(
            lock.held(self.there.shelf, wanted, clock, holding.is_gone)
        )
        seen = await publish.read_head(self.there.shelf)
        if (seen.head.sequence if seen is not None else None) != self._sequence:
            raise errors.LockHeld(
                f"another run published in {self.there.shelf.store.place} while this one was looking",
                advice="run again: what this run found is not what is there now; nothing was written",
                place=self.there.shelf.store.place,
                kind="fenced",
            )

    @property
    def writing(self) -> bool:
        """Whether the replica's lock is held."""
        return self._held is not None

    def check(self) -> None:
        """Raise LockHeld once the replica's lock is no longer ours. Asked before every attempt to write."""
        self._still_ours()
        if self._held is not None:
            self._held.check(self.run.around.clock)

    async def confirm(self) -> None:
        """The same, asked of the replica itself. Before every delete, and before an upload is ended."""
        self._still_ours()
        if self._held is not None:
            await self._held.confirm(self.run.around.clock)

    @property
    def writer(self) -> Writer:
        """Who writes the head. Raises LockHeld once the lock is no longer ours."""
        if self._held is None:
            raise errors.BrokenInvariant("a head was about to be written without a lock")
        self.check()
        return Writer(self.task.identity(self.there.replica), self._held.seen.lock.epoch)

    async def withdraw(self) -> None:
        """Bar readers before the first byte that a snapshot needs is written over, where none is kept; and
        let whoever planned before find out that somebody wrote, also where this run never publishes."""
        if self._withdrawn or self.keeping is Keeping.VERSIONS:
            return
        self._withdrawn = True
        why = f"run {self.run.run_id} is writing over it"
        await publish.overwrite(self.there.shelf, self.writer, why)

    async def close(self) -> None:
        """Give both locks back. Safe to call twice."""
        await self._closing.aclose()

    def now(self) -> datetime:
        """Wall time."""
        return self.run.around.clock.now()
