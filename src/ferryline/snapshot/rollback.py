"""Is every object of an older snapshot still there? Looked at before it is made current again, as a value.

`pipeline` calls it for `snapshots rollback`. Where versions are kept, each pinned version is looked
at; elsewhere the replica's listing is compared with the receipt. It changes nothing; a snapshot that
is not `ready` is not made current.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.entry import Stat
from ferryline.model.key import printable
from ferryline.model.page import LISTING, Page
from ferryline.snapshot.load import Loader
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.receipt import Holder, Receipt
from ferryline.snapshot.rows import CONTENT, PROOFS, joined
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.store import Heads

EXAMPLES = 20
"""Keys that an answer names; the counts are complete."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What of a snapshot is there: `missing` keys are gone, `changed` ones are other bytes by now."""

    snapshot: str
    checked: int
    missing: int
    changed: int
    examples: tuple[bytes, ...]

    @property
    def ready(self) -> bool:
        """Whether every object is there as it was proven."""
        return not self.missing and not self.changed


class _Tally:
    def __init__(self) -> None:
        self.checked = self.missing = self.changed = 0
        self.examples: list[bytes] = []

    def add(self, checked: int, missing: list[bytes], changed: list[bytes]) -> None:
        self.checked += checked
        self.missing += len(missing)
        self.changed += len(changed)
        self.examples += (missing + changed)[: EXAMPLES - len(self.examples)]

    def presence(self, snapshot: str) -> Presence:
        return Presence(snapshot, self.checked, self.missing, self.changed, tuple(self.examples))


async def expected(shelf: Shelf, manifest: Manifest, receipt: Receipt) -> AsyncIterator[pa.RecordBatch]:
    """The snapshot's rows with what proves each: PROOFS columns and `size`, a chunk at a time."""
    async for rows, proof in paired(shelf, manifest, receipt):
        yield proof.append_column("size", rows.column("size"))


async def paired(
    shelf: Shelf, manifest: Manifest, receipt: Receipt
) -> AsyncIterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """The snapshot's rows and what proves them, of the same keys, a chunk at a time.

    Raises DigestMismatch where the receipt is of other keys than the manifest: somebody has put one of
    another snapshot, or of another replica, in its place.
    """
    content, proofs = Loader(shelf, CONTENT), Loader(shelf, PROOFS)
    if [one.upto for one in manifest.index.chunks] != [one.upto for one in receipt.index.chunks]:
        counts = f"{receipt.index.rows} objects in place of {manifest.index.rows}"
        raise _unfit(shelf, manifest, receipt, f"it is cut at other keys, and proves {counts}")
    for (after, listed), (_, proven) in zip(manifest.index.spans(), receipt.index.spans(), strict=True):
        rows, proof = await content.rows(listed, after), await proofs.rows(proven, after)
        if not rows.column("key").equals(proof.column("key")):
            raise _unfit(shelf, manifest, receipt, f"it proves other keys up to {printable(listed.upto)}")
        yield rows, proof


def _unfit(shelf: Shelf, manifest: Manifest, receipt: Receipt, why: str) -> errors.DigestMismatch:
    of_source = receipt.holder is Holder.SOURCE
    key = (shelf.source_receipt_key if of_source else shelf.receipt_key)(manifest.snapshot)
    place = shelf.store.place
    return errors.DigestMismatch(
        f"the receipt {printable(key)} in {place} does not fit the manifest of snapshot "
        f"{manifest.snapshot[:12]}: {why}",
        advice="run sync: it writes both anew; until then read another replica",
        key=key,
        place=place,
    )


async def against_listing(
    rows: AsyncIterator[pa.RecordBatch], pages: AsyncIterator[Page], snapshot: str
) -> Presence:
    """Compare with a listing of the replica in key order: for replicas that keep only the latest bytes."""
    tally, shown = _Tally(), Listed(pages)
    async for batch in rows:
        there = await shown.among(batch.column("key"))
        place = pc.index_in(batch.column("key"), there.column("key"))
        equal = same(there.take(place), batch)
        missing = batch.column("key").filter(place.is_null()).to_pylist()
        changed = batch.column("key").filter(pc.and_(pc.invert(equal), place.is_valid())).to_pylist()
        tally.add(batch.num_rows, missing, changed)
    return tally.presence(snapshot)


def same(seen: pa.RecordBatch, proven: pa.RecordBatch) -> pa.Array:
    """Per row, whether the token and size are as proven. Where there is an ETag it decides, not the times."""
    equal = {
        name: pc.equal(seen.column(name), proven.column(name)) for name in ("size", "etag", "modified_ns")
    }
    times = equal["modified_ns"]
    for name in ("change_ns", "inode"):
        was = proven.column(name)
        times = pc.and_(times, pc.or_kleene(pc.equal(seen.column(name), was), was.is_null()))
    token = pc.if_else(proven.column("etag").is_valid(), equal["etag"], times)
    return pc.fill_null(pc.and_(equal["size"], token), pa.scalar(value=False))


def _nobody(_rows: pa.RecordBatch) -> None:
    """Nobody asks for what lies between."""


class Listed:
    """A listing in key order beside the chunks of a table. `freshness` and `verify` use it too."""

    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self._pages = pages
        self._held = pa.RecordBatch.from_pylist([], schema=LISTING)
        self._ended = False

    async def among(
        self, keys: pa.Array, others: Callable[[pa.RecordBatch], None] = _nobody
    ) -> pa.RecordBatch:
        """What is listed of these keys, which ascend from call to call. `others` is given the rows that lie
        between them, as they pass: of those there may be any number, and none is held."""
        taken: list[pa.RecordBatch] = []
        last = keys[-1]
        while True:
            inside = pc.sum(pc.less_equal(self._held.column("key"), last)).as_py() or 0
            passed, self._held = self._held.slice(0, inside), self._held.slice(inside)
            wanted = pc.is_in(passed.column("key"), keys)
            taken.append(passed.filter(wanted))
            others(passed.filter(pc.invert(wanted)))
            if self._held.num_rows or self._ended:
                break
            page = await anext(self._pages, None)
            self._ended = page is None
            if page is not None:
                self._held = page.rows
        return joined(taken)

    async def rest(self) -> AsyncIterator[pa.RecordBatch]:
        """Every listed row that was not given yet."""
        yield self._held
        self._held = self._held.slice(self._held.num_rows)
        while not self._ended:
            page = await anext(self._pages, None)
            if page is None:
                self._ended = True
                return
            yield page.rows


async def against_versions(
    rows: AsyncIterator[pa.RecordBatch], store: Heads, snapshot: str, at_once: int = 64
) -> Presence:
    """Look at every pinned version: for replicas that keep versions. One HEAD per object."""
    tally, room = _Tally(), asyncio.Semaphore(at_once)

    async def look(key: bytes, version_id: str | None) -> Stat | None:
        async with room:
            return await store.head(key, version_id)

    async for batch in rows:
        names = ("key", "version_id", "etag", "size")
        wanted = list(zip(*(batch.column(name).to_pylist() for name in names), strict=True))
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(key, version_id)) for key, version_id, _, _ in wanted]
        missing, changed = [], []
        for (key, _, etag, size), task in zip(wanted, looks, strict=True):
            stat = task.result()
            if stat is None:
                missing.append(key)
            elif stat.entry.size_bytes != size or stat.entry.token.etag != etag:
                changed.append(key)
        tally.add(batch.num_rows, missing, changed)
    return tally.presence(snapshot)
