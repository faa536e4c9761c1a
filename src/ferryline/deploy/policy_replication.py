"""`PolicyReplication`: a dataset of a policy file, deployed as the file has it.

The program passes the file's text, so that the same file drives `ferryline sync` and the cloud.
Residency is asked of the whole dataset, declared regions and Ferryline's own replicas included.
"""

import dataclasses
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from ferryline.config import environment
from ferryline.deploy import arguments, from_policy
from ferryline.deploy.args_task import PolicyReplicationArgs, ReplicationArgs
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.replication import Replication
from ferryline.managed import task_tags
from ferryline.policy import document, interpolation, values
from ferryline.residency import stops
from ferryline.residency.decide import Role, Stop, decide_all, enforce

FORWARDED = ("report", "watching", "attach", "account_id")


class PolicyReplication(pulumi.ComponentResource):
    """A dataset of a policy file. Outputs by replica also have an entry `source` where it applies."""

    task_arns: pulumi.Output[Mapping[str, str]]
    """The DataSync tasks."""
    location_arns: pulumi.Output[Mapping[str, str]]
    """The DataSync locations."""
    role_arns: pulumi.Output[Mapping[str, str]]
    """The roles by which DataSync or S3 reach the buckets."""
    log_groups: pulumi.Output[Mapping[str, str]]
    """Where the tasks log."""
    alarm_arns: pulumi.Output[Mapping[str, str]]
    """The alarms on the age of the last success."""
    required_bucket_policies: pulumi.Output[Mapping[str, str]]
    """Policies that owners of buckets in other accounts have to attach, as JSON."""
    required_kms_statements: pulumi.Output[Mapping[str, str]]
    """Statements that the policies of KMS keys need, as JSON lists."""
    replication_configuration: pulumi.Output[str]
    """The source bucket's S3 replication configuration, as JSON; empty without such replicas."""
    replication_role_policy: pulumi.Output[str]
    """What the role of that configuration may do, as JSON; empty without such replicas."""
    reader_policy: pulumi.Output[str]
    """An IAM policy for jobs that read the replicas, as JSON."""
    mover_policy: pulumi.Output[str]
    """An IAM policy for who runs `ferryline sync` and `verify`, as JSON."""
    policy_digest: pulumi.Output[str]
    """The policy's digest: the same as `ferryline check` prints."""

    def __init__(
        self, name: str, args: PolicyReplicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        args = arguments.read(PolicyReplicationArgs, args, Refusals(f"PolicyReplication {name!r}"))
        policy = document.parse(args.policy)
        refuse_forbidden(policy, args)
        sources = interpolation.Sources(environment.read().variables)
        ground = from_policy.Ground(sources, _account(policy, args))
        made = _replication(args, from_policy.replication(policy, args.dataset, ground), policy)
        super().__init__("ferryline:index:PolicyReplication", name, None, opts)
        inner = Replication(name, made, pulumi.ResourceOptions(parent=self))
        names = [one for one in PolicyReplication.__annotations__ if not one.startswith("_")]
        for one in names:
            setattr(self, one, getattr(inner, one))
        self.register_outputs({one: getattr(self, one) for one in names})


def _replication(
    args: PolicyReplicationArgs, found: ReplicationArgs, policy: values.Policy
) -> ReplicationArgs:
    """The policy's arguments with the program's own beside them."""
    given = {name: getattr(args, name) for name in FORWARDED}
    regions = sorted({*(args.opted_in_regions or ()), *(found.opted_in_regions or ())})
    named = {task_tags.POLICY: policy.name} if policy.name else {}
    tags = {**(args.tags or {}), **named, task_tags.DIGEST: policy.digest}
    return dataclasses.replace(found, **given, opted_in_regions=regions or None, tags=tags)


def refuse_forbidden(policy: values.Policy, args: PolicyReplicationArgs) -> None:
    """Raise `GuardRefused` where the dataset's rules forbid a place of it."""
    if not policy.dataset(args.dataset).has_residency:
        return
    where = list(stops.stops_of(policy, args.dataset, stops.Seen(passes=False)))
    if args.report is not None:
        where.append(Stop("report", Role.METADATA, declared=args.report.region))
    enforce(decide_all(stops.bounds_of(policy, args.dataset), where))


def _account(policy: values.Policy, args: PolicyReplicationArgs) -> str | None:
    """The program's account as text, asked for only where a location names the one it must belong to."""
    if isinstance(args.account_id, str):
        return args.account_id
    if any(spec.access.account_id is not None for spec in policy.locations.values()):
        known: str = aws.get_caller_identity().account_id
        return known
    return None
