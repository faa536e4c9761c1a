"""What a person sees while a command works: bars on a terminal, plain lines elsewhere, events in a file.

Commands open a `Session` around their work. Everything here goes to stderr or to the file of
`--events`; words and numbers come from `report`.
"""

import contextlib
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from ferryline import errors
from ferryline.cli import console
from ferryline.clock import SystemClock
from ferryline.config import environment, request
from ferryline.model import event, units
from ferryline.pipeline import task as tasks
from ferryline.report import lines, progress

_BAR_SECONDS = 0.2
_LINE_SECONDS = 5.0


class Session:
    """One command's surroundings. `words` are the flags that describe the task, unread."""

    def __init__(self, given: dict[str, Any], around: environment.Environment) -> None:
        self._around = around
        self._state = given.pop("state", None)
        self._report = given.pop("report", None)
        self._events_path = given.pop("events", None)
        quiet = given.pop("quiet", False)
        self._pressure = _pressure(given.pop("connections", None), given.pop("memory", None))
        self.speak = console.Console(json_mode=given.pop("json_mode"))
        self.words = given
        self.clock = SystemClock()
        self._progress = progress.Progress(self.clock)
        self._screen = None if quiet else _Screen(sys.stderr)
        self._shown = self.clock.monotonic()
        self._events: TextIO | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Session":
        if self._events_path:
            try:
                stream = Path(self._events_path).open("w", encoding="utf-8")  # closed by the stack
            except OSError as problem:
                raise errors.BadUsage(
                    f"--events {self._events_path} cannot be written: {problem.strerror}",
                    advice="name a file in a folder that exists",
                ) from problem
            self._events = self._closing.enter_context(stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.close()
        try:
            self._closing.close()
        except OSError as problem:  # the last lines did not fit
            self._lose_events(problem)

    def surroundings(self) -> tasks.Surroundings:
        """What a run of this command borrows."""
        report = self._around.working_directory / self._report if self._report else None
        return request.surroundings(
            self._state, self._around, request.Listeners(self._hear, report), self._pressure
        )

    def _hear(self, fact: event.Event) -> None:
        self._progress.hear(fact)
        if self._events is not None:
            self._write(self._events, fact)
        if self._screen is None:
            return
        now = self.clock.monotonic()
        if now - self._shown >= (_BAR_SECONDS if self._screen.is_terminal else _LINE_SECONDS):
            self._shown = now
            self._screen.show(progress.line(self._progress.picture()))

    def _write(self, events: TextIO, fact: event.Event) -> None:
        try:
            events.write(lines.line(fact) + "\n")
        except OSError as problem:
            self._lose_events(problem)

    def _lose_events(self, problem: OSError) -> None:
        """Losing events costs insight, never correctness: one note, and the run goes on."""
        if self._events is not None:
            self._events = None
            self.speak.note(
                f"ferryline: --events {self._events_path} could not be written to its end: {problem.strerror}"
            )


class _Screen:
    """One line that is drawn over itself on a terminal, or one line after another elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self._drawn = False

    def show(self, text: str) -> None:
        """Show the picture as it is now."""
        if not self.is_terminal:
            self._stream.write(text + "\n")
        else:
            self._stream.write("\r\x1b[2K" + text[: _columns() - 1])
            self._drawn = True
        self._stream.flush()

    def close(self) -> None:
        """Take the drawn line away."""
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._drawn = False


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _pressure(connections: int | None, memory: str | None) -> tasks.Pressure:
    usual = tasks.Pressure()
    try:
        memory_bytes = usual.memory_bytes if memory is None else units.parse_bytes(memory)
    except ValueError as error:
        raise errors.BadUsage(f"--memory: {error}") from error
    if memory_bytes < 16 * 1024 * 1024:
        raise errors.BadUsage("--memory is less than 16MiB", advice="give at least 16MiB")
    return tasks.Pressure(memory_bytes=memory_bytes, connections=connections or usual.connections)
