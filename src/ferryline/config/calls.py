"""The blocking door for Python programs: `ferryline.copy`, `ferryline.plan`, `ferryline.verify`.

Each call is one run in an event loop of its own, with the flags of the command line as keywords, and
returns the same document that `--json` prints. Events go to a callback; nothing is printed.
"""

from collections.abc import Callable
from typing import Any

from ferryline.config import environment, request, tariffs
from ferryline.model import event
from ferryline.pipeline import door
from ferryline.pipeline import task as tasks
from ferryline.report import document
from ferryline.verify.sample import Sample


def copy(source: str, destination: str, **flags: Any) -> dict[str, Any]:
    """Copy the contents of `source` into `destination`, prove every object, return the run document.

    Places are written as on the command line: `s3://bucket/prefix`, `/path`, or `NAME/path` with
    `policy_files=("ferryline.yaml",)`. Flags are the command's, in snake case and with its values:
    `verify_mode="POINT_IN_TIME_CONSISTENT"`, `preserve_deleted_files="REMOVE"`, `include=("/train*",)`,
    `max_delete=100`, `bytes_per_second="10MiB"`. Also `state` (a folder), `events` (called with every
    event) and `pressure` (a `Pressure`).

    What stopped or failed is in the document (`status`, `exit_code`, `stopped`, `failures`). Raises
    UserMistake for what is wrong before the run begins, and RunStopped where the state folder cannot
    be used.
    """
    around = environment.read()
    state, listeners, pressure = _borrowed(flags)
    words = request.words(source, (destination,), flags)
    declared = request.policy(words.policy_files, around)
    task = request.task_under(declared, words, around)
    told = tariffs.Told(words.run_in).placed(declared, around)
    way = tariffs.way(declared, task.source, task.destinations[0], told.run_in)
    around_run = request.surroundings(state, around, listeners, pressure)
    return document.run_document(door.copy(task, around_run, way))


def plan(source: str, destination: str, **flags: Any) -> dict[str, Any]:
    """What `copy` with the same flags would do and why, as the plan document. Writes nothing.

    Also `run_in` (the region that the bytes pass through) and `assume_bytes_per_second` (`"100MiB"`).
    Raises UserMistake, and RunStopped for what would stop the run.
    """
    around = environment.read()
    state, listeners, pressure = _borrowed(flags)
    through: str | None = flags.pop("run_in", None)
    assumed: str | int | None = flags.pop("assume_bytes_per_second", None)
    words = request.words(source, (destination,), flags)
    declared = request.policy(words.policy_files, around)
    task = request.task_under(declared, words, around)
    pricing = tariffs.pricing(declared, task, tariffs.Told(through, assumed).placed(declared, around))
    return door.plan(task, request.surroundings(state, around, listeners, pressure), pricing)


def verify(
    source: str, destination: str, *, deep: float = 0.0, seed: int = 0, **flags: Any
) -> dict[str, Any]:
    """Compare two places and repair nothing; the verification document.

    `deep` is the share of objects, in percent, that are read on both sides; files always are. `seed`
    chooses which. Raises UserMistake for what is wrong before it begins.
    """
    around = environment.read()
    state, listeners, pressure = _borrowed(flags)
    task = request.task(request.words(source, (destination,), flags), around)
    around_run = request.surroundings(state, around, listeners, pressure)
    return document.verify_document(door.verify(task, around_run, Sample(deep, seed)))


def _borrowed(flags: dict[str, Any]) -> tuple[str | None, request.Listeners, tasks.Pressure]:
    """Take what describes the run's surroundings out of the flags."""
    events: Callable[[event.Event], None] = flags.pop("events", _unheard)
    state: str | None = flags.pop("state", None)
    pressure: tasks.Pressure = flags.pop("pressure", None) or tasks.Pressure()
    return state, request.Listeners(events), pressure


def _unheard(_: event.Event) -> None:
    """Nobody listens."""
