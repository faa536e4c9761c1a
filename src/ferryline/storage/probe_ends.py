"""What the end of a trial says: honoured, ignored, unsupported, or nothing.

Shared by the modules of the probe. A trial is a request whose answer shows what an endpoint honours.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ferryline import errors
from ferryline.storage.capabilities import Support

CLEANING_ATTEMPTS = 3

R = TypeVar("R")


async def refused(write: Awaitable[object]) -> bool:
    """Whether a write whose condition does not hold is refused for that."""
    try:
        await write
    except errors.DestinationChanged:
        return True
    return False


async def must_pass(write: Awaitable[object]) -> None:
    """A write whose condition holds. Raises Unsupported where it is refused all the same."""
    try:
        await write
    except errors.DestinationChanged as refusal:
        raise errors.Unsupported(
            "the endpoint refuses every such precondition, also one that holds", key=refusal.key
        ) from refusal


def is_digest(refusal: errors.FerrylineError) -> bool:
    """Whether a write was refused because its digest is another's."""
    return isinstance(refusal, errors.DigestMismatch) or refusal.kind == "digest-mismatch"


async def support(trial: Awaitable[bool]) -> Support:
    """A trial's answer: true is honoured, false is ignored; an error that is not about it is unknown."""
    try:
        return Support.HONOURED if await trial else Support.IGNORED
    except errors.Unsupported:
        return Support.UNSUPPORTED
    except (errors.ObjectFailed, errors.RetryLater):
        return Support.UNKNOWN


async def tried(work: Callable[[], Awaitable[R]]) -> R | None:
    """Clean up, three times if need be; None when it cannot be done."""
    for _ in range(CLEANING_ATTEMPTS):
        try:
            return await work()
        except errors.ObjectFailed:
            return None
        except errors.RetryLater:
            continue
    return None
