"""`ferryline status`: what replicas have, whether they agree, how far behind they are, and why."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from ferryline.pipeline.published import documents
from ferryline.testing.strict import Fault
from ferryline.testing.strict.access import Put
from ferryline.testing.strict.fault import Status

ONE = {b"a.tar": b"a", b"b.tar": b"bb"}
TWO = {b"a.tar": b"a", b"b.tar": b"changed", b"c.tar": b"c"}
NOW = datetime.now(UTC)


def run_document(ground, ago, number=1, dataset="images", policy="acme", **replicas):
    """A run that began to list so many seconds ago, and confirmed these snapshots."""
    began = datetime.now(UTC) - timedelta(seconds=ago)
    told = {
        "schema": "ferryline.run/1",
        "run_id": f"{began:%Y%m%dT%H%M%SZ}-{number:08x}",
        "status": "SUCCESS",
        "exit_code": 0,
        "listed_at": began.isoformat(),
        "ended_at": began.isoformat(),
        "destinations": [
            {"replica": name, "snapshot": one, "published_at": began.isoformat(), "status": "SUCCESS"}
            if not isinstance(one, dict)
            else {"replica": name, "snapshot": None, "published_at": None, "status": "ERROR", **one}
            for name, one in replicas.items()
        ],
        "failures": [],
    }
    ground.keep(told, dataset, policy)
    return told


def status(ground, *words):
    said = ground.run("status", *words, "--json")
    return said, {one["dataset"]: one for one in said.document["datasets"]}


def replicas(dataset):
    return {one["replica"]: one for one in dataset["replicas"]}


@pytest.mark.parametrize("state", ["", "s3", "file"])
def test_the_lag_is_told_by_the_newest_run_that_confirmed_what_is_there(ground, state):
    ground.keep_state_in(state)
    first = ground.publish(ONE)
    run_document(ground, 7200, versioned=first, plain=first, disk=first)
    run_document(ground, 600, versioned=first, plain=first, disk={})

    said, found = status(ground, "images")

    assert said.code == 0, said.err
    one = found["images"]
    assert one["agree"]
    there = replicas(one)
    assert {each["current"] for each in there.values()} == {first}
    assert there["plain"]["lag_seconds"] == pytest.approx(600, abs=30)
    assert there["disk"]["lag_seconds"] == pytest.approx(7200, abs=30)
    assert {(each["lag_basis"], each["lag_is_upper_bound"]) for each in there.values()} == {
        ("last-run", True)
    }
    assert one["last_run"]["status"] == "SUCCESS"
    assert "at most" in ground.run("status", "images").out


def test_documents_in_a_bucket_lie_where_every_host_finds_them(ground):
    ground.keep_state_in("s3")
    told = run_document(ground, 60, versioned="0" * 64)

    assert f"ops/runs/images/{told['run_id']}.json".encode() in ground.server.bucket("metadata").keys()


def test_without_documents_the_lag_is_not_known_and_every_dataset_is_told(ground):
    ground.publish(ONE)

    said, found = status(ground)

    assert said.code == 0
    assert set(found) == {"images", "apart"}
    assert {one["lag_seconds"] for one in replicas(found["images"]).values()} == {None}
    assert found["images"]["last_run"] is None
    assert not found["apart"]["agree"]
    assert "nothing is published" in ground.run("status").out


def test_a_lag_beyond_the_allowed_exits_1(ground):
    first = ground.publish(ONE)
    run_document(ground, 3600, versioned=first, plain=first, disk=first)

    assert status(ground, "images", "--max-lag", "2h")[0].code == 0
    late = ground.run("status", "images", "--max-lag", "30m")
    assert (late.code, late.out.count("too much")) == (1, 3)
    assert "--max-lag" in ground.run("status", "--max-lag", "long").err


def test_a_lag_that_is_not_known_is_too_much(ground):
    ground.publish(ONE)

    assert status(ground, "images", "--max-lag", "2h")[0].code == 1


def test_after_a_rollback_the_lag_is_that_of_what_readers_get(ground):
    first = ground.publish(ONE, "versioned")
    second = ground.publish(TWO, "versioned")
    run_document(ground, 9000, versioned=first)
    run_document(ground, 60, versioned=second)
    assert ground.run("snapshots", "rollback", "images", first, "--replica", "versioned").code == 0

    _, found = status(ground, "images")

    assert replicas(found["images"])["versioned"]["lag_seconds"] == pytest.approx(9000, abs=30)


def test_runs_of_another_policy_and_records_that_are_no_runs_are_passed_over(ground):
    first = ground.publish(ONE)
    run_document(ground, 300, plain=first)
    run_document(ground, 100, policy="other", plain=first)
    ground.keep(
        {"schema": "ferryline.retirement/1", "run_id": f"{NOW:%Y%m%dT%H%M%SZ}-0000000a"}, "images", "acme"
    )

    _, found = status(ground, "images")

    assert replicas(found["images"])["plain"]["lag_seconds"] == pytest.approx(300, abs=30)


def test_a_document_that_cannot_be_read_is_named(ground):
    ground.keep_state_in("s3")
    run_document(ground, 60, plain="0" * 64)
    key = next(one for one in ground.server.bucket("metadata").keys() if one.startswith(b"ops/runs/"))
    ground.server.bucket("metadata").put(key, b"{")

    said, found = status(ground, "images")

    assert said.code == 0
    assert key.removeprefix(b"ops/").decode() in found["images"]["unreadable_documents"][0]


# -- --list


def test_listing_a_source_that_did_not_change_gives_no_lag(ground):
    ground.source(ONE)
    ground.publish(ONE)

    _, found = status(ground, "images", "--list")

    for one in replicas(found["images"]).values():
        assert (one["lag_seconds"], one["lag_basis"], one["lag_is_upper_bound"]) == (0, "listing", False)


def test_listing_finds_the_oldest_change_that_is_not_there(ground):
    ground.source(ONE)
    first = ground.publish(ONE)
    run_document(ground, 86400, versioned=first, plain=first, disk=first)
    bucket = ground.server.bucket("source")
    bucket.put(b"images/b.tar", b"changed", Put(modified=time.time() - 3000))
    bucket.put(b"images/new.tar", b"new", Put(modified=time.time() - 1000))
    bucket.put(b"images/.ferryline/mine", b"not data", Put(modified=time.time() - 80000))

    _, found = status(ground, "images", "--list")

    one = replicas(found["images"])["plain"]
    assert one["changes"] == {"added": 1, "changed": 1, "removed": 0}
    assert one["lag_seconds"] == pytest.approx(3000, abs=30)
    assert ground.server.count("ListObjectsV2") >= 1


def test_a_change_is_never_older_than_the_run_that_did_not_see_it(ground):
    ground.source(ONE)
    first = ground.publish(ONE, "plain")
    run_document(ground, 600, plain=first)
    ground.server.bucket("source").put(b"images/old.tar", b"moved in", Put(modified=time.time() - 10**8))

    _, found = status(ground, "images", "--list")

    assert replicas(found["images"])["plain"]["lag_seconds"] == pytest.approx(600, abs=30)


def test_where_keys_were_only_removed_the_bound_of_the_last_run_stands(ground):
    ground.source(ONE)
    first = ground.publish(ONE, "plain")
    run_document(ground, 600, plain=first)
    ground.server.bucket("source").delete(b"images/a.tar")

    _, found = status(ground, "images", "--list")

    one = replicas(found["images"])["plain"]
    assert (one["changes"]["removed"], one["lag_is_upper_bound"]) == (1, True)
    assert one["lag_seconds"] == pytest.approx(600, abs=30)


def test_what_the_filters_leave_out_is_no_change(ground):
    ground.source(ONE)
    ground.publish(ONE)
    ground.write_policy(
        **{"    source: here/images/\n": '    source: here/images/\n    exclude: ["*.tmp"]\n'}
    )
    ground.server.bucket("source").put(b"images/x.tmp", b"x")

    _, found = status(ground, "images", "--list")

    assert {one["lag_seconds"] for one in replicas(found["images"]).values()} == {0}


def test_a_replica_without_the_sources_receipt_says_that_it_could_not_be_measured(ground):
    ground.publish(ONE, "plain")  # the source is empty: there is no receipt of it

    _, found = status(ground, "images", "--list")

    assert "source.json is missing" in replicas(found["images"])["plain"]["lag_note"]


# -- what goes wrong


@pytest.mark.usefixtures("hasty")
def test_a_replica_that_cannot_be_reached_is_reported_and_the_others_are_shown(ground):
    first = ground.publish(ONE)
    run_document(ground, 60, versioned=first, plain=first, disk=first)
    fault = ground.server.arm(Fault("HeadObject", Status("ServiceUnavailable"), bucket="plain", times=None))

    said, found = status(ground, "images", "--explain")

    assert fault.fired
    assert said.code == 4
    there = replicas(found["images"])
    assert there["plain"]["problem"]["kind"]
    assert there["plain"]["behind"]["next"].endswith("ferryline status images")
    assert there["disk"]["lag_seconds"] == pytest.approx(60, abs=30)
    text = ground.run("status", "images")
    assert text.code == 4
    assert first[:12] in text.out


@pytest.mark.usefixtures("hasty")
def test_documents_that_cannot_be_reached_are_reported_and_the_heads_are_shown(ground):
    ground.keep_state_in("s3")
    first = ground.publish(ONE)
    fault = ground.server.arm(
        Fault("ListObjectsV2", Status("ServiceUnavailable"), bucket="metadata", times=None)
    )

    said, found = status(ground, "images")

    assert fault.fired
    assert said.code == 4
    assert found["images"]["problem"]
    assert replicas(found["images"])["plain"]["current"] == first


@pytest.mark.usefixtures("hasty")
def test_a_source_that_cannot_be_listed_leaves_the_bound_of_the_last_run(ground):
    ground.source(ONE)
    first = ground.publish(ONE)
    run_document(ground, 600, versioned=first, plain=first, disk=first)
    fault = ground.server.arm(Fault("ListObjectsV2", Status("AccessDenied"), bucket="source", times=None))

    said, found = status(ground, "images", "--list")

    assert fault.fired
    assert said.code == 5
    assert replicas(found["images"])["plain"]["lag_basis"] == "last-run"


# -- --explain


def test_explain_names_cause_time_keys_and_command_for_a_replica_that_has_an_older_snapshot(ground):
    first = ground.publish(ONE)
    second = ground.publish(TWO, "versioned", "disk")
    run_document(
        ground, 60, versioned=second, disk=second,
        plain={"failures_by_kind": {"access-refused": 2}},
    )  # fmt: skip

    _, found = status(ground, "images", "--explain")

    there = replicas(found["images"])
    assert there["versioned"]["behind"] is None
    behind = there["plain"]["behind"]
    for word in (first[:12], second[:12], "access-refused"):
        assert word in behind["cause"]
    assert behind["since"] == ground.at.isoformat()
    assert [(one["key"], one["change"]) for one in behind["keys"]] == [
        ("b.tar", "changed"),
        ("c.tar", "added"),
    ]
    assert behind["next"] == "ferryline sync images --replica plain"
    text = ground.run("status", "images", "--explain").out
    assert "plain is behind since" in text
    assert "next: ferryline sync images --replica plain" in text


def test_explain_names_what_failed_where_nothing_is_published(ground):
    ground.publish(ONE, "versioned")
    told = run_document(ground, 60, plain={"stopped": {"kind": "disk", "message": "no space left"}})
    told["failures"] = [{"key": "b.tar", "destination": "s3://plain/images/", "kind": "disk"}]
    ground.keep(told, "images", "acme")

    _, found = status(ground, "images", "--explain")

    behind = replicas(found["images"])["plain"]["behind"]
    assert "nothing is published" in behind["cause"]
    assert "no space left" in behind["cause"]
    assert behind["keys"] == [{"key": "b.tar", "change": "failed: disk"}]


def test_explain_tells_of_a_run_under_way_and_how_to_end_a_dead_ones_lock(ground):
    ground.publish(ONE)
    ground.publish(TWO, "versioned", "disk")
    ground.hold("plain")

    _, found = status(ground, "images", "--explain")

    one = replicas(found["images"])["plain"]
    assert one["lock"]["counts"]
    assert "somebody@elsewhere" in one["behind"]["cause"]
    assert one["behind"]["next"].endswith("ferryline unlock images --replica plain")


def test_explain_names_the_keys_that_changed_at_the_source(ground):
    ground.source(ONE)
    ground.publish(ONE)
    ground.server.bucket("source").put(b"images/b.tar", b"other", Put(modified=time.time() - 500))

    _, found = status(ground, "images", "--list", "--explain")

    behind = replicas(found["images"])["disk"]["behind"]
    assert behind["keys"] == [{"key": "b.tar", "change": "changed"}]
    assert "1 changed" in behind["cause"]


def test_a_source_of_files_is_dated_by_when_a_file_got_there_not_by_its_own_time(ground):
    folder = ground.disk / "origin"
    folder.mkdir(parents=True)
    for key, body in ONE.items():
        (folder / key.decode()).write_bytes(body)
    ground.write_policy(**{"    source: here/images/\n": "    source: disk/origin/\n"})
    ground.publish(ONE, "plain")
    (folder / "late.tar").write_bytes(b"late")
    os.utime(folder / "late.tar", (10**9, 10**9))

    _, found = status(ground, "images", "--list")

    one = replicas(found["images"])["plain"]
    assert one["changes"]["added"] == 1
    assert one["lag_seconds"] < 60


def test_writing_a_document_without_a_run_id_is_a_bug():
    import asyncio

    from ferryline import errors
    from ferryline.storage.memory import MemoryStore

    with pytest.raises(errors.BrokenInvariant):
        asyncio.run(documents.write(MemoryStore(), "acme", "images", {"run_id": "../x"}))
