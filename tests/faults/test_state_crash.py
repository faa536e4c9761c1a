"""Death at every durable step of the state: afterwards each key has its old or its new row, never a torn file.

A driver process runs a scene once to count its crash points, then once for each point in a child that
ends there without cleaning up. The test opens what each of them left, as the next run would.
"""

import json
import os
import subprocess
import sys

import pytest

from ferryline.state import sealing
from tests.unit.state.ground import held, ledger_in, opened, put, row

DRIVER = """
import json, os, sys
from pathlib import Path
from ferryline import crash
from ferryline.state import sealing, update
from tests.faults import test_state_crash as scenes

sealing.BLOCK_ROWS, update.MERGE_ROWS_MIN, update.SEGMENTS_MAX = 4, 8, 3
scene, before, folder = getattr(scenes, sys.argv[1]), getattr(scenes, sys.argv[2]), Path(sys.argv[3])

def child(name, at, passed):
    before(folder / name)
    seen = []
    def hook(point):
        seen.append(point)
        if len(seen) == at:
            os._exit(77)
    crash.hook = hook
    scene(folder / name)
    crash.hook = None
    (folder / passed).write_text(json.dumps(seen)) if passed else None
    os._exit(0)

def run(name, at, passed=None):
    pid = os.fork()
    if pid == 0:
        try:
            child(name, at, passed)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

assert run("clean", 0, "points.json") == 0
points = json.loads((folder / "points.json").read_text())
print(json.dumps([points, [run(str(at), at) for at in range(1, len(points) + 1)]]))
"""

OLD = [row(b"k%03d" % number, 1) for number in range(40)]
FIRST = [row(b"k%03d" % number, 2) for number in range(0, 40, 3)] + [
    row(b"new%d" % number, 2) for number in range(6)
]
GONE = [b"k%03d" % number for number in range(1, 40, 3)]
SECOND = [row(b"k%03d" % number, 3) for number in range(0, 40, 6)] + [row(b"z", 3)]


def nothing(folder):
    """A folder that is not there yet."""


def full(folder):
    put(ledger_in(folder), OLD)


def many_segments(folder):
    """As an abandoned update leaves it."""
    full(folder)
    with ledger_in(folder).update() as update:
        for number in range(2):
            update.put(_batch([row(b"k%03d" % number, 7)]))
            update.checkpoint()


def _batch(rows):
    from tests.unit.state.ground import batch

    return batch(rows)


def change(folder):
    import pyarrow as pa

    ledger = ledger_in(folder)
    with ledger.update() as update:
        update.put(_batch(FIRST))
        update.forget(pa.array(GONE, pa.binary()))
        update.checkpoint()
        update.put(_batch(SECOND))
        update.checkpoint()
        update.commit()


def remember(folder):
    state = opened(folder)
    with state.lock("b"):
        state.runs.started("r", "a", "b", state._clock.now())
        state.remember("e", "seen")
        state.remember_mount("p", "disk")
        state.runs.ended("r", {"done": True})


def killed_everywhere(scene, before, folder):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, scene, before, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.getcwd(),
    )
    assert done.returncode == 0, done.stderr
    points, codes = json.loads(done.stdout)
    assert codes == [77] * len(points), "every process must have died at its point"
    return points


def after(rows, changed, gone=()):
    found = {one[0]: one for one in rows}
    found.update({one[0]: one for one in changed})
    return [found[key] for key in sorted(found) if key not in gone]


@pytest.mark.parametrize(
    ("before", "start"),
    [("nothing", []), ("full", OLD), ("many_segments", after(OLD, [row(b"k000", 7), row(b"k001", 7)]))],
)
def test_a_ledger_has_its_old_or_its_new_rows_wherever_the_update_died(tmp_path, before, start):
    points = killed_everywhere("change", before, tmp_path)
    assert {
        "segment.writing",
        "segment.written",
        "segment.synced",
        "segment.named",
        "segment.durable",
    } <= set(points)
    assert {"ledger.writing", "ledger.written", "ledger.replaced", "ledger.durable", "lock.taken"} <= set(
        points
    )
    if before == "nothing":
        assert "identity.written" in points
    first = after(start, FIRST, GONE)
    allowed = [start, first, after(first, SECOND)]
    reached = 0
    for at in range(1, len(points) + 1):
        ledger = ledger_in(tmp_path / str(at))
        found = held(ledger)
        assert found in allowed, points[at - 1]
        assert allowed.index(found) >= reached, "a later death cannot lose more"
        reached = allowed.index(found)
        assert ledger.rows_count == len(found)
        change(tmp_path / str(at))
        again = ledger_in(tmp_path / str(at))
        assert held(again) == allowed[-1]
        assert again.rows_count == len(allowed[-1])
    assert reached == 2


def test_a_dead_updates_litter_is_gone_after_the_next_one(tmp_path):
    points = killed_everywhere("change", "full", tmp_path)
    littered = 0
    for at in range(1, len(points) + 1):
        folder = ledger_in(tmp_path / str(at)).folder
        littered += any(path.name.endswith(".new") for path in folder.iterdir())
        put(ledger_in(tmp_path / str(at)), [row(b"one more", at)])
        counting = set(json.loads((folder / "current.json").read_text())["segments"])
        assert {path.name for path in folder.iterdir()} == counting | {
            "current.json",
            "identity.json",
            "writer.lock",
        }
    assert littered


def test_the_database_holds_each_fact_or_not_wherever_the_process_died(tmp_path):
    points = killed_everywhere("remember", "nothing", tmp_path)
    assert {
        "database.making",
        "database.made",
        "database.changing",
        "database.changed",
        "database.durable",
    } <= set(points)
    durable = [index + 1 for index, point in enumerate(points) if point == "database.durable"]
    assert len(durable) == 4
    for at in range(1, len(points) + 1):
        state = opened(tmp_path / str(at))
        facts = [
            len(state.runs.list()) == 1,
            state.capabilities("e") == "seen",
            state.mount("p") == "disk",
            bool(state.runs.list()) and state.runs.list()[0].document == {"done": True},
        ]
        assert facts == [at >= one for one in durable], points[at - 1]
        remember(tmp_path / str(at))
        assert opened(tmp_path / str(at)).runs.list()[0].document == {"done": True}


def test_bytes_are_on_the_disk_before_their_name_is_and_the_name_before_it_counts(tmp_path, monkeypatch):
    ledger = ledger_in(tmp_path)
    put(ledger, OLD)
    steps = []
    real_sync, real_replace, real_rename = os.fsync, os.replace, type(tmp_path).rename

    def sync(descriptor):
        steps.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(
        os,
        "replace",
        lambda old, new: steps.append(("name", os.path.basename(new))) or real_replace(old, new),
    )
    monkeypatch.setattr(
        type(tmp_path), "rename", lambda old, new: steps.append(("name", "segment")) or real_rename(old, new)
    )
    with ledger.update() as update:
        update.put(_batch(FIRST))
        update.checkpoint()
    assert steps == [
        ("sync", sealing.TEMPORARY),
        ("name", "segment"),
        ("sync", ledger.folder.name),
        ("sync", ".current.json.new"),
        ("name", "current.json"),
        ("sync", ledger.folder.name),
    ]
