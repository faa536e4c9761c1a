"""What happened in one run, as it happens: passes events on, counts requests, times phases, keeps warnings.

Every event of a run goes through one `Recorder`. It writes the report folder's files, because
`report` only says which line goes where. Losing an event costs insight, never correctness: a report
folder that cannot be written becomes one warning, not a failed run.
"""

from collections import Counter
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from ferryline.clock import Clock
from ferryline.model import event
from ferryline.model.run import Phase
from ferryline.policy.options import LogLevel
from ferryline.report import folder as report_folder


class Recorder:
    """The ear of one run. `close` once at the end."""

    def __init__(self, clock: Clock, listener: Callable[[event.Event], None]) -> None:
        self._clock = clock
        self._listener = listener
        self._folder: Path | None = None
        self._level = LogLevel.OFF
        self._files: dict[str, TextIOWrapper] = {}
        self._phase: Phase | None = None
        self._phase_began = clock.monotonic()
        self.began = clock.monotonic()
        self.requests: Counter[str] = Counter()
        self.phases: dict[Phase, float] = {}
        self.warnings: list[event.Warned] = []

    def report_into(self, folder: Path, level: LogLevel) -> None:
        """Write a report of this detail into `folder`, which is made when the first line comes."""
        if level is not LogLevel.OFF:
            self._folder, self._level = folder, level

    @property
    def report(self) -> Path | None:
        """Where the report lies, if there is one."""
        return self._folder

    def emit(self, fact: event.Event) -> None:
        """Take one event."""
        if isinstance(fact, event.RequestMade):
            self.requests[fact.operation] += 1
        elif isinstance(fact, event.Warned):
            self.warnings.append(fact)
        if self._folder is not None:
            self._write(fact)
        self._listener(fact)

    def warn(self, message: str, advice: str) -> None:
        """Say something that is not a failure."""
        self.emit(event.Warned(message, advice))

    def enter(self, phase: Phase) -> None:
        """Note that the run's weight lies in `phase` from now on; entering it twice means nothing."""
        if phase is self._phase:
            return
        self._settle()
        self._phase = phase
        self.emit(event.PhaseEntered(phase))

    def seconds(self) -> float:
        """How long the run has taken."""
        return self._clock.monotonic() - self.began

    def file(self, name: str, text: str) -> None:
        """Write one whole file of the report."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._folder / name).write_text(text, "utf-8")
        except OSError as problem:
            self._give_up(problem)

    def close(self) -> None:
        """Settle the last phase and close the report's files."""
        self._settle()
        self._phase = None
        for stream in self._files.values():
            try:
                stream.close()
            except OSError as problem:  # the last lines did not fit
                self._give_up(problem)

    def _settle(self) -> None:
        now = self._clock.monotonic()
        if self._phase is not None:
            self.phases[self._phase] = self.phases.get(self._phase, 0.0) + now - self._phase_began
        self._phase_began = now

    def _write(self, fact: event.Event) -> None:
        placed = report_folder.line(fact, self._level)
        if placed is None or self._folder is None:
            return
        name, text = placed
        try:
            stream = self._files.get(name)
            if stream is None:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                stream = self._files[name] = (self._folder / name).open("w", encoding="utf-8")
            stream.write(text + "\n")
        except OSError as problem:
            self._give_up(problem)

    def _give_up(self, problem: OSError) -> None:
        folder, self._folder = self._folder, None
        if folder is None:
            return  # said already
        self.warn(
            f"the report in {folder} could not be written: {problem.strerror or problem}",
            "the run goes on without it; free space there or choose another folder with --report",
        )
