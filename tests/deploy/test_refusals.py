"""What cannot work is refused when the program runs, before any resource, with the field and the remedy."""

import pytest

from ferryline import errors
from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run


def pair(source=None, destination=None, **more):
    """A DataSyncTask of two places; each a function of `places`."""

    def make(d, places):
        first = source(places) if source else places.bucket()
        second = destination(places) if destination else places.bucket("eu-west-1", "acme-eu")
        d.DataSyncTask(
            "one",
            d.DataSyncTaskArgs(
                source=first,
                destination=second,
                **{key: value(d) if callable(value) else value for key, value in more.items()},
            ),
        )

    return make


def options(**chosen):
    return lambda d: d.OptionsArgs(**chosen)


LONG = "|".join(f"/{number:03}" + "x" * 997 for number in range(103))

REFUSED = [
    # what is declared, the field that is named, a word of what happened, a word of the remedy
    pytest.param(pair(destination=lambda p: p.bucket("us-west-1")), "destination.region", "declared in us-east-1 and in us-west-1", "one region", id="one-bucket-in-two-regions"),
    pytest.param(pair(source=lambda p: p.efs("us-east-2", subnet_arn="arn:aws:ec2:us-east-1:111122223333:subnet/subnet-0123456789abcdef0")), "source.efs.subnet_arn", "lies in us-east-1", "us-east-1", id="subnet-of-another-region"),
    pytest.param(pair(source=lambda p: p.bucket("us-east1")), "source.region", "no region 'us-east1'", "us-east-1", id="unknown-region"),
    pytest.param(pair(destination=lambda p: p.bucket("af-south-1", "acme-za")), "destination.region", "enable first", "opted_in_regions", id="opt-in-region"),
    pytest.param(pair(destination=lambda p: p.bucket("cn-north-1", "acme-cn")), "destination.region", "partitions apart", "engine ferryline", id="partitions"),
    pytest.param(pair(destination=lambda p: p.bucket("us-gov-west-1", "acme-gov")), "destination.region", "partitions apart", "object_storage", id="govcloud"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", owner_account_id=OTHER_ACCOUNT)), "destination.s3.owner_policy", OTHER_ACCOUNT, "pending", id="cross-account-without-a-policy"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", owner_account_id=OTHER_ACCOUNT, owner_policy="pending")), "destination.s3.owner_policy", "cannot reach", "attached", id="a-task-while-pending"),
    pytest.param(pair(source=lambda p: p.windows(password=None)), "source.fsx_windows.password", "missing", "require_secret", id="fsx-without-a-password"),
    pytest.param(pair(source=lambda p: p.windows(password="hunter2")), "source.fsx_windows.password", "literal", "require_secret", id="fsx-with-a-literal-password"),
    pytest.param(pair(source=lambda p: p.efs(access_point_arn=f"arn:aws:elasticfilesystem:us-east-2:{ACCOUNT}:access-point/fsap-0123456789abcdef0")), "source.efs.in_transit_encryption", "TLS1_2", "TLS1_2", id="efs-access-point-without-tls"),
    pytest.param(pair(schedule="rate(5 minutes)"), "schedule", "at most once an hour", "s3-replication", id="every-five-minutes"),
    pytest.param(pair(schedule="cron(0,30 * * * ? *)"), "schedule", "at most once an hour", "engine: ferryline", id="twice-an-hour"),
    pytest.param(pair(schedule="0 0 * * *"), "schedule", "neither", "cron(", id="bare-cron"),
    pytest.param(pair(source=lambda p: p.bucket(prefix="raw/dt=2024-01-01/"), destination=lambda p: p.bucket("eu-west-1", "acme-eu", "copy")), "source.path", "Subdirectory", "same folders", id="hive-prefix-that-cannot-become-a-filter"),
    pytest.param(pair(source=lambda p: p.bucket(prefix="dt=1/"), destination=lambda p: p.bucket("eu-west-1", "acme-eu", "dt=1/"), options=options(preserve_deleted_files="REMOVE")), "destination.path", "not documented", "PRESERVE", id="hive-prefix-with-remove"),
    pytest.param(pair(source=lambda p: p.bucket(prefix="a//b")), "source.path", "'//'", "engine: ferryline", id="double-slash"),
    pytest.param(pair(source=lambda p: p.nfs("us-east-1")), "source.region", "cannot be paired", "agent in eu-west-1", id="agent-and-partner-in-two-regions"),
    pytest.param(pair(source=lambda p: p.nfs("us-east-1", agent_arns=[p.agent("eu-west-1")]), destination=lambda p: p.bucket("us-east-1", "acme-copy")), "source.nfs.agent_arns[0]", "lies in eu-west-1", "eu-west-1", id="an-agent-in-another-region"),
    pytest.param(pair(source=lambda p: p.object_storage("us-east-1", agent_arns=[p.agent("us-west-2")]), destination=lambda p: p.bucket("us-east-1", "acme-copy")), "source.object_storage.agent_arns[0]", "lies in us-west-2", "us-west-2", id="an-agent-of-a-store-in-another-region"),
    pytest.param(pair(source=lambda p: p.nfs("us-east-1", version="NFS4_2"), destination=lambda p: p.open_zfs("us-east-1")), "source.version", "ENHANCED", "NFS4_1", id="nfs42-in-basic"),
    pytest.param(pair(include=[LONG]), "filters", "102400", "joined with |", id="a-filter-too-long"),
    pytest.param(pair(include=[LONG[:60_000]], exclude=[LONG[:60_000]]), "filters", "characters", "together", id="filters-too-long-together"),
    pytest.param(pair(include=["*.txt"]), "filters", "star before its end", "include", id="star-first-in-an-include"),
    pytest.param(pair(options=options(preserve_deleted_files="REMOVE", transfer_mode="ALL")), "options.preserve_deleted_files", "never looks", "CHANGED", id="remove-with-all"),
    pytest.param(pair(options=options(task_mode="ENHANCED", verify_mode="POINT_IN_TIME_CONSISTENT")), "options.verify_mode", "ENHANCED", "ONLY_FILES", id="point-in-time-enhanced"),
    pytest.param(pair(source=lambda p: p.windows(), options=options(task_mode="ENHANCED")), "options.task_mode", "fsx_windows", "BASIC", id="windows-enhanced"),
    pytest.param(pair(options=options(task_mode="BASIC", mtime="PRESERVE", atime="NONE")), "options.atime", "BASIC", "BEST_EFFORT", id="basic-with-one-time"),
    pytest.param(pair(options=options(task_mode="ENHANCED", mtime="NONE")), "options.mtime", "ENHANCED", "BASIC", id="enhanced-without-mtime"),
    pytest.param(pair(options=options(uid="NAME"), source=lambda p: p.efs()), "options.uid", "NAME", "INT_VALUE", id="uid-by-name"),
    pytest.param(pair(options=options(object_metadata="NONE")), "options.object_metadata", "cannot send", "PRESERVE", id="metadata-none"),
    pytest.param(pair(options=options(verify_mode="POINT_IN_TIME_CONSISTENT"), destination=lambda p: p.bucket("eu-west-1", "acme-eu", storage_class="DEEP_ARCHIVE")), "options.verify_mode", "DEEP_ARCHIVE", "storage class", id="point-in-time-into-an-archive"),
    pytest.param(pair(source=lambda p: p.nfs(), destination=lambda p: p.hdfs()), "destination", "no end in AWS", "engine: ferryline", id="no-end-in-aws"),
    pytest.param(pair(destination=lambda p: p.bucket(prefix="copy")), "destination.path", "overlaps", "neither holds", id="into-itself"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", storage_class="EXPRESS_ONEZONE")), "destination.s3.storage_class", "EXPRESS_ONEZONE", "STANDARD", id="storage-class"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", kms_key_arns=["alias/train"])), "destination.s3.kms_key_arns[0]", "no key's ARN", "whole ARN", id="key-alias"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", kms_key_arns=[f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"])), "destination.s3.kms_key_arns[0]", "lies in us-east-1", "eu-west-1", id="key-of-another-region"),
    pytest.param(pair(task_name="no\ttabs! here"), "task_name", "no task's name", "256", id="task-name"),
    pytest.param(pair(destination=lambda p: p.bucket("eu-west-1", "acme-eu", "copy"), options=options(preserve_deleted_files="REMOVE"), report=lambda d: d.ReportArgs(bucket_arn="arn:aws:s3:::acme-eu", region="eu-west-1", prefix="copy/reports")), "report.prefix", "REMOVE would delete", "another bucket", id="reports-where-remove-deletes"),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "field", "what", "remedy"), REFUSED)
