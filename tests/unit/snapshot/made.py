"""Small snapshots for tests: rows out of dictionaries, shelves, a bucket that keeps versions."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.run import Consistency
from ferryline.snapshot import prune, rows
from ferryline.snapshot.build import Built, build
from ferryline.snapshot.head import Identity
from ferryline.snapshot.index import Index
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.publish import Issue, Writer
from ferryline.snapshot.receipt import Holder, Keeping, Receipt
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import Held, MemoryStore
from ferryline.storage.store import ALWAYS, Buffer, Condition, Pin, Received, Span, Writing, Written

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
IDENTITY = Identity("s3://acme/eu/", "acme", "imagenet", "eu", {"us": "s3://acme/us/.ferryline/"})

Content = Mapping[bytes, tuple[int, Digest]]
"""A snapshot's content in the plainest form."""


def md5(value: bytes) -> Digest:
    return Digest(Algorithm.MD5, hashlib.md5(value).digest())


def content(bodies: Mapping[bytes, bytes]) -> dict[bytes, tuple[int, Digest]]:
    return {key: (len(body), md5(body)) for key, body in bodies.items()}


def numbered(count: int, changed: set[int] = frozenset()) -> dict[bytes, tuple[int, Digest]]:
    """`count` keys in order; those in `changed` have other bytes."""
    return content({b"data/%07d.tar" % n: b"%d%s" % (n, b"'" if n in changed else b"") for n in range(count)})


def batch(wanted: Content) -> pa.RecordBatch:
    return rows.content_rows([(key, *wanted[key]) for key in sorted(wanted)])


async def feed(table: pa.RecordBatch, size: int = 1000) -> AsyncIterator[pa.RecordBatch]:
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)


async def stored(wanted: Content, shelf: Shelf, previous: Index | None = None, size: int = 1000) -> Built:
    return await build(feed(batch(wanted), size), shelf, rows.CONTENT, previous)


async def receipt_of(
    stats: Mapping[bytes, Stat],
    manifest: Manifest,
    shelf: Shelf,
    keeping: Keeping,
    previous: Index | None = None,
) -> Receipt:
    proofs = rows.proof_rows([(stats[key].entry, "etag-md5") for key in sorted(stats)])
    built = await build(feed(proofs), shelf, rows.PROOFS, previous)
    evidence = {"etag-md5": built.index.rows} if built.index.rows else {}
    return Receipt(manifest.snapshot, IDENTITY.url, Holder.REPLICA, keeping, built.index, evidence=evidence)


def stat(key: bytes, size: int, etag: bytes = b"e" * 32, version_id: str | None = None) -> Stat:
    return Stat(Entry(key, size, Token(etag, 10**18, version_id=version_id)), metadata=None)


async def issue(
    wanted: Content, shelf: Shelf, keeping: Keeping = Keeping.LATEST, previous: Issue | None = None
) -> Issue:
    """Both tables stored, ready to be published; tokens are made up."""
    built = await stored(wanted, shelf, previous.manifest.index if previous else None)
    manifest = Manifest(Consistency.PER_OBJECT, built.index)
    stats = {key: stat(key, size, digest.value.hex().encode()) for key, (size, digest) in wanted.items()}
    receipt = await receipt_of(stats, manifest, shelf, keeping, previous.receipt.index if previous else None)
    return Issue(manifest, receipt, NOON)


def writer(epoch: int = 1, **changes: object) -> Writer:
    return Writer(replace(IDENTITY, **changes), epoch)


async def nobody_else() -> None:
    """Nobody else may write there."""


def right(epoch: int = 1) -> prune.Right:
    return prune.Right(writer(epoch), nobody_else)


class VersionedStore(MemoryStore):
    """A bucket that keeps every version of every object."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.versions: dict[tuple[bytes, str], Held] = {}

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        written = await super().write(key, body, writing)
        version = f"v{len(self.versions) + 1}"
        self.versions[key, version] = self.held.objects[key]
        return replace(written, version_id=version)

    async def head(self, key: bytes, version_id: str | None = None) -> Stat | None:
        if version_id is None:
            found = self.held.objects.get(key)
            newest = [one for (name, one), held in self.versions.items() if name == key and held is found]
            version_id = newest[-1] if found is not None and newest else None
        else:
            found = self.versions.get((key, version_id))
        if found is None:
            return None
        seen = found.stat(key)
        token = replace(seen.entry.token, version_id=version_id)
        return replace(seen, entry=replace(seen.entry, token=token))

    async def read(self, key: bytes, pin: Pin, span: Span | None = None) -> Received:
        if pin.token.version_id is None:
            return await super().read(key, pin, span)
        found = self.versions.get((key, pin.token.version_id))
        if found is None:
            raise errors.ObjectMissing("that version is gone", key=key)
        return Received(found.body, found.stat(key))

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        await super().delete(key, condition)
