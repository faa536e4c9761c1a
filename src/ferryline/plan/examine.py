"""Answers the questions of `decide` by looking at the stores: the one part of the plan that waits.

`pipeline` hands it both stores. It reads and heads, never writes; a failure confined to one object
becomes an answer, everything that stops the run is raised.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ferryline import errors
from ferryline.model import fingerprint
from ferryline.model.action import Action
from ferryline.model.digest import Algorithm, Comparison, Digest
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.fingerprint import Fingerprint, Hashing
from ferryline.model.pair import Both, Pair
from ferryline.model.span import Span
from ferryline.plan import compare
from ferryline.plan.compare import Told, Verdict
from ferryline.plan.decide import decide
from ferryline.plan.question import (
    Answer,
    Compared,
    CompareMetadata,
    HashLocal,
    HeadBoth,
    Moved,
    Question,
    ReadBack,
    Side,
    Unanswered,
)
from ferryline.plan.rules import Rules
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Pin


class End(Protocol):
    """One store as a question needs it. `capabilities` is read for every answer: probes may fill it late."""

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


class Reported(Protocol):
    """Digests that somebody else computed of objects as they lie there."""

    def told(self, side: Side, seen: Entry) -> tuple[Digest, ...]:
        """Those of exactly this state of an object, as a HEAD saw it; empty where there are none."""
        ...


class NothingReported:
    """Nobody computed anything."""

    def told(self, side: Side, seen: Entry) -> tuple[Digest, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Looks:
    """Both ends of a pair, behind their wrappers (retry, limit, pace), and what was reported of them."""

    source: End
    destination: End
    reported: Reported = field(default_factory=NothingReported)


async def examine(question: Question, looks: Looks) -> Answer:
    """Look, and say what was seen. `ObjectFailed` and `RetryLater` become answers; the rest is raised."""
    try:
        if isinstance(question, HashLocal):
            return await _hash_local(question, looks)
        if isinstance(question, HeadBoth):
            return await _head_both(question, looks)
        if isinstance(question, ReadBack):
            return await _read_back(question, looks)
        return await _compare_metadata(question, looks)
    except _Moved as moved:
        return Moved(question, moved.side, moved.gone)
    except (errors.ObjectFailed, errors.RetryLater) as failure:
        return Unanswered(question, failure.kind, str(failure))


class _Moved(errors.FerrylineError):
    """Carries the answer `Moved` out of a look."""

    def __init__(self, side: Side, *, gone: bool) -> None:
        super().__init__(f"the {side.value} object moved")
        self.side = side
        self.gone = gone


async def _hash_local(question: HashLocal, looks: Looks) -> Answer:
    pair = question.pair
    here = looks.source.capabilities.hashes_locally
    there = looks.destination.capabilities.hashes_locally
    if here and there:
        return await _both_read(question, pair, looks)
    side, entry, other = (
        (Side.SOURCE, pair.source, pair.destination)
        if here
        else (Side.DESTINATION, pair.destination, pair.source)
    )
    remote = Side.DESTINATION if here else Side.SOURCE
    etag = other.token.etag
    hashed = await _hashed(looks, side, entry, etag)
    far = _end(looks, remote)
    verdict = compare.with_etag(hashed, etag if _believes_etag(far) else None)
    if verdict[0] is Comparison.UNKNOWN:
        verdict = compare.with_reported(hashed, await _reported(looks, remote, other))
    if verdict[0] is Comparison.UNKNOWN and far.capabilities.stored_checksum.honoured:
        stat = await _head(looks, remote, other)
        verdict = compare.with_stored(hashed, stat, far.capabilities.stored_checksum)
    return _answer(question, verdict, hashed)


def _believes_etag(end: End) -> bool:
    support = end.capabilities.etag_is_md5
    return support.honoured or support is type(support).UNKNOWN


async def _head_both(question: HeadBoth, looks: Looks) -> Answer:
    pair = question.pair
    source = await _head(looks, Side.SOURCE, pair.source)
    destination = await _head(looks, Side.DESTINATION, pair.destination)
    mine = _told(source, looks.source, looks.reported.told(Side.SOURCE, source.entry))
    there = _told(destination, looks.destination, looks.reported.told(Side.DESTINATION, destination.entry))
    return _answer(question, compare.stats(mine, there))


async def _read_back(question: ReadBack, looks: Looks) -> Answer:
    """Both sides are read, but for one whose bytes were hashed by the store itself."""
    pair = question.pair
    for read, side, entry, other in (
        (pair.source, Side.SOURCE, pair.destination, Side.DESTINATION),
        (pair.destination, Side.DESTINATION, pair.source, Side.SOURCE),
    ):
        told = await _reported(looks, other, entry)
        if told:
            wanted = frozenset(one.algorithm for one in told)
            hashed = await _hashed(looks, side, read, None, wanted)
            verdict = compare.with_reported(hashed, told)
            if verdict[0] is not Comparison.UNKNOWN:
                return _answer(question, verdict, hashed)
    return await _both_read(question, pair, looks)


async def _reported(looks: Looks, side: Side, entry: Entry) -> tuple[Digest, ...]:
    """What was reported of the state that was listed; a HEAD tells its version. Raises what a HEAD raises."""
    if isinstance(looks.reported, NothingReported) or _end(looks, side).capabilities.hashes_locally:
        return ()
    return looks.reported.told(side, (await _head(looks, side, entry)).entry)


async def _compare_metadata(question: CompareMetadata, looks: Looks) -> Answer:
    source = await _head(looks, Side.SOURCE, question.pair.source)
    destination = await _head(looks, Side.DESTINATION, question.pair.destination)
    said = compare.metadata(source.metadata, destination.metadata)
    equal = said is Comparison.EQUAL
    return Compared(question, said, question.evidence if equal else None, question.digest if equal else None)


async def _both_read(question: Question, pair: Both, looks: Looks) -> Answer:
    source = await _hashed(looks, Side.SOURCE, pair.source, None)
    destination = await _hashed(looks, Side.DESTINATION, pair.destination, None)
    return _answer(question, compare.fingerprints(source, destination), source)


async def _hashed(
    looks: Looks,
    side: Side,
    entry: Entry,
    etag: bytes | None,
    wanted: frozenset[Algorithm] = frozenset(),
) -> Fingerprint:
    """One pass over the listed state of one end, with the part layouts that `etag` allows."""
    layouts = fingerprint.layouts(etag, entry.size_bytes)
    hashing = Hashing(layouts, sha256=Algorithm.SHA256 in wanted)
    try:
        async with _end(looks, side).stream(entry.key, Pin(entry.token)) as chunks:
            async for chunk in chunks:
                hashing.take(chunk)
    except errors.ObjectMissing as missing:
        raise _Moved(side, gone=True) from missing
    except errors.ObjectChanged as changed:
        raise _Moved(side, gone=False) from changed
    found = hashing.fingerprint()
    if found.size_bytes != entry.size_bytes:
        raise _Moved(side, gone=False)
    return found


async def _head(looks: Looks, side: Side, entry: Entry) -> Stat:
    stat = await _end(looks, side).head(entry.key)
    if stat is None:
        raise _Moved(side, gone=True)
    seen = stat.entry
    if seen.size_bytes != entry.size_bytes or not same_state(entry.token, seen.token):
        raise _Moved(side, gone=False)
    return stat


def same_state(listed: Token, seen: Token) -> bool:
    """Whether a HEAD saw what the listing saw; its time may be cut to whole seconds (HTTP dates)."""
    if listed.etag is not None or seen.etag is not None:
        second = 1_000_000_000
        return listed.etag == seen.etag and listed.modified_ns // second == seen.modified_ns // second
    mine = listed.modified_ns, listed.change_ns, listed.inode
    return mine == (seen.modified_ns, seen.change_ns, seen.inode)


def _end(looks: Looks, side: Side) -> End:
    return looks.source if side is Side.SOURCE else looks.destination


def _told(stat: Stat, end: End, reported: tuple[Digest, ...]) -> Told:
    return Told(stat, end.capabilities.etag_is_md5, end.capabilities.stored_checksum, reported)


def _answer(question: Question, verdict: Verdict, read: Fingerprint | None = None) -> Compared:
    """What was found, with the digest of bytes that were `read`: equal ones are the source's."""
    comparison, evidence = verdict
    found = read.identifying(question.pair.source) if read is not None and evidence is not None else None
    return Compared(question, comparison, evidence, found)


