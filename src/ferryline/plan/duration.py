"""How long a run would take, from what runs of the same pair took before or from a rate somebody states.

Pure. `planning` asks it. It never makes a rate up: without a measured or stated one there is no time,
and a sentence says so.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

RUNS_MAX = 20
"""Only the newest runs are asked: an old one had another network, or another machine."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run moves and looks at."""

    files: int
    bytes: int
    listed: int

    @property
    def mean_bytes(self) -> float:
        """The mean size of an object."""
        return self.bytes / self.files if self.files else 0.0


@dataclass(frozen=True, slots=True)
class Timed:
    """A run that was measured."""

    run_id: str
    load: Load
    seconds: float

    @staticmethod
    def of(document: Mapping[str, Any]) -> "Timed | None":
        """The measure in a run's document; None for one that failed, or took no time worth a rate."""
        try:
            if document["status"] != "SUCCESS" or document["duration_seconds"] <= 0:
                return None
            load = Load(
                int(document["files_transferred"]),
                int(document["bytes_transferred"]),
                int(document["files_listed"]),
            )
            return Timed(str(document["run_id"]), load, float(document["duration_seconds"]))
        except (KeyError, TypeError, ValueError):  # written by another version: as good as not measured
            return None


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds, or None; `basis` says in one sentence what they rest on, or why there are none."""

    seconds: float | None
    basis: str

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {"seconds": None if self.seconds is None else round(self.seconds, 1), "basis": self.basis}


def estimate(wanted: Load, timed: Iterable[Timed], assumed: int | None, limit: int | None) -> Duration:
    """How long `wanted` takes. `assumed` and `limit` are bytes a second: stated, and allowed by the policy.

    A stated rate wins. Else the run of the most alike objects tells its bytes and its objects a second,
    and the slower of the two counts; a run that copies nothing is as long as its listings.
    """
    if assumed is not None:
        rate = assumed if limit is None else min(assumed, limit)
        return Duration(wanted.bytes / rate, f"assumed: {rate:,} bytes a second")
    runs = list(timed)[:RUNS_MAX]
    if not wanted.files:
        for run in runs:
            if not run.load.files and run.load.listed:
                seconds = run.seconds * max(1.0, wanted.listed / run.load.listed)
                return Duration(
                    seconds, f"run {run.run_id} listed {run.load.listed:,} objects and copied none"
                )
        return _unknown("no run of this pair that copied nothing was timed here")
    copied = [run for run in runs if run.load.files]
    if not copied:
        return _unknown("no run that copied between these two was timed here")
    nearest = min(copied, key=lambda run: _apart(run.load, wanted))
    seconds = nearest.seconds * wanted.files / nearest.load.files
    if nearest.load.bytes:
        by_bytes = nearest.seconds * wanted.bytes / nearest.load.bytes
        seconds = max(seconds, by_bytes)
    if limit is not None:
        seconds = max(seconds, wanted.bytes / limit)
    bytes_rate, objects_rate = nearest.load.bytes / nearest.seconds, nearest.load.files / nearest.seconds
    told = f"run {nearest.run_id}: {bytes_rate:,.0f} bytes and {objects_rate:,.1f} objects a second"
    return Duration(seconds, told)


def _unknown(why: str) -> Duration:
    return Duration(None, f"{why}; state a rate: --assume-bytes-per-second RATE")


def _apart(one: Load, other: Load) -> float:
    """How unlike the sizes of objects are, as a ratio on a logarithmic scale."""
    return abs(math.log(one.mean_bytes + 1) - math.log(other.mean_bytes + 1))
