"""The memory store: every verb of `storage.store` over a dictionary, honest in all it answers.

The oracle of the tests, and a source or destination for examples. It behaves as an S3 bucket that
honours everything: ETags are MD5 (of part MD5s with `-N` for uploads), times have whole seconds,
preconditions and checksums are checked, a full-object CRC64NVME is kept. Opened by
`storage.location` (stores with one label share their objects), or made directly in tests.
No versions: an overwrite replaces, a delete removes.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from awscrt import checksums

from ferryline import clock, errors
from ferryline.model import digest
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.key import KeyRange, printable
from ferryline.model.page import Page, listing_rows
from ferryline.model.span import Layout, Span
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import (
    ALWAYS,
    Buffer,
    Completion,
    Condition,
    CopySource,
    Part,
    Pin,
    Received,
    Upload,
    Writing,
    Written,
)

MEMORY = Capabilities(
    provider="memory",
    etag_is_md5=Support.HONOURED,
    read_if_match=Support.HONOURED,
    write_if_none_match=Support.HONOURED,
    write_if_match=Support.HONOURED,
    complete_if_none_match=Support.HONOURED,
    complete_if_match=Support.HONOURED,
    delete_if_match=Support.HONOURED,
    content_md5=Support.HONOURED,
    stored_checksum=Support.HONOURED,
    part_number=Support.HONOURED,
    mpu_object_size=Support.HONOURED,
    tagging=Support.HONOURED,
    copy_source_if_match=Support.HONOURED,
    copy_if_none_match=Support.HONOURED,
    copy_if_match=Support.HONOURED,
    hashes_locally=True,
    part_bytes_min=1,
)
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """One object: its bytes and everything an answer says about them."""

    body: bytes
    etag: bytes
    modified_ns: int
    metadata: Metadata
    crc64nvme: bytes
    part_count: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def token(self) -> Token:
        """What a listing shows of this state."""
        return Token(self.etag, self.modified_ns)

    def stat(self, key: bytes) -> Stat:
        """What a HEAD answers."""
        checksum = digest.Digest(digest.Algorithm.CRC64NVME, self.crc64nvme)
        entry = Entry(key, len(self.body), self.token)
        return Stat(
            entry,
            self.metadata,
            stored_checksum=checksum,
            part_count=self.part_count,
            tag_count=len(self.tags),
        )


@dataclass(slots=True)
class _OpenUpload:
    key: bytes
    initiated: datetime
    writing: Writing
    bodies: dict[int, bytes] = field(default_factory=dict)
    md5s: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """What stores with one label share: objects, open uploads, and how many uploads there were."""

    label: str = "memory"
    objects: dict[bytes, Held] = field(default_factory=dict)
    uploads: dict[str, _OpenUpload] = field(default_factory=dict)
    uploads_begun: int = 0


_buckets: dict[str, Bucket] = {}


def bucket(label: str) -> Bucket:
    """The process's bucket of that label, made empty when first asked for."""
    return _buckets.setdefault(label, Bucket(label))


def forget(label: str) -> None:
    """Drop a label's bucket; stores that are open on it keep what they have."""
    _buckets.pop(label, None)


