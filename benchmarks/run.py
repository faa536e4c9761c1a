"""Measure the table: ours against rclone, row by row, checked, kept and printed.

    python -m benchmarks.run                     every row, three runs of each kind
    python -m benchmarks.run --rows small,large  some rows
    python -m benchmarks.run --quick             smoke sizes: shows that the machinery works, measures nothing

Exit code 0 when every goal was judged and met, 1 otherwise; `--quick` judges nothing.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import measure, pages, rows, tools, trial, verdict
from benchmarks.trial import Mode, Plan


def main(arguments: list[str] | None = None) -> int:
    """Run the rows asked for."""
    options = _options(arguments)
    machine = measure.machine(tools.versions())
    print(
        f"rclone {machine['rclone']}, ferryline {machine['ferryline']}; {machine['cpu']}, {machine['cores']} cores"
    )
    chosen = rows.chosen(options.rows)
    if options.quick:
        chosen = tuple(row.quick() for row in chosen)
    results_folder = options.results or (None if options.quick else pages.RESULTS)
    done: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ferryline-bench-") as folder:
        plan = Plan(
            runs=1 if options.quick else options.runs,
            modes=tuple(Mode(name) for name in options.modes.split(",")),
            with_aws=options.aws,
            folder=Path(folder),
            tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )
        for row in chosen:
            try:
                found = trial.measured(row, plan)
            except trial.WrongResult as problem:
                wrong.append(str(problem))
                print(f"WRONG {problem}", file=sys.stderr, flush=True)
                continue
            done[row.name] = verdict.result(found, machine, done)
            print(pages.table([done[row.name]]), flush=True)
            if results_folder is not None:
                results_folder.mkdir(parents=True, exist_ok=True)
                (results_folder / f"{row.name}.json").write_text(json.dumps(done[row.name], indent=1) + "\n")
    if results_folder == pages.RESULTS:
        pages.main()
    goals = [goal for one in done.values() for goal in one["goals"]]
    missed = [goal for goal in goals if not goal["met"]]
    print(f"{len(done)} rows, {len(goals) - len(missed)} of {len(goals)} goals met, {len(wrong)} rows wrong")
    return 1 if wrong or missed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="", help="names separated by commas; all when left out")
    parser.add_argument("--runs", type=int, default=3, help="measured runs of each kind, after a warm-up")
    parser.add_argument("--modes", default="free,pinned", help="free, pinned, or both")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one run, nothing is judged or kept")
    parser.add_argument("--aws", action="store_true", help="let the AWS CLI take part where it can")
    parser.add_argument("--results", type=Path, default=None, help="where results are kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
