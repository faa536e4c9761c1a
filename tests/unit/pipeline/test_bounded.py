"""Memory does not grow with the number of keys: what is lost, doubted, bad or beside a snapshot streams."""

import asyncio
from types import SimpleNamespace

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.model.action import Delete, Reason
from ferryline.model.entry import Entry, Token
from ferryline.model.page import LISTING, Page, listing_rows
from ferryline.pipeline import pile
from ferryline.pipeline.candidates import Candidates
from ferryline.pipeline.published import pins
from ferryline.pipeline.roll import Roll, Upto
from ferryline.pipeline.syncing import publication
from ferryline.snapshot import rollback
from ferryline.snapshot.receipt import Keeping
from ferryline.snapshot.rows import PROOFS
from ferryline.storage.store import Version, VersionsPage

MIB = 1024 * 1024


def names(start, stop):
    return pa.array([b"%09d" % number for number in range(start, stop)], pa.binary())


class Peak:
    """The most that columns took at once, above what they took at the start."""

    def __init__(self):
        self.before = pa.total_allocated_bytes()
        self.bytes = 0

    def look(self):
        self.bytes = max(self.bytes, pa.total_allocated_bytes() - self.before)


def test_a_roll_of_many_keys_holds_one_batch_and_gives_all_back_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(pile, "HELD_ROWS", 1000)
    peak = Peak()
    with Roll(tmp_path) as kept:
        for start in range(0, 200_000, 700):
            kept.add(names(start, min(start + 700, 200_000)))
            peak.look()
        count = 0
        for some in kept.batches():
            assert some[0].as_py() == b"%09d" % count
            count += len(some)
            peak.look()
        assert count == kept.count == 200_000
        assert list(kept.keys())[::50_000] == [b"%09d" % number for number in range(0, 200_000, 50_000)]
        assert any(tmp_path.iterdir()), "it must have gone to disk"
    assert peak.bytes < MIB
    assert not any(tmp_path.iterdir())


def test_a_roll_refuses_keys_that_do_not_ascend(tmp_path):
    with Roll(tmp_path) as kept:
        kept.add(names(5, 9))
        with pytest.raises(errors.BrokenInvariant, match="ascend"):
            kept.add(names(8, 12))


def test_a_roll_on_a_disk_that_is_gone_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr(pile, "HELD_ROWS", 2)
    with Roll(tmp_path / "gone") as kept, pytest.raises(errors.DiskFailed, match="gone.*--state"):
        kept.add(names(0, 5))


def test_candidates_for_deletion_are_on_disk_once_they_are_many_and_markers_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(pile, "HELD_ROWS", 4096)
    peak = Peak()
    candidates = Candidates(tmp_path, lambda key: key.endswith(b"7"))
    keys = [b"%09d" % number for number in range(100_000)]
    for key in keys:
        candidates.add(Delete(Entry(key, 1, Token(b"e" * 32, 1)), Reason.GONE_AT_SOURCE))
    peak.look()
    assert candidates.count == 100_000
    assert any(tmp_path.iterdir()), "they must have gone to disk"

    taken = []
    for one in candidates.take():
        taken.append(one.key)
        if len(taken) % 5000 == 0:
            peak.look()

    assert taken == [one for one in keys if one[-1:] == b"7"] + [one for one in keys if one[-1:] != b"7"]
    assert peak.bytes < 3 * MIB
    assert candidates.count == 0 and not any(tmp_path.iterdir())


def test_a_stream_of_keys_is_taken_up_to_a_key_at_a_time():
    stream = Upto(iter([names(0, 3), names(3, 3), names(3, 9)]))

    assert stream.take(b"%09d" % 1).equals(names(0, 2))
    assert stream.take(b"%09d" % 5).equals(names(2, 6))
    assert len(stream.take(b"%09d" % 5)) == 0
    assert stream.rest() == 3
    assert stream.rest() == 0


async def test_millions_of_strangers_between_two_keys_of_a_snapshot_are_counted_and_not_held():
    peak = Peak()

    async def pages():
        for start in range(0, 300_000, 1000):
            peak.look()
            entries = [
                Entry(b"%09d" % number, 1, Token(b"e" * 32, 1)) for number in range(start, start + 1000)
            ]
            yield Page(listing_rows(entries), entries[-1].key)
        yield Page(pa.RecordBatch.from_pylist([], schema=LISTING), None)

    between = 0

    def others(rows):
        nonlocal between
        between += rows.num_rows

    listed = rollback.Listed(pages())
    found = await listed.among(pa.array([b"000000007", b"000299998"], pa.binary()), others)

    assert found.column("key").to_pylist() == [b"000000007", b"000299998"]
    assert peak.bytes < 2 * MIB, "a page of a thousand keys is a hundred kilobytes"
    assert between == 299_997
    assert sum([rows.num_rows async for rows in listed.rest()]) == 1