def test_it_is_refused_before_any_resource(declared, field, what, remedy):
    made = []

    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        try:
            declared(d, places)
        except errors.BadPolicy as refused:
            made.extend(refused.problems)

    ran = run(program)

    found = [one for one in made if f": {field}: " in one.message]
    assert found, [str(one) for one in made]
    assert what in found[0].message
    assert remedy in found[0].message + found[0].remedy
    assert ran.made == []


def test_every_problem_is_named_at_once():
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        with pytest.raises(errors.BadPolicy) as refused:
            d.DataSyncTask(
                "one",
                d.DataSyncTaskArgs(
                    source=places.bucket("nowhere-1"),
                    destination=places.bucket("af-south-1", "acme-za"),
                    schedule="rate(1 minute)",
                ),
            )
        assert len(refused.value.problems) == 3

    run(program)


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        pytest.param({"taskMode": 1}, "taskMode", "is no argument", id="unknown"),
        pytest.param({"logGroupArn": "x"}, "logGroupArn", "did you mean 'log_group_arn'", id="camel-case"),
        pytest.param({"source": {"s3": {}}}, "source", "is missing", id="missing"),
        pytest.param({"source": "arn:aws:s3:::x"}, "source", "is a str", id="not-a-mapping"),
        pytest.param(
            {"options": {"verify_mode": "SOMETIMES"}},
            "options.verify_mode",
            "is not one of",
            id="no-such-value",
        ),
        pytest.param({"source": {"region": "us-east-1"}}, "source", "no kind of location", id="no-kind"),
        pytest.param(
            {
                "source": {
                    "region": "us-east-1",
                    "s3": {"bucket_arn": "arn:aws:s3:::a"},
                    "efs": {"file_system_arn": "x", "subnet_arn": "y", "security_group_arns": ["z"]},
                }
            },
            "source",
            "s3, efs",
            id="two-kinds",
        ),
    ],
)
def test_arguments_of_the_wrong_shape_say_where(given, field, words):
    def program():
        from ferryline import deploy as d

        end = {"region": "us-east-1", "s3": {"bucket_arn": "arn:aws:s3:::acme-train"}}
        other = {"region": "us-west-2", "s3": {"bucket_arn": "arn:aws:s3:::acme-west"}}
        with pytest.raises(errors.BadPolicy) as refused:
            d.DataSyncTask("one", {"source": end, "destination": other} | given)
        assert f": {field}" in str(refused.value)
        assert words in str(refused.value)

    run(program)


def test_a_region_that_is_not_known_when_the_program_runs_is_refused():
    import pulumi

    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        with pytest.raises(errors.BadPolicy, match="has to be known when the program runs"):
            d.DataSyncTask(
                "one",
                d.DataSyncTaskArgs(
                    source=places.bucket(pulumi.Output.from_input("us-east-1")),
                    destination=places.bucket("eu-west-1", "acme-eu"),
                ),
            )

    run(program)


def test_a_bucket_that_lies_elsewhere_is_refused_before_its_location():
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        d.DataSyncTask(
            "one",
            d.DataSyncTaskArgs(
                source=places.bucket("us-east-1", "acme-train", look_up=True),
                destination=places.bucket("eu-west-1", "acme-eu"),
            ),
        )

    with pytest.raises(ValueError, match="lies in us-west-2, and is declared in us-east-1"):
        run(program, regions={"acme-train": "us-west-2"})

    assert run(program, regions={"acme-train": "us-east-1"}).all("Task")


def test_an_enabled_region_is_taken():
    from tests.deploy.test_every_kind import task

    assert task(
        "bucket", lambda places: places.bucket("af-south-1", "acme-za"), opted_in_regions=["af-south-1"]
    ).all("Task")