class MemoryStore:
    """A bucket as a store. Not thread-safe: one event loop."""

    def __init__(
        self, held: Bucket | None = None, time: clock.Clock | None = None, page_rows: int = 1000
    ) -> None:
        self.held = held if held is not None else Bucket()
        self._clock = time if time is not None else clock.SystemClock()
        self._page_rows = page_rows

    @property
    def place(self) -> str:
        """The bucket as a URL."""
        return f"memory://{self.held.label}/"

    @property
    def capabilities(self) -> Capabilities:
        """Everything is honoured."""
        return MEMORY

    async def close(self) -> None:
        """Nothing to give back; the objects stay."""

    async def pages(self, keys: KeyRange) -> AsyncIterator[Page]:
        """The range's objects in pages of `page_rows`; one written behind the listing is not shown."""
        wanted = sorted(key for key in self.held.objects if key in keys)
        while len(wanted) > self._page_rows:
            page, wanted = wanted[: self._page_rows], wanted[self._page_rows :]
            yield Page(listing_rows(self._entries(page)), page[-1])
        yield Page(listing_rows(self._entries(wanted)), None)

    def _entries(self, keys: list[bytes]) -> list[Entry]:
        found = ((key, self.held.objects.get(key)) for key in keys)
        return [Entry(key, len(one.body), one.token) for key, one in found if one is not None]

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        """The object's state, or None."""
        held = self.held.objects.get(key)
        return None if held is None else held.stat(key)

    async def tags(self, key: bytes, version_id: str | None = None) -> Mapping[str, str]:
        """The object's tags."""
        held = self.held.objects.get(key)
        if held is None:
            raise self._failed(errors.ObjectMissing, key, "is not there")
        return dict(held.tags)

    async def set_tags(self, key: bytes, tags: Mapping[str, str]) -> None:
        """Replace the object's tags; its time stays."""
        await self.tags(key)
        self.held.objects[key] = replace(self.held.objects[key], tags=dict(tags))

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """The bytes of the pinned state."""
        held = self._pinned(key, pin)
        if span is None:
            return Received(held.body, held.stat(key))
        if span.offset + span.size_bytes > len(held.body):
            raise self._failed(errors.ObjectChanged, key, "is shorter than the span that was asked for")
        return Received(held.body[span.offset : span.offset + span.size_bytes], held.stat(key))

    @contextlib.asynccontextmanager
    async def stream(
        self, key: bytes, pin: Pin, span: Span | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The same in chunks of 256 KiB."""
        received = await self.read(key, pin, span)
        yield _chunks(bytes(received.body))

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        """Store a copy of `body`."""
        whole = bytes(body)
        self._check(key, writing.condition)
        md5 = hashlib.md5(whole).digest()
        if writing.md5 is not None and writing.md5 != md5:
            raise self._failed(errors.DigestMismatch, key, "does not have the MD5 that was announced")
        return self._keep(key, whole, md5.hex().encode(), writing)

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        """Remove `key`; what is not there needs no removing, whatever the condition."""
        if key in self.held.objects:
            self._check(key, condition)
            del self.held.objects[key]

    async def create_upload(self, key: bytes, layout: Layout, writing: Writing) -> Upload:
        """Open an upload; the layout is not enforced, as S3 does not."""
        self.held.uploads_begun += 1
        name = f"memory-{self.held.uploads_begun}"
        self.held.uploads[name] = _OpenUpload(key, self._clock.now(), writing)
        return Upload(key, name, self.held.uploads[name].initiated)

    async def upload_part(self, upload: Upload, span: Span, body: Buffer, md5: bytes | None = None) -> Part:
        """Keep a copy of one part."""
        opened = self._opened(upload)
        whole = bytes(body)
        if len(whole) != span.size_bytes:
            raise self._failed(errors.ObjectFailed, upload.key, f"part {span.number} has the wrong length")
        computed = hashlib.md5(whole).digest()
        if md5 is not None and md5 != computed:
            raise self._failed(errors.DigestMismatch, upload.key, f"part {span.number} has another MD5")
        opened.bodies[span.number], opened.md5s[span.number] = whole, computed
        return _part(opened, span.number)

    async def uploaded_parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts that are there, by number."""
        opened = self._opened(upload)
        return tuple(_part(opened, number) for number in sorted(opened.bodies))

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        """Join the named parts; the metadata is what `create_upload` was given."""
        opened = self._opened(upload)
        numbers = [part.number for part in completion.parts]
        known = all(number in opened.bodies for number in numbers)
        if not numbers or numbers != sorted(set(numbers)) or not known:
            raise self._failed(errors.ObjectFailed, upload.key, "was completed with parts that are not there")
        if [_part(opened, number).etag for number in numbers] != [part.etag for part in completion.parts]:
            raise self._failed(errors.ObjectFailed, upload.key, "was completed with another part's ETag")
        body = b"".join(opened.bodies[number] for number in numbers)
        if len(body) != completion.size_bytes:
            raise self._failed(errors.ObjectFailed, upload.key, "does not have the size that was announced")
        self._check(upload.key, completion.writing.condition)
        etag = digest.etag_of_parts(opened.md5s[number] for number in numbers)
        writing = replace(completion.writing, metadata=opened.writing.metadata, tags=opened.writing.tags)
        written = self._keep(upload.key, body, etag, writing)
        del self.held.uploads[upload.upload_id]
        return written

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the upload."""
        self.held.uploads.pop(upload.upload_id, None)

    async def open_uploads(self, prefix: bytes) -> tuple[Upload, ...]:
        """Open uploads by key, then in the order they were begun."""
        found = [
            Upload(one.key, name, one.initiated)
            for name, one in self.held.uploads.items()
            if one.key.startswith(prefix)
        ]
        return tuple(sorted(found, key=lambda one: one.key))

    async def copy_from(self, key: bytes, source: CopySource, writing: Writing) -> Written:
        """Copy from the bucket labelled `source.bucket`; a copy is a single part, as with CopyObject."""
        return await self.write(key, self._source(source).body, writing)

    async def copy_part_from(self, upload: Upload, span: Span, source: CopySource) -> Part:
        """Copy one span of another object as a part."""
        body = self._source(source).body[span.offset : span.offset + span.size_bytes]
        return await self.upload_part(upload, span, body)

    def _source(self, source: CopySource) -> Held:
        found = bucket(source.bucket).objects.get(source.key)
        if found is None:
            raise self._failed(errors.ObjectMissing, source.key, "is not there to be copied")
        if found.etag != source.token.etag:
            raise self._failed(errors.ObjectChanged, source.key, "is no longer the state that was listed")
        return found

    def _pinned(self, key: bytes, pin: Pin) -> Held:
        held = self.held.objects.get(key)
        if held is None:
            raise self._failed(errors.ObjectMissing, key, "is not there")
        if pin.token.etag is not None and pin.token.etag != held.etag:
            raise self._failed(errors.ObjectChanged, key, "is no longer the state that was listed")
        return held

    def _opened(self, upload: Upload) -> _OpenUpload:
        opened = self.held.uploads.get(upload.upload_id)
        if opened is None or opened.key != upload.key:
            raise self._failed(errors.ObjectMissing, upload.key, f"has no upload {upload.upload_id}")
        return opened

    def _check(self, key: bytes, condition: Condition) -> None:
        held = self.held.objects.get(key)
        if condition.absent and held is not None:
            raise self._failed(errors.DestinationChanged, key, "is there although it should not be")
        if condition.etag is not None and (held is None or held.etag != condition.etag):
            raise self._failed(errors.DestinationChanged, key, "is no longer the state that was expected")

    def _keep(self, key: bytes, body: bytes, etag: bytes, writing: Writing) -> Written:
        checksum = checksums.crc64nvme(body).to_bytes(8, "big")
        if writing.crc64nvme is not None and writing.crc64nvme != checksum:
            raise self._failed(errors.DigestMismatch, key, "does not have the checksum that was announced")
        modified_ns = int(self._clock.now().timestamp()) * 1_000_000_000
        self.held.objects[key] = Held(
            body, etag, modified_ns, writing.metadata, checksum, digest.part_count(etag), dict(writing.tags)
        )
        return Written(etag, stored_checksum=digest.Digest(digest.Algorithm.CRC64NVME, checksum))

    def _failed(self, reach: type[errors.ObjectFailed], key: bytes, why: str) -> errors.ObjectFailed:
        return reach(
            f"{printable(key)} in {self.place} {why}", advice="look at it again", key=key, place=self.place
        )


def _part(opened: _OpenUpload, number: int) -> Part:
    return Part(number, len(opened.bodies[number]), opened.md5s[number].hex().encode())


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]
