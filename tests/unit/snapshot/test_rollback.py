"""Whether every object of an older snapshot is still there."""

from dataclasses import replace

import pytest

from ferryline import errors
from ferryline.model.entry import Entry, Token
from ferryline.model.key import EVERYTHING
from ferryline.model.page import Page, listing_rows
from ferryline.model.run import Consistency
from ferryline.snapshot import rollback, rows
from ferryline.snapshot.build import build
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.receipt import Holder, Keeping, Receipt
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import Writing

from .made import VersionedStore, content, feed, issue, numbered, receipt_of, stored


async def replica(data, keeping, count=9000):
    """A replica with objects, and the manifest and receipt of what it holds."""
    bodies = {b"data/%05d" % n: b"%d" % n for n in range(count)}
    for key, body in bodies.items():
        await data.write(key, body, Writing())
    shelf = Shelf(MemoryStore())
    manifest = Manifest(Consistency.PER_OBJECT, (await stored(content(bodies), shelf)).index)
    receipt = await receipt_of({key: await data.head(key) for key in bodies}, manifest, shelf, keeping)
    return shelf, manifest, receipt


async def spoil(data):
    await data.delete(b"data/00007")
    await data.write(b"data/08000", b"other", Writing())
    await data.write(b"data/00000extra", b"not in the snapshot", Writing())


async def test_on_a_replica_that_keeps_the_latest_the_listing_tells():
    data = MemoryStore(page_rows=700)
    shelf, manifest, receipt = await replica(data, Keeping.LATEST)

    async def look():
        expected = rollback.expected(shelf, manifest, receipt)
        return await rollback.against_listing(expected, data.pages(EVERYTHING), manifest.snapshot)

    assert (await look()).ready
    await spoil(data)
    presence = await look()

    assert not presence.ready
    assert (presence.checked, presence.missing, presence.changed) == (9000, 1, 1)
    assert set(presence.examples) == {b"data/00007", b"data/08000"}


async def test_on_a_replica_that_keeps_versions_each_pinned_version_is_looked_at():
    data = VersionedStore()
    shelf, manifest, receipt = await replica(data, Keeping.VERSIONS, 500)
    await spoil_versioned(data)

    async def look():
        expected = rollback.expected(shelf, manifest, receipt)
        return await rollback.against_versions(expected, data, manifest.snapshot)

    presence = await look()
    assert presence.ready, "overwriting and deleting leave the versions"
    assert presence.checked == 500
    gone = next(version for version in data.versions if version[0] == b"data/00009")
    del data.versions[gone]
    presence = await look()

    assert (presence.missing, presence.examples) == (1, (b"data/00009",))


async def spoil_versioned(data):
    await data.write(b"data/00009", b"other", Writing())
    await data.delete(b"data/00007")


@pytest.mark.parametrize(
    ("change", "same"),
    [({}, True), ({"modified_ns": 9}, False), ({"inode": 9}, False), ({"change_ns": 9}, False)],
)
async def test_files_are_compared_by_their_whole_stat(change, same):
    token = Token(None, 5, change_ns=6, inode=7)
    shelf = Shelf(MemoryStore())
    manifest = Manifest(Consistency.PER_OBJECT, (await stored(content({b"f": b"12345"}), shelf)).index)
    built = await build(feed(rows.proof_rows([(Entry(b"f", 5, token), "read-back")])), shelf, rows.PROOFS)
    receipt = Receipt(manifest.snapshot, "file:///r/", Holder.REPLICA, Keeping.LATEST, built.index)

    async def pages():
        yield Page(listing_rows([Entry(b"f", 5, replace(token, **change))]), None)

    expected = rollback.expected(shelf, manifest, receipt)
    assert (await rollback.against_listing(expected, pages(), manifest.snapshot)).ready is same


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"modified_ns": 9}, True),
        ({"etag": b"b" * 32}, False),
        ({"etag": b"b" * 32, "modified_ns": 9}, False),
    ],
)
async def test_where_there_is_an_etag_it_decides_and_the_time_does_not(change, same):
    token = Token(b"a" * 32, 5)
    shelf = Shelf(MemoryStore())
    manifest = Manifest(Consistency.PER_OBJECT, (await stored(content({b"f": b"12345"}), shelf)).index)
    built = await build(feed(rows.proof_rows([(Entry(b"f", 5, token), "etag-md5")])), shelf, rows.PROOFS)
    receipt = Receipt(manifest.snapshot, "s3://r/", Holder.REPLICA, Keeping.LATEST, built.index)

    async def pages():
        yield Page(listing_rows([Entry(b"f", 5, replace(token, **change))]), None)

    expected = rollback.expected(shelf, manifest, receipt)
    assert (await rollback.against_listing(expected, pages(), manifest.snapshot)).ready is same


async def test_examples_are_capped_and_counts_are_not():
    data = MemoryStore()
    shelf, manifest, receipt = await replica(data, Keeping.LATEST, 100)
    data.held.objects.clear()
    expected = rollback.expected(shelf, manifest, receipt)
    presence = await rollback.against_listing(expected, data.pages(EVERYTHING), manifest.snapshot)

    assert presence.missing == 100
    assert len(presence.examples) == rollback.EXAMPLES


async def test_a_receipt_that_does_not_fit_its_manifest_is_refused_with_where_what_and_a_remedy():
    shelf = Shelf(MemoryStore())
    one, two = await issue(numbered(9000), shelf), await issue(numbered(5), shelf)
    with pytest.raises(
        errors.DigestMismatch, match=rf"{one.manifest.snapshot[:12]}.*5 objects .* 9000.*sync"
    ):
        async for _ in rollback.expected(shelf, one.manifest, two.receipt):
            pass
