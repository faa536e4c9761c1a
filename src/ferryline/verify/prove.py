"""What arrived, proven: one finding for each transfer. Repairs nothing.

`pipeline` calls `prove` with the stream of arrivals. What transfer itself saw is enough where the
next run's listing will say the same; else the destination is looked at again, touched keys by a
listing that skips what lies between. Where nothing cheaper proves the bytes they are read back, and
files always are.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from ferryline import errors
from ferryline.model import digest
from ferryline.model.digest import Algorithm, Comparison, Digest, Evidence
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.finding import Finding, Match
from ferryline.model.outcome import Transferred
from ferryline.model.pair import Both
from ferryline.storage.capabilities import Support
from ferryline.verify import audit, reading, trouble
from ferryline.verify.checking import Checking, End, ListedEnd
from ferryline.verify.gathering import Gathering, gathered, side_by_side
from ferryline.verify.relist import Look, Relisting

BATCH_BYTES = 1024 * 1024 * 1024
"""A batch also ends when it holds this many object bytes: what is lost with it is sent again."""
BATCH_SECONDS = 5.0
"""A batch also ends with the first arrival after this time."""
BATCHES_MAX = 2
LOOKS_MAX = 3

_CONTRADICTED = frozenset({Support.IGNORED, Support.UNSUPPORTED})
_PLAIN_ENCRYPTION = frozenset({None, "AES256"})


async def prove(
    arrivals: AsyncIterator[Transferred], source: End, destination: ListedEnd, checking: Checking
) -> AsyncGenerator[Finding, None]:
    """Yield exactly one finding for each arrival, in any order.

    Where `arrivals` raises, what came before is still settled and yielded, then its error is raised.
    A Match's destination has a token with a time of 0 where only the answer to the write told it.
    Close it (`aclosing`) when it is not read to the end; whoever made `arrivals` closes it.
    """
    prover = _Prover(source, destination, checking)

    async def lead(gathering: Gathering) -> None:
        await prover.lead(arrivals, gathering)

    async with aclosing(gathered(lead, checking.objects)) as findings:
        async for finding in findings:
            yield finding


@dataclass(slots=True)
class _Batch:
    """Arrivals that wait for one re-listing."""

    began: float
    arrivals: list[Transferred] = field(default_factory=list)
    size_bytes: int = 0


class _Prover:
    def __init__(self, source: End, destination: ListedEnd, checking: Checking) -> None:
        self._source = source
        self._destination = destination
        self._checking = checking
        self._relisting = Relisting(destination, checking.objects)
        self._batch: _Batch | None = None
        self._batches = asyncio.Semaphore(BATCHES_MAX)
        self._slots = asyncio.Semaphore(max(1, checking.objects))

    async def lead(self, arrivals: AsyncIterator[Transferred], gathering: Gathering) -> None:
        """Take every arrival: at once proven, read back, or put into a batch."""
        try:
            async for done in arrivals:
                await self._take(done, gathering)
        except errors.FerrylineError as problem:
            if self._can_look_after(problem):
                await self._flush(gathering)
                await gathering.settled()
            raise
        await self._flush(gathering)

    async def _take(self, done: Transferred, gathering: Gathering) -> None:
        if self._reads_files:
            await gathering.start(self._read_file(done, gathering))
            return
        if (match := self._proven(done)) is not None:
            await gathering.put(match)
            return
        now = self._checking.clock.monotonic()
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch(now)
        batch.arrivals.append(done)
        batch.size_bytes += done.source.size_bytes
        if (
            len(batch.arrivals) >= self._checking.batch
            or batch.size_bytes >= BATCH_BYTES
            or now - batch.began >= BATCH_SECONDS
        ):
            await self._flush(gathering)

    @property
    def _reads_files(self) -> bool:
        """Files: their bytes are read again, because a size and a time prove nothing about a disk."""
        known = self._destination.capabilities
        return known.hashes_locally and not known.etag_is_md5.honoured

    def _proven(self, done: Transferred) -> Match | None:
        """A match that needs no look: proven already, and a listing will show a state that is known."""
        if done.proof is None:
            return None
        there = done.destination
        if there is not None and self._relisting.head_is_exact:
            return Match(done.source, there, done.proof, done.digest)
        if done.proof is Evidence.SERVER_COPY:
            return None  # equal ETags of a server-side copy prove nothing: the ledger must know its token
        etag = there.token.etag if there is not None else done.etag
        if (
            done.action.replaces is None
            and self._believes_etags
            and digest.compare_etags(done.source.token.etag, etag) is Comparison.EQUAL
        ):
            # Nothing to remember: the next listing shows equal ETags on both sides.
            if there is None:
                there = Entry(self._name(done), done.source.size_bytes, Token(etag, 0))
            return Match(done.source, there, done.proof, done.digest)
        return None

    @property
    def _believes_etags(self) -> bool:
        """Whether the next run will take equal ETags for equal bytes: not where a probe showed, as it does
        under customer keys, that they are no digests. Then the ledger must know the listed state."""
        ends = self._source, self._destination
        return not any(end.capabilities.etag_is_md5 in _CONTRADICTED for end in ends)

    def _can_look_after(self, problem: errors.FerrylineError) -> bool:
        """Whether what stopped the arrivals leaves the destination there to be asked."""
        if isinstance(problem, errors.BrokenInvariant):
            return False
        place_failed = errors.EndpointFailed, errors.CredentialsRefused, errors.DiskFailed
        return not isinstance(problem, place_failed) or problem.place == self._source.place

    def _name(self, done: Transferred) -> bytes:
        return self._checking.rename(done.key)

    # -- batches ----------------------------------------------------------------------------------

    async def _flush(self, gathering: Gathering) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            await self._batches.acquire()
            await gathering.start(self._settle(batch.arrivals, gathering))

    async def _settle(self, arrivals: list[Transferred], gathering: Gathering) -> None:
        """Look at the batch's keys, then make a finding of each arrival."""
        try:
            names = {self._name(done) for done in arrivals}
            looks = await self._relisting.find(sorted(names))
            doubtful: list[tuple[Transferred, Look]] = []
            for done in arrivals:
                look = looks[self._name(done)]
                if isinstance(look, Entry) and done.proof is not None and _as_written(done, look):
                    await gathering.put(Match(done.source, look, done.proof, done.digest))
                else:
                    doubtful.append((done, look))
            await self._doubt(doubtful, gathering)
        finally:
            self._batches.release()

    async def _doubt(self, doubtful: list[tuple[Transferred, Look]], gathering: Gathering) -> None:
        """Arrivals without a proof, and those whose listing does not show what was written."""
        waiting = iter(doubtful)

        async def work() -> None:
            for done, look in waiting:
                async with self._slots:
                    try:
                        finding = await self._doubted(done, look)
                    except (errors.ObjectFailed, errors.RetryLater) as problem:
                        finding = trouble.unchecked(done.key, problem)
                await gathering.put(finding)

        if doubtful:
            await side_by_side(min(len(doubtful), self._checking.objects), work)

    async def _doubted(self, done: Transferred, look: Look) -> Finding:
        if isinstance(look, errors.FerrylineError):
            raise look
        there, stat = look, None
        if there is None or not _as_written(done, there) or self._asks_checksums:
            # A listing may lag behind a write, so only a HEAD says that something is not there.
            stat = await self._destination.head(self._name(done))
            if stat is None:
                return trouble.missing(done.key)
            if there is None or not _same_state(there.token, stat.entry.token):
                there = stat.entry
        if there.size_bytes != done.source.size_bytes:
            return trouble.size_differs(done.key, done.source.size_bytes, there.size_bytes)
        proof = self._by_head(done, stat)
        if proof is not None:
            return Match(done.source, there, proof, done.digest)
        return await self._read_back(done, there)

    @property
    def _asks_checksums(self) -> bool:
        return self._destination.capabilities.stored_checksum.honoured

    def _by_head(self, done: Transferred, stat: Stat | None) -> Evidence | None:
        """What a HEAD proves of the bytes that were sent. What it does not prove is read back."""
        if stat is None:
            return None
        known, etag = self._destination.capabilities, stat.entry.token.etag
        if done.proof is not None and etag is not None and etag == done.etag:
            return done.proof
        stored = stat.stored_checksum
        if known.stored_checksum.honoured and stored is not None and stored == done.digest:
            return Evidence.STORED_CHECKSUM
        if not known.etag_is_md5.honoured or stat.encryption not in _PLAIN_ENCRYPTION or etag is None:
            return None
        wanted = done.digest
        if wanted is None or wanted.algorithm is not Algorithm.MD5 or etag != wanted.value.hex().encode():
            return None
        return Evidence.ETAG_MD5

    # -- reading back -----------------------------------------------------------------------------

    async def _read_file(self, done: Transferred, gathering: Gathering) -> None:
        try:
            finding = await self._file(done)
        except (errors.ObjectFailed, errors.RetryLater) as problem:
            finding = trouble.unchecked(done.key, problem)
        await gathering.put(finding)

    async def _file(self, done: Transferred) -> Finding:
        there = done.destination
        if there is None:
            stat = await self._destination.head(self._name(done))
            if stat is None:
                return trouble.missing(done.key)
            there = stat.entry
        if there.size_bytes != done.source.size_bytes:
            return trouble.size_differs(done.key, done.source.size_bytes, there.size_bytes)
        return await self._read_back(done, there)

    async def _read_back(self, done: Transferred, there: Entry) -> Finding:
        """The destination's bytes against the digest of those that were read at the source."""
        wanted = done.digest
        if wanted is None or wanted.algorithm not in (Algorithm.MD5, Algorithm.CRC64NVME):
            pair = Both(done.source, there)
            return await audit.read_both(pair, self._source, self._destination, self._checking)
        for _ in range(LOOKS_MAX):
            try:
                return await self._read_once(done, there, wanted)
            except (errors.ObjectMissing, errors.ObjectChanged):
                stat = await self._destination.head(self._name(done))
                if stat is None:
                    return trouble.missing(done.key)
                there = stat.entry
        return trouble.keeps_changing(done.key, LOOKS_MAX)

    async def _read_once(self, done: Transferred, there: Entry, wanted: Digest) -> Finding:
        found = await reading.fingerprint(self._destination, there)
        if found.size_bytes != done.source.size_bytes:
            return trouble.size_differs(done.key, done.source.size_bytes, found.size_bytes)
        if reading.compare(found, wanted) is not Comparison.EQUAL:
            return trouble.bytes_differ(done.key, found.size_bytes)
        return Match(done.source, replace(there, key=self._name(done)), Evidence.READ_BACK, wanted)


def _as_written(done: Transferred, there: Entry) -> bool:
    """Whether a look shows what the write's answer told: its size, and its ETag where it named one."""
    told = done.etag
    if told is None and done.destination is not None:
        told = done.destination.token.etag
    return there.size_bytes == done.source.size_bytes and (told is None or told == there.token.etag)


def _same_state(listed: Token, seen: Token) -> bool:
    """Whether a HEAD saw what the listing saw; its time may be cut to whole seconds (HTTP dates)."""
    second = 1_000_000_000
    return listed.etag == seen.etag and listed.modified_ns // second == seen.modified_ns // second
