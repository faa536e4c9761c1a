"""Publication at one replica: order, compare-and-set, fencing, and what a reader opens."""

from dataclasses import replace

import pytest

from ferryline import crash, errors
from ferryline.model.run import Consistency
from ferryline.snapshot import opening, publish
from ferryline.snapshot.head import to_bytes
from ferryline.snapshot.publish import Fencing
from ferryline.snapshot.receipt import Holder, Keeping
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.memory import MEMORY, MemoryStore

from .made import NOON, issue, numbered, writer


@pytest.fixture
def points(monkeypatch):
    passed = []
    monkeypatch.setattr(crash, "hook", passed.append)
    return passed


async def test_chunks_come_before_manifest_before_receipt_before_head(points):
    shelf = Shelf(MemoryStore())
    made = await issue(numbered(5000), shelf)
    await publish.publish(shelf, writer(), replace(made, source=replace(made.receipt, holder=Holder.SOURCE)))

    order = ["rows.chunk", "proofs.chunk", "manifest", "source_receipt", "receipt", "head"]
    firsts = [
        points.index(f"snapshot.{name}.written") for name in order if f"snapshot.{name}.written" in points
    ]
    assert firsts == sorted(firsts)
    assert len(firsts) >= 5
    assert points[-1] == "snapshot.head.written"


async def test_a_reader_opens_what_was_published():
    shelf = Shelf(MemoryStore())
    made = await issue(numbered(5000), shelf)
    announced = await publish.publish(shelf, writer(epoch=3), made)
    opened = await opening.open_snapshot(shelf)

    assert (announced.fencing, announced.written) == (Fencing.CONDITIONAL, True)
    assert (opened.head.epoch, opened.head.sequence) == (3, 1)
    assert opened.manifest == made.manifest
    assert opened.receipt == made.receipt
    assert opened.published.at == NOON
    assert (await opening.open_snapshot(shelf, made.manifest.snapshot[:8])).published == opened.published


async def test_publishing_again_writes_nothing():
    class Counting(MemoryStore):
        writes = 0

        async def write(self, key, body, writing):
            type(self).writes += 1
            return await super().write(key, body, writing)

    shelf = Shelf(Counting())
    made = await issue(numbered(5000), shelf)
    await publish.publish(shelf, writer(), made)
    before = Counting.writes

    again = await issue(numbered(5000), shelf, previous=made)
    announced = await publish.publish(shelf, writer(epoch=2), replace(again, at=NOON.replace(hour=13)))

    assert not announced.written
    assert Counting.writes == before


async def test_an_earlier_state_can_be_published_again():
    shelf = Shelf(MemoryStore())
    first = await issue(numbered(5000), shelf, Keeping.VERSIONS)
    second = await issue(numbered(5000, {7}), shelf, Keeping.VERSIONS, first)
    third = await issue(numbered(5000), shelf, Keeping.VERSIONS, second)
    for made in (first, second, third):
        announced = await publish.publish(shelf, writer(), made)

    assert announced.head.current == first.manifest.snapshot
    assert [one.sequence for one in announced.head.snapshots] == [3, 2]
    assert (await opening.open_snapshot(shelf)).manifest.snapshot == first.manifest.snapshot


async def test_the_consistency_can_become_better():
    shelf = Shelf(MemoryStore())
    made = await issue(numbered(50), shelf)
    await publish.publish(shelf, writer(), made)
    better = replace(made, manifest=replace(made.manifest, consistency=Consistency.POINT_IN_TIME))
    await publish.publish(shelf, writer(), better)

    opened = await opening.open_snapshot(shelf)
    assert opened.manifest.consistency == opened.published.consistency == Consistency.POINT_IN_TIME


async def test_an_empty_snapshot_is_a_snapshot():
    shelf = Shelf(MemoryStore())
    made = await issue({}, shelf)
    await publish.publish(shelf, writer(), made)

    assert (await opening.open_snapshot(shelf)).manifest.index.rows == 0


@pytest.mark.parametrize("what", ["policy", "dataset", "url"])
async def test_the_head_of_another_owner_is_refused_and_left_alone(what):
    shelf = Shelf(MemoryStore())
    made = await issue(numbered(5), shelf)
    await publish.publish(shelf, writer(), made)
    before = dict(shelf.store.held.objects)

    with pytest.raises(errors.BadUsage, match="another") as caught:
        await publish.publish(shelf, writer(epoch=9, **{what: "another"}), made)

    assert caught.value.kind == "other-head"
    assert shelf.store.held.objects == before


