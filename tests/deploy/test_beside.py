"""Reports, logs, topics, tags and accounts that AWS would refuse are refused before any resource."""

import pytest

from ferryline import errors
from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run

OPS = "arn:aws:s3:::acme-ops"


def dataset(source=None, options=None, report=None, watching=None, **more):
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        start = source(places) if source else places.bucket("us-east-1", "acme-train", "a/")
        d.Replication(
            "train",
            d.ReplicationArgs(
                source=start,
                replicas={"eu": d.ReplicaArgs(to=places.bucket("eu-central-1", "acme-eu", "a/"))},
                options=d.OptionsArgs(**options) if options else None,
                report=d.ReportArgs(**report) if report else None,
                watching=d.WatchingArgs(**watching) if watching else None,
                **more,
            ),
        )

    return program


def topic(region):
    return f"arn:aws:sns:{region}:{ACCOUNT}:alarms"


REFUSED = [
    pytest.param(dataset(report={"bucket_arn": OPS, "region": "mars-1"}), "report.region", "no region 'mars-1'", "us-east-1", id="report-nowhere"),
    pytest.param(dataset(report={"bucket_arn": OPS, "region": "cn-north-1"}), "report.region", "partitions apart", "partition", id="report-in-another-partition"),
    pytest.param(dataset(report={"bucket_arn": OPS, "region": "af-south-1"}), "report.region", "enable first", "opted_in_regions", id="report-in-an-opt-in-region"),
    pytest.param(dataset(report={"bucket_arn": "acme-ops", "region": "us-east-1"}), "report.bucket_arn", "not an ARN of s3", "whole ARN", id="report-without-an-arn"),
    pytest.param(dataset(report={"bucket_arn": f"{OPS}/reports", "region": "us-east-1"}), "report.bucket_arn", "object's ARN", "prefix", id="report-with-a-key"),
    pytest.param(dataset(report={"bucket_arn": OPS, "region": "us-east-1", "prefix": "r/dt=1"}), "report.prefix", "'r/dt=1'", "letters, digits", id="report-in-a-hive-folder"),
    pytest.param(dataset(watching={"topic_arns": {"eu-central-1": topic("us-east-1")}}), "watching.topic_arns.eu-central-1", "lies in us-east-1", "eu-central-1", id="topic-of-another-region"),
    pytest.param(dataset(watching={"topic_arns": {"eu-central-9": topic("us-east-1")}}), "watching.topic_arns.eu-central-9", "no region", "did you mean", id="topic-for-no-region"),
    pytest.param(dataset(watching={"topic_arns": {"eu-central-1": "alarms"}}), "watching.topic_arns.eu-central-1", "not an ARN of sns", "whole ARN", id="topic-without-an-arn"),
    pytest.param(dataset(watching={"log_group_arns": {"eu-central-1": topic("eu-central-1")}}), "watching.log_group_arns.eu-central-1", "not an ARN of logs", "logs", id="a-topic-for-a-log-group"),
    pytest.param(dataset(watching={"log_retention_days": 45}), "watching.log_retention_days", "45 days", "write 60", id="days-nobody-offers"),
    pytest.param(dataset(watching={"log_retention_days": 5000}), "watching.log_retention_days", "5000 days", "write 3653", id="more-days-than-there-are"),
    pytest.param(dataset(tags={"aws:team": "x"}), "tags", "AWS's own", "without aws:", id="a-tag-of-aws"),
    pytest.param(dataset(tags={"k" * 129: "x"}), "tags", "too long", "128", id="a-long-tag"),
    pytest.param(dataset(tags={"k": "x" * 257}), "tags", "too long", "256", id="a-long-value"),
    pytest.param(dataset(tags={f"k{number}": "x" for number in range(51)}), "tags", "51 tags", "50", id="many-tags"),
    pytest.param(dataset(account_id="12"), "account_id", "'12' is no account", "twelve digits", id="no-account"),
    pytest.param(dataset(source=lambda p: p.bucket(prefix="/a/")), "source.s3.prefix", "begins with a slash", "leave the slash out", id="slash-first"),
    pytest.param(dataset(source=lambda p: p.bucket(name="acme-train/a")), "source.s3.bucket_arn", "object's ARN", "prefix", id="a-key-in-the-bucket"),
    pytest.param(dataset(source=lambda p: p.bucket(role_arn="mover")), "source.s3.role_arn", "not an ARN of iam", "whole ARN", id="a-roles-name"),
    pytest.param(dataset(source=lambda p: p.bucket(role_arn=f"arn:aws:iam::{ACCOUNT}:user/mover")), "source.s3.role_arn", "is no role", "role's ARN", id="a-user-for-a-role"),
    pytest.param(dataset(source=lambda p: p.nfs("eu-central-1", server_hostname="nfs://nas")), "source.nfs.server_hostname", "no host's name", "without a scheme", id="a-url-for-a-host"),
    pytest.param(dataset(options={"bytes_per_second": 0}), "options.bytes_per_second", "0 bytes", "-1", id="no-bandwidth"),
    pytest.param(dataset(options={"bytes_per_second": -5}), "options.bytes_per_second", "-5 bytes", "-1", id="less-than-no-bandwidth"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "field", "what", "remedy"), REFUSED)
