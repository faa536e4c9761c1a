"""One run of one task with one destination: its identity, its ear, its memory, and what it came to.

`copying`, `planning` and `verifying` share it; `door` makes it. It knows no stage's work.
"""

import dataclasses
import json
import os
import random
from collections.abc import Callable
from datetime import datetime

from ferryline import errors
from ferryline.listing.coverage import Coverage
from ferryline.listing.join import Remembers
from ferryline.model import event
from ferryline.model.run import FENCING_DATABASE, FENCING_LOCAL, Consistency
from ferryline.pipeline import ends as opening_ends
from ferryline.pipeline import scan
from ferryline.pipeline.ends import Ends, Opening
from ferryline.pipeline.inspection import Inspection
from ferryline.pipeline.metering import Meter, Part, billed
from ferryline.pipeline.recorder import Recorder
from ferryline.pipeline.reports import Reports
from ferryline.pipeline.tally import Tally
from ferryline.pipeline.task import Surroundings, Task
from ferryline.plan.cost import Way
from ferryline.plan.examine import NothingReported
from ferryline.plan.rules import Rules, Traits
from ferryline.policy.options import UNLIMITED, LogLevel, Options
from ferryline.report import accounting, document
from ferryline.report.facts import DestinationFacts, RunFacts, VerifyFacts
from ferryline.state import State
from ferryline.state.ledger import Ledger
from ferryline.storage.wrap import pace
from ferryline.transfer.manner import same_key
from ferryline.verify.checking import Checking
from ferryline.verify.sample import Sample


class Frame:
    """What belongs to an execution as a whole, however many destinations it has."""

    def __init__(self, around: Surroundings, options: Options) -> None:
        self.began_at = around.clock.now()
        self.run_id = new_run_id(self.began_at, around.chance)
        self.recorder = Recorder(around.clock, around.emit)
        self.meter = Meter()
        self.reports: Reports | None = None
        """What checksum reports say of both sides, where any were given."""
        if options.log_level is not LogLevel.OFF:
            folder = around.report_folder or around.state_folder / "reports"
            self.recorder.report_into(folder / self.run_id, options.log_level)
        rate = options.bytes_per_second
        paced = None if rate == UNLIMITED else pace.Pace(rate, around.clock)
        self.harness = opening_ends.harness(around, self.recorder.emit, paced)


