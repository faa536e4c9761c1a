"""What an endpoint honours, verb by verb, seen by trying: honoured, unsupported, or silently ignored.

`pipeline` calls it before the first write. Sources are only read. At a destination everything is
written under `.ferryline/probe/` with a random name, and removed at once whatever happens. A refused
or failed trial leaves its verb unknown, which means "assume ignored": a probe never fails a run.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from awscrt import checksums

from ferryline import errors
from ferryline.model import digest
from ferryline.model.entry import Entry, Metadata, Token
from ferryline.model.span import Layout
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import Completion, Condition, Pin, Store, Writing

FOLDER = b".ferryline/probe/"
_ABSENT = Condition(absent=True)
_NO_SUCH = Condition(etag=b"0" * 32)
_BODY = b"ferryline looks at what this endpoint honours\n"
_WRONG = b"\x00" * 16


async def probe_source(store: Store, sample: Entry) -> Capabilities:
    """What can be learned by reading one object: whether If-Match is honoured, and partNumber."""
    known = store.capabilities
    if sample.token.etag is None:
        return known
    wrong = Pin(dataclasses.replace(sample.token, etag=b"0" * 32))
    match, parts = await asyncio.gather(
        _support(_read_refused(store, sample.key, wrong)), _support(_counts_parts(store, sample))
    )
    return dataclasses.replace(known, read_if_match=match, part_number=parts)


async def probe_destination(store: Store) -> Capabilities:
    """What a few bytes written under `.ferryline/probe/` show. Leaves nothing behind."""
    probe = _Probe(store)
    try:
        return await probe.run()
    except (errors.ObjectFailed, errors.RetryLater):
        return store.capabilities  # it cannot even be written to: the first real write will say so by name
    finally:
        await probe.remove()


class _Probe:
    """The trials of one destination; each has a key of its own, so that they can run at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = secrets.token_hex(8).encode()
        self._keys: list[bytes] = []
        self._versions: list[tuple[bytes, str]] = []

    async def run(self) -> Capabilities:
        """Every trial. The first write is the one that may raise."""
        md5_etag, metadata, stored = await self._plain()
        trials = {
            "read_if_match": self._read_if_match(),
            "write_if_none_match": self._refuses(b"none-match", _ABSENT),
            "write_if_match": self._refuses(b"match", _NO_SUCH),
            "delete_if_match": self._delete_if_match(),
            "content_md5": self._content_md5(),
            "complete_if_none_match": self._complete(b"complete-none", _ABSENT),
            "complete_if_match": self._complete(b"complete-match", _NO_SUCH),
            "part_number": self._part_number(),
        }
        names = list(trials)
        seen = await asyncio.gather(*(_support(trials[name]) for name in names))
        found: dict[str, Any] = dict(zip(names, seen, strict=True))
        if stored.honoured:
            stored = await _support(self._wrong_checksum())
        return dataclasses.replace(
            self._store.capabilities,
            etag_is_md5=md5_etag,
            keeps_metadata=metadata,
            stored_checksum=stored,
            mpu_object_size=Support.IGNORED,
            **found,
        )

    async def remove(self) -> None:
        """Remove every object, by version where the store gave one. What cannot be removed is left."""
        delete_version = getattr(self._store, "delete_version", None)
        for key, version in self._versions:
            if delete_version is not None:
                with contextlib.suppress(errors.ObjectFailed, errors.RetryLater):
                    await delete_version(key, version)
        versioned = {key for key, _ in self._versions}
        for key in self._keys:
            if key not in versioned:
                with contextlib.suppress(errors.ObjectFailed, errors.RetryLater):
                    await self._store.delete(key)

    async def _put(self, name: bytes, writing: Writing | None = None) -> bytes:
        key = FOLDER + self._name + b"-" + name
        if key not in self._keys:
            self._keys.append(key)
        written = await self._store.write(key, _BODY, writing or Writing())
        if written.version_id is not None and written.version_id != "null":
            self._versions.append((key, written.version_id))
        return key

    async def _plain(self) -> tuple[Support, bool, Support]:
        """A write that should work: what its HEAD says of ETag, metadata and checksum."""
        crc = checksums.crc64nvme(_BODY).to_bytes(8, "big")
        sent = Metadata(user={"ferryline-probe": "kept"}, system={"content-type": "text/x-ferryline"})
        key = await self._put(b"plain", Writing(metadata=sent, crc64nvme=crc))
        # Checksums are only asked for where they are believed: look as if they were.
        with _believing(self._store):
            stat = await self._store.head(key)
        if stat is None:
            return Support.UNKNOWN, True, Support.UNKNOWN
        etag = stat.entry.token.etag == hashlib.md5(_BODY).hexdigest().encode()
        plain = stat.encryption in (None, "AES256")
        checksum = stat.stored_checksum
        keeps = stat.stored_checksum is not None and checksum == digest.Digest(
            digest.Algorithm.CRC64NVME, crc
        )
        return (
            Support.HONOURED if etag and plain else Support.IGNORED,
            stat.metadata.user.get("ferryline-probe") == "kept",
            Support.HONOURED if keeps else Support.IGNORED,
        )

    async def _wrong_checksum(self) -> bool:
        """Whether a checksum of other bytes is refused."""
        try:
            await self._put(b"wrong-checksum", Writing(crc64nvme=b"\x00" * 8))
        except (errors.ObjectFailed, errors.RetryLater) as refusal:
            return _is_digest(refusal)
        return False

    async def _content_md5(self) -> bool:
        try:
            await self._put(b"content-md5", Writing(md5=_WRONG))
        except (errors.ObjectFailed, errors.RetryLater) as refusal:
            return _is_digest(refusal)
        return False

    async def _read_if_match(self) -> bool:
        key = await self._put(b"read")
        return await _read_refused(self._store, key, Pin(Token(b"0" * 32, 0)))

    async def _refuses(self, name: bytes, condition: Condition) -> bool:
        """Whether a write over an object that fails its condition is refused."""
        await self._put(name)
        try:
            await self._put(name, Writing(condition=condition))
        except errors.DestinationChanged:
            return True
        return False

    async def _delete_if_match(self) -> bool:
        key = await self._put(b"delete")
        try:
            await self._store.delete(key, _NO_SUCH)
        except errors.DestinationChanged:
            return True
        return False

    async def _complete(self, name: bytes, condition: Condition) -> bool:
        """The same for CompleteMultipartUpload, over an upload of one part."""
        key = await self._put(name)
        layout = Layout(len(_BODY), len(_BODY))
        upload = await self._store.create_upload(key, layout, Writing())
        try:
            part = await self._store.upload_part(upload, layout.span(1), _BODY)
            written = await self._store.complete_upload(
                upload, Completion((part,), len(_BODY), Writing(condition=condition))
            )
            if written.version_id is not None and written.version_id != "null":
                self._versions.append((key, written.version_id))
        except errors.DestinationChanged:
            return True
        finally:
            with contextlib.suppress(errors.ObjectFailed, errors.RetryLater):
                await self._store.abort_upload(upload)
        return False

    async def _part_number(self) -> bool:
        key = await self._put(b"parts")
        stat = await self._store.head(key)
        return stat is not None and await _counts_parts(self._store, stat.entry)


