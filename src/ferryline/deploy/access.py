"""`Access`: the role by which DataSync reads or writes one bucket, with the least it needs.

`DataSyncTask` and `Replication` make one for each bucket that names no role of its own; a program may
make one by itself, to give another account the document it has to attach.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from ferryline.deploy import arguments, beside, documents, geography, naming
from ferryline.deploy.describing import folder
from ferryline.deploy.refusals import Refusals


class Use(StrEnum):
    """What DataSync does with the bucket."""

    SOURCE = "source"
    DESTINATION = "destination"
    REPORT = "report"


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """One bucket and what is done with it."""

    bucket_arn: pulumi.Input[str]
    """The bucket's or access point's ARN."""
    use: Use
    """Read as a source, written as a destination, or written with reports."""
    regions: Sequence[str]
    """Every region that has a location or a task with this role."""
    prefix: str | None = None
    """The folder inside the bucket; the whole bucket when left out."""
    deletes: bool | None = None
    """Whether a destination's objects may be deleted (preserve_deleted_files REMOVE)."""
    kms_key_arns: Sequence[pulumi.Input[str]] | None = None
    """The KMS keys of the bucket's objects."""
    owner_account_id: str | None = None
    """The account that owns the bucket, where it is not the program's own."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    tags: Mapping[str, str] | None = None
    """Tags of the role."""


class Access(pulumi.ComponentResource):
    """A role for DataSync and its policy, and what the bucket's and the keys' owner has to add."""

    role_arn: pulumi.Output[str]
    """The role's ARN; known only when its policy is in place, so what uses it waits for both."""
    bucket_policy: pulumi.Output[str]
    """The policy of a bucket that another account owns, as JSON."""
    key_statements: pulumi.Output[str]
    """Statements for the policies of the KMS keys, as a JSON list; empty without keys."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"Access {name!r}")
        args = arguments.read(AccessArgs, args, refusals)
        for index, region in enumerate(args.regions):
            geography.check_region(region, f"regions[{index}]", args.regions, refusals)
        if not args.regions:
            refusals.add("regions", "none given", "name the regions of the locations and tasks")
        beside.check_account(args.account_id, refusals)
        beside.check_tags(args.tags, refusals)
        refusals.stop()
        super().__init__("ferryline:index:Access", name, None, opts)
        partition = geography.partition_of(args.regions[0])
        account = account_of(args.account_id, self)
        regions = list(args.regions)
        trust = pulumi.Output.from_input(account).apply(
            lambda known: documents.trust(known, partition, regions)
        )
        role = aws.iam.Role(
            naming.fit(name),
            assume_role_policy=trust,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        keys = list(args.kms_key_arns or ())
        kms = documents.KMS_READ_ACTIONS if args.use is Use.SOURCE else documents.KMS_WRITE_ACTIONS
        own = pulumi.Output.all(args.bucket_arn, account, *keys).apply(
            lambda known: documents.document(
                documents.role_statements(_grant(args, known[0], known[1]), known[2:], kms)
            )
        )
        policy = aws.iam.RolePolicy(
            name, role=role.name, policy=own, opts=pulumi.ResourceOptions(parent=self)
        )
        self.role_arn = pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))
        label = documents.label(name)
        self.bucket_policy = pulumi.Output.all(args.bucket_arn, role.arn).apply(
            lambda known: documents.document(
                documents.bucket_statements(_grant(args, known[0]), known[1], label)
            )
        )
        self.key_statements = role.arn.apply(
            lambda known: json.dumps(
                [documents.key_statement(known, kms, label)] if keys else [], sort_keys=True
            )
        )
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "bucket_policy": self.bucket_policy,
                "key_statements": self.key_statements,
            }
        )


def _grant(args: AccessArgs, bucket_arn: str, account: str | None = None) -> documents.BucketGrant:
    """What the role may do; `account` owns the bucket where the arguments name no other owner.

    Reports may go to a bucket of another account without saying so, and hold no data.
    """
    owner = args.owner_account_id or account
    if args.use is Use.SOURCE:
        return documents.reading(bucket_arn, folder(args.prefix), owner)
    if args.use is Use.REPORT:
        return documents.reporting(bucket_arn, folder(args.prefix), args.owner_account_id)
    return documents.writing(bucket_arn, folder(args.prefix), deletes=bool(args.deletes), owner=owner)


def account_of(given: pulumi.Input[str] | None, parent: pulumi.Resource) -> pulumi.Input[str]:
    """The program's account: as given, else asked of AWS with the parent's provider."""
    if given is not None:
        return given
    return aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=parent)).account_id