async def settle(pair: Pair, rules: Rules, looks: Looks) -> Action:
    """Decide one pair, looking as often as the decision asks."""
    step = decide(pair, rules)
    asked: set[type] = set()
    while isinstance(step, HashLocal | HeadBoth | ReadBack | CompareMetadata):
        if type(step) in asked:
            raise errors.BrokenInvariant(f"the plan asked twice for {type(step).__name__}")
        asked.add(type(step))
        step = decide(pair, rules, await examine(step, looks))
    return step


async def resolve(
    pairs: Iterable[Pair], rules: Rules, looks: Looks, limit: int
) -> AsyncGenerator[Action, None]:
    """Yield one action for each pair, in their order; at most `limit` pairs are looked at at once.

    Pairs are pulled as they are needed. Raises what stops the run, after the looks under way were
    cancelled. Close it (`aclosing`) when it is not read to the end.
    """
    waiting: list[asyncio.Task[Action] | Action] = []
    source = iter(pairs)
    try:
        while True:
            _fill(waiting, source, rules, looks, limit=limit)
            if not waiting:
                return
            first = waiting[0]
            action = await first if isinstance(first, asyncio.Task) else first
            waiting.pop(0)
            yield action
    finally:
        tasks = [one for one in waiting if isinstance(one, asyncio.Task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _fill(
    waiting: list[asyncio.Task[Action] | Action],
    source: Iterator[Pair],
    rules: Rules,
    looks: Looks,
    *,
    limit: int,
) -> None:
    """Pull pairs until `limit` wait. Those that need no look become actions without a task."""
    while len(waiting) < max(1, limit):
        pair = next(source, None)
        if pair is None:
            return
        step = decide(pair, rules)
        if isinstance(step, HashLocal | HeadBoth | ReadBack | CompareMetadata):
            waiting.append(asyncio.ensure_future(settle(pair, rules, looks)))
        else:
            waiting.append(step)
