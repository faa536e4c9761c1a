"""A replica that DataSync moves, as a run sees it: its task found, its execution driven, its report read.

`config.movers` makes it; it fits the Protocols that `pipeline` declares for whoever moves bytes in
Ferryline's stead and for whoever tells `status` of it. It compares no object: that is the run's part.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ferryline import errors
from ferryline.clock import Clock
from ferryline.managed import drift, driving, finding, standing, task_report
from ferryline.managed.declared import Declared
from ferryline.managed.driving import Ears
from ferryline.managed.finding import Found
from ferryline.managed.seen import BUSY
from ferryline.managed.service import DataSync
from ferryline.model.event import Warned
from ferryline.model.execution import SUCCESS, Execution
from ferryline.policy.guarantees import ALWAYS_SKIPPED_BY_DATASYNC
from ferryline.policy.options import Engine

Answer = TypeVar("Answer")


class DataSyncMover:
    """DataSync for one replica. `look` first."""

    engine = Engine.DATASYNC
    name = "DataSync"
    starts = True

    def __init__(self, declared: Declared, clock: Clock) -> None:
        self._declared = declared
        self._clock = clock
        self._service = DataSync(declared, declared.region)
        self._found: Found | None = None

    async def look(self) -> tuple[Warned, ...]:
        """Find the task and hold it against the policy; what a person should know of it.

        Raises BadUsage where no task is deployed, GuardRefused for one that could destroy what the policy
        keeps, CredentialsRefused and EndpointFailed.
        """
        found = self._found = await _stopping(finding.find(self._declared, self._service))
        differences = self._compared(found)
        warned = [
            Warned(
                f"{self._declared.label}: the deployed task's {one}", "deploy the policy: ferryline deploy up"
            )
            for one in differences
        ]
        schedule = found.task.schedule
        if schedule is not None and not schedule.runs:
            warned.append(Warned(f"{self._declared.label}: {standing.disabled(schedule)}", standing.ENABLE))
        return tuple(warned)

    async def ready(self) -> None:
        """Look at the task once more: comparing took its time, and a task can be changed meanwhile.

        Raises GuardRefused as `look` does, and EndpointFailed for a task that cannot run.
        """
        found = self._looked
        task = await _stopping(self._service.task(found.task.arn))
        self._found = dataclasses.replace(found, task=task)
        self._compared(self._found)
        driving.refuse_unavailable(task)

    @property
    def busy(self) -> bool:
        """Whether an execution was under way when it was looked at."""
        return self._looked.task.status in BUSY

    @property
    def spares_reserved(self) -> bool:
        """Whether Ferryline's own folders are left out of what it carries."""
        return drift.spares_reserved(self._looked)

    @property
    def _looked(self) -> Found:
        if self._found is None:
            raise errors.BrokenInvariant("a DataSync task was to be used before it was looked for")
        return self._found

    async def move(self, hear: Callable[[Execution], None]) -> Execution:
        """Start the task (or follow the execution that runs) to its end, and read what its report says."""
        found = self._looked
        task = found.task
        overrides = {name: getattr(self._declared.options, name) for name in self._declared.overrides}
        told = {name: value if isinstance(value, int) else str(value) for name, value in overrides.items()}
        ended = await _stopping(driving.drive(self._service, task, told, Ears(hear, self._clock)))
        return await self._with_report(found, dataclasses.replace(ended, task_arn=task.arn))

    def _compared(self, found: Found) -> tuple[drift.Difference, ...]:
        """What is not as the policy says. Raises GuardRefused where it could destroy too much."""
        differences = drift.compare(self._declared, found)
        dangerous = [one for one in differences if one.dangerous]
        if dangerous:
            raise errors.GuardRefused(
                f"the deployed DataSync task {found.task.name or found.task.arn} is not as the policy says: "
                + "; ".join(map(str, dangerous)),
                advice="deploy the policy (ferryline deploy up), or correct the policy; nothing was started",
                place=self._declared.label,
                kind="drift",
            )
        return differences

    async def _with_report(self, found: Found, ended: Execution) -> Execution:
        """The execution with what its report tells; without one, or where it cannot be read, as it is."""
        if found.task.report is None:
            return ended
        try:
            result = await driving.await_report(self._service, ended, self._clock)
            if result.status != SUCCESS:
                why = result.trouble or "it is not written yet"
                return _without_report(ended, f"there is no report: {why}")
            told = await task_report.read(self._declared, found, ended)
        except (errors.RunStopped, errors.RetryLater, errors.ObjectFailed) as problem:
            return _without_report(ended, f"its report cannot be read: {problem.message}")
        return dataclasses.replace(ended, failed=told.failed, failed_total=told.total, report=told.url)

    def excuse(self, key: bytes) -> str:
        """Why DataSync never carries a key; empty where it should."""
        path = "/" + key.decode("utf-8", "replace")
        for part in ("//", "/./", "/../"):
            if part in path:
                return f"DataSync cannot transfer keys that hold {part}"
        folders = [path[:index] for index, one in enumerate(path) if one == "/" and index]
        for ending in ALWAYS_SKIPPED_BY_DATASYNC:
            if any(one.endswith(ending) for one in (*folders, path)):
                return f"DataSync never carries paths that end in {ending}"
        return ""

    async def standing(self) -> dict[str, Any]:
        """How the task stands, for `status`; what cannot be asked is told."""
        return await standing.told(self._declared, self._service)


def _without_report(ended: Execution, why: str) -> Execution:
    return dataclasses.replace(ended, error_detail=f"{ended.error_detail}; {why}".removeprefix("; "))


async def _stopping(work: Awaitable[Answer]) -> Answer:
    """Wait for `work`; an attempt that failed for good stops the run."""
    try:
        return await work
    except errors.RetryLater as failure:
        raise errors.EndpointFailed(
            failure.message, advice=failure.advice or "run again", place=failure.place
        ) from failure
