"""The blocking door: one call, one run in an event loop of its own, one frozen answer.

`cli` and programs that are not async call it. What stopped a run is part of the facts, because a
script wants the counts of a run that was cut off as much as of one that ended well.
"""

import contextlib
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from ferryline import errors
from ferryline.pipeline import loop
from ferryline.pipeline.copying import CopyRun
from ferryline.pipeline.dataset import DatasetTask, Wish
from ferryline.pipeline.inspection import Inspection
from ferryline.pipeline.run import Run
from ferryline.pipeline.task import Surroundings, Task
from ferryline.report.facts import RunFacts, VerifyFacts
from ferryline.state import SQLITE, State, open_state
from ferryline.verify.sample import Sample

if TYPE_CHECKING:  # each command starts with what it needs
    from ferryline.pipeline.planning import Pricing
    from ferryline.plan.cost import Way


def copy(task: Task, around: Surroundings, way: "Way | None" = None) -> RunFacts:
    """Copy and prove, and say what came of it. `facts.stopped` holds what ended the run early.

    `way` is what both ends ask for, where it is to be said what the run cost.

    Raises UserMistake for what is wrong before the run begins, and DiskFailed where the state folder
    cannot be used.
    """
    with remembered(around) as state:
        unordered: frozenset[str] = frozenset()
        while True:
            run = Run(task, around, state, unordered)
            copying = CopyRun(run)
            stopped = _stopped(copying.run())
            if not _news(stopped, unordered):
                return run.ended(copying.consistency, stopped, way)
            # Seen once, sorted from then on: what was copied until now is found equal by the next try.
            run.recorder.close()
            unordered |= {stopped.place}


def sync(task: DatasetTask, around: Surroundings, wish: Wish) -> RunFacts:
    """Bring every replica of a dataset in line with its source, prove it and publish it.

    `facts.stopped` and those of each destination hold what ended work early. Raises UserMistake for
    what is wrong before the run begins, and DiskFailed where the state folder cannot be used.
    """
    from ferryline.pipeline.syncing.sync import Sync  # each command starts with what it needs

    with remembered(around) as state:
        unordered: frozenset[str] = frozenset()
        while True:
            run = Sync(task, around, state, wish, unordered)
            stopped = _stopped(run.run())
            if not _news(stopped, unordered):
                return run.facts(stopped)
            unordered |= {stopped.place}


def plan(task: Task, around: Surroundings, pricing: "Pricing") -> dict[str, Any]:
    """What `copy` would do, as the plan's document. Raises what stopped it. Nothing is written anywhere."""
    from ferryline.pipeline import planning  # each command starts with what it needs

    with looked_into(around) as state:
        unordered: frozenset[str] = frozenset()
        while True:
            try:
                return loop.run(planning.plan(Run(task, around, state, unordered), pricing))
            except errors.ListingUnordered as stopped:
                if not _news(stopped, unordered):
                    raise
                unordered |= {stopped.place}


def remembered(around: Surroundings) -> State:
    """The state that these surroundings name, opened. Raises what `open_state` raises."""
    return open_state(around.state_folder, around.clock, around.database_url)


def _only_shared(url: str | None) -> str | None:
    """A server's address; None for a file in a folder that is not there."""
    return None if url is None or url.startswith(SQLITE) else url


@contextlib.contextmanager
def looked_into(around: Surroundings) -> Iterator[State]:
    """The state to read from; where there is none yet, an empty one that is thrown away."""
    with contextlib.ExitStack() as closing:
        folder = around.state_folder
        if not _is_there(folder):
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="ferryline-plan-")))
            around = replace(around, state_folder=folder, database_url=_only_shared(around.database_url))
        yield closing.enter_context(remembered(around))


def verify(task: Task, around: Surroundings, sample: Sample) -> VerifyFacts:
    """Compare and repair nothing; `facts.stopped` holds what ended the verification early."""
    from ferryline.pipeline import verifying  # each command starts with what it needs

    with remembered(around) as state:
        unordered: frozenset[str] = frozenset()
        while True:
            run, found = Run(task, around, state, unordered), Inspection()
            stopped = _stopped(verifying.verify(run, sample, found))
            if not _news(stopped, unordered):
                return run.inspected(found, sample, stopped)
            run.recorder.close()
            unordered |= {stopped.place}


def verify_dataset(
    task: DatasetTask, around: Surroundings, sample: Sample, replicas: tuple[str, ...]
) -> tuple[VerifyFacts, ...]:
    """Compare each replica with its snapshot; what is found bad is distrusted and withdrawn from readers.

    Raises UserMistake, GuardRefused for residency, DiskFailed for the state folder, Interrupted.
    """
    from ferryline.pipeline.published.checkup import Checkup  # each command starts with what it needs

    with remembered(around) as state:
        checkup = Checkup(task, around, state, sample)
        loop.run(checkup.run(replicas))
        return tuple(checkup.facts)


def _is_there(folder: Path) -> bool:
    """False only where there is nothing yet; what cannot be looked at is for `open_state` to refuse."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _news(
    stopped: errors.FerrylineError | None, unordered: frozenset[str]
) -> TypeGuard[errors.ListingUnordered]:
    """Whether a place was seen to list out of order that was not yet known to: it can be sorted then."""
    return isinstance(stopped, errors.ListingUnordered) and stopped.place not in unordered


def _stopped(work: Coroutine[Any, Any, None]) -> errors.FerrylineError | None:
    """Run `work`; what ended it early as a value. Mistakes and contradictions are raised."""
    try:
        loop.run(work)
    except (errors.UserMistake, errors.BrokenInvariant):
        raise
    except errors.FerrylineError as error:
        return error
    return None
