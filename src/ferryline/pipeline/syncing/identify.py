"""The digest of a source object that nobody has hashed: a function of the object alone.

`publication` asks for keys that were found equal and never read. What a HEAD tells is believed as far as
the design allows; else the object is read once, and the read is counted.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ferryline import errors
from ferryline.model import digest, span
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.fingerprint import Hashing
from ferryline.model.key import printable
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import Pin

_PLAIN = (None, "AES256")
_MAY_BE_MD5 = (Support.HONOURED, Support.UNKNOWN)


class Source(Protocol):
    """What is asked of the source."""

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
        self, key: bytes, pin: Pin, span: span.Span | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of the pinned state in chunks."""
        ...


def nothing(_: Entry) -> Iterable[Digest]:
    """Nobody computed anything."""
    return ()


async def identify(
    source: Source, entry: Entry, told: Callable[[Entry], Iterable[Digest]] = nothing
) -> tuple[Digest, int]:
    """The digest of the listed state, and how many bytes were read for it.

    `told` says what the store itself computed of a state, where it did. Raises ObjectMissing or
    ObjectChanged when that state is gone.
    """
    etag = entry.token.etag
    if etag is None:
        return await _read(source, entry, digest.algorithm_of(None, entry.size_bytes))
    stat = await source.head(entry.key)
    if stat is None:
        raise errors.ObjectMissing(
            f"{printable(entry.key)} is no longer in {source.place}",
            advice="run again",
            key=entry.key,
            place=source.place,
        )
    if stat.entry.token.etag != etag or stat.entry.size_bytes != entry.size_bytes:
        raise errors.ObjectChanged(
            f"{printable(entry.key)} in {source.place} is no longer what was proven",
            advice="run again",
            key=entry.key,
            place=source.place,
        )
    able = source.capabilities.etag_is_md5
    if digest.is_md5_form(etag) and stat.encryption in _PLAIN and able in _MAY_BE_MD5:
        return Digest(Algorithm.MD5, bytes.fromhex(etag.decode())), 0
    algorithm = digest.algorithm_of(etag, entry.size_bytes)
    stored = stat.stored_checksum
    if (
        algorithm is Algorithm.CRC64NVME
        and stored is not None
        and stored.algorithm is algorithm
        and source.capabilities.stored_checksum.honoured
    ):
        return stored, 0
    for computed in told(stat.entry):
        if computed.algorithm is algorithm:
            return computed, 0
    return await _read(source, entry, algorithm)


async def _read(source: Source, entry: Entry, algorithm: Algorithm) -> tuple[Digest, int]:
    hashing = Hashing()
    token = Token(entry.token.etag, entry.token.modified_ns, entry.token.change_ns, entry.token.inode)
    async with source.stream(entry.key, Pin(token)) as chunks:
        async for chunk in chunks:
            hashing.take(chunk)
    found = hashing.fingerprint()
    if found.size_bytes != entry.size_bytes:
        raise errors.ObjectChanged(
            f"{printable(entry.key)} in {source.place} has another size than was listed",
            advice="run again",
            key=entry.key,
            place=source.place,
        )
    value = found.md5 if algorithm is Algorithm.MD5 else found.crc64nvme
    return Digest(algorithm, value), found.size_bytes
