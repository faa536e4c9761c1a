"""A replica's ledger becomes a snapshot: digests completed, tables stored, absences doubted, head replaced.

`Lane` calls it once everything is proven there. Nothing is visible before the head is; what the last
snapshot held and the listing lacks is looked for once more at the source.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.entry import Entry, Token
from ferryline.model.key import printable
from ferryline.model.page import DISTRUSTED
from ferryline.model.run import Consistency
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.reports import Reports
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import identify, proofs
from ferryline.snapshot import compare, opening, publish
from ferryline.snapshot.build import build
from ferryline.snapshot.head import Head
from ferryline.snapshot.index import Index
from ferryline.snapshot.load import every_row
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.receipt import Holder, Keeping, Receipt
from ferryline.snapshot.rows import CONTENT, PROOFS
from ferryline.state.ledger import Ledger
from ferryline.storage.wrap.stack import DressedStore
from ferryline.transfer.crew import crew

LOOKS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Before:
    """What was published here last, as far as it can be read: tables that are gone or damaged are None."""

    head: Head | None
    manifest: Manifest | None = None
    receipt: Receipt | None = None
    source: Receipt | None = None

    @property
    def rows(self) -> int:
        """How many objects the current snapshot holds; 0 where there is none."""
        entry = self.head.entry(self.head.current) if self.head is not None and self.head.current else None
        return entry.rows if entry is not None else 0


async def before(there: OpenReplica, head: Head | None) -> Before:
    """Read what is current."""
    if head is None or head.current is None:
        return Before(head)
    found: dict[str, Any] = {}
    for name, read in (
        ("manifest", opening.read_manifest),
        ("receipt", opening.read_receipt),
        ("source", opening.read_source_receipt),
    ):
        try:
            found[name] = await read(there.shelf, head.current)
        except (errors.ObjectMissing, errors.DigestMismatch):
            continue
    return Before(head, **found)


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot whose tables are stored, and nothing more."""

    manifest: Manifest
    receipt: Receipt
    source: Receipt


