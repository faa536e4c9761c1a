"""The program as it is commonly published, fault by fault: what it does wrong, and that ours does not.

`docs/tutorial/pulumi-two-buckets.md` walks through the same list.
"""

import json

import pulumi
import pytest

from ferryline import errors
from tests.deploy import datasync_model
from tests.deploy.ground import run


def published():
    """The published program, as faithfully as it can still be constructed."""
    from pulumi_aws import datasync

    role = {"bucket_access_role_arn": "arn:aws:iam::111122223333:role/placeholder"}
    source = datasync.S3Location(
        "source", s3_bucket_arn="arn:aws:s3:::acme-train", subdirectory="/", s3_config=role
    )
    destination = datasync.S3Location(
        "destination", s3_bucket_arn="arn:aws:s3:::acme-train-eu", subdirectory="/", s3_config=role
    )
    datasync.Task(
        "task",
        source_location_arn=source.arn,
        destination_location_arn=destination.arn,
        name="replication",
        options={"overwrite_mode": "ALWAYS", "verify_mode": "POINT_IN_TIME_CONSISTENT"},
        schedule={"schedule_expression": "cron(0 0 * * ? *)"},
    )


def ours(**more):
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        made = d.Replication(
            "train",
            d.ReplicationArgs(
                source=places.bucket("us-east-1", "acme-train"),
                replicas={"eu": d.ReplicaArgs(to=places.bucket("eu-central-1", "acme-train-eu"))},
                schedule="cron(0 0 * * ? *)",
                **more,
            ),
        )
        pulumi.export("mover", made.mover_policy)

    return program


@pytest.fixture(scope="module")
def theirs():
    return run(published)


@pytest.fixture(scope="module")
def right():
    return run(ours())


def test_1_a_location_without_a_subdirectory_does_not_construct(right):
    from pulumi_aws import datasync

    def program():
        with pytest.raises(TypeError, match="subdirectory"):
            datasync.S3Location(
                "source", s3_bucket_arn="arn:aws:s3:::acme-train", s3_config={"bucket_access_role_arn": "x"}
            )

    run(program)

    assert all(one.inputs["subdirectory"] == "/" for one in right.all("S3Location"))


def test_2_names_in_camel_case_are_named_and_not_passed_through():
    def program():
        from ferryline import deploy as d

        with pytest.raises(errors.BadPolicy, match="taskName: is no argument"):
            d.DataSyncTask(
                "one",
                {"source": {"region": "us-east-1"}, "destination": {"region": "us-east-1"}, "taskName": "x"},
            )

    run(program)


def test_3_everything_was_in_one_region(theirs, right):
    assert {one.inputs.get("region") for one in theirs.all("S3Location")} == {None}
    assert {one.inputs["region"] for one in right.all("S3Location")} == {"us-east-1", "eu-central-1"}
    assert right.one("Task").inputs["region"] == "eu-central-1"


def test_4_partial_options_meant_posix_options_between_buckets(theirs, right):
    assert any("POSIX options between object stores" in one for one in datasync_model.problems(theirs))
    assert datasync_model.problems(right) == []


def test_5_point_in_time_forced_basic_and_a_full_read_every_night(theirs, right):
    assert theirs.one("Task").inputs["options"]["verifyMode"] == "POINT_IN_TIME_CONSISTENT"
    assert right.one("Task").inputs["options"]["verifyMode"] == "ONLY_FILES_TRANSFERRED"


def test_6_no_mode_meant_basic_and_its_quota_of_objects(theirs, right):
    assert "taskMode" not in theirs.one("Task").inputs
    assert right.one("Task").inputs["taskMode"] == "ENHANCED"


def test_7_roles_were_placeholders_without_trust_policy_or_order(theirs, right):
    assert theirs.all("Role") == []
    for role in right.all("Role"):
        condition = json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]["Condition"]
        assert condition["StringEquals"]["aws:SourceAccount"]
        assert condition["ArnLike"]["aws:SourceArn"]
    for location in right.all("S3Location"):
        assert any(right.waits_for(location, policy) for policy in right.all("RolePolicy"))


def test_8_failures_were_silent(theirs, right):
    assert "logLevel" not in theirs.one("Task").inputs["options"]
    assert theirs.all("EventRule") == theirs.all("MetricAlarm") == []
    assert right.one("Task").inputs["options"]["logLevel"] == "BASIC"
    assert right.all("MetricAlarm")
    assert len(right.all("EventRule")) == 2


def test_9_the_first_copy_waits_for_midnight_unless_somebody_may_start_it(right):
    assert "datasync:StartTaskExecution" in right.exports["mover"]


def test_10_deleted_shards_stayed_for_ever_unless_said_otherwise():
    from ferryline.deploy import OptionsArgs, PreserveDeletedFiles

    ran = run(ours(options=OptionsArgs(preserve_deleted_files=PreserveDeletedFiles.REMOVE)))

    assert ran.one("Task").inputs["options"]["preserveDeletedFiles"] == "REMOVE"
    assert "s3:DeleteObject" in ran.one("RolePolicy", "train-eu").inputs["policy"]
    assert "s3:DeleteObject" not in ran.one("RolePolicy", "train-source").inputs["policy"]


def test_11_buckets_had_no_versions_no_encryption_and_kept_unfinished_uploads():
    def program():
        from ferryline import deploy as d

        d.Bucket("replica", d.BucketArgs(region="eu-central-1"))

    ran = run(program)

    assert ran.one("BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert ran.one("BucketServerSideEncryptionConfiguration")
    assert ran.one("BucketPublicAccessBlock")
    assert ran.one("BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    (rule,) = ran.one("BucketLifecycleConfiguration").inputs["rules"]
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