class Run:
    """What every command over a task needs. `state` is open for as long as the run lives.

    `frame` is given where several runs are the parts of one execution.
    """

    def __init__(
        self,
        task: Task,
        around: Surroundings,
        state: State,
        unordered: frozenset[str] = frozenset(),
        frame: Frame | None = None,
    ) -> None:
        self.task = task
        self.around = around
        self.state = state
        self.frame = frame or Frame(around, task.options)
        self.began_at = self.frame.began_at
        self.run_id = self.frame.run_id
        self.recorder = self.frame.recorder
        self.coverage: Coverage | None = None
        self._recorded = False
        self.tally = Tally(task.destinations[0].url, self.recorder.emit)
        self._unordered = unordered

    @property
    def memory(self) -> State:
        """What this host remembers of places."""
        return self.state

    def opening(self) -> Opening:
        """What opening both ends needs."""
        return Opening(
            self.around,
            self.frame.harness,
            self.state,
            self.state.folder,
            self._unordered,
            self.frame.meter,
        )

    def ledger(self) -> Ledger:
        """What was proven between the two ends."""
        return self.state.ledger(self.task.source.identity, self.task.destinations[0].identity)

    def rules(self, ends: Ends) -> Rules:
        """The task's rules between these two ends."""
        task = self.task
        source, destination = Traits.of(ends.source.capabilities), Traits.of(ends.destination.capabilities)
        rules = Rules.of(task.options, task.filters, task.on_unknown, source, destination)
        return dataclasses.replace(rules, reported=self.frame.reports is not None)

    def view(self, ends: Ends, remembered: Remembers) -> scan.View:
        """What a scan of these two ends looks at."""
        reported = self.frame.reports or NothingReported()
        ranges = self.around.pressure.ranges
        return scan.View(ends, remembered, self.rules(ends), ranges, self.recorder.emit, reported)

    def checking(self, rename: Callable[[bytes], bytes] = same_key) -> Checking:
        """How verification looks."""
        return Checking(
            clock=self.around.clock,
            run_id=self.run_id,
            objects=self.around.pressure.objects,
            rename=rename,
        )

    def announce(self) -> None:
        """Tell the listeners that the run begins."""
        source, destination = self.task.source.url, self.task.destinations[0].url
        self.recorder.emit(event.RunStarted(self.run_id, source, (destination,)))

    def begin(self) -> None:
        """Tell everybody that the run begins, the state too."""
        self.announce()
        source, destination = self.task.source.url, self.task.destinations[0].url
        self.state.runs.started(self.run_id, source, destination, self.began_at)
        self._recorded = True

    def ended(
        self, consistency: Consistency, stopped: errors.FerrylineError | None, way: Way | None = None
    ) -> RunFacts:
        """What a copy came to; told, remembered and written to the report. Call it once, last.

        `way` holds what both ends ask for; without it nobody knows what the run cost.
        """
        counts = self.tally.counts
        if stopped is None and not counts.balanced:
            raise accounting.broken(counts, self.tally.place)
        self.recorder.close()
        part = Part(self.task.destinations[0], self.destination(consistency), self.tally, way)
        facts = RunFacts(
            run_id=self.run_id,
            source=self.task.source.url,
            destinations=billed(self.frame.meter, self.task.source, (part,)),
            began_at=self.began_at,
            duration_seconds=self.recorder.seconds(),
            phases=dict(self.recorder.phases),
            requests=dict(self.recorder.requests),
            warnings=tuple(self.recorder.warnings),
            stopped=stopped,
            report=self._report(),
            policy_digest=self.task.policy_digest,
            fencing=self.fencing,
        )
        facts = self._record(facts)
        self.recorder.emit(event.RunEnded(self.run_id, facts.status.value, facts.exit_code))
        return facts

    @property
    def fencing(self) -> str:
        """How one writer is kept where the endpoint compares nothing."""
        kept = self.state.keeps_one_writer(self.task.destinations[0].identity)
        return FENCING_DATABASE if kept else FENCING_LOCAL

    def destination(self, consistency: Consistency) -> DestinationFacts:
        """What the run came to at its destination, so far."""
        return DestinationFacts(
            url=self.task.destinations[0].url,
            counts=self.tally.counts,
            failures=tuple(self.tally.failures),
            failure_kinds=dict(self.tally.failure_kinds),
            consistency=consistency,
            coverage=self.coverage.summary() if self.coverage is not None else (),
        )

    def _record(self, facts: RunFacts) -> RunFacts:
        """Write down how the run ended. A state that cannot take it stops a run that nothing else stopped."""
        result = document.run_document(facts)
        self.recorder.file("summary.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        if self._recorded:
            try:
                self.state.runs.ended(self.run_id, result)
            except errors.DiskFailed as failure:
                return dataclasses.replace(facts, stopped=facts.stopped or failure)
        return facts

    def inspected(
        self, found: Inspection, sample: Sample, stopped: errors.FerrylineError | None
    ) -> VerifyFacts:
        """What a verification came to; told, and written to the report. Call it once, last."""
        self.recorder.close()
        facts = VerifyFacts(
            run_id=self.run_id,
            source=self.task.source.url,
            destination=self.task.destinations[0].url,
            began_at=self.began_at,
            duration_seconds=self.recorder.seconds(),
            source_objects=found.source_objects,
            destination_objects=found.destination_objects,
            excluded=found.excluded,
            reserved=found.reserved,
            equal=found.equal,
            evidence=dict(found.evidence),
            troubles=dict(found.troubles),
            findings=tuple(found.findings),
            deep_percent=sample.percent,
            seed=sample.seed,
            deep_checked=found.deep_checked,
            phases=dict(self.recorder.phases),
            requests=dict(self.recorder.requests),
            warnings=tuple(self.recorder.warnings),
            stopped=stopped,
            report=self._report(),
        )
        self.recorder.emit(event.RunEnded(self.run_id, facts.status.value, facts.exit_code))
        return facts

    def checked(
        self,
        found: Inspection,
        sample: Sample,
        stopped: errors.FerrylineError | None,
        *,
        snapshot: str | None,
        withdrawn: bool,
    ) -> VerifyFacts:
        """The same for a replica that was compared with its snapshot."""
        facts = self.inspected(found, sample, stopped)
        return dataclasses.replace(facts, snapshot=snapshot, withdrawn=withdrawn)

    def _report(self) -> str | None:
        """The report folder's path for documents, which hold nothing but UTF-8."""
        folder = self.recorder.report
        return None if folder is None else os.fsencode(folder).decode("utf-8", "backslashreplace")


def new_run_id(at: datetime, chance: random.Random) -> str:
    """A name that sorts by time and is unique enough to be a folder's: `20260301T120000Z-3f9a1c07`."""
    return f"{at:%Y%m%dT%H%M%SZ}-{chance.getrandbits(32):08x}"
