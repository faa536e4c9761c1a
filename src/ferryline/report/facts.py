"""What a document is made of: frozen facts about one run or one verification. Built by `pipeline`.

How a run ended is not a fact that somebody sets: it follows from what stopped it and from what
failed, here and in one place. Nothing is formatted in this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ferryline import errors
from ferryline.model import event, exitcode
from ferryline.model.execution import Execution
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.outcome import Failed
from ferryline.model.run import FENCING_LOCAL, Consistency, Counts, Coverage, Phase, Status


@dataclass(frozen=True, slots=True)
class DestinationFacts:
    """One destination of a run. `failures` are the first ones only; `counts.failed` says how many there were.

    `coverage` holds one value per key range. `failure_kinds` counts every failure by its kind.
    """

    url: str
    counts: Counts
    failures: tuple[Failed, ...] = ()
    failure_kinds: Mapping[str, int] = field(default_factory=dict)
    consistency: Consistency = Consistency.PER_OBJECT
    coverage: tuple[Coverage, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    """Attempts at this destination by operation; empty where requests are only known for the whole run."""
    replica: str | None = None
    snapshot: str | None = None
    """What is current there, if this run published or confirmed it."""
    published: bool = False
    """Whether the head had to be written for it."""
    published_at: datetime | None = None
    """When that snapshot became current there."""
    why_not: str = ""
    """Why nothing was published, where nothing was."""
    required: bool = True
    fencing: str = FENCING_LOCAL
    cost_usd: float | None = None
    """What the requests and bytes for it came to, by list prices; None where a price is not known."""
    cost_unknown: str | None = None
    """Which price is not known, and what to declare."""
    stopped: errors.FerrylineError | None = None
    """What ended the work at this destination, where others went on."""
    engine: str | None = None
    """Who moves the bytes of a dataset's replica."""
    execution: Execution | None = None
    """What that engine told of its work, where it is a service's."""

    @property
    def failures_total(self) -> int:
        """All failures, deletes included, also those beyond the cap."""
        return self.counts.failed


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run. `stopped` is the error that ended it early, `report` the path of its report folder."""

    run_id: str
    source: str
    destinations: tuple[DestinationFacts, ...]
    began_at: datetime
    duration_seconds: float
    phases: Mapping[Phase, float] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[event.Warned, ...] = ()
    stopped: errors.FerrylineError | None = None
    report: str | None = None
    policy_digest: str | None = None
    fencing: str = FENCING_LOCAL
    dataset: str | None = None
    listed_at: datetime | None = None
    """When the listing of the source began."""

    @property
    def failures_total(self) -> int:
        """All failures at all destinations."""
        return sum(one.failures_total for one in self.destinations)

    @property
    def exit_code(self) -> int:
        """What stopped the run decides; else failed objects where a copy is required; else 0."""
        return _exit_code(self.stopped, sum(one.failures_total for one in self.destinations if one.required))

    @property
    def status(self) -> Status:
        """SUCCESS means that nothing stopped the run and nothing failed."""
        return _status(self.exit_code)


@dataclass(frozen=True, slots=True)
class VerifyFacts:
    """One verification. `findings` are the first ones only; `troubles` counts all by what is wrong.

    `deep_percent` and `seed` are what was asked for; `deep_checked` is how many pairs were read.
    """

    run_id: str
    source: str
    destination: str
    began_at: datetime
    duration_seconds: float
    source_objects: int = 0
    destination_objects: int = 0
    excluded: int = 0
    reserved: int = 0
    equal: int = 0
    evidence: Mapping[str, int] = field(default_factory=dict)
    troubles: Mapping[Trouble, int] = field(default_factory=dict)
    findings: tuple[Mismatch, ...] = ()
    deep_percent: float = 0.0
    seed: int = 0
    deep_checked: int = 0
    phases: Mapping[Phase, float] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[event.Warned, ...] = ()
    stopped: errors.FerrylineError | None = None
    report: str | None = None
    snapshot: str | None = None
    """The snapshot that a replica was compared with, instead of its source."""
    withdrawn: bool = False
    """Whether readers were barred from it because of what was found."""

    @property
    def bad(self) -> int:
        """How many keys are not proven equal."""
        return sum(self.troubles.values())

    @property
    def exit_code(self) -> int:
        """What stopped the verification decides; else what differs; else 0."""
        return _exit_code(self.stopped, self.bad)

    @property
    def status(self) -> Status:
        """SUCCESS means that every key is proven equal."""
        return _status(self.exit_code)


def _exit_code(stopped: errors.FerrylineError | None, bad: int) -> int:
    if stopped is not None:
        return exitcode.of_error(stopped)
    return exitcode.OBJECTS_FAILED if bad else exitcode.DONE


def _status(exit_code: int) -> Status:
    return Status.SUCCESS if exit_code == exitcode.DONE else Status.ERROR
