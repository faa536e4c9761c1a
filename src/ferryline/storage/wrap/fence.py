"""Asks whoever holds a place before every attempt that changes an object there.

`stack` puts it below retry and limit: however long a request was repeated, or waited for its turn, it does
not go out once the loss of the lock is known. It sends nothing and looks at nothing; what Ferryline keeps
beside the objects (the lock itself among it) passes unasked, and so does what ends an upload unfinished.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from ferryline.model.hold import StillOurs, always_ours
from ferryline.model.key import is_reserved
from ferryline.storage.store import Upload, Version

R = TypeVar("R")

Target = bytes | Upload | Version | Sequence[bytes] | Sequence[Version]
"""What an attempt changes: a key, an upload or a version, or many of one kind."""


class Fence:
    """One store's. Nobody is asked until `asking`."""

    def __init__(self) -> None:
        self._still_ours: StillOurs = always_ours

    @contextlib.contextmanager
    def asking(self, still_ours: StillOurs) -> Iterator[None]:
        """Ask `still_ours` for the length of a `with`; then as before."""
        before, self._still_ours = self._still_ours, still_ours
        try:
            yield
        finally:
            self._still_ours = before

    def around(self, attempt: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
        """`attempt`, whose first word is what it changes, behind the question. Raises what that raises."""

        async def asked(target: Target, *words: object) -> R:
            if _is_data(target):
                self._still_ours()
            return await attempt(target, *words)

        return asked


def _is_data(target: Target) -> bool:
    """Whether any of it is not Ferryline's own."""
    if isinstance(target, bytes):
        return not is_reserved(target)
    if isinstance(target, Upload | Version):
        return not is_reserved(target.key)
    return any(_is_data(one) for one in target)
