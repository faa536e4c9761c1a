"""IAM documents of least privilege for DataSync and S3 replication, as plain values.

Components turn them into JSON; tests evaluate them. Nothing here knows Pulumi: every name is a text
that has been resolved. Sources: the DataSync user guide on S3 locations, cross-account transfers,
confused deputies and logging, and the S3 guide on replication.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Statement = dict[str, Any]

VERSION = "2012-10-17"

BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
MOVER_BUCKET_ACTIONS = (*BUCKET_ACTIONS, "s3:GetBucketVersioning", "s3:ListBucketVersions")
"""What Ferryline itself asks of a replica's bucket: a receipt pins versions where there are any."""
READ_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:ListMultipartUploadParts",
)
WRITE_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionTagging",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectTagging",
)
DELETE_ACTION = "s3:DeleteObject"
REPORT_ACTIONS = ("s3:PutObject",)
KMS_READ_ACTIONS = ("kms:Decrypt", "kms:DescribeKey")
KMS_WRITE_ACTIONS = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
)


@dataclass(frozen=True, slots=True)
class BucketGrant:
    """What one role may do with one bucket (or access point) below a prefix.

    `owner` is the account that owns the bucket; a role is held to it, so that a bucket of the same name
    in anybody else's hands is out of reach. None leaves that open.
    """

    bucket_arn: str
    prefix: str
    bucket_actions: tuple[str, ...]
    object_actions: tuple[str, ...]
    owner: str | None = None

    @property
    def objects_arn(self) -> str:
        """Every object below the prefix."""
        middle = "/object/" if ":accesspoint/" in self.bucket_arn else "/"
        return f"{self.bucket_arn}{middle}{self.prefix}*"


def reading(bucket_arn: str, prefix: str, owner: str | None = None) -> BucketGrant:
    """What DataSync needs of a source bucket."""
    return BucketGrant(bucket_arn, prefix, BUCKET_ACTIONS, READ_ACTIONS, owner)


def writing(bucket_arn: str, prefix: str, *, deletes: bool, owner: str | None = None) -> BucketGrant:
    """What DataSync needs of a destination bucket; DeleteObject only where it may delete."""
    actions = tuple(sorted((*WRITE_ACTIONS, *((DELETE_ACTION,) if deletes else ()))))
    return BucketGrant(bucket_arn, prefix, BUCKET_ACTIONS, actions, owner)


def reporting(bucket_arn: str, prefix: str, owner: str | None = None) -> BucketGrant:
    """What DataSync needs to leave task reports."""
    return BucketGrant(bucket_arn, prefix, (), REPORT_ACTIONS, owner)


def document(statements: Iterable[Statement]) -> str:
    """The JSON of a policy with these statements, the same text for the same meaning."""
    return json.dumps({"Version": VERSION, "Statement": list(statements)}, sort_keys=True)


def trust(account: str, partition: str, regions: Iterable[str]) -> str:
    """Who may assume a role of DataSync: the service, for locations and tasks of this account alone.

    Every region that has a location or a task with this role has to be named.
    """
    arns = [f"arn:{partition}:datasync:{region}:{account}:*" for region in sorted(set(regions))]
    return document(
        [
            {
                "Sid": "DataSyncForThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "datasync.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": arns},
                },
            }
        ]
    )


def role_statements(grant: BucketGrant, kms: Sequence[str], kms_actions: Sequence[str]) -> list[Statement]:
    """The statements of a role's own policy: the bucket, its objects below the prefix, its keys."""
    condition: Statement = {}
    if grant.owner is not None:
        condition = {"Condition": {"StringEquals": {"aws:ResourceAccount": grant.owner}}}
    statements: list[Statement] = []
    if grant.bucket_actions:
        statements.append(
            {"Sid": "Bucket", "Effect": "Allow", "Action": list(grant.bucket_actions),
             "Resource": grant.bucket_arn, **condition}
        )  # fmt: skip
    statements.append(
        {"Sid": "Objects", "Effect": "Allow", "Action": list(grant.object_actions),
         "Resource": grant.objects_arn, **condition}
    )  # fmt: skip
    if kms:
        statements.append(
            {"Sid": "Keys", "Effect": "Allow", "Action": list(kms_actions), "Resource": list(kms)}
        )
    return statements


def bucket_statements(grant: BucketGrant, role_arn: str, label: str) -> list[Statement]:
    """What the bucket's own policy has to say where another account owns it."""
    principal = {"AWS": role_arn}
    parts = (
        ("Bucket", grant.bucket_actions, grant.bucket_arn),
        ("Objects", grant.object_actions, grant.objects_arn),
    )
    return [
        {
            "Sid": f"{label}{part}",
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions),
            "Resource": arn,
        }
        for part, actions, arn in parts
        if actions
    ]


def key_statement(role_arn: str, actions: Sequence[str], label: str) -> Statement:
    """What a KMS key's own policy has to say; inside a key policy the resource is always the key."""
    return {"Sid": f"{label}Key", "Effect": "Allow", "Principal": {"AWS": role_arn},
            "Action": list(actions), "Resource": "*"}  # fmt: skip


