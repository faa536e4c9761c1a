"""Kill a real command at its Nth crash point, or count the points of a clean run.

Used by the crash tests, as a process of its own so that `kill -9` is real::

    python -m ferryline.testing.crashing --count FILE -- copy SRC DST
    python -m ferryline.testing.crashing --at 7 -- copy SRC DST

With `--count`, the names of the points passed are written to FILE, one a line. With `--at N`, the
process gets SIGKILL at the Nth point, exactly as the kernel would do it: no handler runs.
"""

import argparse
import os
import runpy
import signal
import sys
from pathlib import Path

from ferryline import crash


def install(at: int | None, record: Path | None) -> None:
    """Set the crash hook: count every point into `record`, die at the `at`th (1-based)."""
    passed = 0

    def hook(name: str) -> None:
        nonlocal passed
        passed += 1
        if record is not None:
            with record.open("a", encoding="utf-8") as lines:
                lines.write(f"{name}\n")
        if at is not None and passed == at:
            os.kill(os.getpid(), signal.SIGKILL)

    crash.hook = hook


def main(arguments: list[str]) -> int:
    """Parse, install the hook, run the command line in this process."""
    parser = argparse.ArgumentParser(prog="python -m ferryline.testing.crashing")
    parser.add_argument("--at", type=int, default=None)
    parser.add_argument("--count", type=Path, default=None)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args(arguments)
    install(chosen.at, chosen.count)
    sys.argv = ["ferryline", *chosen.command]
    try:
        runpy.run_module("ferryline", run_name="__main__")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
