"""Every kind of location, paired with S3 both ways: AWS would refuse nothing, and what matters is kept."""

import pulumi
import pytest

from tests.deploy import datasync_model
from tests.deploy.ground import run

KINDS = {
    # how to declare it: (resource, mode, whether POSIX is kept with S3)
    "bucket": ("S3Location", "ENHANCED", False),
    "efs": ("EfsLocation", "ENHANCED", True),
    "windows": ("LocationFsxWindows", "BASIC", False),
    "lustre": ("LocationFsxLustre", "ENHANCED", True),
    "open_zfs": ("FsxOpenZfsFileSystem", "BASIC", True),
    "ontap": ("LocationFsxOntapFileSystem", "BASIC", True),
    "nfs": ("NfsLocation", "ENHANCED", True),
    "smb": ("LocationSmb", "ENHANCED", False),
    "object_storage": ("LocationObjectStorage", "ENHANCED", False),
    "azure": ("LocationAzureBlob", "ENHANCED", False),
    "hdfs": ("LocationHdfs", "ENHANCED", True),
}


def task(source, destination, **more):
    """Run a program with one DataSyncTask between two places, given by name or as functions."""

    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        ends = [
            getattr(places, one)("us-east-1") if isinstance(one, str) else one(places)
            for one in (source, destination)
        ]
        made = d.DataSyncTask("one", d.DataSyncTaskArgs(source=ends[0], destination=ends[1], **more))
        pulumi.export("taskArn", made.task_arn)

    return run(program)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["from", "to"])
def test_aws_would_take_it(kind, way):
    replica = lambda places: places.bucket("us-east-1", "acme-replica", "copy")  # noqa: E731
    ran = task(kind, replica) if way == "from" else task(replica, kind)
    resource, mode, posix = KINDS[kind]

    assert ran.all(resource)
    assert datasync_model.problems(ran) == []
    made = ran.one("Task").inputs
    assert made["taskMode"] == mode
    assert made["options"]["uid"] == ("INT_VALUE" if posix else "NONE")
    assert ("cloudwatchLogGroupArn" in made) is (mode == "BASIC")


def test_windows_to_windows_keeps_security_descriptors():
    ran = task("windows", lambda places: places.windows(path="other/train"))

    assert ran.one("Task").inputs["options"]["securityDescriptorCopyFlags"] == "OWNER_DACL"
    assert datasync_model.problems(ran) == []


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("windows", "password"),
        ("smb", "password"),
        ("object_storage", "secretKey"),
        ("azure", "sasConfiguration"),
    ],
)
def test_secrets_stay_secret(kind, field):
    ran = task(kind, "bucket")
    (made,) = [one for one in ran.made if one.kind == KINDS[kind][0]]

    assert any(path.startswith(field) for path in made.secrets)


def test_ontap_over_smb_is_another_protocol():
    ran = task(
        lambda places: places.ontap(user="mover", password=pulumi.Output.secret("x"), domain="corp.example"),
        "bucket",
    )

    assert ran.one("LocationFsxOntapFileSystem").inputs["protocol"]["smb"]["user"] == "mover"
    assert datasync_model.problems(ran) == []


def test_across_regions_each_location_is_where_its_storage_is():
    ran = task(lambda places: places.efs("us-east-2"), lambda places: places.bucket("eu-west-1", "acme-eu"))

    assert ran.one("EfsLocation").inputs["region"] == "us-east-2"
    assert ran.one("S3Location").inputs["region"] == "eu-west-1"
    assert ran.one("Task").inputs["region"] == "eu-west-1"
    assert datasync_model.problems(ran) == []


def test_a_hive_folder_becomes_its_parent_and_a_filter():
    ran = task(
        lambda places: places.bucket(prefix="raw/dt=2024-01-01/"),
        lambda places: places.bucket("eu-west-1", "acme-eu", "copy/dt=2024-01-01/"),
        include=["/part*"],
        exclude=["/tmp", "*.bad"],
    )
    made = ran.one("Task").inputs

    assert {one.inputs["subdirectory"] for one in ran.all("S3Location")} == {"/raw/", "/copy/"}
    assert made["includes"]["value"] == "/dt=2024-01-01/part*"
    assert made["excludes"]["value"] == "*/.ferryline|/dt=2024-01-01/tmp|*.bad"
    assert datasync_model.problems(ran) == []


def test_a_hive_folder_alone_is_picked_whole():
    ran = task(
        lambda places: places.bucket(prefix="dt=2024|01/"),
        lambda places: places.bucket("eu-west-1", "acme-eu", "dt=2024|01/"),
    )

    assert ran.one("Task").inputs["includes"]["value"] == r"/dt=2024\|01"


def test_point_in_time_makes_it_basic_with_a_log_group_and_one_policy():
    from ferryline.deploy import OptionsArgs, VerifyMode

    ran = task("efs", "lustre", options=OptionsArgs(verify_mode=VerifyMode.POINT_IN_TIME_CONSISTENT))

    assert ran.one("Task").inputs["taskMode"] == "BASIC"
    assert ran.waits_for(ran.one("Task"), ran.one("LogResourcePolicy"))
    assert datasync_model.problems(ran) == []


def test_without_modification_times_basic_gives_up_both_times():
    from ferryline.deploy import Mtime, OptionsArgs

    ran = task("efs", "lustre", options=OptionsArgs(mtime=Mtime.NONE))

    assert ran.one("Task").inputs["options"]["atime"] == "NONE"
    assert datasync_model.problems(ran) == []


def test_reports_go_where_they_are_told():
    from ferryline.deploy import ReportArgs

    ran = task("efs", "bucket", report=ReportArgs(bucket_arn="arn:aws:s3:::acme-ops", region="us-east-1"))
    config = ran.one("Task").inputs["taskReportConfig"]

    assert config["s3Destination"]["subdirectory"] == "/ferryline-reports/"
    assert config["reportLevel"] == "ERRORS_ONLY"
    assert "reportOverrides" not in config
    assert datasync_model.problems(ran) == []


def test_arguments_may_be_plain_mappings_as_other_languages_send_them():
    def program():
        from ferryline.deploy import DataSyncTask

        end = {"region": "us-east-1", "s3": {"bucket_arn": "arn:aws:s3:::acme-train"}}
        other = {"region": "us-west-2", "s3": {"bucket_arn": "arn:aws:s3:::acme-west"}}
        DataSyncTask("one", {"source": end, "destination": other, "options": {"verify_mode": "NONE"}})

    ran = run(program)

    assert ran.one("Task").inputs["options"]["verifyMode"] == "NONE"
    assert datasync_model.problems(ran) == []


def test_names_may_be_outputs_of_the_same_program():
    def program():
        from ferryline import deploy as d

        train = d.Bucket("train", d.BucketArgs(region="us-east-1"))
        copy = d.Bucket("copy", d.BucketArgs(region="eu-west-1"))
        d.DataSyncTask(
            "one", d.DataSyncTaskArgs(source=train.folder("imagenet"), destination=copy.folder("imagenet"))
        )

    ran = run(program)

    assert datasync_model.problems(ran) == []
    for location, bucket in (("one-source", "train"), ("one-destination", "copy")):
        assert ran.waits_for(ran.one("S3Location", location), ran.one("BucketVersioning", bucket))
