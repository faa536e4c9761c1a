"""`sync` on a replica that DataSync fills: started where something differs, never believed, proven, published."""

import json
import signal
import time

import pytest

from tests.managed.conftest import MIB, NAME, OPTIONS


def run_of(said):
    return said.document["runs"][0]


def test_what_datasync_brought_is_proven_and_published(world, user):
    world.fill()
    world.declare()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    run = run_of(said)
    there = run["destinations"][0]
    assert world.data("eu") == world.data("source")
    assert there["published"] and there["snapshot"] is not None
    assert there["engine"] == "datasync"
    assert there["execution"]["status"] == "SUCCESS"
    assert there["execution"]["counters"]["files_transferred"] == 31
    assert (there["files_transferred"], there["files_verified"], there["files_same"]) == (31, 31, 0)
    assert run["source_bytes_read"] == 0, "no byte passed through this host"
    assert set(run["phases"]) >= {"PREPARING", "TRANSFERRING", "VERIFYING"}
    assert world.service.calls["StartTaskExecution"] == 1


def test_where_nothing_differs_no_execution_is_started(world, user):
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    world.service.calls.clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert world.service.calls["StartTaskExecution"] == 0
    there = run_of(said)["destinations"][0]
    assert there["execution"] is None and there["files_same"] == 31 and not there["published"]


def test_two_engines_publish_one_snapshot(world, user):
    world.fill()
    world.declare("ap/data/", {"name": "eu", "to": "eu/data/", "engine": "datasync"})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    run = run_of(said)
    assert run["snapshot"] is not None
    assert {one["engine"] for one in run["destinations"]} == {"ferryline", "datasync"}
    assert world.data("ap") == world.data("eu") == world.data("source")


def test_an_object_in_other_parts_is_proven_by_stored_checksums_alone(world, user):
    world.fill()
    world.put_in_parts()
    world.declare()
    world.strict.forget()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = run_of(said)["destinations"][0]
    assert there["evidence"].get("stored-checksum"), there["evidence"]
    assert not [one for one in world.strict.requests("GetObject") if one.key.endswith(b"large")]


def test_an_execution_that_runs_already_is_followed_and_not_doubled(world, user):
    world.fill()
    world.declare()
    world.service._StartTaskExecution("eu-central-1", {"TaskArn": world.task.arn})
    world.service.calls.clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = run_of(said)["destinations"][0]
    assert there["execution"]["joined"] and there["published"]
    assert world.service.calls["StartTaskExecution"] == 0


def test_what_came_too_late_for_a_followed_execution_is_brought_by_another(world, user):
    world.fill()
    world.declare()
    world.service._StartTaskExecution("eu-central-1", {"TaskArn": world.task.arn})
    running = world.service.executions[world.task.current]
    running.status = "VERIFYING"  # its copying is over
    world.service.calls.clear()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = run_of(said)["destinations"][0]
    assert there["published"] and there["files_transferred"] == 31
    assert not there["execution"]["joined"]
    assert world.service.calls["StartTaskExecution"] == 1


def test_a_start_whose_answer_is_lost_is_not_repeated(world, user):
    world.fill()
    world.declare()
    world.service.loses_answer_of = "StartTaskExecution"

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert world.service.loses_answer_of is None, "the fault struck"
    assert len(world.service.executions) == 1
    assert run_of(said)["destinations"][0]["published"]


@pytest.mark.parametrize(
    "answers",
    [
        [(500, "InternalException", "oops")] * 8,
        [(400, "ExpiredTokenException", "the token has expired")],
    ],
    ids=["the service stammers", "the session ends"],
)
def test_an_execution_is_followed_through_passing_refusals(world, user, answers):
    world.fill()
    world.declare()
    world.service.failing["DescribeTaskExecution"] = answers

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert not world.service.failing["DescribeTaskExecution"], "the fault struck"


def test_an_object_that_datasync_spoiled_keeps_the_replica_unpublished(world, user):
    world.fill()
    world.declare()
    world.service.spoils = {b"0007"}

    said = user.run("sync", NAME, "--json")

    assert said.code == 1, said.err
    run = run_of(said)
    assert [one["key"] for one in run["failures"]] == ["0007"]
    assert run["failures"][0]["kind"] == "not-moved" and "DataSync" in run["failures"][0]["message"]
    there = run["destinations"][0]
    assert there["snapshot"] is None and not there["published"]
    assert (there["files_transferred"], there["files_failed"], there["files_listed"]) == (30, 1, 31)

    world.service.spoils = set()
    again = user.run("sync", NAME, "--json")
    assert again.code == 0, again.err
    there = run_of(again)["destinations"][0]
    assert there["published"] and (there["files_transferred"], there["files_same"]) == (1, 30)


