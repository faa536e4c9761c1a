"""A dataset is published whole, under one id everywhere, from one read; a second run writes nothing anywhere."""

import shutil

import pytest

from ferryline.cli import main
from ferryline.testing.strict import BucketSettings, Encryption, Put, StrictServer
from ferryline.testing.strict.fault import Fault, List, Listing, Stall, Status
from tests.datasets import NAME, data, own, read_whole, s3, write_policy, writes

MIB = 1024 * 1024


@pytest.fixture
def world():
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        yield server


def fill(server, count=60):
    bucket = server.bucket("source")
    bucket.put_many({f"data/{number:04}": b"%d" % number * 50 for number in range(count)})
    bucket.put("data/empty", b"")
    bucket.put("data/parts", b"x" * (11 * MIB), Put(part_bytes=5 * MIB))
    bucket.put("data/index.json", b"{}")


def declare(user, server, *replicas, **dataset):
    names = ("source", "eu", "ap")
    places = {name: s3(server, name) for name in names}
    return write_policy(user.folder, places, list(replicas or ("eu/data/", "ap/data/")), **dataset)


def test_one_read_feeds_two_replicas_that_publish_the_same_snapshot(world, user):
    fill(world)
    declare(user, world)

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    run = said.document["runs"][0]
    whole = data(world.bucket("source").contents())
    assert data(world.bucket("eu").contents()) == whole == data(world.bucket("ap").contents())
    assert [one["snapshot"] for one in run["destinations"]] == [run["snapshot"]] * 2
    assert run["snapshot"] is not None
    markers = len(whole[b"data/index.json"])
    assert run["source_bytes_read"] == sum(map(len, whole.values())) + markers, (
        "markers go alone, everything else once"
    )
    assert run["bytes_written"] == 2 * sum(map(len, whole.values()))
    assert run["fencing"] == "conditional"
    reads = [
        one.key
        for one in world.requests("GetObject")
        if one.bucket == "source" and one.key.startswith(b"data/0")
    ]
    assert len(reads) <= len(set(reads)) + 2, "the probe of each lane may read one object more"
    for bucket in ("eu", "ap"):
        assert read_whole(world, bucket) == {key.removeprefix(b"data/"): body for key, body in whole.items()}
    assert not [key for key in world.bucket("source").keys() if own(key)], (
        "nothing is ever written at the source"
    )
    for bucket in ("eu", "ap"):
        rest = [key for key in world.bucket(bucket).keys() if own(key)]
        assert not [key for key in rest if b"/probe/" in key or b"/uploads/" in key or b"lock" in key], rest


@pytest.mark.parametrize("lost", [False, True], ids=["state kept", "empty disk"])
def test_the_second_run_writes_nothing_anywhere(world, user, lost):
    fill(world)
    declare(user, world)
    assert user.run("sync", NAME).code == 0
    if lost:
        shutil.rmtree(user.state)
    world.forget()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert writes(world) == []
    run = said.document["runs"][0]
    assert run["snapshot"] is not None and not any(one["published"] for one in run["destinations"])
    assert run["source_bytes_read"] == 0


def test_a_replica_of_other_etags_is_remembered_by_its_receipt_alone(user):
    buckets = ("source", BucketSettings("eu", encryption=Encryption.KMS), "ap")
    with StrictServer(*buckets) as server:
        fill(server)
        declare(user, server)
        first = user.run("sync", NAME, "--json")
        assert first.code == 0, first.err
        shutil.rmtree(user.state)
        server.forget()

        said = user.run("sync", NAME, "--json")

        assert said.code == 0, said.err
        assert (writes(server), data_bytes_of_objects(server)) == ([], 0)
        assert said.document["runs"][0]["snapshot"] == first.document["runs"][0]["snapshot"]


def data_bytes_of_objects(server):
    return sum(one.bytes_out for one in server.requests("GetObject") if not own(one.key))


@pytest.mark.parametrize("words", [("--connections", "2"), ("--connections", "32", "--memory", "16MiB")])
def test_the_id_does_not_depend_on_how_it_was_made(world, user, words, tmp_path):
    fill(world)
    declare(user, world, "eu/data/")
    assert (first := user.run("sync", NAME, "--json")).code == 0
    with StrictServer("source", "eu", "ap") as other:
        from dataclasses import replace

        other.settings = replace(other.settings, page_keys=7)
        fill(other)
        ready = other.bucket("ap")
        ready.put_many(dict(list(data(other.bucket("source").contents()).items())[::3]))
        ready.put("data/parts", b"x" * (11 * MIB), Put(part_bytes=6 * MIB))
        declare(user, other, "eu/data/", "ap/data/")

        said = user.run("sync", NAME, "--json", *words, state=tmp_path / "other")

        assert said.code == 0, said.err
        run = said.document["runs"][0]
        assert [one["snapshot"] for one in run["destinations"]] == [first.document["runs"][0]["snapshot"]] * 2


