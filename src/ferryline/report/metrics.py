"""Run documents as metrics in Prometheus' text form, by dataset and replica. Pure: no file, no clock.

`--metrics-file` writes what `render` returns. Everything is a gauge of the newest runs: a host with an
empty disk knows no sums over all runs, and a counter that falls back would lie. Ages are true at the
moment of writing; the timestamps beside them stay true when nothing writes any more, so alert on those.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Labels = tuple[tuple[str, str], ...]

_OBJECTS = (
    "listed", "transferred", "same", "kept", "excluded",
    "reserved", "vanished", "deleted", "verified", "failed",
)  # fmt: skip
_BYTES = {"bytes_transferred": "transferred", "bytes_written": "written", "source_bytes_read": "read"}

_HELP = {
    "ferryline_lag_seconds": "How old the source was that the newest successful run brought: what was "
    "written there since is not proven at the replica yet. +Inf when no success is known.",
    "ferryline_last_success_age_seconds": "Seconds since the newest successful run ended. +Inf when none "
    "is known.",
    "ferryline_last_success_timestamp_seconds": "When the newest successful run ended, Unix time.",
    "ferryline_last_run_timestamp_seconds": "When the newest run ended, Unix time.",
    "ferryline_last_run_success": "Whether the newest run succeeded: 1 or 0.",
    "ferryline_last_run_exit_code": "The exit code that the newest run stands for.",
    "ferryline_last_run_duration_seconds": "How long the newest run took.",
    "ferryline_last_run_objects": "Objects of the newest run by what became of them.",
    "ferryline_last_run_bytes": "Bytes of the newest run: object bytes transferred, bytes written at the "
    "replica, bytes read at the source.",
    "ferryline_last_run_failures": "Failures of the newest run by kind.",
    "ferryline_last_run_requests": "Requests of the newest run by operation.",
    "ferryline_metrics_timestamp_seconds": "When these metrics were written, Unix time.",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One replica of one dataset: its destination's URL as the documents name it, and its runs.

    `runs` are run documents in any order; those that are not about this destination are left out.
    """

    dataset: str
    replica: str
    destination: str
    runs: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Run:
    """What one document says of one destination."""

    whole: Mapping[str, Any]
    part: Mapping[str, Any]
    began: datetime
    ended: datetime

    @property
    def succeeded(self) -> bool:
        return bool(self.part.get("status", self.whole.get("status")) == "SUCCESS")


def render(series: Iterable[Series], now: datetime) -> str:
    """The whole file, every metric with its HELP and TYPE, samples in the order of `series`.

    A series that is given twice is written once: a file with the same sample twice is no metrics file.
    """
    samples: dict[str, dict[Labels, float]] = {name: {} for name in _HELP}
    for one in series:
        _add(samples, one, now)
    samples["ferryline_metrics_timestamp_seconds"][()] = now.timestamp()
    lines: list[str] = []
    for name, found in samples.items():
        if found:
            lines += [f"# HELP {name} {_help(_HELP[name])}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in found.items()]
    return "\n".join(lines) + "\n"


def _add(samples: Mapping[str, dict[Labels, float]], one: Series, now: datetime) -> None:
    who = (("dataset", one.dataset), ("replica", one.replica))
    runs = sorted(_runs(one), key=lambda run: run.ended)
    success = next((run for run in reversed(runs) if run.succeeded), None)
    lag = age = math.inf
    if success is not None:
        # What the listing saw is at the replica; the listing began no earlier than the run.
        lag = max(0.0, (now - success.began).total_seconds())
        age = max(0.0, (now - success.ended).total_seconds())
        samples["ferryline_last_success_timestamp_seconds"][who] = success.ended.timestamp()
    samples["ferryline_lag_seconds"][who] = lag
    samples["ferryline_last_success_age_seconds"][who] = age
    if runs:
        _add_newest(samples, who, runs[-1])


def _add_newest(samples: Mapping[str, dict[Labels, float]], who: Labels, run: _Run) -> None:
    samples["ferryline_last_run_timestamp_seconds"][who] = run.ended.timestamp()
    samples["ferryline_last_run_success"][who] = float(run.succeeded)
    for name in ("exit_code", "duration_seconds"):
        if name in run.whole:
            samples[f"ferryline_last_run_{name}"][who] = float(run.whole[name])
    for name in _OBJECTS:
        if f"files_{name}" in run.part:
            count = float(run.part[f"files_{name}"])
            samples["ferryline_last_run_objects"][*who, ("outcome", name)] = count
    for field, name in _BYTES.items():
        if field in run.part:
            samples["ferryline_last_run_bytes"][*who, ("kind", name)] = float(run.part[field])
    for metric, field, label in (
        ("failures", "failures_by_kind", "kind"),
        ("requests", "requests", "operation"),
    ):
        for name, count in sorted(dict(run.part.get(field) or {}).items()):
            samples[f"ferryline_last_run_{metric}"][*who, (label, str(name))] = float(count)


def _runs(one: Series) -> Iterable[_Run]:
    for document in one.runs:
        for part in document.get("destinations") or ():
            if part.get("destination") == one.destination:
                began, ended = _time(document.get("began_at")), _time(document.get("ended_at"))
                if began is not None and ended is not None:
                    yield _Run(document, part, began, ended)


def _time(text: object) -> datetime | None:
    """A document's time; None for what another version wrote otherwise."""
    try:
        told = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return told if told.tzinfo is not None else None


def _labels(labels: Labels) -> str:
    shown = ",".join(f'{name}="{_value(value)}"' for name, value in labels)
    return f"{{{shown}}}" if shown else ""


def _value(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
