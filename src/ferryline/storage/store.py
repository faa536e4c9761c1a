"""One Protocol per verb. No default bodies, no state.

A function that reads asks for `Reads`, not for a whole store. Every method makes **one attempt**
(retry is a wrapper) and raises only `ferryline.errors`: `RetryLater`/`SlowDown` for attempts,
`ObjectFailed` and its children for this key, `RunStopped` children for the whole place.
Keys are relative to the folder; bodies are whole `bytes`-like buffers, or streams where said.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from ferryline import errors
from ferryline.model.digest import Digest
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.model.span import Layout, Span
from ferryline.storage.capabilities import Capabilities

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Condition:
    """A precondition of a write or delete: at most one field is set.

    `absent=True` is If-None-Match:*; `etag` is If-Match with that ETag. A backend sends what it is
    given; whether the endpoint honours it is in its `Capabilities`, and the caller's business.
    """

    absent: bool = False
    etag: bytes | None = None


ALWAYS = Condition()


@dataclass(frozen=True, slots=True)
class Pin:
    """Which state of an object a read wants: `etag` is sent as If-Match, `version_id` as versionId.

    For files the whole `token` is compared by fstat before and after. The answer's ETag is always
    compared with `token.etag` too, because some servers ignore If-Match; a difference raises
    `ObjectChanged`.
    """

    token: Token


@dataclass(frozen=True, slots=True)
class Received:
    """An object's bytes (or a span of them) with what the answer said about it.

    `stat.entry.size_bytes` is the whole object's size also for a span. The backend has compared
    the number of bytes, Content-Range and ETag with what was asked; `body` is complete. `shared` means
    that somebody else's request brought it: nothing was read for this one.
    """

    body: Buffer
    stat: Stat
    shared: bool = False


_NO_TAGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Writing:
    """What a write carries besides bytes.

    `md5` (raw) is sent as Content-MD5 when given; `crc64nvme` (raw, big endian) as a checksum
    header where the endpoint takes it. `modified_ns` is what a file's mtime is set to (files only).
    `tags` go with the object where the store takes any; the location's own win over equal names.
    """

    metadata: Metadata = field(default_factory=Metadata)
    condition: Condition = ALWAYS
    md5: bytes | None = None
    crc64nvme: bytes | None = None
    modified_ns: int | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: _NO_TAGS)


@dataclass(frozen=True, slots=True)
class Written:
    """What the answer to a write said. `token` only where the answer fully tells it (files)."""

    etag: bytes | None
    version_id: str | None = None
    token: Token | None = None
    stored_checksum: Digest | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """An open multipart upload (S3), or an open temporary file with its part record (files)."""

    key: bytes
    upload_id: str
    initiated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One finished part as the store knows it. `etag` without quotes."""

    number: int
    size_bytes: int
    etag: bytes
    crc64nvme: bytes | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """How an upload is finished: all parts in order, the whole's size, and preconditions.

    `crc64nvme` is the full-object checksum (raw), sent where the endpoint takes it.
    """

    parts: tuple[Part, ...]
    size_bytes: int
    writing: Writing


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the marker of a delete, as a listing of versions saw it.

    On a bucket that never kept versions every object has the one version `null`.
    """

    key: bytes
    version_id: str
    size_bytes: int = 0
    is_marker: bool = False


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """Some versions in order of their keys; `following` is what the next page is asked for with, or None."""

    versions: tuple[Version, ...]
    following: tuple[bytes, str] | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What a step of erasing a folder removed, and the paths that stayed, each with its reason."""

    files: int = 0
    folders: int = 0
    size_bytes: int = 0
    failures: tuple[tuple[bytes, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CopySource:
    """The source of a server-side copy: another bucket's absolute key, pinned.

    `tagged` says that it has tags, which a copy would carry along unless it is told not to.
    `account_id` is whose bucket it must be, where that was declared.
    """

    bucket: str
    key: bytes
    token: Token
    size_bytes: int
    tagged: bool = False
    account_id: str | None = None


@runtime_checkable
class Lists(Protocol):
    """Names what is there."""

    def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        """Yield every object of `keys` once, in pages of ascending key order; the last has `upto=None`.

        Objects written while listing may or may not appear. Each request is one attempt: a
        `RetryLater` raised mid-way ends the iterator; the retry wrapper resumes after the last
        page's `upto`. Raises `ListingUnbelievable` for an answer that is no listing of what was asked.
        """
        ...


@runtime_checkable
class Heads(Protocol):
    """Looks at one object without reading it."""

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """The object's state, or None when it is not there. `AccessRefused` is not "not there"."""
        ...


@runtime_checkable
class Tags(Protocol):
    """Tells and sets an object's tags. Only some stores have any: wrappers pass the verbs on."""

    async def tags(self, key: bytes, version_id: str | None = None) -> Mapping[str, str]:
        """Every tag of the object, or of that version. `Unsupported` where the endpoint has no tags."""
        ...

    async def set_tags(self, key: bytes, tags: Mapping[str, str]) -> None:
        """Put these (and the location's own) in place of all tags of the object that is there now."""
        ...


@runtime_checkable
class Reads(Protocol):
    """Reads bytes of one pinned state."""

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """All bytes (or those of `span`) of the pinned state, complete or an error."""
        ...

    def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The same in chunks; a short, long or changed body raises at the end at the latest."""
        ...


@runtime_checkable
class Writes(Protocol):
    """Writes one object whole. No reader ever sees it half written."""

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        """Write all of `body` under `key`. `RetryLater(effect_possible=True)` when no answer came."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """Deletes objects."""

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        """Remove `key`; removing what is not there is success. `DestinationChanged` on a failed condition."""
        ...


@runtime_checkable
class Parts(Protocol):
    """Writes one large object in parts that survive a crash."""

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        """Open an upload; nothing is visible under `key` until `complete_upload`."""
        ...

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        """Send one part; sending it again replaces it."""
        ...

    async def uploaded_parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts the store has, by number. `ObjectMissing` when the upload is gone."""
        ...

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        """Make the object visible as a whole. The answer alone is never proof of identity."""
        ...

    async def abort_upload(self, upload: Upload) -> None:
        """Throw the upload away, looping until no part remains; an unknown upload is success."""
        ...

    async def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """Uploads whose key starts with `prefix`, ours or not."""
        ...


@runtime_checkable
class Copies(Protocol):
    """Server-side copies: no byte comes here."""

    async def copy_from(self, key: bytes, source: CopySource, writing: Writing) -> Written:
        """Copy up to 5 GiB; a 200 without a parsable ETag is a failure (`RetryLater`)."""
        ...

    async def copy_part_from(self, upload: Upload, span: Span, source: CopySource) -> Part:
        """Copy one span as a part."""
        ...


@runtime_checkable
class Versions(Protocol):
    """Lists and removes every version of its objects, for good: stores that may keep versions have it."""

    async def versions_page(self, prefix: bytes, after: tuple[bytes, str] | None = None) -> VersionsPage:
        """One page of every version and marker below `prefix`; `after` is the last page's `following`."""
        ...

    async def delete_versions(
        self, versions: Sequence[Version]
    ) -> Mapping[tuple[bytes, str], errors.FerrylineError]:
        """Remove up to 1,000 versions or markers: those that were not removed, each with its error."""
        ...


@runtime_checkable
class Erases(Protocol):
    """Empties its folder, of whatever lies there: stores on a file system have it."""

    def erase(self, keep: bytes | None = None) -> AsyncGenerator[Erased, None]:
        """Remove everything below the folder but the key `keep`, step by step; the folder itself stays."""
        ...

    async def remains(self, most: int) -> tuple[int, tuple[bytes, ...]]:
        """How many entries of any kind lie below the folder, and the first `most` paths."""
        ...


class Store(Lists, Heads, Reads, Writes, Deletes, Parts, Protocol):
    """Everything a destination needs; sources are asked for less."""

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this endpoint was seen to honour so far."""
        ...

    async def close(self) -> None:
        """Give connections back. Safe to call twice."""
        ...


def entries_by_key(entries: list[Entry]) -> Mapping[bytes, Entry]:
    """Index entries by key."""
    return {one.key: one for one in entries}