class Publication:
    """The making of one snapshot at one replica. `whole` stores every chunk anew, whatever was there."""

    def __init__(
        self,
        there: OpenReplica,
        source: DressedStore,
        task: DatasetTask,
        last: Before,
        *,
        whole: bool,
    ) -> None:
        self._there = there
        self._source = source
        self._task = task
        self._last = last
        self._whole = whole
        self.bytes_read = 0
        """Source bytes that had to be read because nobody had hashed an object."""

    async def complete(self, ledger: Ledger, reports: Reports | None = None) -> None:
        """Find the digest of every object that has none yet, and remember it. `reports` are asked too.

        Raises SourceKeptChanging where a state that was proven is gone from the source.
        """
        with ledger.update() as update:
            for rows in ledger.rows():
                wanting = proofs.lacking(proofs.selected(rows, self._task.filters))
                if wanting.num_rows:
                    update.put(await self._completed(wanting, reports))
            update.commit()

    async def _completed(self, rows: pa.RecordBatch, reports: Reports | None) -> pa.RecordBatch:
        slots = asyncio.Semaphore(LOOKS_AT_ONCE)
        told = reports.of_source if reports is not None else identify.nothing

        async def look(row: dict[str, Any]) -> bytes:
            token = Token(
                row["source_etag"],
                row["source_modified_ns"],
                row["source_change_ns"],
                row["source_inode"],
            )
            async with slots:
                try:
                    listed = Entry(row["key"], row["size"], token)
                    found, read = await identify.identify(self._source, listed, told)
                except (errors.ObjectMissing, errors.ObjectChanged) as moved:
                    raise errors.SourceKeptChanging(
                        f"{moved.message}; nothing was published",
                        advice="run again: what was proven is kept",
                        key=row["key"],
                        place=self._source.place,
                    ) from moved
                except (errors.ObjectFailed, errors.RetryLater) as failure:
                    raise errors.EndpointFailed(
                        f"{printable(row['key'])} could not be looked at: {failure.message}",
                        advice=failure.advice or "run again: what was proven is kept",
                        key=row["key"],
                        place=self._source.place,
                    ) from failure
            self.bytes_read += read
            return str(found).encode()

        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(row)) for row in rows.to_pylist()]
        return proofs.with_digests(rows, pa.array([one.result() for one in looks], pa.binary()))

    async def make(
        self, ledger: Ledger, consistency: Consistency, keeping: Keeping, versions: Mapping[bytes, str]
    ) -> Made:
        """Store the tables of what the ledger holds. Nothing is visible yet."""
        evidence: Counter[str] = Counter()

        async def batches() -> AsyncIterator[pa.RecordBatch]:
            for rows in ledger.rows():
                chosen = proofs.selected(rows, self._task.filters)
                if chosen.num_rows:
                    if proofs.distrusted(chosen):
                        raise errors.BrokenInvariant("a distrusted object was about to be published")
                    yield chosen

        async def content() -> AsyncIterator[pa.RecordBatch]:
            async for rows in batches():
                yield proofs.content(rows)

        async def of_source() -> AsyncIterator[pa.RecordBatch]:
            async for rows in batches():
                yield proofs.of_source(rows)

        async def of_replica() -> AsyncIterator[pa.RecordBatch]:
            known = _Versions(self._there, self._last.receipt, versions, keeping)
            async for rows in batches():
                proven = proofs.of_replica(rows, await known.of(rows))
                for word in pc.value_counts(proven.column("evidence")):
                    evidence[word["values"].as_py()] += word["counts"].as_py()
                yield proven

        shelf, last = self._there.shelf, self._last
        listed = await build(content(), shelf, CONTENT, self._index(last.manifest))
        proven = await build(of_replica(), shelf, PROOFS, self._index(last.receipt))
        states = await build(of_source(), shelf, PROOFS, self._index(last.source))
        snapshot, rows = listed.index.root, listed.index.rows
        url = self._there.replica.location.url
        receipt = Receipt(snapshot, url, Holder.REPLICA, keeping, proven.index, evidence=dict(evidence))
        source = Receipt(
            snapshot,
            self._task.source.url,
            Holder.SOURCE,
            Keeping.LATEST,
            states.index,
            evidence={"source": rows} if rows else {},
        )
        return Made(Manifest(consistency, listed.index), receipt, source)

    def _index(self, document: Manifest | Receipt | None) -> Index | None:
        return None if document is None or self._whole else document.index

    async def removed(self, made: Made) -> AsyncIterator[pa.Array]:
        """The keys of the last snapshot that this one lacks, as far as the filters still select them: some
        at a time, ascending."""
        last = self._last.manifest
        if last is None or last.snapshot == made.manifest.snapshot:
            return
        shelf = self._there.shelf
        old, new = compare.Version(shelf, last.index), compare.Version(shelf, made.manifest.index)
        async for rows in compare.differences(old, new):
            keys = rows.filter(pc.equal(rows.column("change"), compare.Change.REMOVED.value)).column("key")
            if not self._task.filters.everything and len(keys):
                keys = keys.filter(self._task.filters.selected(keys))
            if len(keys):
                yield keys

    async def doubt(self, keys: Iterable[bytes]) -> None:
        """Look for each key at the source once more.

        Raises ListingUnbelievable where one is there: then the listing is no picture of the source.
        """

        async def look(key: bytes) -> None:
            if await self._source.head(key) is None:
                return
            raise errors.ListingUnbelievable(
                f"{printable(key)} is in {self._source.place}, and its listing did not show it; "
                "nothing was published and nothing deleted",
                advice="run again; if it happens again, the endpoint's listing cannot be trusted",
                key=key,
                place=self._source.place,
            )

        async with contextlib.aclosing(crew(_each(keys), look, LOOKS_AT_ONCE)) as looks:
            async for _ in looks:
                pass

    async def publish(self, writer: publish.Writer, made: Made, at: datetime) -> publish.Announced:
        """Make it current."""
        issue = publish.Issue(made.manifest, made.receipt, at, made.source)
        return await publish.publish(self._there.shelf, writer, issue)