def test_it_is_refused_by_field_with_a_remedy(program, field, what, remedy):
    with pytest.raises(errors.BadPolicy) as refused:
        run(program)

    found = [one for one in refused.value.problems if f": {field}: " in one.message]
    assert found, str(refused.value)
    assert what in found[0].message
    assert remedy in found[0].remedy + found[0].message


def test_what_is_right_is_taken():
    ran = run(
        dataset(
            report={"bucket_arn": OPS, "region": "us-east-1", "prefix": "reports/train"},
            watching={
                "topic_arns": {"eu-central-1": topic("eu-central-1"), "us-west-2": topic("us-west-2")},
                "log_group_arns": {
                    "eu-central-1": f"arn:aws:logs:eu-central-1:{OTHER_ACCOUNT}:log-group:/aws/datasync"
                },
                "log_retention_days": 30,
            },
            tags={"team": "data"},
            account_id=ACCOUNT,
            options={"bytes_per_second": -1},
        )
    )

    assert ran.one("Task").inputs["tags"]["team"] == "data"


def test_a_task_of_its_own_is_held_to_the_same():
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        d.DataSyncTask(
            "one",
            d.DataSyncTaskArgs(
                source=places.bucket("us-east-1", "acme-train"),
                destination=places.bucket("eu-central-1", "acme-eu"),
                log_group_arn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:x",
                report=d.ReportArgs(bucket_arn=OPS, region="mars-1"),
                account_id="12",
                tags={"aws:x": "y"},
            ),
        )

    with pytest.raises(errors.BadPolicy) as refused:
        run(program)

    said = str(refused.value)
    for field in ("log_group_arn", "report.region", "account_id", "tags"):
        assert f": {field}: " in said


def alone(kind, **given):
    def program():
        from ferryline import deploy as d

        getattr(d, kind)("one", getattr(d, kind + "Args")(**given))

    return program


TASK_ELSEWHERE = f"arn:aws:datasync:us-east-1:{ACCOUNT}:task/task-0123456789abcdef0"


@pytest.mark.parametrize(
    ("program", "field", "what"),
    [
        pytest.param(alone("Logs", region="eu-west-1", retention_days=45), "retention_days", "45", id="logs"),
        pytest.param(alone("Logs", region="eu-west-1", account_id="1"), "account_id", "'1'", id="logs-account"),
        pytest.param(alone("Watch", region="eu-west-1", tasks={}, topic_arn=topic("us-east-1")), "topic_arn", "lies in us-east-1", id="watch-topic"),
        pytest.param(alone("Watch", region="eu-west-1", tasks={"a": TASK_ELSEWHERE}), "tasks.a", "lies in us-east-1", id="watch-task"),
        pytest.param(alone("Bucket", region="eu-west-1", tags={"aws:x": "y"}), "tags", "AWS's own", id="bucket-tags"),
    ],
)  # fmt: skip
def test_a_component_of_its_own_is_held_to_the_same(program, field, what):
    with pytest.raises(errors.BadPolicy) as refused:
        run(program)

    (problem,) = refused.value.problems
    assert f": {field}: " in problem.message
    assert what in problem.message
