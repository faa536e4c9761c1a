"""From samples to medians, ratios and goals met or not: plain data that can be kept as JSON.

Used by `run` (a trial's result) and `pages` (what was kept). It measures nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import measure
from benchmarks.rows import MB, Goal
from benchmarks.trial import Mode, Sample, Trial

SCHEMA = "ferryline.benchmark/1"


def result(
    trial: Trial, machine: Mapping[str, str | int], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The row as plain data. `others` are results of other rows that goals compare with."""
    row = trial.row
    figures = {name: _figures(samples) for name, samples in trial.samples.items()}
    return {
        "schema": SCHEMA,
        "row": row.name,
        "title": row.title,
        "count": row.count,
        "object_bytes": row.object_bytes,
        "machine": dict(machine),
        "figures": figures,
        "goals": [_judged(goal, figures, others) for goal in row.goals],
        "peer_flags": None if row.peer_flags is None else list(row.peer_flags),
        "samples": {name: [_plain(one) for one in samples] for name, samples in trial.samples.items()},
    }


def _figures(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians: wall and memory of the free runs, CPU of the pinned ones (where there are any)."""
    free = [one.measured for one in samples if one.mode is Mode.FREE]
    pinned = [one.measured for one in samples if one.mode is Mode.PINNED]
    walls = measure.spread([one.wall_seconds for one in free or pinned])
    cpus = measure.spread([one.cpu_seconds for one in pinned or free])
    memories = measure.spread([float(one.memory_bytes) for one in free or pinned])
    return {
        "wall": round(walls.median, 3),
        "wall_least": round(walls.least, 3),
        "wall_most": round(walls.most, 3),
        "cpu": round(cpus.median, 3),
        "cpu_least": round(cpus.least, 3),
        "cpu_most": round(cpus.most, 3),
        "memory": round(memories.median),
        "load_most": round(max(one.load for one in samples), 1),
        "runs": len(free or pinned),
        "server_cpu": round(measure.spread([one.server_cpu_seconds for one in samples]).median, 2),
        "requests": dict(samples[-1].measured.facts),
    }


def _judged(
    goal: Goal, figures: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The goal in words, what was reached, and whether that is enough; None where nothing can be said."""
    mine = figures["ferryline"][goal.figure.value]
    if goal.bytes_max is not None:
        return {"goal": str(goal), "reached": f"{mine / MB:.0f} MB", "met": mine <= goal.bytes_max}
    if goal.of_row is None:
        other = figures.get("rclone", {}).get(goal.figure.value)
    else:
        other = others.get(goal.of_row, {}).get("figures", {}).get("ferryline", {}).get(goal.figure.value)
    if not other or goal.factor is None:
        return {"goal": str(goal), "reached": "not measured", "met": None}
    return {"goal": str(goal), "reached": f"{mine / other:.2f} ×", "met": mine <= other * goal.factor}


def _plain(sample: Sample) -> dict[str, Any]:
    one = sample.measured
    return {
        "mode": sample.mode.value,
        "wall": round(one.wall_seconds, 3),
        "cpu_user": round(one.cpu_user_seconds, 3),
        "cpu_system": round(one.cpu_system_seconds, 3),
        "memory": one.memory_bytes,
        "load": round(sample.load, 2),
        "requests": dict(one.facts),
    }
