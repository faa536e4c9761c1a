"""One execution from its start to its end: started once, followed, told of as it goes.

`datasync` calls it. An execution that runs already is followed instead of starting another behind it.
When the follower is interrupted the execution goes on in AWS, and the next run follows it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ferryline import errors
from ferryline.clock import Clock
from ferryline.managed.seen import UNAVAILABLE, ReportResult, TaskSeen
from ferryline.managed.service import DataSync
from ferryline.model.execution import Execution

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 15.0
_GROWTH = 1.5
PATIENCE_SECONDS = 900.0
"""How long DataSync may not answer while an execution is followed: the execution itself does not care."""
REPORT_SECONDS = 120.0
"""How long a report may take to be written once its execution has ended."""
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told of every change, and whose time it is."""

    hear: Callable[[Execution], None]
    clock: Clock


async def drive(
    service: DataSync, task: TaskSeen, overrides: Mapping[str, str | int], ears: Ears
) -> Execution:
    """Start an execution of the task, or follow the one that runs, until it has ended.

    It is told of as soon as it is known. Raises EndpointFailed for a service that does not answer,
    CredentialsRefused.
    """
    running = await _running(service, task)
    joined = running is not None
    arn = running if running is not None else await _start(service, task, overrides, ears.clock)
    begun = Execution(arn, "QUEUED", joined=joined)
    ears.hear(begun)
    return await _follow(service, begun, ears)


def refuse_unavailable(task: TaskSeen) -> None:
    """Raise EndpointFailed for a task that cannot run."""
    if task.status == UNAVAILABLE:
        raise errors.EndpointFailed(
            f"the DataSync task {task.name or task.arn} is {UNAVAILABLE}: "
            f"{task.trouble or 'no reason is given'}",
            advice="repair what it names (an agent, a role, a location), then run again",
            place=task.arn,
            kind="task-unavailable",
        )


async def _running(service: DataSync, task: TaskSeen) -> str | None:
    """The execution that is under way; DataSync names the newest one, also when it has ended."""
    if task.current_execution is None:
        return None
    newest = await service.last_execution(task.current_execution)
    return None if newest is None or newest.ended else newest.arn


async def _start(service: DataSync, task: TaskSeen, overrides: Mapping[str, str | int], clock: Clock) -> str:
    """The ARN of a new execution. A start whose answer was lost is looked for before it is repeated."""
    lost: errors.FerrylineError | None = None
    for number in range(_STARTS):
        if number:
            await clock.sleep(FIRST_WAIT_SECONDS * 8)
            now = await service.task(task.arn)
            if now.current_execution not in (None, task.current_execution):
                return str(now.current_execution)
        try:
            return await service.start(task.arn, overrides)
        except errors.RetryLater as failure:
            lost = failure
    raise errors.EndpointFailed(
        f"the DataSync task {task.name or task.arn} could not be started: {lost.message if lost else ''}",
        advice="run again; an execution that started all the same is then followed",
        place=task.arn,
    ) from lost


async def _follow(service: DataSync, told: Execution, ears: Ears) -> Execution:
    """Ask until it has ended: soon after each change of its status, ever less often while it lasts."""
    arn, joined = told.arn, told.joined
    wait, silent_since = FIRST_WAIT_SECONDS, ears.clock.monotonic()
    while True:
        try:
            now = dataclasses.replace(await service.execution(arn), joined=joined)
        except errors.RetryLater as failure:
            if ears.clock.monotonic() - silent_since > PATIENCE_SECONDS:
                raise errors.EndpointFailed(
                    f"DataSync has not answered for {PATIENCE_SECONDS:.0f} seconds: {failure.message}",
                    advice=f"{arn} goes on in AWS; run again to follow it",
                    place=arn,
                ) from failure
        else:
            silent_since = ears.clock.monotonic()
            if now != told:
                wait = FIRST_WAIT_SECONDS if now.status != told.status else wait
                told = now
                ears.hear(now)
            if now.ended:
                return now
        await ears.clock.sleep(wait)
        wait = min(LONGEST_WAIT_SECONDS, wait * _GROWTH)


async def await_report(service: DataSync, execution: Execution, clock: Clock) -> ReportResult:
    """How the execution's report stands once it is written, or has taken longer than anybody should wait."""
    began, wait = clock.monotonic(), FIRST_WAIT_SECONDS
    while (told := await service.report(execution.arn)).pending:
        if clock.monotonic() - began > REPORT_SECONDS:
            break
        await clock.sleep(wait)
        wait = min(LONGEST_WAIT_SECONDS, wait * _GROWTH)
    return told
