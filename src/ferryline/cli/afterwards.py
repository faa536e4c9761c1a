"""What `sync` does once a run has ended: its document kept, a webhook told, metrics written.

None of it changes what the run came to: what cannot be done is one note.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from ferryline import errors
from ferryline.cli import live, metrics_file
from ferryline.model import event
from ferryline.model.place import Location
from ferryline.pipeline import webhook
from ferryline.pipeline.dataset import DatasetTask
from ferryline.pipeline.published import door as dataset_door
from ferryline.policy import values
from ferryline.report import metrics

RUNS_READ = 50
"""How many of a dataset's newest runs are looked through for its last success."""


def is_due(task: DatasetTask, policy: values.Policy, where: Location, session: live.Session) -> bool:
    """Whether a dataset's schedule asked for a run since its newest one began."""
    schedule = policy.dataset(task.dataset).schedule
    if schedule is None:
        return False
    newest = dataset_door.newest_runs(task, where, session.surroundings(), 1)
    began = next((datetime.fromisoformat(one["began_at"]) for one in newest), None)
    following = schedule.next_after(began) if began is not None else None
    return began is None or (following is not None and following <= session.clock.now())


def keep(task: DatasetTask, where: Location, session: live.Session, run: dict[str, Any]) -> None:
    """Keep the run's document; without it `status` knows less, and nothing else is lost."""
    try:
        dataset_door.keep(task, where, session.surroundings(), run)
    except errors.FerrylineError as problem:
        session.speak.note(
            f"ferryline: the document of run {run['run_id']} could not be kept in {where.url}: {problem}"
        )


def tell(task: DatasetTask, session: live.Session, run: dict[str, Any]) -> None:
    """Tell the dataset's webhook of a run that failed."""
    if task.on_failure is not None and run["exit_code"]:
        _note(session, webhook.tell(task.on_failure, run, session.surroundings().resolve))


def measure(
    tasks: list[DatasetTask], where: Location, session: live.Session, path: Path, runs: list[dict[str, Any]]
) -> None:
    """Write the metrics of every dataset that was asked for, those that were not due included."""
    series: list[metrics.Series] = []
    for task in tasks:
        known: list[dict[str, Any]] = [one for one in runs if one["dataset"] == task.dataset]
        try:
            earlier = dataset_door.newest_runs(task, where, session.surroundings(), RUNS_READ)
        except errors.FerrylineError as problem:
            session.speak.note(f"ferryline: earlier runs of {task.dataset} could not be read: {problem}")
            earlier = ()
        told = {one["run_id"] for one in known}
        known += [one for one in earlier if one.get("run_id") not in told]
        series += [metrics.Series(task.dataset, one.name, one.location.url, known) for one in task.replicas]
    _note(session, metrics_file.write(path, metrics.render(series, session.clock.now())))


def _note(session: live.Session, warned: event.Warned | None) -> None:
    if warned is not None:
        session.speak.note(f"ferryline: {warned.message}; {warned.advice}")
