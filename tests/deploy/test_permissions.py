"""The IAM documents, evaluated: what the task needs is allowed, anything else is not."""

import json

import pulumi
import pytest

from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run
from tests.deploy.iam import Ask, allowed

TRAIN, EU = "arn:aws:s3:::acme-train", "arn:aws:s3:::acme-eu"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"

OURS = {"aws:ResourceAccount": ACCOUNT}


def program(remove=False, foreign=None):
    def make():
        from ferryline import deploy as d
        from tests.deploy import places

        options = d.OptionsArgs(preserve_deleted_files=d.PreserveDeletedFiles.REMOVE) if remove else None
        more = {"owner_account_id": OTHER_ACCOUNT, "owner_policy": foreign} if foreign else {}
        made = d.Replication(
            "train",
            d.ReplicationArgs(
                source=places.bucket("us-east-1", "acme-train", "imagenet/"),
                replicas={
                    "eu": d.ReplicaArgs(
                        to=places.bucket("eu-central-1", "acme-eu", "copy/", kms_key_arns=[KEY], **more)
                    )
                },
                options=options,
                report=d.ReportArgs(bucket_arn="arn:aws:s3:::acme-ops", region="eu-central-1"),
            ),
        )
        for name in (
            "reader_policy",
            "mover_policy",
            "required_bucket_policies",
            "required_kms_statements",
            "role_arns",
            "task_arns",
        ):
            pulumi.export(name, getattr(made, name))

    return make


@pytest.fixture(scope="module")
def ran():
    return run(program())


def of_role(ran, name):
    return ran.one("RolePolicy", name).inputs["policy"]


SOURCE = [
    ("s3:ListBucket", TRAIN, True),
    ("s3:GetBucketLocation", TRAIN, True),
    ("s3:GetObject", f"{TRAIN}/imagenet/0001.tar", True),
    ("s3:GetObjectTagging", f"{TRAIN}/imagenet/0001.tar", True),
    ("s3:GetObject", f"{TRAIN}/secrets/key", False),
    ("s3:PutObject", f"{TRAIN}/imagenet/0001.tar", False),
    ("s3:DeleteObject", f"{TRAIN}/imagenet/0001.tar", False),
    ("s3:GetObject", f"{EU}/copy/0001.tar", False),
    ("kms:Decrypt", KEY, False),
]

REPLICA = [
    ("s3:PutObject", f"{EU}/copy/0001.tar", True),
    ("s3:AbortMultipartUpload", f"{EU}/copy/0001.tar", True),
    ("s3:GetObject", f"{EU}/copy/0001.tar", True),
    ("s3:PutObjectTagging", f"{EU}/copy/0001.tar", True),
    ("s3:DeleteObject", f"{EU}/copy/0001.tar", False),
    ("s3:PutObject", f"{EU}/elsewhere", False),
    ("s3:PutBucketPolicy", EU, False),
    ("kms:GenerateDataKey", KEY, True),
    ("kms:ScheduleKeyDeletion", KEY, False),
    ("s3:GetObject", f"{TRAIN}/imagenet/0001.tar", False),
]


@pytest.mark.parametrize(("action", "resource", "expected"), SOURCE)
def test_the_source_role_reads_its_folder_and_no_more(ran, action, resource, expected):
    assert allowed(Ask(action, resource, context=OURS), of_role(ran, "train-source")) is expected


@pytest.mark.parametrize(("action", "resource", "expected"), REPLICA)
def test_the_replica_role_writes_its_folder_and_no_more(ran, action, resource, expected):
    assert allowed(Ask(action, resource, context=OURS), of_role(ran, "train-eu")) is expected


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("train-source", "s3:GetObject", f"{TRAIN}/imagenet/0001.tar"),
        ("train-eu", "s3:PutObject", f"{EU}/copy/0001.tar"),
    ],
)
def test_a_bucket_of_the_same_name_in_other_hands_is_out_of_reach(ran, role, action, resource):
    theirs = {"aws:ResourceAccount": OTHER_ACCOUNT}

    assert allowed(Ask(action, resource, context=OURS), of_role(ran, role))
    assert not allowed(Ask(action, resource, context=theirs), of_role(ran, role))


def test_only_remove_lets_the_role_delete():
    assert allowed(
        Ask("s3:DeleteObject", f"{EU}/copy/0001.tar", context=OURS),
        of_role(run(program(remove=True)), "train-eu"),
    )


def test_the_report_role_writes_reports_and_no_more(ran):
    policy = of_role(ran, "train-eu-report")

    assert allowed(Ask("s3:PutObject", "arn:aws:s3:::acme-ops/ferryline-reports/x.json"), policy)
    assert not allowed(Ask("s3:GetObject", "arn:aws:s3:::acme-ops/ferryline-reports/x.json"), policy)
    assert not allowed(Ask("s3:PutObject", "arn:aws:s3:::acme-ops/other"), policy)


TRUST = [
    # who, for which account, from where
    ("datasync.amazonaws.com", ACCOUNT, f"arn:aws:datasync:us-east-1:{ACCOUNT}:location/loc-1", True),
    ("datasync.amazonaws.com", ACCOUNT, f"arn:aws:datasync:eu-central-1:{ACCOUNT}:task/task-1", True),
    ("datasync.amazonaws.com", ACCOUNT, f"arn:aws:datasync:eu-west-1:{ACCOUNT}:task/task-1", False),
    (
        "datasync.amazonaws.com",
        OTHER_ACCOUNT,
        f"arn:aws:datasync:us-east-1:{OTHER_ACCOUNT}:location/loc-1",
        False,
    ),
    ("datasync.amazonaws.com", ACCOUNT, f"arn:aws:datasync:us-east-1:{OTHER_ACCOUNT}:location/loc-1", False),
    ("ec2.amazonaws.com", ACCOUNT, f"arn:aws:datasync:us-east-1:{ACCOUNT}:location/loc-1", False),
]


