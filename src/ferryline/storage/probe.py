"""What an endpoint honours, verb by verb, seen by trying: honoured, unsupported, or silently ignored.

`pipeline` calls it before the first write. Sources are only read. At a destination everything is
written under `.ferryline/probe/` with a random name, and removed at once whatever happens. A refused
or failed trial leaves its verb unknown, which means "assume ignored": a probe never fails a run.
"""

import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from awscrt import checksums

from ferryline import errors
from ferryline.model import digest
from ferryline.model.entry import Entry, Metadata, Token
from ferryline.model.key import KeyRange
from ferryline.model.span import Layout
from ferryline.storage import probe_copies
from ferryline.storage import probe_ends as ends
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import ALWAYS, Completion, Condition, Pin, Store, Writing

FOLDER = b".ferryline/probe/"
_ABSENT = Condition(absent=True)
_NO_SUCH = Condition(etag=b"0" * 32)
_BODY = b"ferryline looks at what this endpoint honours\n"
_WRONG = b"\x00" * 16
_DeleteVersion = Callable[[bytes, str], Awaitable[None]]
_Versions = Callable[[bytes], Awaitable[tuple[tuple[bytes, str], ...]]]
_DeleteMarking = Callable[[bytes, Condition], Awaitable[str | None]]


async def probe_source(store: Store, sample: Entry) -> Capabilities:
    """What can be learned by reading one object: whether If-Match is honoured, and partNumber."""
    known = dataclasses.replace(store.capabilities, server=server_of(store))
    if sample.token.etag is None:
        return known
    wrong = Pin(dataclasses.replace(sample.token, etag=b"0" * 32))
    match = await ends.support(_read_refused(store, sample.key, wrong))
    if digest.part_count(sample.token.etag) is None:
        return dataclasses.replace(known, read_if_match=match)  # it has no parts that could be counted
    parts = await ends.support(_counts_parts(store, sample))
    return dataclasses.replace(known, read_if_match=match, part_number=parts)


async def probe_destination(store: Store) -> Capabilities:
    """What a few bytes written under `.ferryline/probe/` show. Leaves nothing behind.

    What a process that was killed while it probed left there is removed first.
    """
    with contextlib.suppress(errors.FerrylineError):
        await remove_leftovers(store)
    probe = _Probe(store, secrets.token_hex(8).encode())
    try:
        return await probe.run()
    except (errors.ObjectFailed, errors.RetryLater):
        return store.capabilities  # it cannot even be written to: the first real write will say so by name
    finally:
        with contextlib.suppress(errors.FerrylineError):
            await probe.remove()


def server_of(store: Store) -> str:
    """The Server header of the endpoint's newest answer, where the store can tell it."""
    told: str = getattr(store, "server", "")
    return told


async def remove_leftovers(store: Store) -> None:
    """Remove every object and end every upload under `.ferryline/probe/`, while no probe is under way."""
    keys = [
        key
        async for page in store.pages(KeyRange(prefix=FOLDER))
        for key in page.rows.column("key").to_pylist()
    ]
    await _Probe(store, b"", left=keys).remove()


