"""Measures a whole command from outside: wall, CPU of it and its children, peak memory of its process tree.

    python -m benchmarks.measure --runs 3 -- command argument …

Used by `run` and on its own. Only the standard library, so that this process stays small: on Linux a
child's peak memory counter starts at its parent's. It must not know what it measures.

wall     from before the start to after the end of the command.
cpu      user + system time as the kernel accounts it to the command and to every child it waited for.
memory   the larger of: the peak the kernel saw for any one process of the tree, and the sum of the
         resident memory of the tree, sampled. Pages shared by several processes count in each.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_SECONDS = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `cpus` pins it where the system can; `environment` is added to a clean one."""

    name: str
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    cpus: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one command."""

    wall_seconds: float
    cpu_user_seconds: float
    cpu_system_seconds: float
    memory_bytes: int
    exit_code: int
    output: str
    error_tail: str
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def cpu_seconds(self) -> float:
        """User and system."""
        return self.cpu_user_seconds + self.cpu_system_seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most of several runs."""

    median: float
    least: float
    most: float


def run(command: Command, *, timeout_seconds: float, folder: Path) -> Measured:
    """Run once and measure. Output goes to files in `folder`; a run over time is killed, exit code -9."""
    folder.mkdir(parents=True, exist_ok=True)
    out_path, error_path = folder / f"{command.name}.out", folder / f"{command.name}.err"
    with out_path.open("wb") as out, error_path.open("wb") as error:
        started = time.perf_counter()
        process = subprocess.Popen(
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            env=_environment(command),
            start_new_session=True,
            preexec_fn=_pin(command.cpus),
        )
        watcher = _Watcher(process.pid)
        killer = threading.Timer(timeout_seconds, _kill_group, (process.pid,))
        killer.daemon = True
        killer.start()
        watcher.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
        except BaseException:  # interrupted: nothing of it may go on
            _kill_group(process.pid)
            raise
        finally:
            killer.cancel()
            watcher.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 if sys.platform == "darwin" else 1024
    return Measured(
        wall_seconds=wall,
        cpu_user_seconds=usage.ru_utime,
        cpu_system_seconds=usage.ru_stime,
        memory_bytes=max(usage.ru_maxrss * scale, watcher.peak_bytes),
        exit_code=process.returncode,
        output=out_path.read_text("utf-8", "replace"),
        error_tail=error_path.read_text("utf-8", "replace")[-2000:],
    )


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def machine(versions: Mapping[str, str]) -> dict[str, str | int]:
    """What a reader needs to judge the numbers; `versions` of the tools measured."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES if hasattr(os, "sysconf") else 0
    return {
        "cpu": model,
        "cores": os.cpu_count() or 0,
        "memory_gib": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **versions,
    }


class _Watcher(threading.Thread):
    """Samples the resident memory of a process tree until stopped. Without /proc it sees nothing."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._ended = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        if not Path("/proc/self/statm").exists():
            return
        while not self._ended.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident_bytes, _tree(self._root))))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting.extend(int(child) for child in children.split())
        except OSError:
            continue  # it ended between two looks
    return found


def _resident_bytes(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0  # it ended between two looks


def _environment(command: Command) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **command.environment}


def _pin(cpus: frozenset[int]) -> Callable[[], None] | None:
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return None
    return lambda: os.sched_setaffinity(0, cpus)


def _kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself


def main(arguments: list[str] | None = None) -> None:
    """Measure one command several times and print one JSON line a run."""
    parser = argparse.ArgumentParser(prog="benchmarks.measure", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout-seconds", type=float, default=600)
    parser.add_argument("--cpus", default="", help="for example 0,1")
    parser.add_argument("words", nargs="+")
    options = parser.parse_args(arguments)
    program = shutil.which(options.words[0]) or options.words[0]
    cpus = frozenset(int(number) for number in options.cpus.split(",") if number)
    command = Command("measured", (program, *options.words[1:]), dict(os.environ), cpus)
    for _ in range(options.runs):
        one = run(command, timeout_seconds=options.timeout_seconds, folder=Path(".") / "measured.tmp")
        print(
            json.dumps(
                {
                    "wall_seconds": round(one.wall_seconds, 3),
                    "cpu_seconds": round(one.cpu_seconds, 3),
                    "memory_mb": round(one.memory_bytes / 1e6, 1),
                    "exit_code": one.exit_code,
                }
            )
        )


if __name__ == "__main__":
    main()