def test_a_key_that_datasync_never_carries_is_named_with_the_reason(world, user):
    world.fill()
    world.strict.bucket("source").put("data/home/.snapshot/x", b"1")
    world.service.skips = {b"home/.snapshot/x"}
    world.declare()

    said = user.run("sync", NAME, "--json")

    assert said.code == 1
    failure = run_of(said)["failures"][0]
    assert failure["key"] == "home/.snapshot/x"
    assert ".snapshot" in failure["message"] and "never carries" in failure["message"]


def test_an_execution_that_fails_at_once_stops_with_one_error(world, user):
    world.fill()
    world.declare()
    world.service.skips = {key.removeprefix(b"data/") for key in world.data("source")}
    world.service.ending = ("ERROR", "S3AccessDenied", "the role cannot be assumed")

    said = user.run("sync", NAME, "--json")

    assert said.code == 4
    run = run_of(said)
    assert run["failures_total"] == 0
    assert "the role cannot be assumed" in run["stopped"]["message"]
    assert world.task.current in run["stopped"]["advice"]
    assert run["destinations"][0]["execution"]["status"] == "ERROR"


def test_what_the_report_says_of_a_failed_object_is_told(world, user):
    world.task.body["TaskReportConfig"] = {
        "Destination": {
            "S3": {
                "Subdirectory": "/ferryline-reports/",
                "S3BucketArn": "arn:aws:s3:::reports",
                "BucketAccessRoleArn": "arn:aws:iam::111122223333:role/report",
            }
        },
        "OutputType": "STANDARD",
        "ReportLevel": "ERRORS_ONLY",
    }
    world.strict.bucket("reports").change(region="eu-central-1")
    world.fill()
    world.declare()
    world.service.skips = {b"0003", b"0004"}
    world.service.ending = ("ERROR", "TransferErrors", "2 files failed")
    world.service.report = {
        "Transferred": [
            {
                "RelativePath": "0003",
                "TransferStatus": "FAILED",
                "ErrorCode": "AccessDenied",
                "ErrorDetail": "kms says no",
            },
            {
                "RelativePath": "/0004",
                "TransferStatus": "FAILED",
                "FailureCode": 40974,
                "FailureReason": "S3 Get Object Failed",
            },
            {"RelativePath": "0005", "TransferStatus": "SUCCESS"},
        ]
    }

    said = user.run("sync", NAME, "--json")

    assert said.code == 1, said.err
    run = run_of(said)
    messages = {one["key"]: one["message"] for one in run["failures"]}
    assert "kms says no" in messages["0003"] and "S3 Get Object Failed" in messages["0004"]
    done = run["destinations"][0]["execution"]
    assert done["failures_total"] == 2 and done["report"].startswith(
        "s3://reports/ferryline-reports/Detailed-Reports/task-"
    )
    assert any("2 files failed" in one["message"] for one in run["warnings"])


def test_a_report_that_cannot_be_read_costs_nothing_but_insight(world, user):
    world.task.body["TaskReportConfig"] = {
        "Destination": {
            "S3": {
                "Subdirectory": "/r/",
                "S3BucketArn": "arn:aws:s3:::nowhere-at-all",
                "BucketAccessRoleArn": "arn:aws:iam::111122223333:role/report",
            }
        },
        "OutputType": "STANDARD",
    }
    world.fill()
    world.declare()

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert "report cannot be read" in run_of(said)["destinations"][0]["execution"]["trouble"]


def test_without_a_task_nothing_is_done_and_the_remedy_is_named(world, user):
    world.fill()
    world.declare()
    del world.service.tasks[world.task.arn]

    said = user.run("sync", NAME, "--json")

    assert said.code == 2
    stopped = run_of(said)["stopped"]
    assert stopped["kind"] == "not-deployed" and "ferryline deploy up" in stopped["advice"]
    assert "s3://source/data/" in stopped["message"] and "eu-central-1" in stopped["message"]
    assert not world.strict.bucket("eu").keys()