async def test_an_older_writer_is_fenced():
    shelf = Shelf(MemoryStore())
    await publish.publish(shelf, writer(epoch=5), await issue(numbered(5), shelf))
    before = shelf.store.held.objects[shelf.head_key]

    with pytest.raises(errors.LockHeld, match="epoch 5, this run only 4") as caught:
        await publish.publish(shelf, writer(epoch=4), await issue(numbered(6), shelf))

    assert caught.value.kind == "fenced"
    assert shelf.store.held.objects[shelf.head_key] is before


class Racing(MemoryStore):
    """Another writer replaces the head just before ours lands; or our answer is lost."""

    def __init__(self, intrusions=(), lost_answers=0, able=MEMORY):
        super().__init__()
        self.intrusions = list(intrusions)
        self.lost_answers = lost_answers
        self.able = able

    @property
    def capabilities(self):
        return self.able

    async def write(self, key, body, writing):
        if key.endswith(b"head.json"):
            if self.lost_answers:
                self.lost_answers -= 1
                await super().write(key, body, writing)
            elif self.intrusions:
                await super().write(
                    key,
                    self.intrusions.pop(0),
                    replace(writing, condition=type(writing.condition)(), md5=None),
                )
        if self.able is not MEMORY:
            writing = replace(writing, condition=type(writing.condition)())  # the endpoint ignores it
        return await super().write(key, body, writing)


async def test_a_lost_answer_is_no_failure():
    store = Racing(lost_answers=1)
    shelf = Shelf(store)
    announced = await publish.publish(shelf, writer(), await issue(numbered(5), shelf))

    assert announced.written
    assert store.lost_answers == 0
    assert (await publish.read_head(shelf)).head == announced.head


async def foreign_head(epoch: int) -> bytes:
    shelf = Shelf(MemoryStore())
    announced = await publish.publish(shelf, writer(epoch=epoch), await issue(numbered(77), shelf))
    return to_bytes(announced.head)


async def test_a_newer_writer_wins_a_race_for_the_head():
    shelf = Shelf(Racing([await foreign_head(9)]))
    with pytest.raises(errors.LockHeld):
        await publish.publish(shelf, writer(epoch=8), await issue(numbered(5), shelf))

    assert (await publish.read_head(shelf)).head.epoch == 9


async def test_an_older_writer_loses_a_race_for_the_head():
    shelf = Shelf(Racing([await foreign_head(3), await foreign_head(3)]))
    announced = await publish.publish(shelf, writer(epoch=8), await issue(numbered(5), shelf))

    assert announced.head.epoch == 8
    assert len(announced.head.snapshots) == 2, "what the other published is in the history"


async def test_a_race_without_end_ends():
    shelf = Shelf(Racing([await foreign_head(3), await foreign_head(2)] * 9))
    with pytest.raises(errors.LockHeld, match="5 times"):
        await publish.publish(shelf, writer(epoch=8), await issue(numbered(5), shelf))


@pytest.mark.parametrize("support", [Support.IGNORED, Support.UNSUPPORTED, Support.UNKNOWN])
async def test_where_conditions_are_not_honoured_fencing_is_local_and_no_condition_is_sent(support):
    class Careless(MemoryStore):
        conditions = []

        @property
        def capabilities(self):
            return Capabilities(write_if_match=support, write_if_none_match=support)

        async def write(self, key, body, writing):
            self.conditions.append((writing.condition.etag, writing.condition.absent))
            return await super().write(key, body, writing)

    shelf = Shelf(Careless())
    announced = await publish.publish(shelf, writer(), await issue(numbered(5), shelf))

    assert announced.fencing is Fencing.LOCAL
    assert set(Careless.conditions) == {(None, False)}


async def test_where_conditions_are_ignored_a_head_that_is_not_ours_afterwards_is_noticed():
    class Overwritten(MemoryStore):
        intrusion: bytes

        @property
        def capabilities(self):
            return Capabilities()

        async def write(self, key, body, writing):
            written = await super().write(key, body, writing)
            if key.endswith(b"head.json"):
                await super().write(key, self.intrusion, replace(writing, md5=None))
            return written

    Overwritten.intrusion = await foreign_head(9)
    shelf = Shelf(Overwritten())
    with pytest.raises(errors.LockHeld, match="the moment it was written"):
        await publish.publish(shelf, writer(epoch=8), await issue(numbered(5), shelf))


