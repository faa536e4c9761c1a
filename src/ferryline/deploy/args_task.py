"""What a program says of tasks and replicas, and of who watches them. Nothing is checked here.

Options, schedules, filters, regions and names are plain; ARNs may be Outputs. The classes have no
unions, so that the component provider host can give them to other languages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from ferryline.deploy.args_location import LocationArgs
from ferryline.policy.options import (
    Atime,
    Engine,
    LogLevel,
    Mtime,
    ObjectMetadata,
    ObjectTags,
    OverwriteMode,
    Owner,
    PosixPermissions,
    PreserveDeletedFiles,
    PreserveDevices,
    SecurityDescriptorCopyFlags,
    TaskMode,
    TaskQueueing,
    TransferMode,
    VerifyMode,
)


@dataclass(frozen=True, kw_only=True)
class OptionsArgs:
    """How a task copies: DataSync's options and values; what is left out has Ferryline's default."""

    verify_mode: VerifyMode | None = None
    """What is compared after the transfer."""
    overwrite_mode: OverwriteMode | None = None
    """Whether what is at the destination may be replaced."""
    preserve_deleted_files: PreserveDeletedFiles | None = None
    """What happens to what the source no longer has."""
    transfer_mode: TransferMode | None = None
    """Only what differs, or everything."""
    bytes_per_second: int | None = None
    """Bandwidth limit; -1 for none."""
    mtime: Mtime | None = None
    """Whether modification times are kept."""
    atime: Atime | None = None
    """Whether access times are kept."""
    uid: Owner | None = None
    """Whether owners are kept; NONE between buckets, whatever is said."""
    gid: Owner | None = None
    """Whether groups are kept; NONE between buckets, whatever is said."""
    posix_permissions: PosixPermissions | None = None
    """Whether mode bits are kept; NONE between buckets, whatever is said."""
    preserve_devices: PreserveDevices | None = None
    """Whether device files are kept."""
    security_descriptor_copy_flags: SecurityDescriptorCopyFlags | None = None
    """What of SMB security descriptors is kept, between Windows shares."""
    object_tags: ObjectTags | None = None
    """Whether object tags are kept."""
    object_metadata: ObjectMetadata | None = None
    """Whether object metadata is kept; only PRESERVE can be sent."""
    task_queueing: TaskQueueing | None = None
    """Whether an execution waits behind another."""
    log_level: LogLevel | None = None
    """How much is logged."""
    task_mode: TaskMode | None = None
    """BASIC or ENHANCED; chosen by the pair and the options when left out."""


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """Where DataSync leaves a report of every execution."""

    bucket_arn: pulumi.Input[str]
    """The bucket's ARN, outside every replica that REMOVE cleans."""
    region: str
    """The bucket's region; residency is asked for it, since reports hold keys."""
    prefix: str | None = None
    """The folder for reports; `ferryline-reports/` when left out."""
    successes: bool | None = None
    """Report what succeeded too, not only errors."""


@dataclass(frozen=True, kw_only=True)
class DataSyncTaskArgs:
    """One source, one destination, one task."""

    source: LocationArgs
    """Where bytes come from."""
    destination: LocationArgs
    """Where they go; the task lives in its region."""
    options: OptionsArgs | None = None
    """How it copies."""
    include: Sequence[str] | None = None
    """Only these, in DataSync's patterns."""
    exclude: Sequence[str] | None = None
    """None of these, in DataSync's patterns."""
    schedule: str | None = None
    """`cron(…)` or `rate(…)`, UTC, at most once an hour; only by hand when left out."""
    report: ReportArgs | None = None
    """Where reports go; none are written when left out."""
    task_name: str | None = None
    """The task's name in DataSync; the resource's own when left out."""
    log_group_arn: pulumi.Input[str] | None = None
    """The log group of a BASIC task, one that DataSync may write to; ENHANCED has its own."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    opted_in_regions: Sequence[str] | None = None
    """Regions that this account has enabled, beside those it has anyway."""
    tags: Mapping[str, str] | None = None
    """Tags of locations, task and roles."""


@dataclass(frozen=True, kw_only=True)
class ReplicaArgs:
    """One copy of a dataset."""

    to: LocationArgs
    """Where it lies."""
    engine: Engine | None = None
    """What moves the bytes; datasync when left out."""


@dataclass(frozen=True, kw_only=True)
class ResidencyArgs:
    """Where bytes may lie: codes of jurisdictions or groups of them, such as EU, US, FR."""

    allow: Sequence[str] | None = None
    """The only ones allowed; all that are not denied when left out."""
    deny: Sequence[str] | None = None
    """Those never allowed."""


@dataclass(frozen=True, kw_only=True)
class WatchingArgs:
    """Who is told, and when."""

    topic_arns: Mapping[str, pulumi.Input[str]] | None = None
    """SNS topics by region; one is made for a region that is left out."""
    log_group_arns: Mapping[str, pulumi.Input[str]] | None = None
    """Log groups for BASIC tasks by region, which DataSync may write to; one is made where left out."""
    max_age_hours: int | None = None
    """Hours without a success before the alarm; from the schedule when left out; 168 at most."""
    log_retention_days: int | None = None
    """How long BASIC tasks' logs stay; 90 when left out."""


@dataclass(frozen=True, kw_only=True)
class ReplicationArgs:
    """A dataset: its source, its replicas by name, and by what rules they are kept."""

    source: LocationArgs
    """Where bytes come from; never written."""
    replicas: Mapping[str, ReplicaArgs]
    """The copies, by name."""
    dataset: str | None = None
    """The dataset's name; the component's own when left out."""
    options: OptionsArgs | None = None
    """How they copy."""
    include: Sequence[str] | None = None
    """Only these, in DataSync's patterns."""
    exclude: Sequence[str] | None = None
    """None of these, in DataSync's patterns."""
    schedule: str | None = None
    """`cron(…)` or `rate(…)`, UTC."""
    residency: ResidencyArgs | None = None
    """Where bytes may lie; anything else is refused before a resource is made."""
    report: ReportArgs | None = None
    """Where reports go."""
    watching: WatchingArgs | None = None
    """Who is told, and when."""
    attach: bool | None = None
    """Own the source bucket's replication configuration for s3-replication; else emit it as a document."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    opted_in_regions: Sequence[str] | None = None
    """Regions that this account has enabled, beside those it has anyway."""
    tags: Mapping[str, str] | None = None
    """Tags of every resource that takes them."""


@dataclass(frozen=True, kw_only=True)
class PolicyReplicationArgs:
    """A dataset of a policy file, as the file has it."""

    policy: str
    """The policy file's text."""
    dataset: str
    """The dataset's name in it."""
    report: ReportArgs | None = None
    """Where reports go."""
    watching: WatchingArgs | None = None
    """Who is told, and when."""
    attach: bool | None = None
    """Own the source bucket's replication configuration for s3-replication; else emit it as a document."""
    account_id: pulumi.Input[str] | None = None
    """The program's account; asked for when left out."""
    opted_in_regions: Sequence[str] | None = None
    """Regions that this account has enabled, beside those it has anyway."""
    tags: Mapping[str, str] | None = None
    """Tags of every resource that takes them."""
