"""What a service does meanwhile, or did not do, never becomes a publication: the second comparison decides."""

import json

import pytest

from ferryline.testing.strict import Lie, Put
from tests.managed.conftest import NAME, OPTIONS
from tests.managed.test_sync import run_of


def there_of(said):
    return run_of(said)["destinations"][0]


def balanced(one):
    names = ("transferred", "same", "kept", "excluded", "reserved", "vanished", "failed")
    return one["files_listed"] == sum(one[f"files_{name}"] for name in names)


def test_a_source_that_is_emptied_meanwhile_is_not_published(world, user):
    world.fill()
    world.task.body["Options"] = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
    world.declare(options={"preserve_deleted_files": "REMOVE"}, max_delete={"count": 100, "percent": 100})
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/0001", b"new")
    world.empty_meanwhile()

    said = user.run("sync", NAME, "--json")

    assert said.code == 3, said.err
    assert run_of(said)["stopped"]["kind"] == "empty-source"
    assert not there_of(said)["published"]


def test_a_task_that_is_changed_while_we_compared_is_not_started(world, user, monkeypatch):
    world.fill()
    world.declare()
    world.strict.bucket("eu").put("data/only here", b"1")
    answered = world.service._DescribeTask

    def changed(region, body):
        found = answered(region, body)
        world.task.body["Options"] = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
        return found

    monkeypatch.setattr(world.service, "_DescribeTask", changed)

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    assert run_of(said)["stopped"]["kind"] == "drift"
    assert world.service.calls["StartTaskExecution"] == 0
    assert world.strict.bucket("eu").get("data/only here") == b"1"


