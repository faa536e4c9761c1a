"""Deletes, each after a second look at the source; in any doubt the object stays.

Called by `pipeline` after all copies. It trusts no listing: a candidate is deleted only when a HEAD
at the source has just said that nothing is there.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from ferryline import crash, errors
from ferryline.model.action import Delete
from ferryline.model.entry import Token
from ferryline.model.outcome import Deleted, Failed, Outcome, Spared
from ferryline.storage.store import ALWAYS, Condition
from ferryline.transfer.crew import crew
from ferryline.transfer.manner import Ends, Manner
from ferryline.transfer.refusals import Refusals

PHASE = "delete"


async def delete(
    candidates: AsyncIterator[Delete], ends: Ends, manner: Manner
) -> AsyncGenerator[Outcome, None]:
    """Look at the source once more for each candidate, then delete; Deleted, Spared or Failed for each.

    The delete is conditional on the state that was listed where the destination honours it. Raises
    RunStopped after the work under way was cancelled. Close it (`aclosing`) when it is not read to
    the end.
    """
    remover = _Remover(ends, manner.may_write)
    async with aclosing(crew(candidates, remover.remove, manner.objects)) as outcomes:
        async for outcome in outcomes:
            yield outcome
    remover.refusals.conclude()


class _Remover:
    def __init__(self, ends: Ends, may_write: Callable[[], None]) -> None:
        self._may_write = may_write
        self._source = ends.source
        self._destination = ends.destination
        self.refusals = Refusals()

    async def remove(self, candidate: Delete) -> Outcome:
        try:
            outcome = await self._remove(candidate)
        except errors.AccessRefused as failure:
            self.refusals.refused(candidate.key, failure)
            return _failed(candidate, failure)
        except (errors.ObjectFailed, errors.RetryLater) as failure:
            self.refusals.failed_otherwise()
            return _failed(candidate, failure)
        self.refusals.reached()
        return outcome

    async def _remove(self, candidate: Delete) -> Outcome:
        if await self._source.head(candidate.key) is not None:
            return Spared(candidate, "it is at the source")
        listed = candidate.destination
        known = self._destination.capabilities
        condition = ALWAYS
        if known.delete_if_match.honoured and listed.token.etag is not None:
            condition = Condition(etag=listed.token.etag)
        elif known.hashes_locally:
            # Files have no conditional unlink; a look just before leaves the smallest gap there is.
            stat = await self._destination.head(candidate.key)
            if stat is None:
                return Deleted(candidate)
            if stat.entry.size_bytes != listed.size_bytes or not _same_file(listed.token, stat.entry.token):
                return Spared(candidate, "it changed at the destination since it was listed")
        self._may_write()
        crash.point("deleting")
        try:
            await self._destination.delete(candidate.key, condition)
        except errors.DestinationChanged:
            return Spared(candidate, "it changed at the destination since it was listed")
        crash.point("deleted")
        return Deleted(candidate)


def _same_file(listed: Token, seen: Token) -> bool:
    # Not the ctime: a file that makes room for a directory of its name is renamed, and stays the same.
    return (listed.modified_ns, listed.inode) == (seen.modified_ns, seen.inode)


def _failed(candidate: Delete, failure: errors.FerrylineError) -> Failed:
    return Failed(candidate.key, failure.kind, failure.message, failure.advice, phase=PHASE)