def test_of_two_tasks_on_one_way_the_tagged_one_is_taken(world, user):
    world.fill()
    world.declare()
    world.service.task("eu-central-1", world.source, world.destination, Name="other", Options=OPTIONS)

    said = user.run("sync", NAME, "--json")
    assert said.code == 2
    assert run_of(said)["stopped"]["kind"] == "ambiguous" and "train-eu" in run_of(said)["stopped"]["message"]

    world.task.tags.update({"ferryline:dataset": NAME, "ferryline:replica": "eu"})
    said = user.run("sync", NAME, "--json")
    assert said.code == 0, said.err
    assert run_of(said)["destinations"][0]["execution"]["task"] == world.task.arn


def test_a_refusal_names_the_permission(world, user):
    world.fill()
    world.declare()
    world.service.failing["StartTaskExecution"] = [(400, "AccessDeniedException", "not authorized")]

    said = user.run("sync", NAME, "--json")

    assert said.code == 5
    assert "datasync:StartTaskExecution" in run_of(said)["stopped"]["advice"]


def test_a_task_that_cannot_run_is_not_started(world, user):
    world.fill()
    world.declare()
    world.task.status, world.task.error = "UNAVAILABLE", ("AgentOffline", "the agent is offline")

    said = user.run("sync", NAME, "--json")

    assert said.code == 4
    assert "the agent is offline" in run_of(said)["stopped"]["message"]
    assert world.service.calls["StartTaskExecution"] == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Options": {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}}, "preserve_deleted_files"),
        ({"Excludes": [{"FilterType": "SIMPLE_PATTERN", "Value": "*/.ferryline|*.tmp"}]}, "exclude"),
        ({"Includes": [{"FilterType": "SIMPLE_PATTERN", "Value": "/only"}]}, "include"),
    ],
)
def test_a_task_that_could_destroy_or_leave_out_more_than_the_policy_is_not_started(
    world, user, change, field
):
    world.fill()
    world.declare()
    world.task.body.update(change)

    said = user.run("sync", NAME, "--json")

    assert said.code == 3
    stopped = run_of(said)["stopped"]
    assert stopped["kind"] == "drift" and field in stopped["message"] and "deploy up" in stopped["advice"]
    assert world.service.calls["StartTaskExecution"] == 0


def test_other_differences_and_a_disabled_schedule_are_warned_of(world, user):
    world.fill()
    world.declare(schedule="cron(0 0 * * ? *)")
    world.task.body["Options"] = {**OPTIONS, "BytesPerSecond": 1000}
    world.task.body["Schedule"] = {"ScheduleExpression": "cron(0 0 * * ? *)", "Status": "DISABLED"}
    world.task.schedule_details = {"DisabledBy": "SERVICE", "DisabledReason": "repeated failures"}

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    told = " ".join(one["message"] for one in run_of(said)["warnings"])
    assert "bytes_per_second is 1000" in told
    assert "disabled by DataSync itself" in told and "repeated failures" in told


def test_options_of_the_command_line_go_with_the_execution(world, user):
    world.fill()
    world.declare()

    said = user.run("sync", NAME, "--bytes-per-second", "10MiB", "--json")

    assert said.code == 0, said.err
    assert next(iter(world.service.executions.values())).options["BytesPerSecond"] == 10 * MIB


def test_what_the_source_lost_is_removed_by_the_service_under_our_cap(world, user):
    world.task.body["Options"] = {**OPTIONS, "PreserveDeletedFiles": "REMOVE"}
    world.fill(100)
    world.declare(options={"preserve_deleted_files": "REMOVE"}, max_delete={"count": 5, "percent": 50})
    assert user.run("sync", NAME).code == 0
    for number in range(3):
        world.strict.bucket("source").delete(f"data/{number:04}")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = run_of(said)["destinations"][0]
    assert there["files_deleted"] == 3 and there["published"]
    assert world.data("eu") == world.data("source")

    world.service.calls.clear()
    for number in range(10, 20):
        world.strict.bucket("source").delete(f"data/{number:04}")
    said = user.run("sync", NAME, "--json")
    assert said.code == 3, "ten are more than max_delete allows"
    assert world.service.calls["StartTaskExecution"] == 0


def test_a_replica_without_versions_is_withdrawn_before_the_service_writes_over_it(world, user):
    world.strict.bucket("eu").set_versioning(None)
    world.fill()
    world.declare()
    assert user.run("sync", NAME).code == 0
    seen = []

    def look():
        head = json.loads(world.strict.bucket("eu").get("data/.ferryline/head.json"))
        seen.append([one["eligible"] for one in head["snapshots"]])

    world.service.before_copy = look
    world.strict.bucket("source").put("data/0001", b"changed")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert seen == [[False]], "nobody reads what is about to be written over"
    assert run_of(said)["destinations"][0]["published"]