def log_delivery(group_arn: str, account: str, partition: str, region: str) -> str:
    """The resource policy that lets DataSync's BASIC tasks write to one log group."""
    return document(
        [
            {
                "Sid": "DataSyncLogs",
                "Effect": "Allow",
                "Principal": {"Service": "datasync.amazonaws.com"},
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{group_arn}:*",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:{partition}:datasync:{region}:{account}:task/*"},
                },
            }
        ]
    )


def topic(topic_arn: str, account: str) -> str:
    """Who may publish to the topic: EventBridge rules and CloudWatch alarms of this account."""
    return document(
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
        for sid, service in (("Events", "events.amazonaws.com"), ("Alarms", "cloudwatch.amazonaws.com"))
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """A bucket and a prefix that somebody may read or write, as a reader or mover meets them."""

    bucket_arn: str
    prefix: str


def reader(places: Sequence[Reach]) -> str:
    """What a training job needs to read replicas: list and get, nothing else."""
    return document(_read_statements(places))


def _read_statements(places: Sequence[Reach]) -> list[Statement]:
    statements: list[Statement] = []
    for number, place in enumerate(places):
        grant = BucketGrant(place.bucket_arn, place.prefix, (), ())
        listing: Statement = {
            "Sid": f"List{number}",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": place.bucket_arn,
        }
        if place.prefix:
            listing["Condition"] = {"StringLike": {"s3:prefix": [place.prefix, f"{place.prefix}*"]}}
        statements.append(listing)
        statements.append({"Sid": f"Locate{number}", "Effect": "Allow", "Action": ["s3:GetBucketLocation"],
                           "Resource": place.bucket_arn})  # fmt: skip
        statements.append({"Sid": f"Get{number}", "Effect": "Allow",
                           "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                           "Resource": grant.objects_arn})  # fmt: skip
    return statements


@dataclass(frozen=True, slots=True)
class Moves:
    """What a person or a job that runs `ferryline sync` touches, resolved."""

    sources: tuple[Reach, ...] = ()
    destinations: tuple[Reach, ...] = ()
    task_arns: tuple[str, ...] = ()
    reports: tuple[Reach, ...] = ()
    replicated: str | None = None
    """The bucket whose replication rules are looked at."""


def mover(moves: Moves) -> str:
    """What `ferryline sync` and `verify` need: start and watch the tasks, read sources, write replicas."""
    statements = _read_statements([*moves.sources, *moves.reports])
    if moves.replicated is not None:
        statements.append({"Sid": "Rules", "Effect": "Allow", "Action": ["s3:GetReplicationConfiguration"],
                           "Resource": moves.replicated})  # fmt: skip
    for number, place in enumerate(moves.destinations):
        grant = writing(place.bucket_arn, place.prefix, deletes=True)
        statements += [
            {"Sid": f"WriteList{number}", "Effect": "Allow", "Action": list(MOVER_BUCKET_ACTIONS),
             "Resource": place.bucket_arn},
            {"Sid": f"Write{number}", "Effect": "Allow", "Action": list(grant.object_actions),
             "Resource": grant.objects_arn},
            {"Sid": f"Own{number}", "Effect": "Allow", "Action": ["s3:DeleteObjectVersion"],
             "Resource": f"{place.bucket_arn}/{_own(place.prefix)}*"},
        ]  # fmt: skip
    if moves.task_arns:
        tasks = list(moves.task_arns)
        statements += [
            {
                "Sid": "Tasks",
                "Effect": "Allow",
                "Action": [
                    "datasync:DescribeTask",
                    "datasync:ListTagsForResource",
                    "datasync:StartTaskExecution",
                ],
                "Resource": tasks,
            },
            {
                "Sid": "Executions",
                "Effect": "Allow",
                "Action": [
                    "datasync:CancelTaskExecution",
                    "datasync:DescribeTaskExecution",
                ],
                "Resource": [f"{one}/execution/*" for one in tasks],
            },
            {
                "Sid": "Lists",
                "Effect": "Allow",
                "Action": ["datasync:ListLocations", "datasync:ListTasks"],
                "Resource": "*",
            },
        ]
    return document(statements)


def _own(prefix: str) -> str:
    """Where Ferryline's own files lie below a prefix: what it removes by version is its own alone."""
    return prefix if prefix.endswith(".ferryline/") else f"{prefix}.ferryline/"


def merged(documents: Iterable[str]) -> str:
    """One policy with the statements of several, each meaning once; equal names are made distinct.

    For a bucket that several datasets share: it has one policy.
    """
    found: dict[str, Statement] = {}
    for text in documents:
        for statement in json.loads(text)["Statement"]:
            meaning = json.dumps(
                {key: value for key, value in statement.items() if key != "Sid"}, sort_keys=True
            )
            found.setdefault(meaning, dict(statement))
    names: dict[str, int] = {}
    for statement in found.values():
        name = str(statement.get("Sid", "Statement"))
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            statement["Sid"] = f"{name}{names[name]}"
    return document(found.values())


def label(text: str) -> str:
    """A name made fit for a Sid: letters and digits only."""
    return "".join(
        part.capitalize() for part in "".join(c if c.isalnum() and c.isascii() else " " for c in text).split()
    )
