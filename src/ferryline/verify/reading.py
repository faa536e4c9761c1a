"""Reads one pinned state of an object to its end and says what its bytes hash to. Compares digests.

`prove` and `audit` call it. One chunk is in memory at a time. Never decides by size alone: equal
means that every digest that was asked for is equal.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from ferryline import errors
from ferryline.model import digest
from ferryline.model.digest import Algorithm, Comparison, Digest
from ferryline.model.entry import Entry, Token
from ferryline.model.fingerprint import Fingerprint, Hashing
from ferryline.model.key import printable
from ferryline.model.span import Span
from ferryline.storage.store import Pin, Received
from ferryline.verify.checking import End

WHOLE_BYTES = 256 * 1024
"""Objects up to this size are read in one piece: one request, one hop, and less than a stream's chunk."""

_THREAD_BYTES = 512 * 1024

ForgetCached = Callable[[bytes], Awaitable[None]]
"""Drop an object's bytes from this machine's memory, so that a read comes from the disk."""


@runtime_checkable
class ReadsWhole(Protocol):
    """An end that also reads in one piece."""

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        """All bytes of the pinned state."""
        ...


def forget_cached_of(end: End) -> ForgetCached | None:
    """`forget_cached`, where the end has it. Wrappers pass such verbs on, so only asking tells."""
    return getattr(end, "forget_cached", None)


async def fingerprint(end: End, entry: Entry) -> Fingerprint:
    """Every byte of the state that `entry` names, hashed. Raises ObjectMissing and ObjectChanged.

    A file's bytes are first dropped from the page cache: what a writer left in memory proves
    nothing about a disk.
    """
    forget = forget_cached_of(end)
    if forget is not None:
        await forget(entry.key)
    hashing = Hashing()
    if entry.size_bytes <= WHOLE_BYTES and isinstance(end, ReadsWhole):
        hashing.take((await end.read(entry.key, Pin(entry.token))).body)
    else:
        await _streamed(end, entry, hashing)
    found = hashing.fingerprint()
    if found.size_bytes != entry.size_bytes:
        raise errors.ObjectChanged(
            f"{printable(entry.key)} in {end.place} gave {found.size_bytes} bytes where "
            f"{entry.size_bytes} were seen",
            advice="it is looked at again",
            key=entry.key,
            place=end.place,
        )
    return found


async def _streamed(end: End, entry: Entry, hashing: Hashing) -> None:
    async with end.stream(entry.key, Pin(entry.token)) as chunks:
        async for chunk in chunks:
            if len(chunk) >= _THREAD_BYTES:
                await asyncio.to_thread(hashing.take, chunk)
            else:
                hashing.take(chunk)


def compare(found: Fingerprint, wanted: Digest) -> Comparison:
    """What was read against a digest from before; UNKNOWN for algorithms that are not computed here."""
    known = {Algorithm.MD5: found.md5, Algorithm.CRC64NVME: found.crc64nvme}.get(wanted.algorithm)
    if known is None:
        return Comparison.UNKNOWN
    return Comparison.EQUAL if known == wanted.value else Comparison.DIFFERENT


def equal(left: Fingerprint, right: Fingerprint) -> bool:
    """Whether two objects that were read have the same bytes."""
    return left.size_bytes == right.size_bytes and left.md5 == right.md5 and left.crc64nvme == right.crc64nvme


def digest_of(source: Token, found: Fingerprint) -> Digest:
    """The digest a ledger keeps: a function of the source object alone.

    MD5; CRC64NVME for what was uploaded in parts, so that it does not matter how it was read.
    """
    if source.etag is not None and digest.part_count(source.etag) is not None:
        return Digest(Algorithm.CRC64NVME, found.crc64nvme)
    return found.digest
