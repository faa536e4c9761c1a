"""`DataSyncTask`: one source, one destination, one task, each location in its own region.

Programs use it directly; `Replication` makes one for each replica that DataSync moves. Everything is
checked before the first resource, and every option is sent.
"""

import dataclasses
import re

import pulumi
from pulumi_aws import datasync

from ferryline.deploy import arguments, beside, describing, geography, making, pairing
from ferryline.deploy.access import Access, AccessArgs, Use, account_of
from ferryline.deploy.args_location import LocationArgs
from ferryline.deploy.args_task import DataSyncTaskArgs, ReportArgs
from ferryline.deploy.given import given
from ferryline.deploy.logs import Logs, LogsArgs
from ferryline.deploy.pairing import Prepared
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Site
from ferryline.policy.options import LogLevel, TaskMode

_TASK_NAME = re.compile(r"[a-zA-Z0-9\s+=._:@/-]{1,256}")


class DataSyncTask(pulumi.ComponentResource):
    """A DataSync task with its two locations and, where none are given, their roles and log group."""

    source_location_arn: pulumi.Output[str]
    """The source location."""
    destination_location_arn: pulumi.Output[str]
    """The destination location."""
    task_arn: pulumi.Output[str]
    """The task; creating it never starts it."""

    def __init__(self, name: str, args: DataSyncTaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        refusals = Refusals(f"DataSyncTask {name!r}")
        args = arguments.read(DataSyncTaskArgs, args, refusals)
        prepared = _checked(name, args, refusals)
        super().__init__("ferryline:index:DataSyncTask", name, None, opts)
        self._args, self._prepared = args, prepared
        self._account = account_of(args.account_id, self)
        self.source_location_arn = self._location("source", args.source, prepared.source, Use.SOURCE)
        self.destination_location_arn = self._location(
            "destination", args.destination, prepared.destination, Use.DESTINATION
        )
        self.task_arn = self._task()
        self.register_outputs(
            {
                "source_location_arn": self.source_location_arn,
                "destination_location_arn": self.destination_location_arn,
                "task_arn": self.task_arn,
            }
        )

    def _location(self, label: str, args: LocationArgs, site: Site, use: Use) -> pulumi.Output[str]:
        name = f"{self.pulumi_resource_name}-{label}"
        paths = self._prepared.paths
        subdirectory = paths.source if use is Use.SOURCE else paths.destination
        placing = making.Placing(subdirectory, self._args.tags)
        if args.s3 is not None and args.location_arn is None:
            role = args.s3.role_arn
            if role is None:
                role = self._role(name, args, subdirectory, use)
            placing = dataclasses.replace(
                placing, role_arn=role, bucket_arn=making.bucket_arn(args, site, self)
            )
        return making.location(name, args, site, placing, pulumi.ResourceOptions(parent=self))

    def _role(self, name: str, args: LocationArgs, subdirectory: str, use: Use) -> pulumi.Output[str]:
        s3 = given(args.s3)
        grant = AccessArgs(
            bucket_arn=s3.bucket_arn,
            use=use,
            regions=sorted({args.region, self._args.destination.region}),
            prefix=subdirectory,
            deletes=self._prepared.deletes,
            kms_key_arns=s3.kms_key_arns,
            owner_account_id=s3.owner_account_id,
            account_id=self._account,
            tags=self._args.tags,
        )
        return Access(name, grant, pulumi.ResourceOptions(parent=self)).role_arn

    def _task(self) -> pulumi.Output[str]:
        args, prepared = self._args, self._prepared
        settled = prepared.settled
        include, when = prepared.include, prepared.schedule
        return datasync.Task(
            self.pulumi_resource_name,
            region=args.destination.region,
            name=args.task_name or self.pulumi_resource_name,
            source_location_arn=self.source_location_arn,
            destination_location_arn=self.destination_location_arn,
            task_mode=settled.task_mode.value,
            options=_options(prepared),
            includes=datasync.TaskIncludesArgs(filter_type="SIMPLE_PATTERN", value=include)
            if include
            else None,
            excludes=datasync.TaskExcludesArgs(filter_type="SIMPLE_PATTERN", value=prepared.exclude),
            schedule=datasync.TaskScheduleArgs(schedule_expression=when.expression) if when else None,
            cloudwatch_log_group_arn=self._log_group(),
            task_report_config=self._report(args.report) if args.report is not None else None,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        ).arn

    def _log_group(self) -> pulumi.Input[str] | None:
        settled = self._prepared.settled
        if settled.task_mode is TaskMode.ENHANCED or settled.options.log_level is LogLevel.OFF:
            return None
        if self._args.log_group_arn is not None:
            return self._args.log_group_arn
        wanted = LogsArgs(
            region=self._args.destination.region, account_id=self._account, tags=self._args.tags
        )
        return Logs(
            f"{self.pulumi_resource_name}-logs", wanted, pulumi.ResourceOptions(parent=self)
        ).log_group_arn

    def _report(self, report: ReportArgs) -> datasync.TaskTaskReportConfigArgs:
        prefix = describing.folder(report.prefix if report.prefix is not None else pairing.REPORT_PREFIX)
        grant = AccessArgs(
            bucket_arn=report.bucket_arn,
            use=Use.REPORT,
            regions=[self._args.destination.region],
            prefix=prefix,
            account_id=self._account,
            tags=self._args.tags,
        )
        role = Access(
            f"{self.pulumi_resource_name}-report", grant, pulumi.ResourceOptions(parent=self)
        ).role_arn
        return datasync.TaskTaskReportConfigArgs(
            s3_destination=datasync.TaskTaskReportConfigS3DestinationArgs(
                bucket_access_role_arn=role, s3_bucket_arn=report.bucket_arn, subdirectory="/" + prefix
            ),
            output_type="STANDARD",
            report_level="SUCCESSES_AND_ERRORS" if report.successes else "ERRORS_ONLY",
        )


def _checked(name: str, args: DataSyncTaskArgs, refusals: Refusals) -> Prepared:
    """Everything settled, or `BadPolicy` with every refusal."""
    opted_in = args.opted_in_regions or ()
    source = describing.site(args.source, "source", opted_in, refusals)
    destination = describing.site(args.destination, "destination", opted_in, refusals)
    wish = pairing.Wish(
        pairing.options_of(args.options), args.include or (), args.exclude or (), args.schedule, args.report
    )
    prepared = pairing.prepare(source, destination, wish, refusals)
    for field, location in (("source", args.source), ("destination", args.destination)):
        if describing.is_pending(location):
            remedy = "make the role with Access or Replication first, and write attached once it is"
            refusals.add(f"{field}.s3.owner_policy", "pending: DataSync cannot reach the bucket yet", remedy)
    check_name(args.task_name or name, refusals)
    beside.check_tags(args.tags, refusals)
    beside.check_report(args.report, args.destination.region, args.opted_in_regions or (), refusals)
    beside.check_account(args.account_id, refusals)
    expected = geography.Expected(("logs",), args.destination.region)
    geography.check_arn(args.log_group_arn, "log_group_arn", expected, refusals)
    refusals.stop()
    return prepared


def check_name(task_name: str, refusals: Refusals) -> None:
    """Refuse a task's name that DataSync does not take."""
    if not _TASK_NAME.fullmatch(task_name):
        remedy = "at most 256 letters, digits, spaces and + = . _ : @ / -"
        refusals.add("task_name", f"{task_name[:80]!r} is no task's name", remedy)


def _options(prepared: Prepared) -> datasync.TaskOptionsArgs:
    chosen = prepared.settled.options
    flags = prepared.settled.security_descriptor_copy_flags
    return datasync.TaskOptionsArgs(
        verify_mode=chosen.verify_mode.value,
        overwrite_mode=chosen.overwrite_mode.value,
        preserve_deleted_files=chosen.preserve_deleted_files.value,
        transfer_mode=chosen.transfer_mode.value,
        bytes_per_second=chosen.bytes_per_second,
        mtime=chosen.mtime.value,
        atime=chosen.atime.value,
        uid=chosen.uid.value,
        gid=chosen.gid.value,
        posix_permissions=chosen.posix_permissions.value,
        preserve_devices=chosen.preserve_devices.value,
        security_descriptor_copy_flags=flags.value if flags is not None else None,
        object_tags=chosen.object_tags.value,
        task_queueing=chosen.task_queueing.value,
        log_level=chosen.log_level.value,
    )