def test_a_change_makes_a_new_snapshot_and_the_old_one_stays_readable_where_versions_are_kept(world, user):
    fill(world)
    declare(user, world, options={"preserve_deleted_files": "REMOVE"})
    first = user.run("sync", NAME, "--json").document["runs"][0]["snapshot"]
    before = read_whole(world, "eu")
    here = world.bucket("source")
    here.put("data/0003", b"changed")
    here.put("data/new", b"new")
    here.delete("data/0004")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    run = said.document["runs"][0]
    assert run["snapshot"] not in (None, first)
    assert (run["files_transferred"], run["files_deleted"]) == (4, 2)
    assert read_whole(world, "eu", at=first) == before
    now = {key.removeprefix(b"data/"): body for key, body in data(here.contents()).items()}
    assert read_whole(world, "eu") == now == read_whole(world, "ap")
    from ferryline.errors import ObjectChanged

    with pytest.raises(ObjectChanged, match="writing over it"):
        read_whole(world, "ap", at=first)


def test_markers_come_last_and_not_before_everything_else_is_there(world, user):
    fill(world)
    world.bucket("source").put("data/0000/_SUCCESS", b"")
    declare(user, world, "eu/data/", markers=["0059"])

    assert user.run("sync", NAME).code == 0

    order = [
        one.key
        for one in world.seen
        if one.bucket == "eu"
        and one.operation in ("PutObject", "CompleteMultipartUpload")
        and not own(one.key)
    ]
    assert set(order[-3:]) == {b"data/index.json", b"data/0000/_SUCCESS", b"data/0059"}


def test_a_marker_waits_when_anything_before_it_failed(world, user, hasty):
    fill(world)
    declare(user, world, "eu/data/")
    fault = world.arm(
        Fault("PutObject", Status("AccessDenied", 403), key="data/0007", bucket="eu", times=None)
    )

    said = user.run("sync", NAME, "--json")

    assert said.code == 1 and fault.fired
    assert world.bucket("eu").get("data/index.json") is None
    there = said.document["runs"][0]["destinations"][0]
    assert there["snapshot"] is None and "1 objects failed" in there["why_not_published"]
    assert not [key for key in world.bucket("eu").keys() if key.endswith(b"head.json")]


def test_one_replica_fails_and_the_other_publishes(world, user, hasty):
    fill(world)
    declare(user, world)
    fault = world.arm(Fault("PutObject", Status("AccessDenied", 403), bucket="ap", key="data/*", times=None))

    said = user.run("sync", NAME, "--json")

    assert fault.fired and said.code in (1, 5)
    eu, ap = said.document["runs"][0]["destinations"]
    assert eu["snapshot"] is not None and eu["status"] == "SUCCESS"
    assert ap["snapshot"] is None and ap["status"] == "ERROR"
    assert read_whole(world, "eu")


def test_a_replica_that_is_not_required_does_not_fail_the_run(world, user, hasty):
    fill(world)
    declare(user, world, "eu/data/", {"to": "ap/data/", "required": False})
    fault = world.arm(Fault("ListObjectsV2", Status("AccessDenied", 403), bucket="ap", times=None))

    said = user.run("sync", NAME, "--json")

    assert fault.fired and said.code == 0, said.err
    assert said.document["runs"][0]["warnings_total"] >= 1


@pytest.mark.timeout(120)
def test_a_replica_that_hangs_does_not_hold_the_others(world, user, hasty):
    fill(world)
    declare(user, world)
    world.arm(Fault("PutObject", Stall(20.0), bucket="ap", key="data/*", nth=5, times=1))

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    published = {
        one.bucket: index
        for index, one in enumerate(world.seen)
        if one.operation == "PutObject" and one.key.endswith(b"head.json")
    }
    assert published["eu"] < published["ap"]


@pytest.mark.parametrize("mode", ["PRESERVE", "REMOVE"])
def test_an_emptied_source_publishes_nothing(world, user, mode):
    fill(world)
    declare(user, world, options={"preserve_deleted_files": mode})
    assert (first := user.run("sync", NAME, "--json")).code == 0
    world.bucket("source").clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    assert not any(one["published"] for one in said.document["runs"][0]["destinations"])
    head = world.bucket("eu").get("data/.ferryline/head.json")
    assert first.document["runs"][0]["snapshot"].encode() in head
    assert data(world.bucket("eu").contents())


