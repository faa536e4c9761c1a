"""One row, measured: alternates the tools over the row's servers and checks every single result.

Used by `run`. It keeps to the order: warm-up of each tool, then rounds of ours and the peer's in turn,
first free (wall, memory), then, where a goal is about CPU, pinned: client on CPU 0, servers on CPU 1, so
that neither pays for the other's cache misses. A wrong result ends the row, because a time of wrong work means nothing.
"""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from benchmarks import measure, servers, tools
from benchmarks.measure import Command, Measured
from benchmarks.rows import Ground, Memory, Row
from benchmarks.servers import Served

TIMEOUT_SECONDS = 1800.0
CLIENT_CPUS, SERVER_CPUS = frozenset({0}), frozenset({1})


class Mode(Enum):
    """Where processes may run."""

    FREE = "free"
    PINNED = "pinned"


class WrongResult(Exception):
    """A tool did not do what the row asks for; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and with whom. `modes` are done in order; `tell` gets a line for every run."""

    runs: int
    modes: tuple[Mode, ...]
    with_aws: bool
    folder: Path
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run, the mode it was done in, and how busy the machine was before it (load of one minute).

    `server_cpu_seconds` is what the run cost the servers: where it comes near the wall time, they were
    the limit and not the client.
    """

    mode: Mode
    measured: Measured
    load: float
    server_cpu_seconds: float = 0.0


@dataclass(slots=True)
class Trial:
    """All runs of one row, by tool."""

    row: Row
    samples: dict[str, list[Sample]] = field(default_factory=dict)


def measured(row: Row, plan: Plan) -> Trial:
    """Measure one row. Raises WrongResult; servers and folders are gone afterwards."""
    trial = Trial(row)
    folder = plan.folder / row.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _served(row) as served:
        bench = _Bench(row, plan, served, folder)
        bench.prepare()
        for name in bench.names:
            plan.tell(f"{row.name}: warm-up of {name}")
            bench.once(name, Mode.FREE)
        for mode in [one for one in plan.modes if one is Mode.FREE or row.judges_cpu]:
            for _ in range(plan.runs):
                for name in bench.names:
                    sample = bench.once(name, mode)
                    trial.samples.setdefault(name, []).append(sample)
                    one = sample.measured
                    plan.tell(
                        f"{row.name}: {name} {mode.value}: wall {one.wall_seconds:.2f} s, CPU "
                        f"{one.cpu_seconds:.2f} s, memory {one.memory_bytes / 1e6:.0f} MB, load {sample.load:.1f}"
                    )
    shutil.rmtree(folder, ignore_errors=True)
    return trial


@contextlib.contextmanager
def _served(row: Row) -> Iterator[Served]:
    if row.ground is Ground.LISTINGS:
        with servers.listings(row.count, row.destination_etags) as served:
            yield served
    else:
        with servers.objects(row.count, row.object_bytes) as served:
            yield served


class _Bench:
    """A row on its servers: prepares, runs and checks."""

    def __init__(self, row: Row, plan: Plan, served: Served, folder: Path) -> None:
        self._row = row
        self._served = served
        self._folder = folder
        self._state = folder / "state"
        self._wanted: dict[str, list[str]] = {}
        names = ["ferryline"]
        if row.peer_flags is not None:
            names.append("rclone")
        if plan.with_aws and row.aws:
            names.append("aws")
        self.names = tuple(names)

    def prepare(self) -> None:
        """What is there before the first run."""
        row = self._row
        if row.memory is Memory.SEEDED:
            words = tools.seed(self._served.ends, self._state, row.count)
            subprocess.run(
                words, check=True, timeout=TIMEOUT_SECONDS, cwd=Path(__file__).resolve().parents[1]
            )
        if row.ground is Ground.OBJECTS:
            self._wanted = self._served.objects(self._served.ends.source)

    def once(self, name: str, mode: Mode) -> Sample:
        """One run of one tool from the row's beginning, checked."""
        row, served = self._row, self._served
        if row.memory is Memory.NOTHING:
            shutil.rmtree(self._state, ignore_errors=True)
        if row.ground is Ground.OBJECTS:
            served.empty_destination()
        served.zero()
        command = self._command(name)
        if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            served.pin(SERVER_CPUS if mode is Mode.PINNED else frozenset(range(os.cpu_count() or 1)))
            if mode is Mode.PINNED:
                command = replace(command, cpus=CLIENT_CPUS)
        load, before = os.getloadavg()[0], served.cpu_seconds()
        one = measure.run(command, timeout_seconds=TIMEOUT_SECONDS, folder=self._folder / "output")
        server_cpu_seconds = served.cpu_seconds() - before
        one = replace(one, facts=served.counters())
        self._check(name, one)
        return Sample(mode, replace(one, output=""), load, server_cpu_seconds)

    def _command(self, name: str) -> Command:
        ends = self._served.ends
        if name == "ferryline":
            return tools.ours(ends, self._state)
        if name == "rclone":
            return tools.peer(ends, self._row.peer_flags or ())
        return tools.aws(ends)

    def _check(self, name: str, one: Measured) -> None:
        row = self._row
        troubles: list[str] = []
        if one.exit_code != 0:
            troubles.append(f"exit code {one.exit_code}")
        troubles += row.wrong_requests(one.facts)
        if row.ground is Ground.OBJECTS:
            troubles += self._differences(name)
        elif one.facts.get("list_keys", 0) < 2 * row.count:
            troubles.append(f"only {one.facts.get('list_keys', 0)} keys were listed")
        if name == "ferryline" and not troubles:
            troubles += _said(json.loads(one.output), row)
        if troubles:
            raise WrongResult(f"{row.name}: {name}: {'; '.join(troubles)}\n{one.error_tail}")

    def _differences(self, name: str) -> list[str]:
        """What differs between both sides: sizes and bytes, and for us ETags too."""
        there = self._served.objects(self._served.ends.destination)
        if set(there) != set(self._wanted):
            return [f"{len(set(there) ^ set(self._wanted))} keys are on one side only"]
        parts = (0, 1, 2) if name == "ferryline" else (0, 2)
        wrong = [
            key for key, told in self._wanted.items() if any(told[part] != there[key][part] for part in parts)
        ]
        return [f"{len(wrong)} objects differ, the first is {wrong[0]}"] if wrong else []


def _said(document: dict[str, object], row: Row) -> list[str]:
    """Where the run document does not say what the row asks for."""
    kind = "files_same" if row.ground is Ground.LISTINGS else "files_transferred"
    expected = {"status": "SUCCESS", "files_listed": row.count, kind: row.count, "files_failed": 0}
    return [
        f"the document says {name} {document.get(name)!r} instead of {value!r}"
        for name, value in expected.items()
        if document.get(name) != value
    ]
