"""What `transfer` and `delete` are given: the two ends, and the manner in which to work.

Built by `pipeline`. Holds no state of a run and opens nothing. Verbs that only some stores have are
asked for here, each by a function of its own.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from ferryline.clock import Clock
from ferryline.model import event, span
from ferryline.model.entry import Stat
from ferryline.model.place import S3Location
from ferryline.policy.options import Mtime, ObjectMetadata, ObjectTags, Options
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Part, Pin, Received, Store, Upload


class SourceEnd(Protocol):
    """What a source must be able to do."""

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

    async def read(self, key: bytes, pin: Pin, span: span.Span | None = None) -> Received:
        """All bytes (or those of `span`) of the pinned state."""
        ...

    def stream(
        self, key: bytes, pin: Pin, span: span.Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The same in chunks."""
        ...


HeadPart = Callable[[bytes, Pin, int], Awaitable[Stat | None]]
"""A Stat whose size is that part's, with the number of parts; None where partNumber is ignored."""
Refuses = Callable[[bytes], str]
"""Why a key can never be at the destination, or an empty string."""
SweepTemporaries = Callable[[Set[str]], Awaitable[int]]
"""Remove temporaries of ours, but for those of the uploads named."""
StreamPart = Callable[[Upload, span.Span, AsyncIterator[bytes]], Awaitable[Part]]
"""Send one part as its chunks come; they must add up to the span's size."""


AskTags = Callable[[bytes, str | None], Awaitable[Mapping[str, str]]]
"""Every tag of an object, or of one of its versions."""
MayWrite = Callable[[], Awaitable[None]]
"""Raises LockHeld once the destination is no longer this run's to write to."""
SetTags = Callable[[bytes, Mapping[str, str]], Awaitable[None]]
"""Give the object that is there these tags, and the location's own, in place of all others."""


def ask_tags_of(source: "SourceEnd") -> AskTags | None:
    """`tags`, where the source has it."""
    return getattr(source, "tags", None)


def set_tags_of(destination: Store) -> SetTags | None:
    """`set_tags`, where the destination has it."""
    return getattr(destination, "set_tags", None)


def own_tags_of(destination: Store) -> Mapping[str, str]:
    """The tags that the location itself gives to everything it stores."""
    where = getattr(destination, "location", None)
    return where.writing.tags if isinstance(where, S3Location) else {}


def head_part_of(source: "SourceEnd") -> HeadPart | None:
    """`head_part`, where the source has it. Wrappers pass such verbs on, so only asking tells."""
    return getattr(source, "head_part", None)


def refuses_of(destination: Store) -> Refuses | None:
    """`refuses`, where the destination has it."""
    return getattr(destination, "refuses", None)


def sweep_temporaries_of(destination: Store) -> SweepTemporaries | None:
    """`sweep_temporaries`, where the destination has it."""
    return getattr(destination, "sweep_temporaries", None)


def stream_part_of(destination: Store) -> StreamPart | None:
    """`upload_part_stream`, where the destination has it: a part need not fit into memory then."""
    return getattr(destination, "upload_part_stream", None)


@dataclass(frozen=True, slots=True)
class Origin:
    """The source's folder as the destination's endpoint can name it, to copy from it by itself.

    `account_id` is whose bucket it must be, where that was declared.
    """

    bucket: str
    prefix: bytes = b""
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """Where bytes come from and where they go, both behind their wrappers.

    With an `origin` both are one endpoint's and one identity's: objects are copied there, not through here.
    """

    source: SourceEnd
    destination: Store
    origin: Origin | None = None


def same_key(key: bytes) -> bytes:
    """The key at the destination is the key at the source."""
    return key


async def always() -> None:
    """Nobody else may write there."""


class TagsKept(Enum):
    """What becomes of an object's tags."""

    NO = auto()
    WHERE_POSSIBLE = auto()
    """Where an end has no tags, that is said once and objects go without."""
    ALWAYS = auto()
    """Where an end has no tags, a tagged object fails."""

    @staticmethod
    def of(options: Options) -> "TagsKept":
        """A person who wrote PRESERVE means it; the default is no reason to fail."""
        if options.object_tags is ObjectTags.NONE:
            return TagsKept.NO
        return TagsKept.ALWAYS if "object_tags" in options.given else TagsKept.WHERE_POSSIBLE


@dataclass(frozen=True, slots=True)
class Manner:
    """How to work.

    `objects` are worked on at once; their buffered bytes stay below `memory_bytes` together.
    `part_bytes` is the part size where Ferryline is free to choose. `changed_rounds` is how often one
    object may change at the source before it fails. `rename` maps a source key to the destination's.
    `may_write` is asked before everything that cannot be taken back: deletes, and the ends of uploads. What
    is already known is asked before every attempt to write, by the fence around the destination.
    """

    run_id: str
    clock: Clock
    chance: random.Random
    emit: Callable[[event.Event], None]
    memory_bytes: int = 128 * span.MIB
    objects: int = 64
    part_bytes: int = 16 * span.MIB
    metadata: ObjectMetadata = ObjectMetadata.PRESERVE
    mtime: Mtime = Mtime.PRESERVE
    tags: TagsKept = TagsKept.WHERE_POSSIBLE
    rename: Callable[[bytes], bytes] = same_key
    changed_rounds: int = 3
    may_write: MayWrite = always