@pytest.mark.parametrize(("service", "account", "arn", "expected"), TRUST)
def test_nobody_but_our_own_datasync_may_assume_the_source_role(ran, service, account, arn, expected):
    trust = ran.one("Role", "train-source").inputs["assumeRolePolicy"]
    ask = Ask("sts:AssumeRole", "", service, {"aws:SourceAccount": account, "aws:SourceArn": arn})

    assert allowed(ask, trust) is expected


READER = [
    ("s3:GetObject", f"{EU}/copy/0001.tar", {}, True),
    ("s3:ListBucket", EU, {"s3:prefix": "copy/"}, True),
    ("s3:ListBucket", EU, {"s3:prefix": "other/"}, False),
    ("s3:PutObject", f"{EU}/copy/0001.tar", {}, False),
    ("s3:GetObject", f"{TRAIN}/imagenet/0001.tar", {}, False),
]


@pytest.mark.parametrize(("action", "resource", "context", "expected"), READER)
def test_readers_read_replicas(ran, action, resource, context, expected):
    assert allowed(Ask(action, resource, context=context), ran.exports["reader_policy"]) is expected


def test_movers_start_the_task_and_prove_the_replica_without_writing_its_data(ran):
    policy, task = ran.exports["mover_policy"], ran.exports["task_arns"]["eu"]
    expected = {
        ("datasync:StartTaskExecution", task): True,
        ("datasync:DescribeTaskExecution", f"{task}/execution/exec-1"): True,
        ("datasync:DescribeTask", task): True,
        ("datasync:ListTagsForResource", task): True,
        ("datasync:ListTasks", "*"): True,
        ("datasync:ListLocations", "*"): True,
        ("s3:GetBucketVersioning", EU): True,
        ("s3:GetReplicationConfiguration", TRAIN): False,
        ("s3:DeleteObjectVersion", f"{EU}/copy/.ferryline/probe/x"): True,
        ("s3:DeleteObjectVersion", f"{EU}/copy/0001.tar"): False,
        ("datasync:DeleteTask", task): False,
        ("datasync:StartTaskExecution", f"{task}x"): False,
        ("s3:GetObject", f"{TRAIN}/imagenet/0001.tar"): True,
        ("s3:GetObject", f"{EU}/copy/0001.tar"): True,
        ("s3:PutObject", f"{EU}/copy/.ferryline/head.json"): True,
        ("s3:PutObject", f"{EU}/copy/0001.tar"): False,
        ("s3:PutObject", f"{TRAIN}/imagenet/0001.tar"): False,
        ("s3:GetObject", "arn:aws:s3:::acme-ops/ferryline-reports/x.json"): True,
    }

    assert {ask: allowed(Ask(*ask), policy) for ask in expected} == expected


def test_another_accounts_bucket_gets_a_document_and_the_role_asks_for_that_account():
    ran = run(program(foreign="attached"))
    role, document = ran.exports["role_arns"]["eu"], ran.exports["required_bucket_policies"]["eu"]

    assert allowed(Ask("s3:PutObject", f"{EU}/copy/0001.tar", role), document)
    assert allowed(Ask("s3:ListBucket", EU, role), document)
    assert not allowed(
        Ask("s3:PutObject", f"{EU}/copy/0001.tar", "arn:aws:iam::111122223333:role/other"), document
    )
    own = of_role(ran, "train-eu")
    assert allowed(Ask("s3:PutObject", f"{EU}/copy/1", context={"aws:ResourceAccount": OTHER_ACCOUNT}), own)
    assert not allowed(Ask("s3:PutObject", f"{EU}/copy/1", context={"aws:ResourceAccount": ACCOUNT}), own)
    assert ran.all("Task")


def test_while_the_other_account_is_pending_there_are_roles_and_documents_and_no_task():
    pending, attached = run(program(foreign="pending")), run(program(foreign="attached"))

    assert pending.all("Task") == pending.all("S3Location") == []
    assert pending.exports["required_bucket_policies"] == attached.exports["required_bucket_policies"]
    assert pending.one("Role", "train-eu").urn == attached.one("Role", "train-eu").urn


def test_key_policies_get_a_statement_for_the_role(ran):
    (statement,) = json.loads(ran.exports["required_kms_statements"]["eu"])

    assert statement["Principal"] == {"AWS": ran.exports["role_arns"]["eu"]}
    assert "kms:GenerateDataKey*" in statement["Action"]


def test_documents_of_datasets_that_share_a_bucket_merge_into_one():
    from ferryline.deploy import documents

    def of(prefix, role, label):
        grant = documents.writing(EU, prefix, deletes=False)
        return documents.document(
            documents.bucket_statements(grant, f"arn:aws:iam::{ACCOUNT}:role/{role}", label)
        )

    merged = documents.merged([of("a/", "a", "One"), of("b/", "b", "One"), of("a/", "a", "One")])

    names = [one["Sid"] for one in json.loads(merged)["Statement"]]
    assert len(names) == len(set(names)) == 4
    assert allowed(Ask("s3:PutObject", f"{EU}/b/1", f"arn:aws:iam::{ACCOUNT}:role/b"), merged)
    assert not allowed(Ask("s3:PutObject", f"{EU}/b/1", f"arn:aws:iam::{ACCOUNT}:role/a"), merged)
