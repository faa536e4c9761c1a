"""A TaskExecution of a service that moves bytes in Ferryline's stead, as that service last told it. Pure.

`managed` makes these values, `pipeline` and `report` read them. Names and statuses are DataSync's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ferryline.model.outcome import Failed

SUCCESS = "SUCCESS"
ERROR = "ERROR"
ENDED = frozenset({SUCCESS, ERROR})
"""Statuses after which nothing more happens."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution: which, how far it has come, and how it ended.

    `counters` are DataSync's own, in snake case (`files_transferred`, `bytes_written`, …), and only those
    that it told. `joined` says that it ran already when Ferryline came. `failed` are the first objects
    that the task's report calls failed, `failed_total` all of them; `report` is where the report lies.
    """

    arn: str
    status: str
    task_arn: str = ""
    task_mode: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    error_code: str = ""
    error_detail: str = ""
    joined: bool = False
    failed: tuple[Failed, ...] = ()
    failed_total: int = 0
    report: str | None = None

    @property
    def region(self) -> str:
        """The region that its ARN names."""
        return self.arn.split(":")[3] if self.arn.count(":") > 3 else ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the service calls it a success."""
        return self.status == SUCCESS

    @property
    def trouble(self) -> str:
        """What the service says went wrong; empty where it says nothing."""
        return ": ".join(one for one in (self.error_code, self.error_detail) if one)
