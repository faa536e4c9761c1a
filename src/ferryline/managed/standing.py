"""How a replica's task stands, as plain data for `status`: its last execution, its schedule, its differences.

`datasync` asks it. Nothing is changed and nothing is waited for; what cannot be asked stands under `problem`.
"""

from datetime import datetime
from typing import Any

from ferryline import errors
from ferryline.managed import drift, finding, task_tags
from ferryline.managed.declared import Declared
from ferryline.managed.finding import Found
from ferryline.managed.seen import ScheduleSeen
from ferryline.managed.service import DataSync
from ferryline.model import exitcode
from ferryline.model.execution import Execution

ENABLE = "see to the cause, then enable it again in AWS (aws datasync update-task), or ferryline deploy up"


async def told(declared: Declared, service: DataSync) -> dict[str, Any]:
    """The task, or why it is not known."""
    try:
        found = await finding.find(declared, service)
        newest = found.task.current_execution
        execution = await service.last_execution(newest) if newest is not None else None
    except (errors.RunStopped, errors.RetryLater, errors.UserMistake) as problem:
        return _document(declared, None, None) | {"problem": problem_of(problem)}
    return _document(declared, found, execution)


def disabled(schedule: ScheduleSeen) -> str:
    """A schedule that starts nothing, in a sentence."""
    who = {"SERVICE": "DataSync itself", "USER": "somebody"}.get(schedule.disabled_by, "somebody")
    since = f" on {schedule.changed_at:%Y-%m-%d %H:%M} UTC" if schedule.changed_at is not None else ""
    why = f": {schedule.reason}" if schedule.reason else ""
    return f"the schedule {schedule.expression} was disabled by {who}{since}{why}"


def _document(declared: Declared, found: Found | None, execution: Execution | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "service": "datasync",
        "region": declared.region,
        **dict.fromkeys(("task", "name", "status", "trouble", "task_mode", "schedule", "last_execution")),
        "differs": [],
        "policy_digest": None,
        "policy_changed": None,
        "problem": None,
    }
    if found is None:
        return document
    task, differs = found.task, drift.compare(declared, found)
    digest = found.tags.get(task_tags.DIGEST) if found.tags is not None else None
    return document | {
        "task": task.arn,
        "name": task.name,
        "status": task.status,
        "trouble": task.trouble or None,
        "task_mode": task.task_mode,
        "schedule": None if task.schedule is None else _schedule(task.schedule),
        "last_execution": None if execution is None else execution_document(execution),
        "differs": [{"field": one.field, "policy": one.policy, "deployed": one.deployed} for one in differs],
        "policy_digest": digest,
        "policy_changed": None if digest is None else digest != declared.policy_digest,
    }


def _schedule(schedule: ScheduleSeen) -> dict[str, Any]:
    return {
        "expression": schedule.expression,
        "enabled": schedule.runs,
        "disabled_by": schedule.disabled_by or None,
        "reason": schedule.reason or None,
        "changed_at": _moment(schedule.changed_at),
        "told": None if schedule.runs else disabled(schedule),
    }


def execution_document(one: Execution) -> dict[str, Any]:
    """One execution, as `status` tells it."""
    return {
        "execution": one.arn,
        "status": one.status,
        "began_at": _moment(one.began_at),
        "ended_at": _moment(one.ended_at),
        "trouble": one.trouble or None,
        "counters": dict(one.counters),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def problem_of(problem: errors.FerrylineError) -> dict[str, Any]:
    """What could not be asked, as documents tell it."""
    return {
        "kind": problem.kind,
        "message": problem.message,
        "advice": problem.advice,
        "exit_code": exitcode.of_error(problem),
    }
