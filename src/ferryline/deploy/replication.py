"""`Replication`: a dataset's source and replicas, each provisioned for the engine that moves it.

Programs use it with typed values; `PolicyReplication` makes one of a policy file. Everything is
checked, and residency is asked, before the first resource. DataSync replicas get a location, a task
and the roles; s3-replication replicas get rules; replicas of Ferryline's own engine need nothing but
the permissions that are emitted.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pulumi

from ferryline.deploy import arguments, checking, describing, documents, making
from ferryline.deploy.access import Access, AccessArgs, Use, account_of
from ferryline.deploy.args_location import LocationArgs, S3Args
from ferryline.deploy.args_task import DataSyncTaskArgs, ReplicationArgs, WatchingArgs
from ferryline.deploy.bucket_replication import BucketReplication, BucketReplicationArgs
from ferryline.deploy.checking import Checked
from ferryline.deploy.datasync_task import DataSyncTask
from ferryline.deploy.given import given
from ferryline.deploy.logs import ENHANCED_GROUP, Logs, LogsArgs
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Kind
from ferryline.deploy.watch import Watch, WatchArgs
from ferryline.managed import task_tags
from ferryline.policy.options import Engine, LogLevel, TaskMode

SOURCE = "source"
"""The name of the source's entry in the outputs by replica."""

TOO_RARE = (
    "runs this rare cannot be watched by age: CloudWatch looks back seven days; failures are still told"
)

StringMap: TypeAlias = pulumi.Output[Mapping[str, str]]


class Replication(pulumi.ComponentResource):
    """A dataset and its replicas in AWS. Outputs by replica also have an entry `source` where it applies."""

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
    """What tells one meaning of the arguments from another."""

    def __init__(self, name: str, args: ReplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"Replication {name!r}")
        args = arguments.read(ReplicationArgs, args, refusals)
        checked = checking.check(name, args, refusals)
        super().__init__("ferryline:index:Replication", name, None, opts)
        digest = (args.tags or {}).get(task_tags.DIGEST) or checking.digest(args)
        args = dataclasses.replace(args, tags={**(args.tags or {}), task_tags.DIGEST: digest})
        made = _Made(self, name, args, checked)
        made.everything()
        self._publish(made, digest)

    def _publish(self, made: "_Made", digest: str) -> None:
        self.task_arns = _map(made.tasks)
        self.location_arns = _map(made.locations)
        self.role_arns = _map(made.roles)
        self.log_groups = _map(made.logs)
        self.alarm_arns = pulumi.Output.all(*made.alarms).apply(
            lambda found: {label: arn for one in found for label, arn in one.items()}
        )
        foreign = made.foreign_replicas
        self.required_bucket_policies = pulumi.Output.all(
            own=_map(made.bucket_policies), others=foreign if foreign is not None else {}
        ).apply(lambda found: {**found["own"], **found["others"]})
        self.required_kms_statements = _map(made.key_statements)
        self.replication_configuration = made.configuration
        self.replication_role_policy = made.replication_role_policy
        self.reader_policy = made.reader_policy()
        self.mover_policy = made.mover_policy()
        self.policy_digest = pulumi.Output.from_input(digest)
        names = [one for one in Replication.__annotations__ if not one.startswith("_")]
        self.register_outputs({one: getattr(self, one) for one in names})


def _map(found: Mapping[str, pulumi.Input[str]]) -> StringMap:
    made: StringMap = pulumi.Output.all(**found).apply(dict)
    return made


