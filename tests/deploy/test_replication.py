"""Datasets with several replicas, engines and regions: what is shared, what is not, and what is refused."""

import json

import pulumi
import pytest

from ferryline import errors
from tests.deploy import datasync_model
from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run


def replication(replicas, source=None, **more):
    """A program with one Replication; `replicas` maps names to functions of `places`, or (function, engine)."""

    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        made = {}
        for name, declared in replicas.items():
            place, engine = declared if isinstance(declared, tuple) else (declared, None)
            made[name] = d.ReplicaArgs(to=place(places), engine=d.Engine(engine) if engine else None)
        given = {key: value(d) if callable(value) else value for key, value in more.items()}
        start = source(places) if source else places.bucket("us-east-1", "acme-train", "imagenet/")
        one = d.Replication("train", d.ReplicationArgs(source=start, replicas=made, **given))
        for name in (
            "task_arns",
            "log_groups",
            "alarm_arns",
            "role_arns",
            "required_bucket_policies",
            "replication_configuration",
            "reader_policy",
            "mover_policy",
            "location_arns",
        ):
            pulumi.export(name, getattr(one, name))

    return program


def eu(name="acme-eu", region="eu-central-1", prefix="imagenet/", **more):
    return lambda places: places.bucket(region, name, prefix, **more)


def test_replicas_share_the_source_and_its_role():
    ran = run(
        replication(
            {"eu": eu(), "west": eu("acme-west", "us-west-2"), "efs": lambda places: places.efs("us-east-2")}
        )
    )

    assert [one.inputs["region"] for one in ran.all("Task")] == ["us-east-2", "eu-central-1", "us-west-2"]
    assert ran.one("S3Location", "train-source").inputs["region"] == "us-east-1"
    assert len(ran.all("Role")) == 3
    trust = ran.one("Role", "train-source").inputs["assumeRolePolicy"]
    for region in ("us-east-1", "us-east-2", "us-west-2", "eu-central-1"):
        assert f"arn:aws:datasync:{region}:{ACCOUNT}:*" in trust
    assert datasync_model.problems(ran) == []


def test_basic_tasks_of_a_region_share_one_log_group_and_one_resource_policy():
    ran = run(
        replication(
            {
                "share": lambda places: places.windows("us-east-1"),
                "zfs": lambda places: places.open_zfs("us-east-1"),
            },
            schedule="rate(6 hours)",
        )
    )

    assert len(ran.all("LogGroup")) == len(ran.all("LogResourcePolicy")) == 1
    assert {one.inputs["cloudwatchLogGroupArn"] for one in ran.all("Task")} == {
        ran.arns()[ran.one("LogGroup").urn]
    }
    assert set(ran.exports["log_groups"]) == {"share", "zfs"}
    assert len(ran.all("MetricAlarm")) == 2
    assert len(ran.all("Topic")) == 2
    assert datasync_model.problems(ran) == []