def test_what_verify_found_bad_is_healed_by_what_the_service_brings_anew(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("eu").put("data/0001", b"x" * 50)
    assert user.run("verify", NAME).code == 1

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert there_of(said)["files_transferred"] == 1 and there_of(said)["published"]
    assert user.run("verify", NAME, "--deep", "100").code == 0


def test_what_verify_found_bad_and_the_service_leaves_alone_stays_bad(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("eu").corrupt("data/0001")
    assert user.run("verify", NAME, "--deep", "100").code == 1
    world.service.skips = {b"0001"}

    said = user.run("sync", NAME, "--json")

    assert said.code == 1
    (failure,) = run_of(said)["failures"]
    assert failure["key"] == "0001" and "delete it at the replica" in failure["advice"]
    assert there_of(said)["snapshot"] is None and balanced(there_of(said))


def test_what_verify_found_bad_is_not_believed_by_another_host_either(world, user, tmp_path):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    good = world.strict.bucket("source").get("data/0001")
    world.strict.bucket("eu").corrupt("data/0001")
    assert user.run("verify", NAME, "--deep", "100").code == 1
    world.service.skips = {b"0001"}

    said = user.run("sync", NAME, "--json", state=tmp_path / "another host")
    assert said.code == 1
    assert not there_of(said)["published"]

    world.service.skips = set()
    world.strict.bucket("eu").put("data/0001", good)
    assert user.run("adopt", NAME, "--replica", "eu", state=tmp_path / "a third").code == 0
    said = user.run("sync", NAME, "--json", state=tmp_path / "a fourth")
    assert said.code == 0, said.err
    assert there_of(said)["execution"] is None


def test_two_listings_that_differ_are_no_point_in_time(world, user):
    world.task.body["Options"] = {**OPTIONS, "VerifyMode": "POINT_IN_TIME_CONSISTENT"}
    world.fill()
    world.declare(options={"verify_mode": "POINT_IN_TIME_CONSISTENT"})
    listings = []

    def grow(exchange):
        if (
            exchange.bucket is not None
            and exchange.bucket.settings.name == "source"
            and world.service.executions
        ):
            done = next(iter(world.service.executions.values())).status == "SUCCESS"
            listings.append(done)
            if listings.count(True) == 4:  # two looks at what digests mean, the comparison, then this one
                for bucket in ("source", "eu"):
                    world.strict.bucket(bucket).put("data/late", b"late")

    world.strict.before("ListObjectsV2", grow)

    said = user.run("sync", NAME, "--json")

    assert listings.count(True) >= 4, "there was a second listing"
    assert said.code == 7, said.err
    assert not there_of(said)["published"]


def test_readers_are_barred_before_the_service_may_write_over_what_nobody_planned(world, user):
    world.strict.bucket("eu").set_versioning(None)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/new", b"new")
    seen = []

    def change():
        head = json.loads(world.strict.bucket("eu").get("data/.ferryline/head.json"))
        seen.append([one["eligible"] for one in head["snapshots"]])
        world.strict.bucket("source").put("data/0001", b"changed while it was listed")

    world.service.before_copy = change

    said = user.run("sync", NAME, "--json")

    assert seen == [[False]]
    assert said.code == 0, said.err
    assert there_of(said)["published"] and balanced(there_of(said))


def test_the_sources_own_ferryline_folder_never_reaches_the_replica(world, user):
    world.fill()
    world.strict.bucket("source").put("data/.ferryline/head.json", b"{}")
    world.declare()
    world.task.body["Excludes"] = [{"FilterType": "SIMPLE_PATTERN", "Value": "*.tmp|*/.ferryline"}]
    world.declare(exclude=["*.tmp"])

    said = user.run("sync", NAME, "--json")
    assert said.code == 0, said.err
    assert there_of(said)["files_reserved"] == 1 and balanced(there_of(said))
    before = world.strict.bucket("eu").get("data/.ferryline/head.json")

    world.task.body["Excludes"] = [{"FilterType": "SIMPLE_PATTERN", "Value": "*.tmp"}]
    world.strict.bucket("source").put("data/0001", b"new")
    world.service.calls.clear()
    said = user.run("sync", NAME, "--json")
    assert said.code == 3
    assert (
        run_of(said)["stopped"]["kind"] == "drift" and "over those of" in run_of(said)["stopped"]["message"]
    )
    assert world.service.calls["StartTaskExecution"] == 0
    assert world.strict.bucket("eu").get("data/.ferryline/head.json") == before


def test_a_task_that_would_remove_our_own_folder_is_not_started(world, user):
    options = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
    world.task.body.update(Options=options, Excludes=[{"FilterType": "SIMPLE_PATTERN", "Value": "*.tmp"}])
    world.fill()
    world.declare(options={"preserve_deleted_files": "REMOVE"}, exclude=["*.tmp"])

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    assert world.service.calls["StartTaskExecution"] == 0


def test_overwrite_never_proves_what_came_and_keeps_what_was_there(world, user):
    world.task.body["Options"] = {**OPTIONS, "OverwriteMode": "NEVER"}
    world.fill()
    world.strict.bucket("eu").put("data/0001", b"another's")
    world.declare(options={"overwrite_mode": "NEVER"})
    world.service.spoils = {b"0002"}

    said = user.run("sync", NAME, "--json")

    assert said.code == 1
    one = there_of(said)
    assert [each["key"] for each in run_of(said)["failures"]] == ["0002"]
    assert (one["files_kept"], one["files_transferred"], one["files_failed"]) == (1, 29, 1)
    assert balanced(one) and not one["published"]


def test_overwrite_never_publishes_what_no_etag_can_prove(world, user):
    world.task.body["Options"] = {**OPTIONS, "OverwriteMode": "NEVER"}
    world.fill()
    world.put_in_parts()
    world.declare(options={"overwrite_mode": "NEVER"})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert there_of(said)["published"] and there_of(said)["files_kept"] == 0


def test_verify_mode_none_reads_nothing_back_and_publishes_nothing(world, user):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.task.body["Options"] = {**OPTIONS, "VerifyMode": "NONE"}
    world.fill()
    world.put_in_parts()
    world.declare(options={"verify_mode": "NONE"})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    one = there_of(said)
    assert not one["published"] and balanced(one)
    assert not [each for each in world.strict.requests("GetObject") if each.key.endswith(b"large")]


def test_objects_without_any_digest_are_read_once_unless_a_cap_in_dollars_forbids_it(world, user):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.fill()
    world.put_in_parts()
    world.declare()

    said = user.run("sync", NAME, "--json")
    assert said.code == 0, said.err
    assert there_of(said)["evidence"]["read-back"] == 1

    world.strict.forget()
    assert user.run("sync", NAME).code == 0
    assert not [one for one in world.strict.requests("GetObject") if one.key.endswith(b"large")]


def test_vanished_and_new_objects_are_accounted_for(world, user):
    world.fill()
    world.declare()

    def change():
        world.strict.bucket("source").delete("data/0005")
        world.strict.bucket("source").put("data/late", b"late")

    world.service.before_copy = change

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    one = there_of(said)
    assert balanced(one) and one["published"]
    assert one["files_listed"] == 31


def test_what_the_service_will_never_remove_starts_no_execution(world, user):
    world.task.body["Options"] = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
    world.fill()
    world.declare(options={"preserve_deleted_files": "REMOVE"})
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("eu").put("data/a/.snapshot/x", b"1")
    world.service.calls.clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert world.service.calls["StartTaskExecution"] == 0
    assert there_of(said)["files_only_at_destination"] == 1


def test_a_failure_is_told_once_and_a_healed_one_never(world, user, tmp_path):
    world.fill()
    world.strict.bucket("source").put("data/cold", b"1", Put(storage_class="GLACIER"))
    world.service.skips = {b"cold"}
    world.declare()
    events = tmp_path / "events.jsonl"

    said = user.run("sync", NAME, "--events", str(events))

    assert said.code == 1
    failed = [json.loads(line) for line in events.read_text().splitlines() if '"object-failed"' in line]
    assert [one["key"] for one in failed] == ["cold"]


def test_one_failing_object_beside_good_ones_is_named_and_stops_nothing(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/new", b"new")
    world.service.skips = {b"new"}
    world.service.ending = ("ERROR", "TransferErrors", "1 file failed")

    said = user.run("sync", NAME, "--json")

    assert said.code == 1
    assert [one["key"] for one in run_of(said)["failures"]] == ["new"]
    assert balanced(there_of(said))


def test_a_dry_run_writes_not_even_a_probe(world, user):
    world.fill()
    world.strict.bucket("eu").put("data/0001", b"1" * 50)
    world.declare()
    world.strict.forget()

    said = user.run("sync", NAME, "--dry-run", "--json")

    assert said.code == 0, said.err
    reading = ("Get", "Head", "List")
    assert [one.operation for one in world.strict.seen if not one.operation.startswith(reading)] == []


def test_metadata_that_the_service_added_is_no_difference_to_anybody(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    for bucket in ("source", "eu"):
        metadata = {"file-mtime": "1734968895000"} if bucket == "eu" else {}
        world.strict.bucket(bucket).put("data/0001", b"1" * 50, Put(metadata=metadata))

    assert user.run("plan", NAME, "--detailed-exitcode").code == 0
    assert user.run("adopt", NAME, "--replica", "eu").code == 0
    assert user.run("sync", NAME).code == 0
    assert world.service.calls["StartTaskExecution"] == 1


@pytest.mark.parametrize("written", ["/only", "/only/"])
def test_a_slash_at_a_patterns_end_is_no_difference(world, user, written):
    world.strict.bucket("source").put("data/only/1", b"1")
    world.task.body["Includes"] = [{"FilterType": "SIMPLE_PATTERN", "Value": written}]
    world.declare(include=["/only"])

    assert user.run("sync", NAME).code == 0


def test_a_source_that_is_emptied_during_the_first_execution_is_not_published(world, user):
    world.fill()
    world.declare()
    world.empty_meanwhile()

    said = user.run("sync", NAME, "--json")

    assert said.code == 3, said.err
    assert run_of(said)["stopped"]["kind"] == "empty-source" and not there_of(said)["published"]


def test_an_execution_under_way_is_waited_for_before_an_unversioned_replica_is_published(world, user):
    world.strict.bucket("eu").set_versioning(None)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.service._StartTaskExecution("eu-central-1", {"TaskArn": world.task.arn})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert world.service.executions[world.task.current].status == "SUCCESS"
    assert there_of(said)["execution"]["joined"]


def test_never_and_point_in_time_say_why_nothing_is_published(world, user):
    options = {**OPTIONS, "OverwriteMode": "NEVER", "VerifyMode": "POINT_IN_TIME_CONSISTENT"}
    world.task.body["Options"] = options
    world.fill()
    world.strict.bucket("eu").put("data/0001", b"another's")
    world.declare(options={"overwrite_mode": "NEVER", "verify_mode": "POINT_IN_TIME_CONSISTENT"})

    for _ in range(2):
        said = user.run("sync", NAME, "--json")
        assert said.code == 0, said.err
        assert not there_of(said)["published"] and "NEVER" in there_of(said)["why_not_published"]
        assert there_of(said)["files_kept"] == 1


@pytest.mark.parametrize("cause", ["unavailable", "drift"])
def test_readers_keep_an_unversioned_replica_where_the_task_cannot_be_started(
    world, user, cause, monkeypatch
):
    world.strict.bucket("eu").set_versioning(None)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/0001", b"new")
    if cause == "unavailable":
        world.task.status, world.task.error = "UNAVAILABLE", ("AgentOffline", "offline")
    else:
        answered, asked = world.service._DescribeTask, []

        def changed(region, body):
            asked.append(1)
            found = answered(region, body)
            options = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
            return {**found, "Options": options} if len(asked) > 1 else found

        monkeypatch.setattr(world.service, "_DescribeTask", changed)

    assert user.run("sync", NAME).code in (3, 4)

    head = json.loads(world.strict.bucket("eu").get("data/.ferryline/head.json"))
    assert [one["eligible"] for one in head["snapshots"]] == [True]


def test_readers_that_were_barred_for_nothing_are_told_of(world, user):
    world.strict.bucket("eu").set_versioning(None)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/0001", b"new")
    world.service.failing["StartTaskExecution"] = [(400, "AccessDeniedException", "no")]

    said = user.run("sync", NAME, "--json")
    assert said.code == 5
    assert any("were barred" in one["message"] for one in run_of(said)["warnings"])
    assert user.run("sync", NAME).code == 0


def test_what_comes_to_the_source_meanwhile_is_brought_by_a_second_execution_at_most(world, user):
    world.fill()
    world.declare()
    late = iter(range(100))
    executions = []

    def arrive(exchange):
        done = [one for one in world.service.executions.values() if one.status == "SUCCESS"]
        if exchange.bucket.settings.name == "source" and len(done) > len(executions):
            executions.append(1)
            if len(executions) <= arrivals:
                world.strict.bucket("source").put(f"data/late-{next(late)}", b"late")

    world.strict.before("ListObjectsV2", arrive)
    arrivals = 1
    said = user.run("sync", NAME, "--json")
    assert said.code == 0, said.err
    assert there_of(said)["published"] and world.service.calls["StartTaskExecution"] == 2
    assert balanced(there_of(said))

    arrivals = 100
    world.strict.bucket("source").put("data/one more", b"1")
    said = user.run("sync", NAME, "--json")
    assert said.code == 7, said.err
    assert world.service.calls["StartTaskExecution"] == 4


def test_thousands_that_were_refused_and_then_brought_are_told_to_nobody(world, user, tmp_path):
    count = 2100
    bucket = world.strict.bucket("source")
    bucket.put_many({f"data/{number:04}": b"x" for number in range(count)}, Put(storage_class="GLACIER"))
    world.declare()
    events = tmp_path / "events.jsonl"

    def restore():
        bucket.put_many({f"data/{number:04}": b"x" for number in range(count)})

    world.strict.bucket("source").put("data/plain", b"1")
    world.service.before_copy = restore

    said = user.run("sync", NAME, "--events", str(events), "--json")

    assert said.code == 0, said.err
    assert '"object-failed"' not in events.read_text()
    assert balanced(there_of(said)) and there_of(said)["files_listed"] == count + 1


def test_verify_mode_none_starts_nothing_for_what_no_digest_tells(world, user):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.task.body["Options"] = {**OPTIONS, "VerifyMode": "NONE"}
    world.fill()
    world.put_in_parts()
    world.declare(options={"verify_mode": "NONE"})
    assert user.run("sync", NAME).code == 0
    world.service.calls.clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert world.service.calls["StartTaskExecution"] == 0
    assert there_of(said)["files_transferred"] == 0 and balanced(there_of(said))


def test_what_never_keeps_starts_no_second_execution(world, user):
    world.task.body["Options"] = {**OPTIONS, "OverwriteMode": "NEVER"}
    world.fill()
    world.strict.bucket("eu").put("data/0001", b"another's")
    world.declare(options={"overwrite_mode": "NEVER"})
    world.service._StartTaskExecution("eu-central-1", {"TaskArn": world.task.arn})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert len(world.service.executions) == 1
    assert there_of(said)["files_kept"] == 1 and balanced(there_of(said))


def test_a_cap_in_dollars_has_nothing_read_that_nobody_priced(world, user, monkeypatch):
    world.strict.lie(Lie.IGNORES_CHECKSUMS)
    world.fill()
    world.put_in_parts()
    world.declare(max_transfer={"usd": 100})
    path = user.folder / "ferryline.yaml"
    policy = json.loads(path.read_text())
    policy["locations"]["eu"] = {
        **policy["locations"]["ap"],
        "url": "s3://ap/",
    }  # a region whose price is known
    world.service.tasks.clear()
    there = world.service.location("us-east-1", "s3://ap/data/")
    world.service.task("us-east-1", world.source, there, Name="ap", Options=OPTIONS)
    del policy["locations"]["ap"]
    path.write_text(json.dumps(policy))

    said = user.run("sync", NAME, "--json")

    assert said.code == 1, said.err
    (failure,) = run_of(said)["failures"]
    assert failure["key"] == "large" and "read_back" in failure["advice"]
    assert not [one for one in world.strict.requests("GetObject") if one.key.endswith(b"large")]


def test_a_lock_that_was_taken_while_the_service_worked_is_noticed(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.strict.bucket("source").put("data/0001", b"new")

    def steal():
        lock = json.loads(world.strict.bucket("eu").get("data/.ferryline/lock.json"))
        assert lock
        world.strict.bucket("eu").delete("data/.ferryline/lock.json")

    world.service.before_copy = steal

    said = user.run("sync", NAME, "--json")

    assert said.code == 6, said.err
    assert not there_of(said)["published"]
