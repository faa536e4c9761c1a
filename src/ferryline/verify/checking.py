"""What a verification is given: the ends as it needs them, and how hard it may look. Opens nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ferryline.clock import Clock
from ferryline.model.entry import Stat
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.model.span import Span
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Pin


class End(Protocol):
    """One side as a look at single objects needs it. `capabilities` is read anew for every object."""

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this endpoint was seen to honour so far."""
        ...

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """The object's state, or None when it is not there."""
        ...

    def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of the pinned state in chunks; a changed body raises `ObjectChanged`."""
        ...


class ListedEnd(End, Protocol):
    """A destination: it can be listed again."""

    def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        """Every object of `keys` in pages of ascending key order."""
        ...


def same_key(key: bytes) -> bytes:
    """The key at the destination is the key at the source."""
    return key


@dataclass(frozen=True, slots=True)
class Checking:
    """How to look. `objects` are looked at or read at once; `batch` arrivals wait for one re-listing.

    `rename` maps a source key to the destination's, as it did when the bytes were sent.
    """

    clock: Clock
    run_id: str
    objects: int = 64
    rename: Callable[[bytes], bytes] = same_key
    batch: int = 4096
