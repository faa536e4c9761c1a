"""Law 6 and 8: beside a writer that dies at every step, a reader gets one snapshot's bytes or a named error.

The reader runs after every single write and delete of the writer, and once more after its death. It
opens the head anew; a second one holds on to the snapshot it opened before the writer began.
"""

import pytest

from ferryline import crash, errors
from ferryline.model.entry import Token
from ferryline.model.run import Consistency
from ferryline.snapshot import opening, prune, publish, rows
from ferryline.snapshot.load import every_row
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.publish import Issue
from ferryline.snapshot.receipt import Keeping
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore
from ferryline.storage.store import Pin, Writing
from tests.unit.snapshot.made import NOON, VersionedStore, content, md5, receipt_of, right, stored, writer

OLD = {b"data/%04d" % n: b"old %d" % n for n in range(300)}
NEW = {key: body for key, body in OLD.items() if key != b"data/0003"} | {
    b"data/0005": b"new 5", b"data/0299": b"new 299", b"data/0300": b"added",
}  # fmt: skip


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


class Bucket(VersionedStore):
    """A bucket that lets somebody look after every change."""

    watching = None

    async def write(self, key, body, writing):
        written = await super().write(key, body, writing)
        await self.look()
        return written

    async def delete(self, key, condition=None):
        await super().delete(key)
        await self.look()

    async def look(self):
        watching, self.watching = self.watching, None
        if watching is not None:
            await watching()
            self.watching = watching


class Plain(Bucket):
    """The same without versions."""

    async def head(self, key, version_id=None):
        return await MemoryStore.head(self, key)

    async def read(self, key, pin, span=None):
        return await MemoryStore.read(self, key, pin, span)


BUCKETS = {Keeping.LATEST: Plain, Keeping.VERSIONS: Bucket}


async def sync(bucket, wanted, keeping, epoch):
    """What a run does at one replica, in the order of the design: bar, data, publish, prune."""
    shelf = Shelf(bucket)
    seen = await publish.read_head(shelf)
    current = seen.head.current if seen is not None else None
    before = await opening.read_manifest(shelf, current) if current is not None else None
    proofs = await opening.read_receipt(shelf, current) if current is not None else None
    there = {
        key: held.body for key, held in bucket.held.objects.items() if not key.startswith(b".ferryline/")
    }
    if keeping is Keeping.LATEST and there != wanted:
        await publish.withdraw(shelf, writer(epoch), "overwriting for the next snapshot")
    for key in sorted(wanted, key=lambda one: (one in there, one)):  # new keys, then overwrites
        if there.get(key) != wanted[key]:
            crash.point("test.data.writing")
            await bucket.write(key, wanted[key], Writing())
    built = await stored(content(wanted), shelf, before.index if before else None)
    manifest = Manifest(Consistency.PER_OBJECT, built.index)
    stats = {key: await bucket.head(key) for key in wanted}
    receipt = await receipt_of(stats, manifest, shelf, keeping, proofs.index if proofs else None)
    announced = await publish.publish(shelf, writer(epoch), Issue(manifest, receipt, NOON))
    for key in sorted(set(there) - set(wanted)):
        crash.point("test.data.deleting")
        await bucket.delete(key)
    await prune.prune(
        bucket, shelf, right(epoch), frozenset({announced.head.current}) | announced_ids(announced), 2**62
    )


def announced_ids(announced):
    return frozenset(one.snapshot for one in announced.head.readable)


async def read_opened(bucket, opened):
    """Every object of an opened snapshot, pinned by the receipt, compared with the manifest."""
    shelf, bodies = Shelf(bucket), {}
    proofs = {}
    async for batch in every_row(shelf, opened.receipt.index):
        for row in batch.to_pylist():
            proofs[row["key"]] = Token(row["etag"], row["modified_ns"], version_id=row["version_id"])
    async for batch in every_row(shelf, opened.manifest.index):
        for row in batch.to_pylist():
            received = await bucket.read(row["key"], Pin(proofs[row["key"]]))
            if str(md5(received.body)).encode() != row["digest"]:
                raise errors.DigestMismatch("other bytes came", key=row["key"])
            bodies[row["key"]] = received.body
    return bodies


class Reader:
    """Looks at every moment; never gets anything but OLD, NEW or a named error."""

    def __init__(self, bucket, held):
        self.bucket, self.held = bucket, held
        self.outcomes = []

    async def look(self):
        try:
            bodies = await read_opened(self.bucket, await opening.open_snapshot(Shelf(self.bucket)))
        except errors.FerrylineError as error:
            assert error.advice
            self.outcomes.append(error.kind)
        else:
            assert bodies in (OLD, NEW), "a reader saw a mixture"
            self.outcomes.append("old" if bodies == OLD else "new")
        try:
            bodies = await read_opened(self.bucket, self.held)
        except errors.FerrylineError as error:
            self.outcomes.append(f"held {error.kind}")
        else:
            assert bodies == OLD, "a reader that holds N saw other bytes than N's"
            self.outcomes.append("held old")


async def prepared(keeping):
    bucket = BUCKETS[keeping]()
    await sync(bucket, OLD, keeping, 1)
    reader = Reader(bucket, await opening.open_snapshot(Shelf(bucket)))
    bucket.watching = reader.look
    return bucket, reader


def die_at(monkeypatch, number):
    passed = []

    def hook(name):
        passed.append(name)
        if len(passed) == number:
            raise Killed(name)

    monkeypatch.setattr(crash, "hook", hook)
    return passed


@pytest.mark.parametrize("keeping", list(Keeping))
async def test_a_writer_that_dies_at_any_step_leaves_one_snapshot_or_a_named_error(monkeypatch, keeping):
    bucket, _ = await prepared(keeping)
    points = die_at(monkeypatch, None)
    await sync(bucket, NEW, keeping, 2)
    assert {"snapshot.head.writing", "snapshot.head.written", "snapshot.manifest.written"} <= set(points)
    assert {"snapshot.receipt.written", "test.data.writing", "snapshot.prune.deleted"} <= set(points)

    seen = set()
    for number in range(1, len(points) + 1):
        bucket, reader = await prepared(keeping)
        die_at(monkeypatch, number)
        with pytest.raises(BaseException) as death:  # noqa: PT011
            await sync(bucket, NEW, keeping, 2)
        assert death.type is Killed, "the fault did not fire"
        await reader.look()
        monkeypatch.setattr(crash, "hook", None)
        await sync(bucket, NEW, keeping, 3)  # another host, with an empty disk
        await reader.look()
        assert reader.outcomes[-2] == "new", "the next run did not finish"
        data = {
            key: held.body for key, held in bucket.held.objects.items() if not key.startswith(b".ferryline/")
        }
        assert data == NEW
        seen |= set(reader.outcomes)

    assert {"old", "new", "held old"} <= seen
    if keeping is Keeping.VERSIONS:
        assert seen == {"old", "new", "held old"}, "where versions are kept, a reader is never turned away"
    else:
        assert "not-eligible" in seen
        assert "held source-changed" in seen


@pytest.mark.parametrize("keeping", list(Keeping))
async def test_a_run_without_changes_writes_nothing(keeping):
    bucket, _ = await prepared(keeping)
    before = dict(bucket.held.objects)
    await sync(bucket, OLD, keeping, 2)

    assert bucket.held.objects == before
    assert rows.CONTENT.folder == b"chunks/"
