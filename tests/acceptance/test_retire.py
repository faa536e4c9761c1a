"""`ferryline retire`: readers are turned away, the metadata goes, and with --erase everything, proven."""

import dataclasses
import json
import os
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from ferryline.snapshot import lock
from ferryline.testing.strict import Fault
from ferryline.testing.strict.access import Put
from ferryline.testing.strict.fault import Status

ONE = {b"a.tar": b"a", b"b/c.tar": b"bb", b"odd\x01key": b"x"}
PLAIN = {b"a.tar": b"a", b"b/c.tar": b"bb"}
TWO = {**PLAIN, b"a.tar": b"changed"}


def retire(ground, replica, *words, dataset="images"):
    return ground.run("retire", dataset, "--replica", replica, "--yes", *words, "--json")


def below(ground, bucket, prefix):
    return [key for key in ground.server.bucket(bucket).keys() if key.startswith(prefix)]


def everything(ground, bucket, prefix):
    """Every version and marker below a prefix, as another client lists them."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3", **ground.server.client_arguments(), config=Config(s3={"addressing_style": "path"})
    )
    found = []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found += [one["Key"] for name in ("Versions", "DeleteMarkers") for one in page.get(name, [])]
    return found


@pytest.mark.parametrize("replica", ["versioned", "plain", "disk"])
def test_without_erase_only_the_metadata_goes(ground, replica):
    ground.publish(PLAIN)

    said = retire(ground, replica)

    assert said.code == 0, said.err
    document = said.document
    assert document["removed"]["metadata_files"] > 3
    assert (document["proof"]["empty"], document["proof"]["objects"]) == (True, None)
    if replica == "disk":
        left = {str(path.relative_to(ground.disk)) for path in ground.disk.rglob("*") if path.is_file()}
        assert left == {"images/a.tar", "images/b/c.tar"}
    else:
        assert below(ground, replica, b"images/") == [b"images/a.tar", b"images/b/c.tar"]
    assert "nothing is published here" in ground.run("snapshots", "images", "--replica", replica).out


@pytest.mark.parametrize(("replica", "versions"), [("versioned", True), ("plain", False)])
def test_erase_leaves_no_object_no_version_no_marker_and_no_upload(ground, replica, versions):
    ground.publish(ONE, "versioned", "plain")
    ground.publish({**ONE, b"a.tar": b"changed"}, "versioned", "plain")
    bucket = ground.server.bucket(replica)
    bucket.put(b"images/extra", b"not in any snapshot")
    bucket.delete(b"images/extra")
    bucket.put(b"imagesque", b"beside, with the same beginning")
    bucket.open_upload(b"images/half.bin", b"part")
    other = bucket.open_upload(b"other/half.bin", b"part")

    said = retire(ground, replica, "--erase")

    assert said.code == 0, said.out + said.err
    document = said.document
    assert document["proof"] == {
        **document["proof"],
        "objects": 0, "versions": 0, "uploads": 0, "files": None, "metadata_files": 0, "empty": True,
    }  # fmt: skip
    assert not everything(ground, replica, "images/")
    assert below(ground, replica, b"imagesque") == [b"imagesque"]
    assert [one.upload_id for one in bucket.uploads()] == [other]
    assert document["removed"]["uploads"] == 1
    assert (document["removed"]["delete_markers"] > 0) == versions
    assert document["removed"]["bytes"] > 0


def test_a_folder_is_emptied_whatever_lies_in_it_and_nothing_outside_is_touched(ground, tmp_path):
    ground.publish(PLAIN)
    root = ground.disk / "images"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    (root / "link").symlink_to(outside)
    (root / "b" / "file-link").symlink_to(outside / "kept")
    (root / "empty" / "deep").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (ground.disk / "beside").write_bytes(b"beside")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(root / "s"))

    said = retire(ground, "disk", "--erase")
    listening.close()

    assert said.code == 0, said.out
    assert (root.is_dir(), list(root.iterdir())) == (True, [])
    assert (outside / "kept").read_bytes() == b"kept"
    assert (ground.disk / "beside").read_bytes() == b"beside"
    assert said.document["proof"]["files"] == 0
    assert said.document["removed"]["files"] >= 8


@pytest.mark.parametrize("words", [(), ("--erase",)])
def test_with_a_metadata_location_only_the_replicas_own_shelf_goes(ground, words):
    snapshot = ground.publish(PLAIN, dataset="apart")

    said = retire(ground, "two", *words, dataset="apart")

    assert said.code == 0, said.out
    assert not below(ground, "metadata", b"all/.ferryline/two/")
    assert below(ground, "metadata", b"all/.ferryline/one/")
    assert bool(below(ground, "plain", b"apart/")) == (not words)
    assert ground.run("snapshots", "show", "apart", snapshot, "--keys").code == 0


def test_a_record_of_it_is_kept_and_names_who_what_and_when(ground):
    ground.keep_state_in("s3")
    first = ground.publish(PLAIN)

    document = retire(ground, "plain", "--erase").document

    key = document["record"].removeprefix("s3://metadata/").encode()
    kept = json.loads(ground.server.bucket("metadata").get(key))
    assert kept == document
    assert (kept["had_current"], kept["had_snapshots"]) == (first, [first])
    assert socket.gethostname() in kept["by"]
    assert kept["began_at"] <= kept["ended_at"]
    assert kept["last_copy_elsewhere"][0] == {"replica": "versioned", "snapshot": first}


def test_the_last_copy_is_refused_and_nothing_is_touched(ground):
    ground.publish(PLAIN, "plain")
    before = ground.server.bucket("plain").contents()

    said = ground.run("retire", "images", "--replica", "plain", "--erase", "--yes")

    assert said.code == 3
    assert "last copy" in said.err
    assert ground.server.bucket("plain").contents() == before


def test_a_copy_whose_receipt_is_gone_is_none_to_rely_on(ground):
    first = ground.publish(PLAIN, "plain", "versioned")
    ground.server.bucket("versioned").delete(f"images/.ferryline/receipts/{first}.json")

    assert ground.run("retire", "images", "--replica", "plain", "--erase", "--yes").code == 3


def test_a_copy_that_cannot_be_read_does_not_count(ground):
    ground.publish(PLAIN, "plain", "versioned")
    fault = ground.server.arm(Fault("HeadObject", Status("AccessDenied"), bucket="versioned", times=None))

    said = ground.run("retire", "images", "--replica", "plain", "--yes")

    assert fault.fired
    assert said.code == 3
    assert "versioned could not be read" in said.err


def test_a_third_replica_that_says_slow_down_does_not_hold_it_up(ground):
    ground.publish(PLAIN, "plain", "disk")
    fault = ground.server.arm(
        Fault("HeadObject", Status("ServiceUnavailable"), bucket="versioned", times=None)
    )
    began = time.monotonic()

    assert retire(ground, "plain").code == 0

    assert fault.fired
    assert time.monotonic() - began < 90


def test_nobody_to_ask_and_no_yes_changes_nothing(ground):
    ground.publish(PLAIN)
    before = ground.server.bucket("plain").contents()

    said = ground.run("retire", "images", "--replica", "plain", "--erase")

    assert (said.code, "--yes" in said.err) == (2, True)
    assert ground.server.bucket("plain").contents() == before


def test_a_replica_that_a_run_holds_is_left(ground):
    ground.publish(PLAIN)
    ground.hold("plain")

    assert retire(ground, "plain", "--erase").code == 6
    assert below(ground, "plain", b"images/a.tar")


def test_where_the_record_cannot_be_kept_nothing_is_removed(ground):
    ground.keep_state_in("s3")
    ground.publish(PLAIN)
    fault = ground.server.arm(Fault("PutObject", Status("AccessDenied"), bucket="metadata", times=None))
    before = ground.server.bucket("plain").contents()

    said = retire(ground, "plain", "--erase")

    assert fault.fired
    assert said.code == 5
    assert ground.server.bucket("plain").contents() == before


def test_what_cannot_be_removed_is_named_and_exits_1(ground):
    ground.publish(PLAIN)
    bucket = ground.server.bucket("versioned")
    bucket.put(b"images/locked", b"held by law", Put(locked_until=time.time() + 3600))

    said = retire(ground, "versioned", "--erase")

    assert said.code == 1
    document = said.document
    assert [one["key"] for one in document["failures"]] == ["locked"]
    assert (document["proof"]["empty"], document["proof"]["versions"]) == (False, 1)
    assert document["proof"]["examples"][0]["key"] == "locked"
    assert everything(ground, "versioned", "images/") == ["images/locked"]


def test_metadata_of_another_dataset_in_the_folder_refuses_the_erasure(ground):
    ground.publish(PLAIN)
    ground.write_policy(**{"metadata: meta/all/": "metadata: flat/images/inner/"})

    said = ground.run("retire", "images", "--replica", "plain", "--erase", "--yes")

    assert said.code == 3
    assert "'apart'" in said.err
    assert below(ground, "plain", b"images/a.tar")


def test_a_head_that_cannot_be_believed_does_not_keep_a_replica(ground):
    ground.publish(PLAIN)
    ground.server.bucket("plain").put("images/.ferryline/head.json", b"{half")

    assert retire(ground, "plain", "--erase").code == 0
    assert not below(ground, "plain", b"images/")


def test_retiring_again_finds_nothing_and_is_no_error(ground):
    ground.publish(PLAIN)
    retire(ground, "plain", "--erase")

    said = retire(ground, "plain", "--erase")

    assert said.code == 0
    assert said.document["removed"]["versions"] == 0
    assert not everything(ground, "plain", "images/")


def test_more_versions_than_a_page_holds_all_go(ground):
    ground.publish(PLAIN)
    bucket = ground.server.bucket("versioned")
    for round_ in range(3):
        bucket.put_many({b"images/many/%05d" % n: b"%d" % round_ for n in range(900)})

    said = retire(ground, "versioned", "--erase")

    assert said.code == 0
    assert said.document["removed"]["versions"] > 2700
    assert not everything(ground, "versioned", "images/")


def test_an_upload_of_a_dead_run_is_ended_with_its_intent_and_somebody_elses_stays(ground):
    ground.publish(PLAIN)
    bucket = ground.server.bucket("plain")
    other = bucket.open_upload(b"images/theirs.bin", b"part")

    assert retire(ground, "plain").code == 0

    assert [one.upload_id for one in bucket.uploads()] == [other]


def test_killed_anywhere_it_can_be_run_again_to_the_end(ground):
    snapshot = ground.publish(PLAIN)
    words = ("retire", "images", "--replica", "plain", "--erase", "--yes")
    counted = ground.user.folder / "points"
    assert ground.user.crash(None, *words, record=counted) == 0
    points = len(counted.read_text().splitlines())
    assert points >= 4
    for at in range(1, points + 1):
        ground.publish(PLAIN, "plain")
        ground.user.crash(at, *words)
        ground.run("unlock", "images", "--replica", "plain", "--yes")
        assert ground.run(*words).code == 0, at
        assert not everything(ground, "plain", "images/"), at
    assert ground.run("snapshots", "show", "images", snapshot, "--keys").code == 0


@pytest.mark.parametrize("replica", ["versioned", "plain"])
def test_whose_lock_is_taken_while_everything_is_erased_stops_erasing(ground, replica, monkeypatch):
    ground.publish(PLAIN)
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.0)
    bucket = ground.server.bucket(replica)
    bucket.put_many({f"images/more/{number:04}": b"x" for number in range(2000)})
    ground.server.settings = dataclasses.replace(ground.server.settings, page_keys=50)
    now = datetime.now(UTC)
    other = lock.Lock("somebody else", "elsewhere", 1, "theirs", 99, now, now + timedelta(hours=1))
    taken = []

    def take_over(_exchange):
        taken.append(True)
        bucket.put("images/.ferryline/lock.json", lock.to_bytes(other))

    ground.server.after("DeleteObjects", take_over)

    said = retire(ground, replica, "--erase")

    assert taken and said.code == 6, said.err
    assert "somebody else took it" in said.err
    left = below(ground, replica, b"images/more/")
    assert len(left) >= 2000 - 50 * 10, "what was under way, and no more"
    assert bucket.get("images/.ferryline/lock.json") == lock.to_bytes(other)
