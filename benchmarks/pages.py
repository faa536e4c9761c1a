"""Results as words: the table that `run` prints and the page docs/explanation/measurements.md.

Used by `run`; `python -m benchmarks.pages` writes the page again from the results that were kept.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rows import MB, ROWS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "explanation" / "measurements.md"

_MET = {True: "met", False: "**not met**", None: "not judged"}

Result = Mapping[str, Any]


def kept(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """The results that were kept, by row, in the table's order."""
    found: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        path = folder / f"{row.name}.json"
        if path.exists():
            found[row.name] = json.loads(path.read_text())
    return found


def table(results: Sequence[Result]) -> str:
    """Plain text for a terminal."""
    lines: list[str] = []
    for one in results:
        lines += ["", f"{one['row']}: {one['title']}"]
        for name, figures in one["figures"].items():
            lines.append(
                f"  {name:<10} wall {figures['wall']:8.2f} s ({figures['wall_least']:.2f}-{figures['wall_most']:.2f})"
                f"   CPU {figures['cpu']:7.2f} s   memory {figures['memory'] / MB:6.0f} MB   {requests(figures)}"
            )
        for goal in one["goals"]:
            lines.append(f"  goal       {goal['goal']}: {goal['reached']}, {_MET[goal['met']].strip('*')}")
        load = max(figures["load_most"] for figures in one["figures"].values())
        if load > 1.5:
            lines.append(
                f"  note       the machine was busy (load {load:.1f} before a run): judge the ratios with care"
            )
    return "\n".join(lines[1:]) + "\n"


def page(results: Sequence[Result]) -> str:
    """The measurements as a page of the documentation."""
    lines = [
        "# Measurements",
        "",
        "Made by `python -m benchmarks.run` (or `make bench`); do not edit. What counts here are the ratios:",
        "both tools ran in turn, on the same machine, against the same servers.",
        "",
        "| work | tool | wall, s | CPU, s | memory, MB | goals |",
        "|---|---|---|---|---|---|",
    ]
    for one in results:
        for name, figures in one["figures"].items():
            goals = "; ".join(
                f"{goal['goal']}: {goal['reached']}, {_MET[goal['met']]}" for goal in one["goals"]
            )
            lines.append(
                f"| {one['title'] if name == 'ferryline' else ''} | {_called(name, one)} | {figures['wall']:.2f} | "
                f"{figures['cpu']:.2f} | {figures['memory'] / MB:.0f} | {goals if name == 'ferryline' else ''} |"
            )
    lines += ["", "## Requests", "", "As the servers counted them in the last run of each tool.", ""]
    for one in results:
        for name, figures in one["figures"].items():
            lines.append(f"- `{one['row']}`, {_called(name, one)}: {requests(figures)}")
    return "\n".join([*lines, *_method(results)]) + "\n"


def _called(name: str, one: Result) -> str:
    version = one["machine"].get(name, "")
    flags = "".join(f" `{flag}`" for flag in one["peer_flags"] or ()) if name == "rclone" else ""
    return f"{name} {version}{flags}".strip()


def requests(figures: Mapping[str, Any]) -> str:
    """Requests by kind, the most frequent first."""
    quiet = ("requests", "connections", "list_keys", "list_bytes", "bytes_in", "bytes_out")
    counted = {kind: count for kind, count in figures["requests"].items() if kind not in quiet}
    most = sorted(counted.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{count:,} {kind}" for kind, count in most)


def _method(results: Sequence[Result]) -> list[str]:
    machines = {json.dumps(one["machine"], sort_keys=True) for one in results}
    lines = ["", "## Method", ""]
    lines += [
        "- Every run starts a new process; its wall time, its CPU time (user and system, with its children) and the",
        "  peak of its resident memory are taken from outside. Medians; the servers were warm.",
        "- Wall time and memory come from runs in which client and servers may use every CPU. CPU time comes from",
        "  other runs, where a goal is about it, in which the client has CPU 0 and the servers CPU 1: otherwise the",
        "  client pays for the servers' cache misses.",
        "- Servers are small and purpose-built, one process per side, on loopback, and hold everything in memory.",
        "  Real S3 servers on the same machine use several times the CPU of either client, and a ratio would say",
        "  more about them. The listing endpoint has its XML rendered beforehand; the object endpoint computes true",
        "  MD5 ETags of what it receives.",
        "- rclone is told nothing but where the ends are, and, where nothing changes, `--checksum`: without it rclone",
        "  asks for every object's time by HEAD, which takes it far longer.",
        "- Every run is checked: all objects there with the right size and bytes (for us, the right ETag too); where",
        "  nothing changes no write, no GET and no HEAD of an object reached a server.",
        "- Loopback has no latency and no loss. What a wide-area copy gains from concurrency is not shown here.",
        "",
        "## Machine",
        "",
    ]
    for text in sorted(machines):
        machine = json.loads(text)
        lines.append(
            f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
            f"Python {machine['python']}"
        )
    return lines


def main() -> None:
    """Write the page again."""
    PAGE.write_text(page(list(kept().values())))


if __name__ == "__main__":
    main()