@dataclass(slots=True)
class _Made:
    """The resources of one Replication while they are being made, and what its outputs are made of."""

    parent: Replication
    name: str
    args: ReplicationArgs
    checked: Checked
    tasks: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    locations: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    roles: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    logs: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    alarms: list[StringMap] = dataclasses.field(default_factory=list)
    bucket_policies: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    key_statements: dict[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    foreign_replicas: StringMap | None = None
    configuration: pulumi.Output[str] = dataclasses.field(
        default_factory=lambda: pulumi.Output.from_input("")
    )
    replication_role_policy: pulumi.Output[str] = dataclasses.field(
        default_factory=lambda: pulumi.Output.from_input("")
    )
    _account: pulumi.Input[str] = ""
    _groups: dict[str, pulumi.Output[str]] = dataclasses.field(default_factory=dict)

    @property
    def _inside(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent)

    def everything(self) -> None:
        """Roles first, then locations and tasks, then who watches them, then S3's own replication."""
        self._account = account_of(self.args.account_id, self.parent)
        if self.checked.pairs:
            source = self._with_role(SOURCE, self.args.source, Use.SOURCE)
            for label in self.checked.pairs:
                replica = self._with_role(label, self.args.replicas[label].to, Use.DESTINATION)
                if not describing.is_pending(self.args.source) and not describing.is_pending(replica):
                    self._task(label, source, replica)
            self._watches()
            if self.args.schedule is not None and self.checked.max_age_hours is None:
                pulumi.warn(TOO_RARE, resource=self.parent)
        if self.checked.s3_replicas:
            self._s3_replication()

    def _with_role(self, label: str, location: LocationArgs, use: Use) -> LocationArgs:
        """The location with the role that reaches it, made now unless one was named."""
        if location.s3 is None or location.location_arn is not None:
            return location
        if location.s3.role_arn is not None:
            self.roles[label] = location.s3.role_arn
            return location
        access = Access(f"{self.name}-{label}", self._grant(label, location, use), self._inside)
        self.roles[label] = access.role_arn
        if location.s3.owner_account_id is not None:
            self.bucket_policies[label] = access.bucket_policy
        if location.s3.kms_key_arns:
            self.key_statements[label] = access.key_statements
        return dataclasses.replace(location, s3=dataclasses.replace(location.s3, role_arn=access.role_arn))

    def _grant(self, label: str, location: LocationArgs, use: Use) -> AccessArgs:
        s3 = given(location.s3)
        pairs = self.checked.pairs
        if use is Use.SOURCE:
            regions = {location.region, *(one.destination.region for one in pairs.values())}
            prefix = min((one.paths.source for one in pairs.values()), key=len)
        else:
            regions, prefix = {location.region}, pairs[label].paths.destination
        return AccessArgs(
            bucket_arn=s3.bucket_arn,
            use=use,
            regions=sorted(regions),
            prefix=prefix,
            deletes=use is Use.DESTINATION and pairs[label].deletes,
            kms_key_arns=s3.kms_key_arns,
            owner_account_id=s3.owner_account_id,
            account_id=self._account,
            tags=self.args.tags,
        )

    def _task(self, label: str, source: LocationArgs, replica: LocationArgs) -> None:
        pair = self.checked.pairs[label]
        known = {task_tags.DATASET: self.args.dataset or self.name, task_tags.REPLICA: label}
        args = DataSyncTaskArgs(
            source=dataclasses.replace(source, location_arn=self._source_location(label, source)),
            destination=replica,
            options=self.args.options,
            include=self.args.include,
            exclude=self.args.exclude,
            schedule=self.args.schedule,
            report=self.args.report,
            log_group_arn=self._log_group(label),
            account_id=self._account,
            opted_in_regions=self.args.opted_in_regions,
            tags={**(self.args.tags or {}), **known},
        )
        task = DataSyncTask(f"{self.name}-{label}", args, self._inside)
        self.tasks[label] = task.task_arn
        self.locations[label] = task.destination_location_arn
        if pair.settled.task_mode is TaskMode.ENHANCED and pair.settled.options.log_level is not LogLevel.OFF:
            self.logs[label] = ENHANCED_GROUP

    def _source_location(self, label: str, source: LocationArgs) -> pulumi.Output[str]:
        """One location for all tasks; another one only where a pair needs another Subdirectory."""
        pair = self.checked.pairs[label]
        first = next(iter(self.checked.pairs.values()))
        key = SOURCE if pair.paths.source == first.paths.source else f"{SOURCE}-{label}"
        if key not in self.locations:
            placing = making.Placing(pair.paths.source, self.args.tags)
            if source.s3 is not None and source.location_arn is None:
                placing = dataclasses.replace(
                    placing,
                    role_arn=source.s3.role_arn,
                    bucket_arn=making.bucket_arn(source, pair.source, self.parent),
                )
            self.locations[key] = making.location(
                f"{self.name}-{key}", source, pair.source, placing, self._inside
            )
        return pulumi.Output.from_input(self.locations[key])

    def _log_group(self, label: str) -> pulumi.Input[str] | None:
        """The group that the BASIC tasks of a region share."""
        settled = self.checked.pairs[label].settled
        if settled.task_mode is TaskMode.ENHANCED or settled.options.log_level is LogLevel.OFF:
            return None
        region = self.checked.pairs[label].destination.region
        watching = self.args.watching or WatchingArgs()
        if region not in self._groups:
            given = (watching.log_group_arns or {}).get(region)
            if given is None:
                wanted = LogsArgs(
                    region=region,
                    retention_days=watching.log_retention_days,
                    account_id=self._account,
                    tags=self.args.tags,
                )
                given = Logs(f"{self.name}-{region}", wanted, self._inside).log_group_arn
            self._groups[region] = pulumi.Output.from_input(given)
        self.logs[label] = self._groups[region].apply(lambda arn: arn.partition(":log-group:")[2])
        return self._groups[region]

    def _watches(self) -> None:
        watching = self.args.watching or WatchingArgs()
        regions: dict[str, dict[str, pulumi.Input[str]]] = {}
        for label, arn in self.tasks.items():
            regions.setdefault(self.checked.pairs[label].destination.region, {})[label] = arn
        for region, tasks in regions.items():
            wanted = WatchArgs(
                region=region,
                tasks=tasks,
                max_age_hours=self.checked.max_age_hours,
                topic_arn=(watching.topic_arns or {}).get(region),
                account_id=self._account,
                tags=self.args.tags,
            )
            self.alarms.append(Watch(f"{self.name}-{region}", wanted, self._inside).alarm_arns)

    def _s3_replication(self) -> None:
        args = BucketReplicationArgs(
            source=self.args.source,
            replicas={label: self.args.replicas[label].to for label in self.checked.s3_replicas},
            options=self.args.options,
            attach=self.args.attach,
            opted_in_regions=self.args.opted_in_regions,
            tags=self.args.tags,
        )
        made = BucketReplication(f"{self.name}-replication", args, self._inside)
        self.configuration = made.configuration
        self.replication_role_policy = made.role_policy
        self.foreign_replicas = made.required_bucket_policies
        for label in self.checked.s3_replicas:
            self.roles[label] = made.role_arn

    def reader_policy(self) -> pulumi.Output[str]:
        """Every S3 replica, read only."""
        places = [
            (self.args.replicas[label].to, site.path)
            for label, site in self.checked.replicas.items()
            if site.kind is Kind.S3
        ]
        return _reaches(places).apply(documents.reader)

    def mover_policy(self) -> pulumi.Output[str]:
        """The source and replicas by their engine, and the tasks."""
        own: list[tuple[LocationArgs, str]] = []
        managed: list[tuple[LocationArgs, str]] = []
        for label, site in self.checked.replicas.items():
            if site.kind is Kind.S3:
                engine = self.args.replicas[label].engine or Engine.DATASYNC
                kept = own if engine is Engine.FERRYLINE else managed
                kept.append((self.args.replicas[label].to, site.path))
        source = [(self.args.source, self.checked.source.path)] if self.args.source.s3 is not None else []
        report = self.args.report
        reports = pulumi.Output.from_input(report.bucket_arn if report is not None else "")
        prefix = checking.report_prefix(report)
        return pulumi.Output.all(
            _reaches([*source, *managed, *own]),
            _reaches([*own, *((place, f"{path}.ferryline/") for place, path in managed)]),
            reports,
            *(pulumi.Output.from_input(one) for one in self.tasks.values()),
        ).apply(
            lambda known: documents.mover(
                documents.Moves(
                    sources=tuple(known[0]),
                    destinations=tuple(known[1]),
                    task_arns=tuple(known[3:]),
                    reports=(documents.Reach(known[2], prefix),) if known[2] else (),
                    replicated=known[0][0].bucket_arn if source and self.checked.s3_replicas else None,
                )
            )
        )


def _reaches(places: list[tuple[LocationArgs, str]]) -> pulumi.Output[list[documents.Reach]]:
    buckets = [one.s3.bucket_arn for one, _ in places if isinstance(one.s3, S3Args)]
    paths = [path for _, path in places]
    return pulumi.Output.all(*buckets).apply(
        lambda arns: [documents.Reach(arn, path) for arn, path in zip(arns, paths, strict=True)]
    )
