"""`Logs`: one log group and one resource policy for every BASIC task of a program in a region.

An account has ten log resource policies in a region, so tasks share one. ENHANCED tasks need neither:
DataSync writes to `/aws/datasync` by itself. `DataSyncTask` and `Replication` make it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ferryline.deploy import arguments, beside, documents, geography
from ferryline.deploy.access import account_of
from ferryline.deploy.refusals import Refusals

ENHANCED_GROUP = "/aws/datasync"
"""Where DataSync itself logs ENHANCED tasks."""

RETENTION_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class LogsArgs:
    """Where the log group is."""

    region: str
    """The region of the tasks."""
    retention_days: int | None = None
    """How long logs stay; 90 when left out."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    tags: Mapping[str, str] | None = None
    """Tags of the log group."""


class Logs(pulumi.ComponentResource):
    """A log group that DataSync may write to."""

    log_group_arn: pulumi.Output[str]
    """The group's ARN; known only when DataSync may write to it."""
    log_group_name: pulumi.Output[str]
    """The group's name."""

    def __init__(self, name: str, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"Logs {name!r}")
        args = arguments.read(LogsArgs, args, refusals)
        geography.check_region(args.region, "region", (args.region,), refusals)
        beside.check_retention(args.retention_days, "retention_days", refusals)
        beside.check_account(args.account_id, refusals)
        beside.check_tags(args.tags, refusals)
        refusals.stop()
        super().__init__("ferryline:index:Logs", name, None, opts)
        region, partition = args.region, geography.partition_of(args.region)
        group = aws.cloudwatch.LogGroup(
            name,
            region=region,
            retention_in_days=args.retention_days if args.retention_days is not None else RETENTION_DAYS,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        document = pulumi.Output.all(group.arn, account_of(args.account_id, self)).apply(
            lambda known: documents.log_delivery(known[0], known[1], partition, region)
        )
        policy = aws.cloudwatch.LogResourcePolicy(
            name,
            region=region,
            policy_name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            policy_document=document,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.log_group_arn = pulumi.Output.all(group.arn, policy.id).apply(lambda known: str(known[0]))
        self.log_group_name = group.name
        self.register_outputs({"log_group_arn": self.log_group_arn, "log_group_name": self.log_group_name})
