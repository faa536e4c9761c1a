"""Manifests, receipts and heads as documents: round trips, and every way not to believe one."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from ferryline import errors
from ferryline.model.run import Consistency
from ferryline.policy.values import KeepSnapshots
from ferryline.snapshot import document, head, history, index, manifest, receipt, rows
from ferryline.snapshot.document import Origin
from ferryline.snapshot.head import Head, Published
from ferryline.snapshot.receipt import Keeping
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

from .made import IDENTITY, NOON, issue, numbered, stored

HERE = Origin(b".ferryline/head.json", "s3://acme/eu/")
ONE, TWO, THREE = "11" * 32, "22" * 32, "33" * 32


def entry(snapshot: str, age_days: float = 0, **changes: object) -> Published:
    made = Published(
        snapshot,
        1,
        NOON - timedelta(days=age_days),
        3,
        30,
        Consistency.PER_OBJECT,
        Keeping.VERSIONS,
        "ee" * 32,
    )
    return replace(made, **changes)


A_HEAD = Head(
    IDENTITY, 4, 9, TWO, (entry(TWO), entry(ONE, eligible=False, why_not="overwritten")), {"best": ONE}
)


def test_a_head_round_trips_and_a_person_can_read_it():
    body = head.to_bytes(A_HEAD)

    assert head.from_bytes(body, HERE) == A_HEAD
    assert json.loads(body)["replicas"] == {"us": "s3://acme/us/.ferryline/"}
    assert b'\n "epoch": 4' in body


async def test_a_manifest_and_a_receipt_round_trip():
    shelf = Shelf(MemoryStore())
    first = await issue(numbered(9000), shelf)
    second = await issue(numbered(9000, {3, 8000}), shelf, previous=first)
    assert second.manifest.index.patches

    for one in (first, second):
        name = one.manifest.snapshot
        assert manifest.from_bytes(manifest.to_bytes(one.manifest), name, HERE) == one.manifest
        assert receipt.from_bytes(receipt.to_bytes(one.receipt), name, HERE) == one.receipt


async def test_two_replicas_have_one_snapshot_whatever_their_history():
    left, right = Shelf(MemoryStore()), Shelf(MemoryStore())
    before = await issue(numbered(9000), left)
    other = await issue(numbered(9000, {1, 5000}), right)
    after = await issue(numbered(9000, {1, 5000}), left, previous=before)

    assert after.manifest.snapshot == other.manifest.snapshot
    assert after.manifest.index != other.manifest.index, "they are stored differently"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-20],
        lambda body: b"",
        lambda body: b"[]",
        lambda body: b"\xff" + body,
        lambda body: b"[" * 100_000,
        lambda body: body.replace(b'"epoch": 4', b'"epoch": 5'),
        lambda body: body.replace(b"imagenet", b"imagenot"),
        lambda body: body.replace(b"ferryline.head/1", b"ferryline.head/0"),
        lambda body: body.replace(b"ferryline.head/1", b"ferryline.manifest/1"),
        lambda body: b'{"schema": "ferryline.head/1"}',
    ],
)  # fmt: skip
def test_a_head_that_was_cut_or_edited_is_not_believed(change):
    body = head.to_bytes(A_HEAD)
    assert change(body) != body

    with pytest.raises(errors.DigestMismatch) as caught:
        head.from_bytes(change(body), HERE)

    assert caught.value.kind == "document-altered"
    assert caught.value.key == HERE.key


def test_a_newer_schema_is_refused_by_name():
    body = document.seal("ferryline.head/2", {"all": "new"})

    with pytest.raises(errors.BadUsage, match=r"newer Ferryline: it is ferryline\.head/2") as caught:
        head.from_bytes(body, HERE)

    assert caught.value.kind == "newer-schema"


@pytest.mark.parametrize(
    "fields",
    [
        {"current": THREE},
        {"tags": {"best": THREE}},
        {"snapshots": [{}]},
        {"snapshots": 7},
        {"epoch": "many"},
        {"tags": None},
    ],
)
def test_a_sealed_head_that_makes_no_sense_is_not_believed(fields):
    whole = json.loads(head.to_bytes(A_HEAD))
    with pytest.raises(errors.DigestMismatch):
        head.from_bytes(document.seal("ferryline.head/1", {**whole, **fields, "check": None} | fields), HERE)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 1},
        {"bytes": 1},
        {"chunks": [["zz"]]},
        {"chunks": [["aa" * 32, "****", 1, 1, None, 1, []]]},
        {"chunks": [["aa" * 32, "YQ==", -1, 1, None, 1, []]]},
        {"chunks": [["aa" * 32, "YQ==", True, 1, None, 1, []]]},
        {"chunks": [["aa" * 32, "YQ==", 1, 1, None, 1, [[5, 1]]]]},
        {"chunks": None},
        {"patches": ["../../etc"]},
        {"consistency": "exact"},
        {"snapshot": ONE},
    ],
)
async def test_a_sealed_manifest_that_makes_no_sense_is_not_believed(change):
    made = await issue(numbered(9000), Shelf(MemoryStore()))
    fields = json.loads(manifest.to_bytes(made.manifest))
    fields.pop("check")
    with pytest.raises(errors.DigestMismatch):
        manifest.from_bytes(document.seal(manifest.SCHEMA, fields | change), made.manifest.snapshot, HERE)


async def test_chunks_out_of_order_are_not_believed():
    built = await stored(numbered(20_000), Shelf(MemoryStore()))
    fields = index.to_json(built.index)
    fields["chunks"].reverse()
    with pytest.raises(ValueError, match="order"):
        index.from_json(rows.CONTENT, fields)


async def test_a_receipt_of_another_snapshot_or_with_wrong_counts_is_not_believed():
    made = await issue(numbered(10), Shelf(MemoryStore()))
    with pytest.raises(errors.DigestMismatch):
        receipt.from_bytes(receipt.to_bytes(made.receipt), ONE, HERE)
    wrong = replace(made.receipt, evidence={"etag-md5": 9})
    with pytest.raises(errors.DigestMismatch, match="add up"):
        receipt.from_bytes(receipt.to_bytes(wrong), made.manifest.snapshot, HERE)


def test_no_secret_gets_into_a_head():
    leaky = replace(IDENTITY, others={"us": "https://user:pass@host/bucket/"})
    with pytest.raises(errors.BrokenInvariant) as caught:
        head.to_bytes(Head(leaky))
    assert "pass" not in str(caught.value)


# ── history ──


def test_publishing_makes_current_and_keeps_the_versions_of_others():
    changed = history.published(Head(IDENTITY, snapshots=(entry(ONE),), current=ONE), entry(TWO))

    assert changed.current == TWO
    assert [(one.snapshot, one.eligible) for one in changed.snapshots] == [(TWO, True), (ONE, True)]


def test_where_only_the_latest_is_kept_publishing_bars_the_others():
    before = Head(IDENTITY, snapshots=(entry(ONE),), current=ONE)
    changed = history.published(before, entry(TWO, keeping=Keeping.LATEST))

    assert [one.snapshot for one in changed.readable] == [TWO]
    assert TWO[:12] in changed.snapshots[1].why_not


def test_publishing_what_is_current_changes_nothing_but_news_of_it_do():
    before = Head(IDENTITY, snapshots=(entry(ONE),), current=ONE)

    assert history.published(before, entry(ONE, sequence=0, at=NOON + timedelta(days=1))) == before
    assert history.published(before, entry(ONE, consistency=Consistency.POINT_IN_TIME)) != before
    barred = history.withdrawn(before, "overwriting")
    assert not barred.readable
    assert history.published(barred, entry(ONE)).readable


def test_withdrawing_twice_changes_nothing_and_may_name_snapshots():
    before = Head(IDENTITY, snapshots=(entry(TWO), entry(ONE)), current=TWO)
    once = history.withdrawn(before, "overwriting")

    assert history.withdrawn(once, "again") == once
    assert [one.snapshot for one in history.withdrawn(before, "bad", frozenset({TWO})).readable] == [ONE]


def test_rolling_back_points_to_what_is_readable_only():
    before = Head(IDENTITY, snapshots=(entry(TWO), entry(ONE)), current=TWO)
    assert history.pointed(before, ONE).current == ONE
    with pytest.raises(errors.BadUsage, match="overwriting"):
        history.pointed(history.withdrawn(before, "overwriting"), ONE)
    with pytest.raises(errors.BadUsage):
        history.pointed(before, THREE)


def test_tags_name_snapshots_of_the_history():
    before = Head(IDENTITY, snapshots=(entry(TWO), entry(ONE)), current=TWO)
    changed = history.tagged(before, "v1.0", ONE)

    assert changed.find("v1.0").snapshot == ONE
    assert changed.find("2222").snapshot == TWO
    assert history.untagged(changed, "v1.0") == before
    for name in ("latest", "abcd", "1st", "a b", ""):
        with pytest.raises(errors.BadUsage):
            history.tagged(before, name, ONE)
    with pytest.raises(errors.BadUsage):
        history.tagged(before, "best", THREE)


@pytest.mark.parametrize("name", ["222", "4444", "v1.0"])
def test_a_name_that_finds_nothing_lists_what_there_is(name):
    with pytest.raises(errors.BadUsage, match=TWO[:12]):
        A_HEAD.find(name)


def test_an_ambiguous_prefix_is_refused():
    ambiguous = Head(IDENTITY, snapshots=(entry("2222" + "0" * 60), entry("2222" + "1" * 60)))
    with pytest.raises(errors.BadUsage, match="2 snapshots"):
        ambiguous.find("2222")


def test_what_is_kept_is_current_tagged_new_or_young():
    many = tuple(entry(f"{n:064x}", age_days=n * 10) for n in range(10))
    whole = Head(IDENTITY, snapshots=many, current=many[7].snapshot, tags={"best": many[9].snapshot})
    stays = history.kept(whole, KeepSnapshots(count=2, days=35), NOON)

    assert stays == {many[n].snapshot for n in (0, 1, 2, 3, 7, 9)}
    assert {one.snapshot for one in history.dropped(whole, stays).snapshots} == stays
