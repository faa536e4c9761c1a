"""What DataSync told of a task, as frozen values. `service` makes them out of answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

UNAVAILABLE = "UNAVAILABLE"
BUSY = frozenset({"QUEUED", "RUNNING"})
"""Statuses of a task while an execution of it is under way."""


@dataclass(frozen=True, slots=True)
class ScheduleSeen:
    """A task's schedule. `disabled_by` is USER or SERVICE where it is DISABLED and DataSync says so."""

    expression: str
    status: str = "ENABLED"
    disabled_by: str = ""
    reason: str = ""
    changed_at: datetime | None = None

    @property
    def runs(self) -> bool:
        """Whether it starts executions."""
        return self.status != "DISABLED"


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """Where a task leaves its reports. `prefix` is empty or ends with a slash."""

    bucket: str
    prefix: str
    standard: bool
    """Whether it names objects; a summary only counts them."""


@dataclass(frozen=True, slots=True)
class ReportResult:
    """How far an execution's report is: PENDING, SUCCESS or ERROR, and why."""

    status: str
    trouble: str = ""

    @property
    def pending(self) -> bool:
        """Whether it is still being written."""
        return self.status == "PENDING"


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task as DataSync describes it. `options` has DataSync's names in snake case."""

    arn: str
    name: str
    status: str
    source_arn: str
    destination_arn: str
    task_mode: str = "BASIC"
    current_execution: str | None = None
    options: Mapping[str, str | int] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schedule: ScheduleSeen | None = None
    report: ReportPlace | None = None
    error_code: str = ""
    error_detail: str = ""
    has_manifest: bool = False

    @property
    def trouble(self) -> str:
        """What DataSync says is wrong with it; empty where it says nothing."""
        return ": ".join(one for one in (self.error_code, self.error_detail) if one)