def test_a_dry_run_starts_nothing(world, user):
    world.fill()
    world.declare()

    said = user.run("sync", NAME, "--dry-run", "--json")

    assert said.code == 0, said.err
    assert world.service.calls["StartTaskExecution"] == 0 and not world.strict.bucket("eu").keys()


def test_point_in_time_is_two_listings_alike_after_the_execution(world, user):
    world.task.body["Options"] = {**OPTIONS, "VerifyMode": "POINT_IN_TIME_CONSISTENT"}
    world.fill()
    world.declare(options={"verify_mode": "POINT_IN_TIME_CONSISTENT"})

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert run_of(said)["destinations"][0]["consistency"] == "point-in-time"


def test_a_folder_that_datasync_cannot_name_is_found_by_its_parent_and_filter(world, user):
    world.service.tasks.clear()
    parent = world.service.location("us-east-1", "s3://source/")
    there = world.service.location("eu-central-1", "s3://eu/")
    picked = [{"FilterType": "SIMPLE_PATTERN", "Value": "/dt=2024-01-01"}]
    world.service.task("eu-central-1", parent, there, Name="hive", Options=OPTIONS, Includes=picked)
    world.strict.bucket("source").put_many({f"dt=2024-01-01/{number}": b"%d" % number for number in range(5)})
    world.declare({"name": "eu", "to": "eu/dt=2024-01-01/", "engine": "datasync"}, source="us/dt=2024-01-01/")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert run_of(said)["destinations"][0]["files_transferred"] == 5


def test_an_interrupted_run_leaves_the_execution_and_the_next_one_follows_it(world, user):
    world.fill()
    world.declare()
    world.service.stands = True
    process = user.start("sync", NAME, "--json")
    deadline = time.monotonic() + 60
    while not world.service.calls["DescribeTaskExecution"] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    warned = json.loads(out)["runs"][0]["warnings"]
    assert any("goes on" in one["message"] and "cancel-task-execution" in one["advice"] for one in warned)

    world.service.stands = False
    said = user.run("sync", NAME, "--json")
    assert said.code == 0, said.err
    assert len(world.service.executions) == 1
    assert run_of(said)["destinations"][0]["execution"]["joined"]


def test_a_run_that_was_killed_is_taken_up_by_another_host(world, user, tmp_path):
    world.fill()
    world.declare()
    world.service.stands = True
    process = user.start("sync", NAME, "--json")
    deadline = time.monotonic() + 60
    while not world.service.calls["DescribeTaskExecution"] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)

    world.service.stands = False
    said = user.run("sync", NAME, "--json", state=tmp_path / "another host")
    assert said.code == 0, said.err
    assert len(world.service.executions) == 1
    assert run_of(said)["destinations"][0]["published"]
    left = [key for key in world.strict.bucket("eu").keys() if b"lock" in key]
    assert not left


def test_a_file_system_in_aws_is_proven_where_this_host_has_it_mounted(world, user, tmp_path):
    mount = tmp_path / "mnt"
    mount.mkdir()
    world.service.mounted["efs://eu-central-1.fs-0123456789abcdef0/"] = mount
    there = world.service.location("eu-central-1", "efs://eu-central-1.fs-0123456789abcdef0/train/")
    world.service.task("eu-central-1", world.source, there, Name="efs", Options=OPTIONS)
    world.fill()
    world.declare({"name": "efs", "to": "efs/train/", "engine": "datasync"})
    policy = json.loads((user.folder / "ferryline.yaml").read_text())
    policy["locations"]["efs"] = {
        "url": f"file://{mount}",
        "region": "eu-central-1",
        "aws": {
            "file_system_arn": "arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/fs-0123456789abcdef0",
            "subnet_arn": "arn:aws:ec2:eu-central-1:111122223333:subnet/subnet-0123456789abcdef0",
            "security_group_arns": [
                "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0123456789abcdef0"
            ],
        },
    }
    (user.folder / "ferryline.yaml").write_text(json.dumps(policy))

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = run_of(said)["destinations"][0]
    assert there["published"] and there["files_transferred"] == 31
    assert (mount / "train" / "0001").read_bytes() == world.strict.bucket("source").get("data/0001")
