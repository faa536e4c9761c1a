"""S3 replication as plain values: which pairs it can serve, its role's policy, its rules.

`bucket_replication` makes resources of them. Pure. S3 keeps keys as they are, so a replica can only
lie under the very path of its source; existing objects are never replicated by a rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ferryline.deploy import documents, geography
from ferryline.deploy.args_location import LocationArgs
from ferryline.deploy.documents import Statement
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Kind, Site
from ferryline.policy import options as options_
from ferryline.policy.options import Options, PreserveDeletedFiles

RTC_MINUTES = 15
"""The only value that S3 takes for Replication Time Control."""

RULES_MAX = 1000

EXISTING_OBJECTS = (
    "a replication rule copies new objects only: start an S3 Batch Replication job for what is there, "
    "or copy it first with `ferryline sync`"
)


def check(source: Site, destination: Site, wished: Options, refusals: Refusals) -> None:
    """Refuse a pair that S3 replication cannot serve as the policy means it."""
    for site in (source, destination):
        if site.kind is not Kind.S3:
            remedy = "use engine: datasync or ferryline"
            refusals.add(site.name, f"S3 replication reaches S3 buckets only, not {site.kind}", remedy)
            return
    geography.check_partitions(
        ((f"{source.name}.region", source.region), (f"{destination.name}.region", destination.region)),
        refusals,
    )
    if source.path != destination.path:
        refusals.add(
            f"{destination.name}.path",
            f"S3 replication keeps keys as they are: {source.path!r} cannot become {destination.path!r}",
            f"put the replica under {source.path!r}, or use engine: datasync or ferryline",
        )
    if source.place and source.place == destination.place:
        refusals.add(destination.name, "source and replica are the same bucket", "use another bucket")
    if wished.overwrite_mode is options_.OverwriteMode.NEVER:
        remedy = "use ALWAYS, or engine: ferryline"
        refusals.add("options.overwrite_mode", "S3 replication always overwrites", remedy)


def check_keys(source: LocationArgs, replica: LocationArgs, name: str, refusals: Refusals) -> None:
    """Refuse KMS keys that a rule cannot name: S3 takes one for a replica, of the replica's own region."""
    if source.s3 is None or replica.s3 is None:
        return
    if len(replica.s3.kms_key_arns or ()) > 1:
        remedy = "name the one key that the replica is encrypted with"
        refusals.add(f"{name}.s3.kms_key_arns", "more than one", remedy)
    if source.s3.kms_key_arns and not replica.s3.kms_key_arns:
        remedy = "name the KMS key of the replica's region: keys are regional"
        refusals.add(f"{name}.s3.kms_key_arns", "the source is encrypted with KMS", remedy)


def check_filters(include: Sequence[str], exclude: Sequence[str], name: str, refusals: Refusals) -> None:
    """Refuse filters: a rule copies all that arrives below its prefix, also what they would leave out."""
    for field, patterns in (("include", include), ("exclude", exclude)):
        if patterns:
            remedy = (
                "give the source a folder that holds what is wanted and nothing else, or use "
                "engine: datasync or ferryline"
            )
            refusals.add(field, f"S3 replication has no such filter, and {name} would get everything", remedy)


def deletes(wished: Options) -> bool:
    """Whether delete markers are replicated: what REMOVE means to S3 replication."""
    return wished.preserve_deleted_files is PreserveDeletedFiles.REMOVE


def trust() -> str:
    """Who may assume the role: S3 itself."""
    return documents.document(
        [
            {
                "Sid": "S3",
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]
    )


@dataclass(frozen=True, slots=True)
class Target:
    """One destination of the role, resolved. Keys are ARNs."""

    bucket_arn: str
    prefix: str
    kms_key_arn: str | None = None


def role_statements(
    source_arn: str, source_keys: tuple[str, ...], targets: tuple[Target, ...]
) -> list[Statement]:
    """What S3 needs to replicate from one bucket to others: read versions, write replicas."""
    prefixes = sorted({target.prefix for target in targets})
    found: list[Statement] = [
        {"Sid": "SourceBucket", "Effect": "Allow",
         "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"], "Resource": source_arn},
        {"Sid": "SourceObjects", "Effect": "Allow",
         "Action": ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionTagging"],
         "Resource": [f"{source_arn}/{prefix}*" for prefix in prefixes]},
        {"Sid": "Replicas", "Effect": "Allow",
         "Action": ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
         "Resource": sorted({f"{target.bucket_arn}/{target.prefix}*" for target in targets})},
    ]  # fmt: skip
    if source_keys:
        found.append(
            {"Sid": "SourceKeys", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": list(source_keys)}
        )
    keys = sorted({target.kms_key_arn for target in targets if target.kms_key_arn is not None})
    if keys:
        found.append({"Sid": "ReplicaKeys", "Effect": "Allow", "Action": ["kms:Encrypt"], "Resource": keys})
    return found


def bucket_statements(target: Target, role_arn: str, label: str) -> list[Statement]:
    """What a replica's bucket policy has to say where another account owns it."""
    principal = {"AWS": role_arn}
    return [
        {"Sid": f"{label}ReplicaObjects", "Effect": "Allow", "Principal": principal,
         "Action": ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateDelete", "s3:ReplicateObject",
                    "s3:ReplicateTags"],
         "Resource": f"{target.bucket_arn}/{target.prefix}*"},
        {"Sid": f"{label}ReplicaBucket", "Effect": "Allow", "Principal": principal,
         "Action": ["s3:GetBucketVersioning", "s3:ListBucket"],
         "Resource": target.bucket_arn},
    ]  # fmt: skip