def test_a_lost_listing_page_publishes_nothing(world, user):
    from dataclasses import replace

    fill(world)
    declare(user, world, max_delete={"count": 1000, "percent": 100})
    assert user.run("sync", NAME).code == 0
    heads = {name: world.bucket(name).get("data/.ferryline/head.json") for name in ("eu", "ap")}
    world.settings = replace(world.settings, page_keys=20)
    faults = [
        world.arm(Fault("ListObjectsV2", List(Listing.PAGE_LOST), bucket="source", nth=nth, times=1))
        for nth in (1, 2, 3, 4, 5)
    ]

    said = user.run("sync", NAME, "--json")

    assert any(fault.fired for fault in faults)
    assert said.code == 4, (said.code, said.err)
    assert heads == {name: world.bucket(name).get("data/.ferryline/head.json") for name in ("eu", "ap")}


def test_what_is_gone_beyond_the_cap_is_not_published_unless_approved(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    for number in range(20):
        world.bucket("source").delete(f"data/{number:04}")

    refused = user.run("sync", NAME, "--json")
    approved = user.run("sync", NAME, "--json", "--approve-deletes", "20")

    assert refused.code == 3 and "20 objects" in refused.err
    assert approved.code == 0, approved.err
    assert approved.document["runs"][0]["destinations"][0]["published"]
    assert len(data(world.bucket("eu").contents())) == 63, "preserved, and no longer in the snapshot"


def test_point_in_time_says_so_in_the_head(world, user):
    fill(world)
    declare(user, world, "eu/data/", options={"verify_mode": "POINT_IN_TIME_CONSISTENT"})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert said.document["runs"][0]["consistency"] == "point-in-time"
    assert b'"consistency": "point-in-time"' in world.bucket("eu").get("data/.ferryline/head.json")


def test_a_dry_run_writes_nothing(world, user):
    fill(world)
    declare(user, world)

    said = user.run("sync", NAME, "--json", "--dry-run")

    assert said.code == 0, said.err
    assert writes(world) == []


def test_metadata_elsewhere_serves_several_replicas(world, user):
    fill(world)
    declare(user, world, metadata="eu/meta/")
    assert user.run("sync", NAME).code == 0
    world.forget()
    shutil.rmtree(user.state)

    said = user.run("sync", NAME, "--json")

    assert said.code == 0 and writes(world) == []
    assert not [key for key in world.bucket("ap").keys() if own(key)]
    assert world.bucket("eu").get("meta/.ferryline/ap/head.json") is not None


def test_folders_are_replicas_too(world, user, tmp_path):
    fill(world)
    places = {
        "source": s3(world, "source"),
        "disk": {"url": f"file://{tmp_path}/disk", "region": "us-east-1"},
    }
    write_policy(user.folder, places, ["disk/data/"])
    first = user.run("sync", NAME, "--json")
    assert first.code == 0, first.err
    shutil.rmtree(user.state)

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert not said.document["runs"][0]["destinations"][0]["published"]
    assert (tmp_path / "disk/data/0003").read_bytes() == b"3" * 50


def test_another_policys_head_is_refused(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    declare(user, world, "eu/data/", name="somebody-else")
    world.forget()

    said = user.run("sync", NAME, "--json")

    assert said.code == 2 and "'acme'" in said.err
    assert writes(world) == []


def test_a_held_lock_is_respected_and_named(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    lock = b'{"schema": "ferryline.lock/1"}'
    world.bucket("eu").put("data/.ferryline/lock.json", lock)

    said = user.run("sync", NAME, "--json")

    assert said.code != 0
    assert world.bucket("eu").get("data/.ferryline/lock.json") == lock


def test_due_runs_what_the_schedule_asks_for_on_any_host(world, user, tmp_path):
    fill(world)
    places = {name: s3(world, name) for name in ("source", "eu", "ap")}
    path = write_policy(user.folder, places, ["eu/data/"], schedule="rate(1 hour)")
    path.write_text(
        path.read_text().replace(
            '"version": 1,',
            '"version": 1, "state": "s3://ap/state/?endpoint_url=X",'.replace("X", world.endpoint_url),
        )
    )

    first = user.run("sync", "--due", "--json")
    second = user.run("sync", "--due", "--json", state=tmp_path / "another host")

    assert len(first.document["runs"]) == 1 and first.code == 0, first.err
    assert second.document["runs"] == [] and second.code == 0, second.err
    kept = [key for key in world.bucket("ap").keys() if key.startswith(b"state/runs/train/")]
    assert len(kept) == 1


def test_what_residency_forbids_is_refused_before_a_key_is_listed(world, user):
    fill(world)
    places = {name: s3(world, name) for name in ("source", "eu", "ap")}
    places["ap"]["region"] = "ap-east-1"
    write_policy(user.folder, places, ["eu/data/", "ap/data/"], residency={"allow": ["US"]})

    checked = main.run(["check"])
    synced = user.run("sync", NAME, "--json", "--run-in", "us-east-1")
    verified = user.run("verify", NAME, "--run-in", "us-east-1")

    assert [checked, synced.code, verified.code] == [3, 3, 3]
    assert "ap/data/" in synced.err and "ap-east-1" in synced.err
    assert world.seen == []


def test_where_the_process_runs_counts_as_transit(world, user):
    fill(world)
    places = {name: s3(world, name) for name in ("source", "eu")}
    write_policy(user.folder, places, ["eu/data/"], residency={"allow": ["US"]})

    elsewhere = user.run("sync", NAME, "--run-in", "eu-central-1")
    unsaid = user.run("sync", NAME)
    inside = user.run("sync", NAME, "--run-in", "us-west-2")

    assert (elsewhere.code, unsaid.code, inside.code) == (3, 3, 0), inside.err


def test_a_cap_in_dollars_or_bytes_refuses_before_the_first_byte(world, user):
    fill(world)
    declare(user, world, max_transfer={"bytes": 1000})
    by_bytes = user.run("sync", NAME, "--json")
    declare(user, world, max_transfer={"usd": 1.0})
    unknown = user.run("sync", NAME, "--json")
    places = {
        name: s3(world, name, requests_usd_per_thousand={"writes": 9.0, "reads": 0.0})
        for name in ("source", "eu", "ap")
    }
    write_policy(user.folder, places, ["eu/data/", "ap/data/"], max_transfer={"usd": 0.5})
    by_dollars = user.run("sync", NAME, "--json")

    for said in (by_bytes, unknown, by_dollars):
        assert said.code == 3, said.err
    assert (
        "max_transfer.bytes" in by_bytes.err
        and "not known" in unknown.err
        and "max_transfer.usd" in by_dollars.err
    )
    assert data(world.bucket("eu").contents()) == {}


def test_metrics_and_the_webhook_tell_of_a_run(world, user, hasty, tmp_path):
    import http.server
    import json
    import threading

    got = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    fill(world)
    declare(user, world, on_failure={"url": f"http://127.0.0.1:{hook.server_port}/hook"})
    metrics = tmp_path / "ferryline.prom"
    try:
        assert user.run("sync", NAME, "--metrics-file", str(metrics)).code == 0
        good = metrics.read_text()
        world.bucket("source").put("data/0001", b"changed")
        world.arm(Fault("PutObject", Status("AccessDenied", 403), bucket="ap", key="data/0001", times=None))
        failed = user.run("sync", NAME, "--metrics-file", str(metrics))
    finally:
        hook.shutdown()
        hook.server_close()

    assert 'ferryline_last_run_success{dataset="train",replica="ap"} 1' in good
    assert failed.code == 1
    assert 'ferryline_last_run_success{dataset="train",replica="ap"} 0' in metrics.read_text()
    assert [one["exit_code"] for one in got] == [1]


def test_who_may_not_see_versioning_replicates_all_the_same(world, user):
    from ferryline.testing.strict.settings import ACCESS_KEY, Credential, Refused

    fill(world)
    declare(user, world, "eu/data/")
    world.credential(ACCESS_KEY, Credential(refused=(Refused("GetBucketVersioning"),)))

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    warned = [one["message"] for one in said.document["runs"][0]["warnings"]]
    assert any("keeps versions" in one for one in warned)
    assert read_whole(world, "eu")


@pytest.mark.parametrize("encryption", [Encryption.SSE_S3, Encryption.KMS])
def test_one_endpoint_copies_by_itself_and_the_snapshot_is_the_same(user, tmp_path, encryption):
    with StrictServer("source", BucketSettings("eu", encryption=encryption), "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        fill(server)
        declare(user, server)
        through_here = user.run("sync", NAME, "--json", "--replica", "ap").document["runs"][0]
        user.server_side = True
        server.forget()

        said = user.run("sync", NAME, "--json", "--replica", "eu")

        assert said.code == 0, said.err
        run = said.document["runs"][0]
        assert (run["files_transferred"], run["source_bytes_read"], run["bytes_written"]) == (63, 0, 0)
        assert server.count("CopyObject", "UploadPartCopy") >= 63
        assert run["snapshot"] == through_here["snapshot"]
        assert len(read_whole(server, "eu")) == 63
        server.forget()
        again = user.run("sync", NAME, "--json", "--replica", "eu", state=tmp_path / "another host")
        assert again.code == 0, again.err
        assert writes(server) == []
