"""One execution from its start to its end: started once, followed, told of as it goes.

`datasync` calls it. An execution that runs already is followed instead of starting another behind it.
When the follower is interrupted the execution goes on in AWS, and the next run follows it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ferryline import errors
from ferryline.clock import Clock
from ferryline.managed.seen import UNAVAILABLE, TaskSeen
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

    Raises EndpointFailed for a task that cannot run or a service that does not answer, CredentialsRefused.
    """
    if task.status == UNAVAILABLE:
        raise errors.EndpointFailed(
            f"the DataSync task {task.name or task.arn} is {UNAVAILABLE}: "
            f"{task.trouble or 'no reason is given'}",
            advice="repair what it names (an agent, a role, a location), then run again",
            place=task.arn,
            kind="task-unavailable",
        )
    running = await _running(service, task)
    joined = running is not None
    arn = running if running is not None else await _start(service, task, overrides, ears.clock)
    return await _follow(service, Execution(arn, "QUEUED", joined=joined), ears)


async def _running(service: DataSync, task: TaskSeen) -> str | None:
    """The execution that is under way; DataSync names the newest one, also when it has ended."""
    if task.current_execution is None:
        return None
    newest = await service.execution(task.current_execution)
    return None if newest.ended else newest.arn


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
    """Ask until it has ended; more often while it moves, less often while it stands."""
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
                told = now
                wait = FIRST_WAIT_SECONDS
                ears.hear(now)
            if now.ended:
                return now
        await ears.clock.sleep(wait)
        wait = min(LONGEST_WAIT_SECONDS, wait * _GROWTH)


async def await_report(service: DataSync, execution: Execution, clock: Clock) -> bool:
    """Wait until the execution's report is written; False where it takes longer than anybody should wait."""
    began, wait = clock.monotonic(), FIRST_WAIT_SECONDS
    while not await service.report_is_written(execution.arn):
        if clock.monotonic() - began > REPORT_SECONDS:
            return False
        await clock.sleep(wait)
        wait = min(LONGEST_WAIT_SECONDS, wait * _GROWTH)
    return True
