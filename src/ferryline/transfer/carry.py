"""The stream of copies: one outcome for each, in any order; lanes chosen, changes followed, errors valued.

`transfer` is what `pipeline` calls. Nothing here moves bytes or compares: lanes do.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from ferryline import errors
from ferryline.model import digest
from ferryline.model.action import Copy
from ferryline.model.entry import Entry
from ferryline.model.key import printable
from ferryline.model.outcome import Failed, Outcome, Transferred, Vanished
from ferryline.storage.capabilities import Support
from ferryline.transfer import parts, server_side, small
from ferryline.transfer.budget import Budget
from ferryline.transfer.crew import crew
from ferryline.transfer.leftovers import Leftovers
from ferryline.transfer.manner import Ends, Manner, Refuses, refuses_of
from ferryline.transfer.motion import Motion
from ferryline.transfer.passage import Passage, Trip
from ferryline.transfer.refusals import Refusals


async def transfer(
    copies: AsyncIterator[Copy], ends: Ends, manner: Manner, leftovers: Leftovers | None = None
) -> AsyncGenerator[Outcome, None]:
    """Perform each copy once; yields Transferred, Vanished or Failed for each, in any order.

    `leftovers` is what `sweep` found; without it nothing is resumed. Raises RunStopped after the
    work under way was cancelled and outcomes that were already there were yielded; uploads that
    were open then stay, with their intents, for the next run. Close it (`aclosing`) when it is not
    read to the end.
    """
    passage = Passage(
        ends,
        manner,
        Budget(manner.memory_bytes),
        Motion(manner.clock, manner.emit),
        Refusals(),
        leftovers if leftovers is not None else Leftovers(ends.destination, manner),
    )
    carrier = _Carrier(passage)
    try:
        async with aclosing(crew(copies, carrier.carry, manner.objects)) as outcomes:
            async for outcome in outcomes:
                yield outcome
    finally:
        passage.motion.tell()
    passage.refusals.conclude()


class _Carrier:
    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._rename = passage.manner.rename
        self._refuses: Refuses | None = refuses_of(passage.ends.destination)

    async def carry(self, copy: Copy) -> Outcome:
        """One copy to its outcome. Raises only what stops the run."""
        trip = Trip(copy, self._rename(copy.source.key), copy.source)
        try:
            if self._refuses is not None:
                self._refuse_what_cannot_be(trip.key, self._refuses)
            outcome = await self._follow(trip)
        except errors.AccessRefused as failure:
            self._passage.refusals.refused(copy.key, failure)
            return _failed(copy, failure)
        except (errors.ObjectFailed, errors.RetryLater) as failure:
            self._passage.refusals.failed_otherwise()
            return _failed(copy, failure)
        self._passage.refusals.reached()
        return outcome

    async def _follow(self, trip: Trip) -> Transferred | Vanished:
        """Copy the state that was listed; when it changed, the state that is there now, and so on."""
        changes = 0
        while True:
            try:
                return await self._send(trip)
            except (errors.ObjectMissing, errors.ObjectChanged) as moved:
                last = moved
            # Missing, too: perhaps only the version that was being read is gone.
            now = await self._look_again(trip.entry.key)
            if now is None:
                return Vanished(trip.copy)
            changes += 1
            if changes > self._passage.manner.changed_rounds:
                raise _kept_changing(trip, changes, last) from last
            trip.entry = now

    async def _send(self, trip: Trip) -> Transferred:
        if self._passage.server_side.on:
            done = await server_side.send(self._passage, trip)
            if done is not None:
                return done
        if self._is_small(trip.entry):
            return await small.send(self._passage, trip)
        return await parts.send(self._passage, trip)

    def _is_small(self, entry: Entry) -> bool:
        passage = self._passage
        known = passage.ends.destination.capabilities
        if entry.size_bytes > min(passage.buffer_bytes_max, known.single_write_bytes_max):
            return False
        etag = entry.token.etag
        if etag is None or entry.size_bytes == 0 or known.etag_is_md5 is Support.UNSUPPORTED:
            return True
        # An object that was uploaded in parts keeps its ETag only in the same parts.
        return digest.part_count(etag) is None

    async def _look_again(self, key: bytes) -> Entry | None:
        source = self._passage.ends.source
        stat = await source.head(key)
        if stat is None:
            return None
        if stat.archived:
            raise errors.ObjectArchived(
                f"{printable(key)} in {source.place} was replaced by one that lies in an archive",
                advice="restore the object first, or exclude it",
                key=key,
                place=source.place,
            )
        return stat.entry

    def _refuse_what_cannot_be(self, key: bytes, refuses: Refuses) -> None:
        why = refuses(key)
        if why:
            place = self._passage.ends.destination.place
            raise errors.KeyRefused(
                f"{printable(key)} cannot be in {place}: {why}",
                advice="rename it at the source, or exclude it",
                key=key,
                place=place,
            )


def _kept_changing(trip: Trip, changes: int, last: errors.ObjectFailed) -> errors.ObjectFailed:
    return errors.ObjectFailed(
        f"{printable(trip.copy.key)} changed {changes} times while it was copied; last: {last.message}",
        advice="run again when it is quiet",
        key=trip.copy.key,
        place=last.place,
        kind=errors.ObjectChanged.kind,
    )


def _failed(copy: Copy, failure: errors.FerrylineError) -> Failed:
    return Failed(copy.key, failure.kind, failure.message, failure.advice)
