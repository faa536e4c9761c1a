"""The deep look: both sides of a pair are read to their end and compared by digest.

`pipeline` calls `audit` for the share that was asked for, and for files always. Memory is constant
whatever the objects' sizes. It repairs nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeGuard

from ferryline import errors
from ferryline.model.digest import Evidence
from ferryline.model.entry import Entry
from ferryline.model.finding import Finding, Match
from ferryline.model.fingerprint import Fingerprint
from ferryline.model.pair import Both
from ferryline.verify import reading, trouble
from ferryline.verify.checking import Checking, End
from ferryline.verify.gathering import Gathering, gathered

LOOKS_MAX = 3
"""How often a destination's object may change while it is read before it is called different."""


async def audit(
    pairs: AsyncIterator[Both], source: End, destination: End, checking: Checking
) -> AsyncGenerator[Finding, None]:
    """Yield one finding for each pair, in any order; `checking.objects` pairs are read at once.

    Raises what stops the run, after the reads under way were cancelled. Close it (`aclosing`) when
    it is not read to the end; whoever made `pairs` closes it.
    """

    async def lead(gathering: Gathering) -> None:
        async def look(pair: Both) -> None:
            await gathering.put(await read_both(pair, source, destination, checking))

        async for pair in pairs:
            await gathering.start(look(pair))

    async with aclosing(gathered(lead, checking.objects)) as findings:
        async for finding in findings:
            yield finding


async def read_both(pair: Both, source: End, destination: End, checking: Checking) -> Finding:
    """One pair, read on both sides. Raises only what stops the run."""
    key, there = pair.source.key, pair.destination
    name = checking.rename(key)
    if there.key != name:
        there = Entry(name, there.size_bytes, there.token, there.storage_class)
    try:
        for _ in range(LOOKS_MAX):
            if pair.source.size_bytes != there.size_bytes:
                now = await _sizes(pair.source, name, source, destination)
                if not isinstance(now, Entry):
                    return now
                there = now
            seen = await _read(pair.source, there, source, destination)
            if seen.source_moved is not None:
                return trouble.source_changed(key, gone=isinstance(seen.source_moved, errors.ObjectMissing))
            if seen.damaged is not None:
                return trouble.damaged(key, seen.damaged)
            if seen.ours is not None and seen.theirs is not None:
                return _compared(pair.source, there, seen.ours, seen.theirs)
            stat = await destination.head(name)
            if stat is None:
                return trouble.missing(key)
            there = stat.entry
    except (errors.ObjectFailed, errors.RetryLater) as problem:
        return trouble.unchecked(key, problem)
    return trouble.keeps_changing(key, LOOKS_MAX)


async def _sizes(ours: Entry, name: bytes, source: End, destination: End) -> Finding | Entry:
    """Sizes that differ need no bytes, only a look that both are still what they were seen to be.

    The destination's state where it has the source's size by now.
    """
    here, there = await source.head(ours.key), await destination.head(name)
    if here is None or here.entry.size_bytes != ours.size_bytes:
        return trouble.source_changed(ours.key, gone=here is None)
    if there is None:
        return trouble.missing(ours.key)
    if there.entry.size_bytes == ours.size_bytes:
        return there.entry
    return trouble.size_differs(ours.key, ours.size_bytes, there.entry.size_bytes)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What reading both sides once came to; a side that moved has no fingerprint."""

    ours: Fingerprint | None = None
    theirs: Fingerprint | None = None
    source_moved: errors.ObjectFailed | None = None
    damaged: errors.FerrylineError | None = None
    """The source was read, and the destination gave bytes that are not those of its own checksum."""


async def _read(ours: Entry, theirs: Entry, source: End, destination: End) -> _Seen:
    """Both sides side by side."""
    reads = (
        asyncio.ensure_future(reading.fingerprint(source, ours)),
        asyncio.ensure_future(reading.fingerprint(destination, theirs)),
    )
    try:
        await asyncio.wait(reads)
    finally:
        for one in reads:
            one.cancel()
        results = await asyncio.gather(*reads, return_exceptions=True)
    left, right = results
    if isinstance(left, errors.ObjectMissing | errors.ObjectChanged):
        return _Seen(source_moved=left)
    if isinstance(left, Fingerprint) and _is_damage(right):
        return _Seen(left, damaged=right)
    for result in (left, right):
        if isinstance(result, BaseException) and not isinstance(
            result, errors.ObjectMissing | errors.ObjectChanged
        ):
            raise result
    found = left if isinstance(left, Fingerprint) else None
    return _Seen(found, right if isinstance(right, Fingerprint) else None)


def _is_damage(result: object) -> TypeGuard[errors.FerrylineError]:
    """Whether a read failed, however often, because the bytes are not those of their own checksum."""
    if not isinstance(result, errors.ObjectFailed | errors.RetryLater):
        return False
    return result.kind == errors.DigestMismatch.kind


def _compared(ours: Entry, theirs: Entry, left: Fingerprint, right: Fingerprint) -> Finding:
    if left.size_bytes != right.size_bytes:
        return trouble.size_differs(ours.key, left.size_bytes, right.size_bytes)
    if not reading.equal(left, right):
        return trouble.bytes_differ(ours.key, left.size_bytes)
    return Match(ours, theirs, Evidence.READ_BACK, reading.digest_of(ours.token, left))
