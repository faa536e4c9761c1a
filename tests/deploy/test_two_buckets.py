"""One source bucket, one replica in another region: what is made, where, in which order, with which inputs."""

import json

import pulumi
import pytest

from tests.deploy import datasync_model
from tests.deploy.ground import ACCOUNT, run

S3 = "arn:aws:s3:::"


def program():
    from ferryline.deploy import LocationArgs, ReplicaArgs, Replication, ReplicationArgs, S3Args

    made = Replication(
        "train",
        ReplicationArgs(
            source=LocationArgs(
                region="us-east-1", s3=S3Args(bucket_arn=f"{S3}acme-train", prefix="imagenet/")
            ),
            replicas={
                "eu": ReplicaArgs(
                    to=LocationArgs(
                        region="eu-central-1", s3=S3Args(bucket_arn=f"{S3}acme-eu", prefix="prod/imagenet")
                    )
                )
            },
            schedule="cron(0 0 * * ? *)",
        ),
    )
    pulumi.export("tasks", made.task_arns)
    pulumi.export("everything", made.policy_digest)


@pytest.fixture(scope="module")
def ran():
    return run(program)


RESOURCES = [
    # type, name, region, parent
    ("EventRule", "train-eu-central-1-eu-succeeded", "eu-central-1", "train-eu-central-1"),
    ("EventRule", "train-eu-central-1-failed", "eu-central-1", "train-eu-central-1"),
    ("EventTarget", "train-eu-central-1-eu-succeeded", "eu-central-1", "train-eu-central-1"),
    ("EventTarget", "train-eu-central-1-failed", "eu-central-1", "train-eu-central-1"),
    ("MetricAlarm", "train-eu-central-1-eu-stale", "eu-central-1", "train-eu-central-1"),
    ("Role", "train-eu", None, "train-eu"),
    ("Role", "train-source", None, "train-source"),
    ("RolePolicy", "train-eu", None, "train-eu"),
    ("RolePolicy", "train-source", None, "train-source"),
    ("S3Location", "train-eu-destination", "eu-central-1", "train-eu"),
    ("S3Location", "train-source", "us-east-1", "train"),
    ("Task", "train-eu", "eu-central-1", "train-eu"),
    ("Topic", "train-eu-central-1-alarms", "eu-central-1", "train-eu-central-1"),
    ("Topic", "train-eu-central-1-successes", "eu-central-1", "train-eu-central-1"),
    ("TopicPolicy", "train-eu-central-1-alarms", "eu-central-1", "train-eu-central-1"),
    ("TopicPolicy", "train-eu-central-1-successes", "eu-central-1", "train-eu-central-1"),
]


def test_each_resource_is_in_its_own_region_below_its_own_component(ran):
    found = [
        (one.kind, one.name, one.inputs.get("region"), one.parent.rpartition("::")[2])
        for one in ran.made
        if one.type.startswith("aws:")
    ]

    assert sorted(found, key=str) == sorted(RESOURCES, key=str)


COMPONENTS = {
    "train": "ferryline:index:Replication",
    "train-source": "ferryline:index:Access",
    "train-eu": "ferryline:index:DataSyncTask",
    "train-eu-central-1": "ferryline:index:Watch",
}


def test_components_have_stable_types_and_register_what_they_promise(ran):
    for name, kind in COMPONENTS.items():
        made = next(one for one in ran.made if one.name == name and one.type == kind)
        assert ran.outputs[made.urn], f"{name} registered no outputs"


def test_locations_wait_for_the_policies_of_their_roles(ran):
    for location, policy in (("train-source", "train-source"), ("train-eu-destination", "train-eu")):
        assert ran.waits_for(ran.one("S3Location", location), ran.one("RolePolicy", policy))


def test_the_task_gets_every_option(ran):
    assert ran.one("Task").inputs["options"] == {
        "verifyMode": "ONLY_FILES_TRANSFERRED",
        "overwriteMode": "ALWAYS",
        "preserveDeletedFiles": "PRESERVE",
        "transferMode": "CHANGED",
        "bytesPerSecond": -1,
        "mtime": "PRESERVE",
        "atime": "BEST_EFFORT",
        "uid": "NONE",
        "gid": "NONE",
        "posixPermissions": "NONE",
        "preserveDevices": "NONE",
        "objectTags": "PRESERVE",
        "taskQueueing": "ENABLED",
        "logLevel": "BASIC",
    }


def test_the_task_is_enhanced_scheduled_and_leaves_ferryline_alone(ran):
    task = ran.one("Task").inputs

    assert task["taskMode"] == "ENHANCED"
    assert task["schedule"] == {"scheduleExpression": "cron(0 0 * * ? *)"}
    assert task["excludes"] == {"filterType": "SIMPLE_PATTERN", "value": "*/.ferryline"}
    assert "includes" not in task
    assert "cloudwatchLogGroupArn" not in task


def test_locations_name_bucket_folder_and_role(ran):
    assert ran.one("S3Location", "train-eu-destination").inputs["subdirectory"] == "/prod/imagenet/"
    assert ran.one("S3Location", "train-source").inputs["s3BucketArn"] == "arn:aws:s3:::acme-train"
    assert ran.one("S3Location", "train-source").inputs["s3Config"] == {
        "bucketAccessRoleArn": f"arn:aws:iam::{ACCOUNT}:role/train-source-a1b2c3d"
    }


def test_aws_would_refuse_nothing(ran):
    assert datasync_model.problems(ran) == []


def test_outputs_are_maps_by_replica(ran):
    (outputs,) = [
        value for urn, value in ran.outputs.items() if urn.endswith("ferryline:index:Replication::train")
    ]

    assert set(outputs) == {
        "task_arns", "location_arns", "role_arns", "log_groups", "alarm_arns", "required_bucket_policies",
        "required_kms_statements", "replication_configuration", "replication_role_policy", "reader_policy", "mover_policy", "policy_digest",
    }  # fmt: skip
    assert set(outputs["task_arns"]) == {"eu"}
    assert set(outputs["location_arns"]) == {"eu", "source"}
    assert outputs["log_groups"] == {"eu": "/aws/datasync"}
    assert outputs["required_bucket_policies"] == {}
    assert ran.exports["tasks"] == outputs["task_arns"]


def test_a_missed_run_raises_an_alarm_even_when_nothing_is_heard(ran):
    alarm = ran.one("MetricAlarm").inputs

    assert alarm["treatMissingData"] == "breaching"
    assert alarm["evaluationPeriods"] == alarm["datapointsToAlarm"] == 36
    assert alarm["evaluationPeriods"] * alarm["period"] <= 604_800
    assert alarm["dimensions"]["RuleName"].startswith("train-eu-central-1-eu-succeeded")


def test_events_are_those_of_the_task_and_nobody_elses(ran):
    task = ran.arns()[ran.one("Task").urn]
    failed = json.loads(ran.one("EventRule", "train-eu-central-1-failed").inputs["eventPattern"])

    assert failed["resources"] == [{"prefix": f"{task}/execution/"}]
    assert failed["detail"] == {"State": ["ERROR"]}


def test_the_same_program_makes_the_same_things():
    first, second = run(program), run(program)

    assert sorted((one.type, one.name) for one in first.made) == sorted(
        (one.type, one.name) for one in second.made
    )
    assert first.exports["everything"] == second.exports["everything"]