def _is_digest(refusal: errors.FerrylineError) -> bool:
    return isinstance(refusal, errors.DigestMismatch) or refusal.kind == "digest-mismatch"


async def _support(trial: Awaitable[bool]) -> Support:
    """A trial's answer: true is honoured, false is ignored; an error that is not about it is unknown."""
    try:
        return Support.HONOURED if await trial else Support.IGNORED
    except errors.Unsupported:
        return Support.UNSUPPORTED
    except (errors.ObjectFailed, errors.RetryLater):
        return Support.UNKNOWN


async def _read_refused(store: Store, key: bytes, wrong: Pin) -> bool:
    """Whether a read pinned to a state that never was is refused by the endpoint itself.

    A backend compares the answer's ETag too, and refuses what an endpoint let through; only the
    endpoint's own 412 carries no bytes, and is told apart by the error's kind.
    """
    try:
        await store.read(key, wrong)
    except errors.ObjectChanged as refusal:
        return refusal.kind == "precondition-failed"
    return False


async def _counts_parts(store: Store, sample: Entry) -> bool:
    look: Callable[..., Awaitable[Any]] | None = getattr(store, "head_part", None)
    if look is None:
        return False
    stat = await look(sample.key, Pin(sample.token), 1)
    return stat is not None and stat.part_count is not None


@contextlib.contextmanager
def _believing(store: Store) -> Any:
    """Let the store ask for checksums as if they were honoured, for one look."""
    learn: Callable[[Capabilities], None] | None = getattr(store, "learn", None)
    before = store.capabilities
    if learn is None:
        yield
        return
    learn(dataclasses.replace(before, stored_checksum=Support.HONOURED))
    try:
        yield
    finally:
        learn(before)