async def test_withdrawing_bars_readers_by_name_until_the_next_publication():
    shelf = Shelf(MemoryStore())
    assert await publish.withdraw(shelf, writer(), "nothing yet") is None
    made = await issue(numbered(5), shelf)
    await publish.publish(shelf, writer(), made)
    await publish.withdraw(shelf, writer(epoch=2), "overwriting for a new snapshot")

    with pytest.raises(errors.ObjectChanged, match="overwriting for a new snapshot") as caught:
        await opening.open_snapshot(shelf)
    assert caught.value.kind == "not-eligible"
    await publish.publish(shelf, writer(epoch=2), made)
    assert (await opening.open_snapshot(shelf)).published.eligible


async def test_an_overwrite_leaves_a_witness_also_where_nobody_reads_any_more_or_ever_did():
    shelf = Shelf(MemoryStore())
    first = await publish.overwrite(shelf, writer(), "run 1 is writing over it")
    assert (first.head.current, first.head.sequence, first.written) == (None, 1, True)
    made = await issue(numbered(5), shelf)
    await publish.publish(shelf, writer(), made)
    barred = await publish.overwrite(shelf, writer(epoch=2), "run 2 is writing over it")
    again = await publish.overwrite(shelf, writer(epoch=3), "run 3 is writing over it")

    assert not barred.head.readable and not again.head.readable
    assert again.head.sequence == barred.head.sequence + 1
    assert again.head.epoch == 3
    with pytest.raises(errors.ObjectChanged, match="run 2"):
        await opening.open_snapshot(shelf)


async def test_a_receipt_that_proves_less_than_the_manifest_is_never_published():
    shelf = Shelf(MemoryStore())
    whole, part = await issue(numbered(5), shelf), await issue(numbered(4), shelf)

    for receipt in (
        part.receipt,
        replace(part.receipt, snapshot=whole.manifest.snapshot),
        replace(whole.receipt, eligible=False, why_not="verify found damage"),
    ):
        with pytest.raises(errors.BrokenInvariant):
            await publish.publish(shelf, writer(), replace(whole, receipt=receipt))
    assert await publish.read_head(shelf) is None


@pytest.mark.parametrize("gone", ["manifest", "receipt"])
@pytest.mark.parametrize("damage", [None, b"{", b"PAR1"])
async def test_a_missing_or_altered_document_is_named_and_healed_by_publishing_again(gone, damage):
    shelf = Shelf(MemoryStore())
    made = await issue(numbered(5000), shelf)
    await publish.publish(shelf, writer(), made)
    key = (
        shelf.manifest_key(made.manifest.snapshot)
        if gone == "manifest"
        else shelf.receipt_key(made.manifest.snapshot)
    )
    if damage is None:
        del shelf.store.held.objects[key]
    else:
        await shelf.put(key, damage)

    with pytest.raises((errors.ObjectMissing, errors.DigestMismatch)) as caught:
        await opening.open_snapshot(shelf)
    assert caught.value.key == key
    await publish.publish(shelf, writer(), made)
    assert (await opening.open_snapshot(shelf)).manifest == made.manifest


async def test_nothing_published_is_named():
    with pytest.raises(errors.ObjectMissing, match="nothing is published"):
        await opening.open_snapshot(Shelf(MemoryStore()))


async def test_replicas_that_share_a_metadata_location_have_shelves_of_their_own():
    store = MemoryStore()
    made = {}
    for name in ("eu", "us"):
        shelf = Shelf.in_metadata(store, name)
        made[name] = await issue(numbered(5 if name == "eu" else 6), shelf)
        await publish.publish(shelf, writer(replica=name, url=f"s3://{name}/"), made[name])

    assert {key.split(b"/")[1] for key in store.held.objects} == {b"eu", b"us"}
    for name in ("eu", "us"):
        opened = await opening.open_snapshot(Shelf.in_metadata(store, name))
        assert opened.manifest == made[name].manifest


async def test_a_document_that_changes_while_it_is_read_is_read_again():
    class Restless(MemoryStore):
        races = 2

        async def read(self, key, pin, span=None):
            if self.races:
                self.races -= 1
                raise errors.ObjectChanged("replaced meanwhile", key=key)
            return await super().read(key, pin, span)

    shelf = Shelf(Restless())
    await shelf.put(b"k", b"v")
    assert (await shelf.get(b"k")).body == b"v"
    shelf.store.races = 99
    with pytest.raises(errors.ObjectChanged):
        await shelf.get(b"k")
