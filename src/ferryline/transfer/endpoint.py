"""Whether the endpoint of both ends copies by itself: until it refuses to.

One `ServerSide` per call of `transfer`, asked by `carry` and told by the lane `server_side`. It copies
nothing itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ferryline import errors
from ferryline.model import event
from ferryline.model.entry import Entry, Stat
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Copies, CopySource, Store
from ferryline.transfer.manner import Ends, Manner

R = TypeVar("R")


class ServerSide:
    """Whether the endpoint copies by itself, in one call of `transfer`: until it refuses to."""

    def __init__(self, ends: Ends, manner: Manner) -> None:
        self._origin = ends.origin
        self._place = ends.destination.place
        self._emit = manner.emit
        self._worked = False
        self._told = False
        self.on = ends.origin is not None and isinstance(ends.destination, Copies)

    def source_of(self, entry: Entry, stat: Stat, pin: Support) -> CopySource:
        """The source object as the endpoint is told of it, pinned unless it refuses every pin."""
        if self._origin is None:
            raise errors.BrokenInvariant("a server-side copy without an origin", key=entry.key)
        token = stat.entry.token
        if pin is Support.UNSUPPORTED:
            token = replace(token, etag=None)
        key = self._origin.prefix + entry.key
        tagged = stat.tag_count > 0
        return CopySource(self._origin.bucket, key, token, entry.size_bytes, tagged, self._origin.account_id)

    def worked(self) -> None:
        """A copy arrived: from here on a refusal may be one object's alone."""
        self._worked = True

    def refused(self, failure: errors.FerrylineError) -> None:
        """The endpoint did not copy: that is said once, and all goes through this host unless some worked."""
        if not self._worked or isinstance(failure, errors.Unsupported | errors.DigestMismatch):
            self.on = False
        if not self._told:
            self._told = True
            self._emit(
                event.Warned(
                    f"{self._place} does not copy by itself: {failure.message}",
                    "objects go through this host instead; --disable-server-side-copy does so from the start",
                )
            )


class NotCopied(errors.ObjectFailed):
    """The endpoint did not do a copy, for a reason that elsewhere would be the whole place's."""

    kind = "not-copied"


async def asked(destination: Store, copy: Callable[[Copies], Awaitable[R]]) -> R:
    """What `copy` gives. What an endpoint does not do for copies it may do for other requests: where that
    would stop a run, NotCopied is raised, and the ordinary lanes find out. Throttling stops it."""
    if not isinstance(destination, Copies):
        raise errors.BrokenInvariant(f"{destination.place} was asked to copy by itself and cannot")
    try:
        return await copy(destination)
    except (errors.EndpointFailed, errors.CredentialsRefused) as failure:
        if failure.kind == errors.SlowDown.kind:
            raise
        raise NotCopied(failure.message, advice=failure.advice, place=failure.place) from failure