def test_log_groups_and_topics_of_the_account_are_used_where_given():
    ran = run(
        replication(
            {"share": lambda places: places.windows("us-east-1")},
            watching=lambda d: d.WatchingArgs(
                topic_arns={"us-east-1": f"arn:aws:sns:us-east-1:{ACCOUNT}:ops"},
                log_group_arns={"us-east-1": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:datasync"},
            ),
        )
    )

    assert ran.all("LogGroup") == ran.all("LogResourcePolicy") == []
    assert ran.exports["log_groups"] == {"share": "datasync"}
    assert (
        ran.one("EventTarget", "train-us-east-1-failed").inputs["arn"]
        == f"arn:aws:sns:us-east-1:{ACCOUNT}:ops"
    )


def test_s3_replication_is_a_document_unless_it_is_owned():
    ran = run(
        replication(
            {"eu": (eu(), "s3-replication"), "west": (eu("acme-west", "us-west-2"), "s3-replication")}
        )
    )

    assert ran.all("BucketReplicationConfig") == ran.all("Task") == []
    configuration = json.loads(ran.exports["replication_configuration"])
    assert configuration["Role"] == ran.exports["role_arns"]["eu"]
    assert [(one["ID"], one["Priority"], one["Filter"]) for one in configuration["Rules"]] == [
        ("eu", 1, {"Prefix": "imagenet/"}),
        ("west", 2, {"Prefix": "imagenet/"}),
    ]
    for rule in configuration["Rules"]:
        assert rule["Destination"]["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
        assert rule["Destination"]["Metrics"]["Status"] == "Enabled"
        assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    rules = [one for one in json.loads(ran.exports["mover_policy"])["Statement"] if one["Sid"] == "Rules"]
    assert [one["Resource"] for one in rules] == ["arn:aws:s3:::acme-train"]


def test_an_owned_replication_configuration_is_what_the_document_says():
    ran = run(
        replication(
            {
                "eu": (
                    eu(
                        kms_key_arns=[f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/2"],
                        owner_account_id=OTHER_ACCOUNT,
                        owner_policy="attached",
                    ),
                    "s3-replication",
                )
            },
            source=lambda places: places.bucket(
                "us-east-1",
                "acme-train",
                "imagenet/",
                kms_key_arns=[f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"],
            ),
            options=lambda d: d.OptionsArgs(preserve_deleted_files=d.PreserveDeletedFiles.REMOVE),
            attach=True,
        )
    )
    made = ran.one("BucketReplicationConfig")

    assert made.inputs["region"] == "us-east-1"
    assert made.inputs["bucket"] == "acme-train"
    (rule,) = made.inputs["rules"]
    assert rule == {
        "id": "eu",
        "priority": 1,
        "status": "Enabled",
        "filter": {"prefix": "imagenet/"},
        "deleteMarkerReplication": {"status": "Enabled"},
        "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
        "destination": {
            "bucket": "arn:aws:s3:::acme-eu",
            "account": OTHER_ACCOUNT,
            "accessControlTranslation": {"owner": "Destination"},
            "encryptionConfiguration": {"replicaKmsKeyId": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/2"},
            "replicationTime": {"status": "Enabled", "time": {"minutes": 15}},
            "metrics": {"status": "Enabled", "eventThreshold": {"minutes": 15}},
        },
    }
    assert ran.waits_for(made, ran.one("RolePolicy"))
    assert "s3:ReplicateObject" in ran.exports["required_bucket_policies"]["eu"]


def test_each_replica_has_its_own_engine():
    ran = run(
        replication(
            {
                "eu": (eu(), "datasync"),
                "west": (eu("acme-west", "us-west-2"), "s3-replication"),
                "own": (eu("acme-own", "us-west-1", "elsewhere/"), "ferryline"),
            }
        )
    )

    assert set(ran.exports["task_arns"]) == {"eu"}
    assert '"ID": "west"' in ran.exports["replication_configuration"]
    assert "arn:aws:s3:::acme-own/elsewhere/*" in ran.exports["mover_policy"]
    for bucket in ("acme-eu", "acme-west", "acme-own"):
        assert f"arn:aws:s3:::{bucket}" in ran.exports["reader_policy"]


def test_configurations_of_datasets_that_share_a_bucket_merge_with_new_priorities():
    from ferryline.deploy.bucket_replication import merged

    one = run(replication({"eu": (eu(), "s3-replication")})).exports["replication_configuration"]
    found = json.loads(merged([one, one]))

    assert [(rule["ID"], rule["Priority"]) for rule in found["Rules"]] == [("eu", 1), ("eu-2", 2)]


REFUSED = [
    pytest.param(replication({"eu": (eu(prefix="copy/"), "s3-replication")}), "replicas.eu.to.path", "keeps keys as they are", id="keys-that-move"),
    pytest.param(replication({"eu": (lambda places: places.efs(), "s3-replication")}), "replicas.eu.to", "S3 buckets only", id="s3-replication-to-efs"),
    pytest.param(replication({"eu": (eu(), "s3-replication")}, options=lambda d: d.OptionsArgs(overwrite_mode=d.OverwriteMode.NEVER)), "options.overwrite_mode", "always overwrites", id="s3-replication-never-overwrites"),
    pytest.param(replication({"eu": (eu(), "s3-replication")}, exclude=["*.tmp"]), "exclude", "would get everything", id="s3-replication-with-an-exclude"),
    pytest.param(replication({"west": eu("acme-west", "us-west-2"), "eu": (eu(), "s3-replication")}, include=["/train*"]), "include", "eu would get everything", id="s3-replication-with-an-include"),
    pytest.param(replication({"cn": (eu("acme-cn", "cn-north-1"), "s3-replication")}), "replicas.cn.to.region", "partitions apart", id="s3-replication-across-partitions"),
    pytest.param(replication({"eu": (eu(), "s3-replication")}, source=lambda places: places.bucket(prefix="imagenet/", kms_key_arns=[f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"])), "replicas.eu.to.s3.kms_key_arns", "encrypted with KMS", id="s3-replication-without-the-replicas-key"),
    pytest.param(replication({"eu": (eu(kms_key_arns=[f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{one}" for one in "12"]), "s3-replication")}), "replicas.eu.to.s3.kms_key_arns", "more than one", id="s3-replication-with-two-keys"),
    pytest.param(replication({}), "replicas", "none given", id="no-replicas"),
    pytest.param(replication({"eu": eu(), "again": eu()}), "replicas.again.to", "same place", id="two-writers"),
    pytest.param(replication({"source": eu()}), "replicas.source", "cannot be called", id="a-replica-called-source"),
    pytest.param(replication({"eu": eu()}, watching=lambda d: d.WatchingArgs(max_age_hours=200)), "watching.max_age_hours", "200 hours", id="alarm-past-a-week"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "field", "what"), REFUSED)
def test_it_is_refused_by_field(program, field, what):
    with pytest.raises(errors.BadPolicy) as refused:
        run(program)

    assert f": {field}: " in str(refused.value)
    assert what in str(refused.value)


@pytest.mark.parametrize(
    ("program", "what", "remedy"),
    [
        pytest.param(
            replication({"eu": eu()}, residency=lambda d: d.ResidencyArgs(allow=["US"])),
            "replicas.eu in eu-central-1",
            "use a region inside US, or add DE to datasets.train.residency.allow",
            id="replica",
        ),
        pytest.param(
            replication({"eu": eu()}, residency=lambda d: d.ResidencyArgs(allow=["EU"])),
            "source source in us-east-1",
            "use a region inside EU, or add US to datasets.train.residency.allow",
            id="source",
        ),
        pytest.param(
            replication(
                {"west": eu("acme-west", "us-west-2")},
                residency=lambda d: d.ResidencyArgs(deny=["DE"]),
                report=lambda d: d.ReportArgs(bucket_arn="arn:aws:s3:::acme-ops", region="eu-central-1"),
            ),
            "report in eu-central-1",
            "use a region outside DE, or remove DE from datasets.train.residency.deny",
            id="reports",
        ),
    ],
)
def test_residency_refuses_before_any_resource(program, what, remedy):
    with pytest.raises(errors.GuardRefused) as refused:
        run(program)

    assert refused.value.kind == "residency"
    assert what in str(refused.value)
    assert "no byte was moved" in refused.value.advice
    assert remedy in refused.value.advice


def test_long_names_fit_into_what_aws_takes():
    def program():
        from ferryline import deploy as d
        from tests.deploy import places

        name = "a-dataset-with-a-name-that-goes-on-and-on-for-quite-a-while"
        d.Replication(
            name,
            d.ReplicationArgs(
                source=places.bucket(),
                replicas={
                    "a-replica-in-frankfurt": d.ReplicaArgs(to=places.bucket("eu-central-1", "acme-eu"))
                },
                schedule="rate(1 day)",
            ),
        )

    ran = run(program)

    assert max(len(one.name) for kind in ("Role", "EventRule") for one in ran.all(kind)) <= 56
    assert len({one.name for one in ran.all("EventRule")}) == 2


def test_a_bucket_is_kept_when_the_stack_is_destroyed():
    def program():
        from ferryline import deploy as d

        d.Bucket(
            "replica",
            d.BucketArgs(
                region="eu-central-1",
                object_lock_days=30,
                noncurrent_days=7,
                kms_key_arn=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1",
            ),
        )

    ran = run(program)

    (made,) = [one for one in ran.all("Bucket") if one.type == "aws:s3/bucket:Bucket"]
    assert made.protect
    assert all(one.retain for one in ran.made if one.type.startswith("aws:s3/"))
    assert ran.one("BucketObjectLockConfiguration").inputs["rule"]["defaultRetention"] == {
        "days": 30,
        "mode": "GOVERNANCE",
    }
    assert len(ran.one("BucketLifecycleConfiguration").inputs["rules"]) == 2
