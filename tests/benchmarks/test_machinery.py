"""The benchmark's machinery works: it measures, checks every result, judges and keeps. Times are not looked at."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.measure import Measured
from benchmarks.rows import Figure, Goal
from benchmarks.shelf import Shelf
from benchmarks.trial import Mode, Sample, Trial

from benchmarks import pages, rows, run, trial, verdict

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.peer
@pytest.mark.parametrize("name", ["no-change", "no-change-ledger", "small", "large"])
def test_a_row_of_smoke_size_runs_is_checked_and_is_kept(name, tmp_path, capsys):
    assert run.main(["--quick", "--modes", "free", "--rows", name, "--results", str(tmp_path)]) == 0
    kept = json.loads((tmp_path / f"{name}.json").read_text())
    assert kept["schema"] == verdict.SCHEMA
    figures = kept["figures"]["ferryline"]
    assert figures["wall"] > 0 and figures["cpu"] > 0 and figures["memory"] > 0
    assert figures["requests"]["list_pages"] > 0
    assert ("rclone" in kept["figures"]) is (kept["peer_flags"] is not None)
    assert kept["machine"]["rclone"].startswith("v1.75.")
    assert name in capsys.readouterr().out


def measured(wall=1.0, cpu=1.0, memory=100, facts=None, code=0, output="{}"):
    return Measured(wall, cpu, 0.0, memory, code, output, "", facts or {})


def judged(goal, ours, theirs, others=None):
    row = rows.Row("row", "a row", rows.Ground.OBJECTS, 1, (goal,))
    samples = {"ferryline": [Sample(Mode.FREE, ours, 0.0)], "rclone": [Sample(Mode.FREE, theirs, 0.0)]}
    return verdict.result(Trial(row, samples), {}, others or {})["goals"][0]


@pytest.mark.parametrize(
    ("goal", "ours", "met"),
    [
        (Goal(Figure.WALL, 0.5), measured(wall=0.5), True),
        (Goal(Figure.WALL, 0.5), measured(wall=0.51), False),
        (Goal(Figure.CPU, 1.5), measured(cpu=1.5), True),
        (Goal(Figure.CPU, 1.5), measured(cpu=1.6), False),
        (Goal(Figure.MEMORY, bytes_max=100), measured(memory=100), True),
        (Goal(Figure.MEMORY, bytes_max=100), measured(memory=101), False),
        (Goal(Figure.MEMORY, 1.1, "no-change"), measured(memory=110), None),
    ],
)
def test_a_goal_is_met_missed_or_cannot_be_judged(goal, ours, met):
    assert judged(goal, ours, measured())["met"] is met


def test_a_goal_may_compare_with_another_row():
    other = {"no-change": {"figures": {"ferryline": {"wall": 2.0}}}}
    assert judged(Goal(Figure.WALL, 1.6, "no-change"), measured(wall=3.2), measured(), other)["met"] is True
    assert judged(Goal(Figure.WALL, 1.6, "no-change"), measured(wall=3.3), measured(), other)["met"] is False


def test_cpu_comes_from_pinned_runs_and_wall_from_free_ones():
    row = rows.Row("row", "a row", rows.Ground.OBJECTS, 1, ())
    samples = [
        Sample(Mode.FREE, measured(wall=1, cpu=9), 0.0),
        Sample(Mode.PINNED, measured(wall=9, cpu=2), 0.0),
    ]
    figures = verdict.result(Trial(row, {"ferryline": samples}), {}, {})["figures"]["ferryline"]
    assert (figures["wall"], figures["cpu"]) == (1, 2)


@pytest.mark.parametrize("kind", ["head_object", "get_object", "put_object", "delete_object", "writes"])
def test_a_run_without_a_change_must_not_ask_for_an_object_or_write(kind):
    row = rows.chosen("no-change")[0]
    assert row.wrong_requests({"list_pages": 5}) == []
    assert row.wrong_requests({"list_pages": 5, kind: 1}) == [f"1 × {kind}"]


def test_the_rows_that_a_goal_needs_are_measured_too():
    assert [row.name for row in rows.chosen("no-change-3m")] == ["no-change", "no-change-3m"]
    with pytest.raises(SystemExit, match="no row"):
        rows.chosen("nothing")


class Server:
    """Stands for the endpoints of a row."""

    def __init__(self, source, destination):
        self.ends = trial.tools.Ends("source", "destination")
        self._told = {"source": source, "destination": destination}

    def objects(self, endpoint):
        return self._told[endpoint]


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ({"a": [1, "etag", "md5"]}, ""),
        ({}, "one side only"),
        ({"a": [2, "etag", "md5"]}, "1 objects differ"),
        ({"a": [1, "etag", "other"]}, "1 objects differ"),
        ({"a": [1, "other", "md5"]}, "1 objects differ"),
    ],
)
def test_a_wrong_object_ends_a_row(there, says, tmp_path):
    row = rows.chosen("small")[0]
    said = {"status": "SUCCESS", "files_listed": row.count, "files_transferred": row.count, "files_failed": 0}
    plan = trial.Plan(1, (Mode.FREE,), False, tmp_path, print)
    bench = trial._Bench(row, plan, Server({"a": [1, "etag", "md5"]}, there), tmp_path)
    bench.prepare()
    if not says:
        bench._check("ferryline", measured(output=json.dumps(said)))
        return
    with pytest.raises(trial.WrongResult, match=says):
        bench._check("ferryline", measured(output=json.dumps(said)))


def test_an_exit_code_or_a_document_that_says_otherwise_ends_a_row(tmp_path):
    row = rows.chosen("no-change")[0]
    bench = trial._Bench(row, trial.Plan(1, (Mode.FREE,), False, tmp_path, print), Server({}, {}), tmp_path)
    seen = {"list_keys": 2 * row.count}
    with pytest.raises(trial.WrongResult, match="exit code 4"):
        bench._check("rclone", measured(code=4, facts=seen))
    with pytest.raises(trial.WrongResult, match="files_same"):
        bench._check("ferryline", measured(facts=seen, output=json.dumps({"status": "SUCCESS"})))
    with pytest.raises(trial.WrongResult, match="keys were listed"):
        bench._check("rclone", measured(facts={"list_keys": 5}))


def test_filled_objects_differ_and_have_true_etags():
    shelf = Shelf()
    shelf.fill(2, 5000, part_bytes=2000)
    first, second = shelf.objects.values()
    assert first.size_bytes == second.size_bytes == 5000
    assert first.etag.endswith("-3") and first.digest() != second.digest()
    assert b"".join(first.slices(1990, 2010)) == b"".join(first.pieces)[1990:2010]
    assert first.part_span(3) == (4000, 5000) and first.part_span(4) is None


def test_the_page_names_every_row_that_was_kept():
    row = rows.chosen("small")[0]
    result = verdict.result(
        Trial(row, {"ferryline": [Sample(Mode.FREE, measured(), 0.0)]}),
        {"cpu": "x", "cores": 2, "memory_gib": 1, "system": "s", "python": "3", "ferryline": "1"},
        {},
    )
    assert row.title in pages.page([result])
    assert row.title in pages.table([result])


@pytest.mark.slow
def test_what_datasets_cost_is_measured_at_smoke_size():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.datasets", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
    )

    assert done.returncode == 0, done.stderr
    assert "the source was read 1.0" in done.stdout
