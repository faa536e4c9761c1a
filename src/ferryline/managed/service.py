"""DataSync of one region, asked for what driving and watching need; its answers as frozen values.

`finding`, `driving` and `standing` call it. One method is one question; nothing is decided here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ferryline import errors
from ferryline.managed import aws
from ferryline.managed.aws import Client
from ferryline.managed.declared import Declared
from ferryline.managed.seen import ReportPlace, ReportResult, ScheduleSeen, TaskSeen
from ferryline.model.execution import Execution

_PAGE = 100


class DataSync:
    """One region's DataSync. Clients are made when they are first needed."""

    def __init__(self, declared: Declared, region: str) -> None:
        self.region = region
        self._declared = declared
        self._client: Client | None = None

    async def locations(self) -> dict[str, str]:
        """LocationUri by ARN."""
        found = await self._pages("ListLocations", "Locations")
        return {one["LocationArn"]: one["LocationUri"] for one in found}

    async def task_arns(self, location_arn: str) -> tuple[str, ...]:
        """The tasks of the region that have this location at either end."""
        wanted = [{"Name": "LocationId", "Operator": "Equals", "Values": [location_arn]}]
        return tuple(one["TaskArn"] for one in await self._pages("ListTasks", "Tasks", Filters=wanted))

    async def task(self, arn: str) -> TaskSeen:
        """One task as it is now."""
        return _task(await self._call("DescribeTask", TaskArn=arn))

    async def tags(self, arn: str) -> dict[str, str]:
        """A task's tags."""
        found = await self._pages("ListTagsForResource", "Tags", ResourceArn=arn)
        return {one["Key"]: one.get("Value", "") for one in found}

    async def execution(self, arn: str) -> Execution:
        """One execution as it is now."""
        return _execution(await self._call("DescribeTaskExecution", TaskExecutionArn=arn))

    async def report(self, arn: str) -> ReportResult:
        """How far an execution's report is."""
        answer = await self._call("DescribeTaskExecution", TaskExecutionArn=arn)
        told = answer.get("ReportResult", {})
        trouble = ": ".join(one for one in (told.get("ErrorCode"), told.get("ErrorDetail")) if one)
        return ReportResult(str(told.get("Status", "SUCCESS")), trouble)

    async def last_execution(self, arn: str) -> Execution | None:
        """The same for the one that a task names; None where DataSync has forgotten it, after 30 days."""
        try:
            return await self.execution(arn)
        except errors.EndpointFailed as refused:
            if refused.kind != "InvalidRequestException":
                raise
            return None

    async def start(self, arn: str, overrides: Mapping[str, str | int]) -> str:
        """Start an execution, by a single request: a repeated one could start two. Its ARN."""
        once = await aws.connect("datasync", self._declared, self.region, attempts=1)
        wish: dict[str, Any] = {"TaskArn": arn}
        if overrides:
            wish["OverrideOptions"] = {camel(name): value for name, value in overrides.items()}
        return str((await once.call("StartTaskExecution", **wish))["TaskExecutionArn"])

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if self._client is None:
            self._client = await aws.connect("datasync", self._declared, self.region)
        try:
            return await self._client.call(operation, **arguments)
        except errors.CredentialsRefused as refusal:
            if refusal.kind != aws.EXPIRED:
                raise
        # An execution may outlive the session of the role that asks of it.
        self._client = await aws.connect("datasync", self._declared, self.region)
        return await self._client.call(operation, **arguments)

    async def _pages(self, operation: str, field: str, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = await self._call(operation, MaxResults=_PAGE, **arguments, **more)
            found += answer.get(field, ())
            token = answer.get("NextToken")
            if not token:
                return found


def region_of(arn: str) -> str:
    """The region that an ARN names."""
    return arn.split(":")[3]


def camel(name: str) -> str:
    """DataSync's name of an option or a counter."""
    return "".join(one.capitalize() for one in name.split("_"))


def snake(name: str) -> str:
    """The same in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _task(answer: Mapping[str, Any]) -> TaskSeen:
    return TaskSeen(
        arn=answer["TaskArn"],
        name=answer.get("Name", ""),
        status=answer.get("Status", ""),
        source_arn=answer.get("SourceLocationArn", ""),
        destination_arn=answer.get("DestinationLocationArn", ""),
        task_mode=answer.get("TaskMode", "BASIC"),
        current_execution=answer.get("CurrentTaskExecutionArn"),
        options={snake(name): value for name, value in answer.get("Options", {}).items()},
        include=_patterns(answer.get("Includes")),
        exclude=_patterns(answer.get("Excludes")),
        schedule=_schedule(answer),
        report=_report(answer.get("TaskReportConfig")),
        error_code=answer.get("ErrorCode", ""),
        error_detail=answer.get("ErrorDetail", ""),
        has_manifest=bool(answer.get("ManifestConfig")),
    )


def _patterns(rules: Any) -> tuple[str, ...]:
    return tuple(one["Value"] for one in rules or () if one.get("Value"))


def _schedule(answer: Mapping[str, Any]) -> ScheduleSeen | None:
    found = answer.get("Schedule")
    if not found or not found.get("ScheduleExpression"):
        return None
    details = answer.get("ScheduleDetails", {})
    return ScheduleSeen(
        found["ScheduleExpression"],
        found.get("Status", "ENABLED"),
        details.get("DisabledBy", ""),
        details.get("DisabledReason", ""),
        _moment(details.get("StatusUpdateTime")),
    )


def _report(config: Any) -> ReportPlace | None:
    there = (config or {}).get("Destination", {}).get("S3")
    if not there:
        return None
    prefix = str(there.get("Subdirectory", "")).strip("/")
    standard = config.get("OutputType") == "STANDARD"
    return ReportPlace(there["S3BucketArn"].rpartition(":")[2], f"{prefix}/" if prefix else "", standard)


def _execution(answer: Mapping[str, Any]) -> Execution:
    arn, result = answer["TaskExecutionArn"], answer.get("Result", {})
    return Execution(
        arn=arn,
        status=answer.get("Status", ""),
        task_arn=arn.partition("/execution/")[0],
        task_mode=answer.get("TaskMode"),
        began_at=_moment(answer.get("StartTime")),
        ended_at=_moment(answer.get("EndTime")),
        counters=_counters(answer),
        error_code=result.get("ErrorCode", ""),
        error_detail=result.get("ErrorDetail", ""),
    )


def _counters(answer: Mapping[str, Any]) -> dict[str, int]:
    """Every count and size in an answer: `FilesFailed.Transfer` becomes `files_failed_transfer`."""
    found: dict[str, int] = {}
    for name, value in answer.items():
        if isinstance(value, int) and not isinstance(value, bool):
            found[snake(name)] = value
        elif isinstance(value, Mapping) and name.startswith(("Files", "Folders")):
            found |= {f"{snake(name)}_{snake(inner)}": int(count) for inner, count in value.items()}
    return dict(sorted(found.items()))


def _moment(value: Any) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
