"""The synthetic endpoints of a row: starts their processes, asks their counters, pins them, ends them.

Used by `trial`. Every process it starts it also ends.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tools import Ends

ANSWER_SECONDS = 600
_ROOT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """Running endpoints. `distinct` are those that keep counters of their own."""

    ends: Ends
    distinct: tuple[str, ...]
    processes: tuple[int, ...]

    def counters(self) -> dict[str, int]:
        """Requests by kind since the last `zero`, all endpoints together."""
        sums: dict[str, int] = {}
        for endpoint in self.distinct:
            for kind, count in json.loads(_ask(f"{endpoint}/-/counters")).items():
                sums[kind] = sums.get(kind, 0) + int(count)
        return {kind: count for kind, count in sums.items() if count}

    def zero(self) -> None:
        """Forget what was counted."""
        for endpoint in self.distinct:
            _ask(f"{endpoint}/-/zero", "POST")

    def empty_destination(self) -> None:
        """Remove all objects of the destination."""
        _ask(f"{self.ends.destination}/-/empty", "POST")

    def objects(self, endpoint: str) -> dict[str, list[Any]]:
        """Size, ETag and MD5 of all bytes of every object of an object endpoint."""
        told: dict[str, list[Any]] = json.loads(_ask(f"{endpoint}/-/objects"))
        return told

    def cpu_seconds(self) -> float:
        """What the server processes have used since they began; 0 where /proc is missing."""
        return sum(map(_cpu_seconds, self.processes))

    def pin(self, cpus: frozenset[int]) -> None:
        """Let the servers run on these CPUs only."""
        for process in self.processes:
            for thread in _numbers(f"/proc/{process}/task"):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cpus)


@contextlib.contextmanager
def listings(keys: int, destination_etags: str) -> Iterator[Served]:
    """Two buckets of `keys` listed objects; each side has a server process of its own."""
    words = ("benchmarks.list_server", "--keys", str(keys), "--destination-etags", destination_etags)
    with _started(*words) as (process, told):
        source, destination = told["endpoints"]
        yield Served(Ends(source, destination), (source,), (process, *_children(process)))


@contextlib.contextmanager
def objects(count: int, object_bytes: int) -> Iterator[Served]:
    """A bucket of `count` objects and an empty one; each side has a server process of its own."""
    module, filled = (
        "benchmarks.object_server",
        ("--objects", str(count), "--object-bytes", str(object_bytes)),
    )
    with (
        _started(module, "--bucket", "src", *filled) as (first, source),
        _started(module, "--bucket", "dst") as (second, destination),
    ):
        ends = Ends(source["endpoint"], destination["endpoint"])
        yield Served(ends, (ends.source, ends.destination), (first, second))


@contextlib.contextmanager
def object_endpoint(bucket: str, count: int = 0, object_bytes: int = 16, link: int = 0) -> Iterator[Served]:
    """One bucket of `count` objects in a process of its own; with `link`, as slow as so many bytes a second."""
    words: tuple[str, ...] = (
        "--bucket",
        bucket,
        "--objects",
        str(count),
        "--object-bytes",
        str(object_bytes),
    )
    if link:
        words += ("--link-bytes-per-second", str(link))
    with _started("benchmarks.object_server", *words) as (process, told):
        endpoint = told["endpoint"]
        yield Served(Ends(endpoint, endpoint), (endpoint,), (process,))


@contextlib.contextmanager
def _started(*words: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with subprocess.Popen(
        (sys.executable, "-m", *words), stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{words[0]} ended with {process.wait()} before it was ready")
            yield process.pid, json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _ask(url: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=ANSWER_SECONDS) as answer:
        told: bytes = answer.read()
        return told


def _numbers(folder: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(folder)]
    except OSError:
        return []


def _children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _cpu_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