class _Probe:
    """The trials of one destination; each has a key of its own, so that they can run at once.

    `left` are keys that an earlier probe left, when this one is made to remove them.
    """

    def __init__(self, store: Store, name: bytes, left: Sequence[bytes] | None = None) -> None:
        self.store = store
        self._name = name
        self._keys: list[bytes] = list(left or ())
        self._versions: dict[bytes, list[str]] = {}
        self._lost_upload = left is not None
        self._versioned = False

    async def run(self) -> Capabilities:
        """Every trial. The first write is the one that may raise."""
        md5_etag, metadata, stored = await self._plain()
        trials = {
            "read_if_match": self._read_if_match(),
            "write_if_none_match": self._write_if_none_match(),
            "write_if_match": self._write_if_match(),
            "delete_if_match": self._delete_if_match(),
            "content_md5": self._content_md5(),
            "complete_if_none_match": self._complete_if_none_match(),
            "complete_if_match": self._complete_if_match(),
            "part_number": self._part_number(),
            "tagging": probe_copies.tagging(self),
            "copy_source_if_match": probe_copies.source_if_match(self),
            "copy_if_none_match": probe_copies.if_none_match(self),
            "copy_if_match": probe_copies.if_match(self),
        }
        # All of them end before anything is removed or raised, so that nothing is written behind the sweep.
        answers = await asyncio.gather(
            *(ends.support(one) for one in trials.values()), return_exceptions=True
        )
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        found: dict[str, Any] = dict(zip(trials, answers, strict=True))
        if stored.honoured:
            stored = await ends.support(self._wrong_checksum())
        return dataclasses.replace(
            self.store.capabilities,
            etag_is_md5=md5_etag,
            keeps_metadata=metadata,
            stored_checksum=stored,
            mpu_object_size=await ends.support(self._object_size()),
            server=server_of(self.store),
            **found,
        )

    async def remove(self) -> None:
        """Remove every object, by version where the store gave one. What cannot be removed is left."""
        if self._lost_upload:
            for upload in await ends.tried(lambda: self.store.open_uploads(FOLDER + self._name)) or ():
                await ends.tried(functools.partial(self.store.abort_upload, upload))
        await asyncio.gather(*(self._remove(key) for key in self._keys))
        listed: _Versions | None = getattr(self.store, "versions", None)
        if listed is not None and self._versioned:
            # A write whose answer was lost left a version that nobody was told of.
            for key, version in await ends.tried(lambda: listed(FOLDER + self._name)) or ():
                await ends.tried(functools.partial(self._delete_version, key, version))

    async def _remove(self, key: bytes) -> None:
        versions = self._versions.get(key, [])
        if not versions:
            # On a bucket that keeps versions this leaves a marker; one without an id is not to be had.
            marker = await ends.tried(lambda: self._delete(key, ALWAYS))
            versions = [marker] if marker else []
            self._versioned = self._versioned or bool(marker)
        for version in versions:
            await ends.tried(functools.partial(self._delete_version, key, version))

    async def _delete_version(self, key: bytes, version: str) -> None:
        delete_version: _DeleteVersion | None = getattr(self.store, "delete_version", None)
        if delete_version is not None:
            await delete_version(key, version)

    async def _delete(self, key: bytes, condition: Condition) -> str | None:
        """Delete, and say by which marker, where the store can."""
        marking: _DeleteMarking | None = getattr(self.store, "delete_marking", None)
        if marking is not None:
            return await marking(key, condition)
        await self.store.delete(key, condition)
        return None

    def key(self, name: bytes) -> bytes:
        """The key of this name, which will be removed."""
        key = FOLDER + self._name + b"-" + name
        if key not in self._keys:
            self._keys.append(key)
        return key

    async def put(self, name: bytes, writing: Writing | None = None) -> bytes:
        """Write the trial object of this name; its key."""
        key = self.key(name)
        written = await self.store.write(key, _BODY, writing or Writing())
        self.note(key, written.version_id)
        return key

    def note(self, key: bytes, version_id: str | None) -> None:
        """A write made this version, which will be removed."""
        if version_id is not None:
            self._versioned = True
            self._versions.setdefault(key, []).append(version_id)

    async def _plain(self) -> tuple[Support, bool, Support]:
        """A write that should work: what its HEAD says of ETag, metadata and checksum."""
        crc = checksums.crc64nvme(_BODY).to_bytes(8, "big")
        sent = Metadata(user={"ferryline-probe": "kept"}, system={"content-type": "text/x-ferryline"})
        with _believing(self.store, stored_checksum=Support.UNKNOWN):  # whatever an earlier probe saw
            key = await self.put(b"plain", Writing(metadata=sent, crc64nvme=crc))
        # Checksums are only asked for where they are believed: look as if they were.
        with _believing(self.store, stored_checksum=Support.HONOURED):
            stat = await self.store.head(key)
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
            await self.put(b"wrong-checksum", Writing(crc64nvme=b"\x00" * 8))
        except (errors.ObjectFailed, errors.RetryLater) as refusal:
            return ends.is_digest(refusal)
        return False

    async def _content_md5(self) -> bool:
        try:
            await self.put(b"content-md5", Writing(md5=_WRONG))
        except (errors.ObjectFailed, errors.RetryLater) as refusal:
            return ends.is_digest(refusal)
        return False

    async def _read_if_match(self) -> bool:
        key = await self.put(b"read")
        return await _read_refused(self.store, key, Pin(Token(b"0" * 32, 0)))

    async def _write_if_none_match(self) -> bool:
        """Whether a second first write is refused, and a first one is not."""
        await ends.must_pass(self.put(b"none-match", Writing(condition=_ABSENT)))
        return await ends.refused(self.put(b"none-match", Writing(condition=_ABSENT)))

    async def _write_if_match(self) -> bool:
        """Whether a write over another state is refused, and over the right one is not.

        radosgw 16 compares the quotes too, so that no ETag it was told is ever the right one.
        """
        key = await self.put(b"match")
        if not await ends.refused(self.put(b"match", Writing(condition=_NO_SUCH))):
            return False
        stat = await self.store.head(key)
        right = Condition(etag=None if stat is None else stat.entry.token.etag)
        await ends.must_pass(self.put(b"match", Writing(condition=right)))
        return True

    async def _delete_if_match(self) -> bool:
        """Whether a delete of another state is refused, and of the right one is not."""
        key = await self.put(b"delete")

        async def delete(condition: Condition) -> None:
            self.note(key, await self._delete(key, condition))

        if not await ends.refused(delete(_NO_SUCH)):
            return False
        stat = await self.store.head(key)
        await ends.must_pass(delete(Condition(etag=None if stat is None else stat.entry.token.etag)))
        return True

    async def _object_size(self) -> bool:
        """Whether a Complete that announces another size than its parts have is refused."""
        with _believing(self.store, mpu_object_size=Support.HONOURED):
            try:
                await self._uploaded(b"size", ALWAYS, len(_BODY) + 1)
            except errors.ObjectFailed as refusal:
                if refusal.kind not in ("refused-argument", "refused"):
                    raise
            else:
                return False
            await self._uploaded(b"size", ALWAYS)
        return True

    async def _complete_if_none_match(self) -> bool:
        """The same as for a write, of CompleteMultipartUpload."""
        await ends.must_pass(self._uploaded(b"complete-none", _ABSENT))
        return await ends.refused(self._uploaded(b"complete-none", _ABSENT))

    async def _complete_if_match(self) -> bool:
        key = await self.put(b"complete-match")
        if not await ends.refused(self._uploaded(b"complete-match", _NO_SUCH)):
            return False
        stat = await self.store.head(key)
        right = Condition(etag=None if stat is None else stat.entry.token.etag)
        await ends.must_pass(self._uploaded(b"complete-match", right))
        return True

    async def _uploaded(self, name: bytes, condition: Condition, size_bytes: int = len(_BODY)) -> bytes:
        """An object made by an upload of one part, which announces `size_bytes`; its key."""
        key = self.key(name)
        layout = Layout(len(_BODY), len(_BODY))
        try:
            upload = await self.store.create_upload(key, layout, Writing())
        except errors.FerrylineError:
            self._lost_upload = True  # it may have been opened, though no answer names it
            raise
        try:
            part = await self.store.upload_part(upload, layout.span(1), _BODY)
            written = await self.store.complete_upload(
                upload, Completion((part,), size_bytes, Writing(condition=condition))
            )
        finally:
            await ends.tried(lambda: self.store.abort_upload(upload))
        self.note(key, written.version_id)
        return key

    async def _part_number(self) -> bool:
        key = await self._uploaded(b"parts", ALWAYS)
        stat = await self.store.head(key)
        return stat is not None and await _counts_parts(self.store, stat.entry)


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
def _believing(store: Store, **supports: Support) -> Iterator[None]:
    """Let the store use what is not known yet, for one look. Nothing else may run meanwhile."""
    learn: Callable[[Capabilities], None] | None = getattr(store, "learn", None)
    before = store.capabilities
    if learn is None:
        yield
        return
    learn(dataclasses.replace(before, **supports))  # type: ignore[arg-type]  # fields of type Support only
    try:
        yield
    finally:
        learn(before)
