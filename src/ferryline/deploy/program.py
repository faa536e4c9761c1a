"""A whole policy as one Pulumi program: what `ferryline deploy preview`, `up` and `destroy` run.

Every dataset that AWS moves becomes a `Replication`; what has to be handed to other owners is
exported. `stack` runs the program; `checked` finds every refusal before the Pulumi CLI is started.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ferryline import errors
from ferryline.deploy import bucket_replication, checking, documents, from_policy, geography, naming
from ferryline.deploy.args_task import PolicyReplicationArgs, ReplicationArgs
from ferryline.deploy.given import given
from ferryline.deploy.policy_replication import refuse_forbidden
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.replication import Replication
from ferryline.managed import task_tags
from ferryline.policy import values
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine
from ferryline.regions import catalog

OUTPUTS = (
    "task_arns",
    "location_arns",
    "role_arns",
    "log_groups",
    "alarm_arns",
    "required_bucket_policies",
    "required_kms_statements",
    "reader_policy",
    "mover_policy",
)

DIGEST_OUTPUT = "policy:digest"
"""No dataset can be called so: outputs without a colon are datasets."""


@dataclass(frozen=True, slots=True)
class Program:
    """A policy ready to run: the arguments of each dataset, all checked."""

    datasets: Mapping[str, ReplicationArgs]
    digest: str

    @property
    def region(self) -> str:
        """The first dataset's own: for a provider that nobody gave a region."""
        return next(iter(self.datasets.values())).source.region

    def __call__(self) -> None:
        """Make the resources. Pulumi calls it inside a stack."""
        shared: dict[str, list[Replication]] = {}
        for name, args in self.datasets.items():
            tags = {**(args.tags or {}), task_tags.DIGEST: self.digest}
            made = Replication(name, dataclasses.replace(args, tags=tags))
            pulumi.export(name, {one: getattr(made, one) for one in OUTPUTS})
            if any(one.engine is Engine.S3_REPLICATION for one in args.replicas.values()):
                shared.setdefault(str(given(args.source.s3).bucket_arn).rpartition(":")[2], []).append(made)
        for bucket, found in shared.items():
            _share(bucket, found)
        pulumi.export(DIGEST_OUTPUT, self.digest)


def _share(bucket: str, datasets: Sequence[Replication]) -> None:
    """Export the one configuration of a source bucket, and let its one role do what all datasets need."""
    merged = pulumi.Output.all(*(one.replication_configuration for one in datasets)).apply(
        bucket_replication.merged
    )
    pulumi.export(f"replication_configuration:{bucket}", merged)
    if len(datasets) > 1:
        others = pulumi.Output.all(*(one.replication_role_policy for one in datasets[1:]))
        aws.iam.RolePolicy(
            naming.fit(f"{bucket}-shared-replication"),
            role=merged.apply(lambda found: str(json.loads(found)["Role"]).rpartition("/")[2]),
            policy=others.apply(documents.merged),
        )


def some_region(policy: values.Policy) -> str | None:
    """An AWS region that the policy names, for a provider that only removes things."""
    return next((one.region for one in policy.locations.values() if one.region in catalog.known()), None)


def deployable(policy: values.Policy, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The datasets to deploy: those named, else every one with a replica that AWS moves.

    Raises `BadUsage` when there is none.
    """
    for name in wanted:
        policy.dataset(name)
    found = wanted or tuple(
        name
        for name, one in policy.datasets.items()
        if any(replica.engine is not Engine.FERRYLINE for replica in one.replicas)
    )
    if not found:
        raise errors.BadUsage(
            "no dataset of the policy has anything to deploy",
            advice="give a replica engine: datasync or engine: s3-replication, or name a dataset",
        )
    return found


def checked(policy: values.Policy, datasets: tuple[str, ...], sources: Sources) -> Program:
    """The program for these datasets. Raises `BadPolicy` or `GuardRefused` for what it would refuse."""
    made: dict[str, ReplicationArgs] = {}
    for name in datasets:
        refuse_forbidden(policy, PolicyReplicationArgs(policy="", dataset=name))
        made[name] = from_policy.replication(policy, name, from_policy.Ground(sources))
        checking.check(name, made[name], Refusals(f"dataset {name!r}"))
    _check_one_partition(made)
    return Program(made, policy.digest)


def _check_one_partition(datasets: Mapping[str, ReplicationArgs]) -> None:
    """Refuse datasets whose roles one stack cannot make: an account belongs to one partition."""
    refusals = Refusals("the stack")
    found = [(name, one.source.region) for name, one in datasets.items()]
    first, home = found[0][0], geography.partition_of(found[0][1])
    for name, region in found[1:]:
        if geography.partition_of(region) != home:
            refusals.add(
                f"datasets.{name}",
                f"{region} is of {geography.partition_of(region)}, and dataset {first!r} of {home}",
                f"deploy it as a stack of its own: ferryline deploy up {name} --stack NAME",
            )
    refusals.stop()
