"""A replica against its own snapshot: is what readers are promised still there? Repairs nothing.

`checkup` calls it for `verify DATASET`. The source is not needed: the manifest says what every object
hashes to, the receipt which state was proven. Files, states that are no longer those of the receipt, and
the share that `--deep` asks for are read. Memory holds a chunk of the snapshot and a page of each listing.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.listing import walk
from ferryline.model import digest
from ferryline.model.digest import Algorithm, Comparison, Digest, Evidence
from ferryline.model.entry import Entry, Token
from ferryline.model.finding import Match, Mismatch, Trouble
from ferryline.model.key import KeyRange
from ferryline.pipeline.inspection import Inspection
from ferryline.pipeline.published.pins import Pins
from ferryline.pipeline.roll import Roll
from ferryline.snapshot import rollback
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.receipt import Receipt
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.store import Lists
from ferryline.storage.wrap.stack import DressedStore
from ferryline.verify import reading, trouble
from ferryline.verify.sample import Sample

_REPAIR = "run sync: it sends the object again"
_STATE = ("etag", "modified_ns", "change_ns", "inode")


class Proofreading:
    """One look at one replica. Counts and findings go to `found`, the keys that are not proven equal to a
    `Roll`."""

    def __init__(
        self, store: DressedStore, listing: Lists, sample: Sample, objects: int, found: Inspection
    ) -> None:
        self._store = store
        self._listing = listing
        self._sample = sample
        self._slots = asyncio.Semaphore(max(1, objects))
        self._found = found

    async def compare(self, proven: "Proven", pins: Pins, bad: Roll) -> None:
        """Every object of the snapshot. Raises ObjectMissing or DigestMismatch for its own documents, and
        RunStopped where the replica cannot be listed."""
        async with contextlib.aclosing(walk.checked(self._listing, KeyRange())) as pages:
            listed = rollback.Listed(pages)
            async for rows, proof in rollback.paired(proven.shelf, proven.manifest, proven.receipt):
                there = await listed.among(rows.column("key"), self._count)
                self._count(there)
                self._found.source_objects += rows.num_rows
                unseen = await pins.unseen(proof)
                bad.add(await self._chunk(rows, proof, there, unseen))
            async for rest in listed.rest():
                self._count(rest)

    def _count(self, rows: pa.RecordBatch) -> None:
        self._found.destination_objects += _counted(rows)

    async def _chunk(
        self, rows: pa.RecordBatch, proof: pa.RecordBatch, there: pa.RecordBatch, unseen: frozenset[bytes]
    ) -> pa.Array:
        """The keys of one chunk that are not proven equal, ascending."""
        place = pc.index_in(rows.column("key"), there.column("key"))
        stands = _stands(there.take(place), rows, proof)
        if unseen:
            doubted = pc.is_in(rows.column("key"), pa.array(sorted(unseen), pa.binary()))
            stands = pc.and_not(stands, doubted)
        if self._store.capabilities.hashes_locally:
            read = pa.array([True] * rows.num_rows)
        else:
            read = pc.or_(pc.invert(stands), self._sample.mask(rows.column("key")))
        quiet = pc.and_not(stands, read).true_count
        if quiet:
            self._found.same({Evidence.LEDGER.value: quiet})
        names = ("key", "size", "digest")
        wanted = rows.filter(read)
        seen = there.take(place).filter(read)
        versions = proof.column("version_id").filter(read).to_pylist()
        columns = (wanted.column(name).to_pylist() for name in names)
        async with asyncio.TaskGroup() as group:
            looks = []
            for key, size, told, version, row in zip(*columns, versions, seen.to_pylist(), strict=True):
                one = _Wanted(key, size, digest.parse(told.decode()), version if key in unseen else None)
                looks.append(group.create_task(self._one(one, row)))
        good = pa.array([one.result() for one in looks], pa.bool_())
        return wanted.column("key").filter(pc.invert(good))

    async def _one(self, wanted: "_Wanted", row: dict[str, Any]) -> bool:
        """Whether it is as it was proven."""
        async with self._slots:
            finding = await self._look(wanted, row)
        if isinstance(finding, Match):
            self._found.match(finding)
            return True
        self._found.mismatch(finding)
        return False

    async def _look(self, proven: "_Wanted", row: dict[str, Any]) -> Match | Mismatch:
        key, size, wanted = proven.key, proven.size_bytes, proven.digest
        try:
            if proven.unseen_version and await self._store.head(key, proven.unseen_version) is None:
                detail = f"its version {proven.unseen_version}, which the receipt pins, is gone"
                return Mismatch(key, Trouble.MISSING, detail, _REPAIR)
            if row["key"] is None:
                stat = await self._store.head(key)
                if stat is None:
                    return Mismatch(key, Trouble.MISSING, "it is not at the replica", _REPAIR)
                there = stat.entry
            else:
                there = Entry(key, row["size"], Token(*(row[name] for name in _STATE)))
            if there.size_bytes != size:
                detail = f"the snapshot has {size} bytes, the replica {there.size_bytes}"
                return Mismatch(key, Trouble.DIFFERS, detail, _REPAIR)
            by_etag = self._by_etag(there, wanted)
            if by_etag is not None and not self._sample.chosen(key):
                return by_etag
            self._found.deep_checked += 1
            read = await reading.fingerprint(self._store, there)
        except (errors.ObjectFailed, errors.RetryLater) as problem:
            return trouble.unchecked(key, problem)
        if reading.compare(read, wanted) is not Comparison.EQUAL:
            detail = f"all {size} bytes were read and do not hash to what the snapshot says"
            return Mismatch(key, Trouble.DIFFERS, detail, _REPAIR)
        return Match(there, there, Evidence.READ_BACK, wanted)

    def _by_etag(self, there: Entry, wanted: Digest) -> Match | None:
        """Equal by an ETag that is known to be the MD5 of the bytes."""
        etag = there.token.etag
        if (
            etag is None
            or wanted.algorithm is not Algorithm.MD5
            or not self._store.capabilities.etag_is_md5.honoured
            or etag.decode("ascii", "replace") != wanted.value.hex()
        ):
            return None
        return Match(there, there, Evidence.ETAG_MD5, wanted)


def _stands(there: pa.RecordBatch, rows: pa.RecordBatch, proof: pa.RecordBatch) -> pa.Array:
    """Per row, whether the replica's object is in the state that the receipt proves.

    A receipt without a time (0) was proven by an ETag that both sides share, and is compared by it.
    """
    same = pc.equal(there.column("size"), rows.column("size"))
    same = pc.and_(same, pc.invert(pc.equal(proof.column("evidence"), "distrusted")))
    for name in _STATE:
        left, right = there.column(name), proof.column(name)
        alike = pc.or_kleene(pc.equal(left, right), pc.and_(pc.is_null(left), pc.is_null(right)))
        if name == "modified_ns":
            alike = pc.or_(alike, pc.equal(right, 0))
        same = pc.and_kleene(same, alike)
    return pc.fill_null(same, fill_value=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """A snapshot at a replica, by its documents."""

    shelf: Shelf
    manifest: Manifest
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an object has to be. `unseen_version` is pinned, and was not among the versions listed."""

    key: bytes
    size_bytes: int
    digest: Digest
    unseen_version: str | None = None


def _counted(rows: pa.RecordBatch) -> int:
    """How many of these rows are objects; Ferryline's own are none."""
    ours = pc.match_substring_regex(rows.column("key"), pattern=r"(?:\A|/)\.ferryline(?:/|\z)")
    return int(ours.false_count)