async def test_keys_that_are_doubted_are_read_no_faster_than_they_are_looked_at():
    read = looked = most_ahead = most_tasks = 0

    def keys():
        nonlocal read
        for number in range(20_000):
            read += 1
            yield b"%09d" % number

    async def head(_key):
        nonlocal looked, most_ahead, most_tasks
        await asyncio.sleep(0)
        looked += 1
        most_ahead = max(most_ahead, read - looked)
        most_tasks = max(most_tasks, len(asyncio.all_tasks()))

    source = SimpleNamespace(place="s3://source/", head=head)
    making = publication.Publication(None, source, None, publication.Before(None), whole=False)
    await making.doubt(keys())

    assert looked == 20_000
    assert most_ahead <= 3 * publication.LOOKS_AT_ONCE
    assert most_tasks <= publication.LOOKS_AT_ONCE + 5


def proof(keys, version="v", evidence="etag-md5"):
    rows = [
        {"key": key, "etag": b"e" * 32, "modified_ns": 0, "version_id": version, "evidence": evidence}
        for key in keys
    ]
    return pa.RecordBatch.from_pylist(rows, schema=PROOFS.schema)


async def test_what_the_last_receipt_pinned_of_keys_that_are_gone_is_not_held():
    peak = Peak()

    async def former():
        for start in range(0, 200_000, 4000):
            peak.look()
            yield proof([b"%09d" % number for number in range(start, start + 4000)])

    versions = publication._Versions(SimpleNamespace(store=None), None, {}, Keeping.VERSIONS)
    versions._former = former()
    found = await versions._among(pa.array([b"000000003", b"000199999"], pa.binary()))

    assert found == {b"000000003": (b"e" * 32, "v"), b"000199999": (b"e" * 32, "v")}
    assert peak.bytes < 2 * MIB


async def test_a_version_that_a_verification_found_bad_is_not_pinned_again():
    async def former():
        yield proof([b"a"], evidence="distrusted")
        yield proof([b"b"])

    versions = publication._Versions(SimpleNamespace(store=None), None, {}, Keeping.VERSIONS)
    versions._former = former()

    assert await versions._among(pa.array([b"a", b"b"], pa.binary())) == {b"b": (b"e" * 32, "v")}


class Walked:
    """A store that lists these versions, so many a page."""

    place = "s3://replica/"

    def __init__(self, versions, page=3, refuses=None):
        self.versions = versions
        self.page = page
        self.refuses = refuses
        self.asked = 0

    async def versions_page(self, _prefix, after=None):
        self.asked += 1
        if self.refuses is not None:
            raise self.refuses
        start = int(after[1]) if after else 0
        end = start + self.page
        following = (b"", str(end)) if end < len(self.versions) else None
        return VersionsPage(tuple(self.versions[start:end]), following)


PINNED = SimpleNamespace(keeping=Keeping.VERSIONS)


async def unseen(store, receipt, *chunks):
    told = []
    walk = pins.Pins(store, receipt, lambda message, advice: told.append((message, advice)))
    return [sorted(await walk.unseen(chunk)) for chunk in chunks], told


async def test_a_pinned_version_that_no_page_shows_is_suspected_whatever_lies_between():
    strangers = [Version(b"b/%06d" % number, "x") for number in range(5000)]
    there = [
        Version(b"a", "v"),
        *strangers,
        Version(b"c", "other"),
        Version(b"d", "v2"),
        Version(b"d", "v"),
        Version(b"e", "v", is_marker=True),
        Version(b"z", "x"),
    ]

    found, told = await unseen(Walked(there), PINNED, proof([b"a", b"c"]), proof([b"d"]), proof([b"e", b"f"]))

    assert found == [[b"c"], [], [b"e", b"f"]]
    assert told == []


CANNOT = {
    "may not": (Walked([], refuses=errors.AccessRefused("refused")), "refused"),
    "has none": (Walked([], refuses=errors.Unsupported("no such verb")), "does not list versions"),
    "out of order": (Walked([Version(b"b", "v"), Version(b"a", "v")], page=1), "order"),
}


@pytest.mark.parametrize(("store", "word"), CANNOT.values(), ids=CANNOT)
async def test_where_versions_cannot_be_walked_that_is_said_once_and_nothing_is_suspected(store, word):
    found, told = await unseen(store, PINNED, proof([b"c"]), proof([b"d"]))

    assert found == [[], []]
    assert len(told) == 1 and word in told[0][0] and told[0][1]


async def test_a_receipt_that_pins_nothing_costs_no_walk():
    store = Walked([Version(b"a", "v")])

    assert await unseen(store, SimpleNamespace(keeping=Keeping.LATEST), proof([b"c"])) == ([[]], [])
    assert await unseen(SimpleNamespace(place=""), PINNED, proof([b"c"])) == ([[]], [])
    assert store.asked == 0
