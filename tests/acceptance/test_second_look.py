"""What a second look at sync found: each was a snapshot that said more than was proven."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.pipeline import candidates, pile
from ferryline.pipeline.syncing.lane import Lane
from ferryline.snapshot import publish
from ferryline.snapshot import receipt as receipts
from ferryline.snapshot.document import Origin
from ferryline.snapshot.index import Index
from ferryline.snapshot.shelf import Shelf
from ferryline.state import ledger
from ferryline.storage.memory import MemoryStore
from ferryline.testing.strict import StrictServer
from ferryline.testing.strict.fault import Fault, List, Listing, Remove, Status
from tests.acceptance.test_sync import declare, fill
from tests.datasets import NAME, own, read_whole


def head(server, bucket="eu"):
    return json.loads(server.bucket(bucket).get("data/.ferryline/head.json"))


@pytest.fixture
def world():
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        yield server


@pytest.mark.parametrize("of", [b"/chunks/", b"/receipts/"])
@pytest.mark.parametrize("bucket", ["eu", "ap"], ids=["versions kept", "none kept"])
def test_altered_chunks_are_written_anew(world, user, bucket, of):
    fill(world)
    declare(user, world, f"{bucket}/data/")
    assert user.run("sync", NAME).code == 0
    there = world.bucket(bucket)
    altered = [key for key in there.keys() if of in key and key.endswith(b".parquet")]
    for key in altered:
        body = bytearray(there.get(key))
        body[len(body) // 2] ^= 0xFF
        there.put(key, bytes(body))
    assert altered and user.run("verify", NAME).code == 1

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert said.document["runs"][0]["files_transferred"] == 0
    assert user.run("verify", NAME).code == 0
    assert len(read_whole(world, bucket)) == 63


def test_an_object_that_vanishes_before_it_is_written_over_is_no_bug(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    world.bucket("source").put("data/0003", b"changed")
    gone = world.arm(Fault("GetObject", Remove(), bucket="source", key="data/0003", times=1))

    said = user.run("sync", NAME, "--json")

    assert gone.fired and said.code == 0, said.err
    assert said.document["runs"][0]["files_vanished"] == 1
    assert b"0003" not in read_whole(world, "eu")


@pytest.fixture
def small_batches(monkeypatch):
    """Keys go to disk after seven."""
    monkeypatch.setattr(pile, "HELD_ROWS", 7)
    monkeypatch.setattr(candidates, "_CHUNK", 3)
    monkeypatch.setattr(ledger, "DISTRUST_KEYS", 7)


def piles(user):
    """What is kept on disk of what was too much for memory."""
    return list(user.state.rglob("pile-*"))


def test_many_keys_that_a_snapshot_loses_go_by_way_of_the_disk(world, user, small_batches):
    fill(world)
    declare(user, world, "eu/data/", options={"preserve_deleted_files": "REMOVE"})
    assert user.run("sync", NAME).code == 0
    for number in range(25):
        world.bucket("source").delete(f"data/{number:04}")
    world.forget()

    said = user.run("sync", NAME, "--json", "--approve-deletes", "25")

    assert said.code == 0, said.err
    assert len(read_whole(world, "eu")) == 38
    looks = [one.key for one in world.requests("HeadObject") if one.bucket == "source"]
    assert {f"data/{number:04}".encode() for number in range(25)} <= set(looks), "each has its second look"
    assert piles(user) == []


def test_a_key_that_only_the_listing_lost_is_found_among_many_that_are_gone(world, user, small_batches):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    lost = world.arm(Fault("ListObjectsV2", List(Listing.KEYS_LOST), bucket="source", times=None))
    before = head(world)

    said = user.run("sync", NAME, "--json", "--approve-deletes", "60")

    assert lost.fired and said.code == 4, said.err
    assert "its listing did not show it" in said.err
    assert head(world) == before
    assert piles(user) == []


def test_many_bad_objects_are_all_distrusted_and_sent_again(world, user, small_batches):
    fill(world)
    declare(user, world, "ap/data/")
    assert user.run("sync", NAME).code == 0
    bad = [f"{number:04}" for number in range(0, 60, 2)]
    for key in bad:
        world.bucket("ap").put(f"data/{key}", b"other")

    found = user.run("verify", NAME, "--json")

    assert found.code == 1, found.err
    replica = found.document["replicas"][0]
    assert (replica["files_differing"], replica["withdrawn"]) == (30, True)
    run = user.run("sync", NAME, "--json").document["runs"][0]
    assert (run["exit_code"], run["files_transferred"]) == (0, 30)
    assert user.run("verify", NAME).code == 0
    assert piles(user) == []


def test_a_receipt_that_does_not_fit_its_manifest_is_a_finding_and_is_written_anew(world, user):
    fill(world)
    world.bucket("source").put_many({f"data/many/{number:05}": b"m" for number in range(9000)})
    declare(user, world, "ap/data/")
    assert user.run("sync", NAME).code == 0
    bucket = world.bucket("ap")
    snapshot = head(world, "ap")["current"]
    receipt = f"data/.ferryline/receipts/{snapshot}.json"
    shelf = Shelf(MemoryStore())
    origin = Origin(receipt.encode(), "ap")
    whole = receipts.from_bytes(bucket.get(receipt), snapshot, origin)
    chunks = whole.index.chunks
    assert len(chunks) > 1, "it must be cut into more than one chunk"
    less = Index(whole.index.shape, chunks[:-1])
    bucket.put(receipt, receipts.to_bytes(replace(whole, index=less, evidence={"etag-md5": less.rows})))

    found = user.run("verify", NAME, "--json")

    assert found.code == 1, found.err
    replica = found.document["replicas"][0]
    assert replica["withdrawn"], replica
    finding = replica["findings"][0]
    assert finding["key"] == shelf.receipt_key(snapshot).decode()
    for word in ("s3://ap/data", snapshot[:12], "does not fit the manifest"):
        assert word in finding["detail"]
    assert "run sync" in finding["advice"]
    run = user.run("sync", NAME, "--json").document["runs"][0]
    assert (run["exit_code"], run["files_transferred"]) == (0, 0)
    assert user.run("verify", NAME).code == 0


def test_a_pinned_version_that_is_gone_is_found_by_its_key_and_sent_again(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    bucket = world.bucket("eu")
    for key in ("data/0003", "data/0005"):
        pinned = bucket.version(key)
        bucket.put(key, bucket.get(key))
        bucket.delete(key, pinned.version_id)  # as a lifecycle rule for what is noncurrent does
    bucket.put("data/0007", bucket.get("data/0007"))  # its pinned version stays
    world.forget()

    found = user.run("verify", NAME, "--json")

    assert found.code == 1, found.err
    replica = found.document["replicas"][0]
    assert replica["files_missing"] == 2 and replica["withdrawn"]
    named = {one["key"]: one["detail"] for one in replica["findings"]}
    assert sorted(named) == ["0003", "0005"] and all(
        "which the receipt pins" in one for one in named.values()
    )
    assert len([one for one in world.requests("HeadObject") if not own(one.key)]) <= 4, "none per object"
    with pytest.raises(errors.ObjectChanged, match="verify found 2 objects"):
        read_whole(world, "eu")
    run = user.run("sync", NAME, "--json").document["runs"][0]
    assert (run["exit_code"], run["files_transferred"]) == (0, 2)
    assert len(read_whole(world, "eu")) == 63
    assert user.run("verify", NAME).code == 0


def test_a_verification_that_may_not_list_versions_says_what_it_did_not_look_at(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    closed = world.arm(Fault("ListObjectVersions", Status("AccessDenied"), times=None))

    said = user.run("verify", NAME, "--json")

    assert closed.fired and said.code == 0, said.err
    assert "pinned version" in said.err and "s3:ListBucketVersions" in said.err


def test_what_is_proven_must_be_what_was_listed_in_every_round(world, user, monkeypatch):
    fill(world)
    declare(user, world, "ap/data/", options={"verify_mode": "POINT_IN_TIME_CONSISTENT"})
    assert user.run("sync", NAME).code == 0
    world.bucket("source").put("data/0003", b"changed")
    before = head(world, "ap")
    scanned = Lane.scan
    strayed = []

    async def scan(lane, *, first):
        await scanned(lane, first=first)
        if not first:
            known = lane.run.ledger()
            with known.update() as update:
                for rows in known.rows():
                    stray = rows.slice(0, 1)
                    update.put(stray.set_column(0, stray.schema.field(0), pa.array([b"stray"], pa.binary())))
                    strayed.append(True)
                    break
                update.commit()

    monkeypatch.setattr(Lane, "scan", scan)

    said = user.run("sync", NAME, "--json")

    assert strayed and said.code not in (0, 1), said.err
    assert "64 objects are proven" in said.err and "63" in said.err
    assert head(world, "ap")["sequence"] == before["sequence"] + 1, "readers were barred, nothing published"
    assert head(world, "ap")["current"] == before["current"]


def test_what_was_found_bad_stays_distrusted_whatever_another_hosts_receipt_says(
    world, user, tmp_path, monkeypatch
):
    fill(world)
    declare(user, world, "ap/data/")
    assert user.run("sync", NAME).code == 0
    world.bucket("ap").corrupt("data/0007")
    disown = publish.disown
    died = []

    async def dies(*_arguments):
        died.append(True)
        raise errors.EndpointFailed("the network went")

    monkeypatch.setattr(publish, "disown", dies)
    assert user.run("verify", NAME, "--deep", "100").code == 4 and died
    monkeypatch.setattr(publish, "disown", disown)
    world.bucket("source").put("data/0009", b"changed")
    other = user.run("sync", NAME, "--json", state=tmp_path / "other")
    assert (other.code, other.document["runs"][0]["files_transferred"]) == (0, 1), other.err

    run = user.run("sync", NAME, "--json").document["runs"][0]

    assert (run["exit_code"], run["files_transferred"]) == (0, 1)
    assert read_whole(world, "ap")[b"0007"] == b"7" * 50