async def _each(keys: Iterable[bytes]) -> AsyncIterator[bytes]:
    for key in keys:
        yield key


class _Versions:
    """The version of each object that its receipt pins, in key order: told by a write, kept from the last
    receipt while the ETag stands, else looked at."""

    def __init__(
        self,
        there: OpenReplica,
        last: Receipt | None,
        told: Mapping[bytes, str],
        keeping: Keeping,
    ) -> None:
        self._store = there.store
        self._told = told
        self._keeps = keeping is Keeping.VERSIONS
        pinned = last is not None and last.keeping is Keeping.VERSIONS
        self._former = every_row(there.shelf, last.index) if last is not None and pinned else None
        self._held = pa.RecordBatch.from_pylist([], schema=PROOFS.schema)

    async def of(self, rows: pa.RecordBatch) -> pa.Array:
        """One version id per row; all null where the replica keeps none."""
        count = rows.num_rows
        if not self._keeps:
            return pa.nulls(count, pa.string())
        keys, etags = rows.column("key").to_pylist(), rows.column("destination_etag").to_pylist()
        former = await self._among(rows.column("key"))
        found: list[str | None] = []
        for key, etag in zip(keys, etags, strict=True):
            before = former.get(key)
            kept = before[1] if before is not None and before[0] == etag else None
            found.append(self._told.get(key) or kept)
        unknown = [index for index, one in enumerate(found) if one is None]
        for start in range(0, len(unknown), LOOKS_AT_ONCE):
            some = unknown[start : start + LOOKS_AT_ONCE]
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(keys[index], etags[index])) for index in some]
            for index, look in zip(some, looks, strict=True):
                found[index] = look.result()
        return pa.array(found, pa.string())

    async def _look(self, key: bytes, etag: bytes | None) -> str:
        stat = await self._store.head(key)
        if stat is None or stat.entry.token.etag != etag:
            raise errors.SourceKeptChanging(
                f"{printable(key)} in {self._store.place} is not what was proven; nothing was published",
                advice="somebody else writes there: stop it, then run again",
                key=key,
                place=self._store.place,
            )
        return stat.entry.token.version_id or "null"

    async def _among(self, keys: pa.Array) -> dict[bytes, tuple[bytes | None, str | None]]:
        """What the last receipt pins of these keys, which ascend from call to call. Of the others, of which
        there may be any number, none is held; what a verification found bad is not believed."""
        taken: list[pa.RecordBatch] = []
        last = keys[-1]
        while True:
            inside = pc.sum(pc.less_equal(self._held.column("key"), last)).as_py() or 0
            passed = self._held.slice(0, inside)
            wanted = pc.is_in(passed.column("key"), keys)
            good = pc.not_equal(passed.column("evidence"), DISTRUSTED)
            taken.append(passed.filter(pc.and_(wanted, good)))
            self._held = self._held.slice(inside)
            if self._held.num_rows or self._former is None:
                break
            try:
                following = await anext(self._former, None)
            except (errors.ObjectMissing, errors.DigestMismatch):
                following = None  # a receipt that cannot be read pins nothing: each object is looked at
            if following is None:
                self._former = None
                break
            self._held = following
        return {
            name: (etag, version)
            for one in taken
            for name, etag, version in zip(
                *(one.column(column).to_pylist() for column in ("key", "etag", "version_id")), strict=True
            )
        }


def disowned(receipt: Receipt, index: Index, evidence: Mapping[str, int], why: str) -> Receipt:
    """The same receipt with other rows, which proves the replica no longer."""
    return replace(receipt, index=index, evidence=dict(evidence), eligible=False, why_not=why)
