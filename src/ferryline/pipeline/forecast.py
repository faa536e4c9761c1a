"""The plan of a dataset: residency first, then one plan per replica, then what they come to together.

`plan DATASET` calls it. It writes nothing anywhere; where the rules refuse a place, nothing is even
listed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ferryline import errors
from ferryline.pipeline import door
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.planning import Pricing
from ferryline.pipeline.task import Surroundings, Task
from ferryline.plan import guard
from ferryline.policy import values
from ferryline.residency import stops
from ferryline.residency.decide import Decision, Refused, decide_all, enforce

SCHEMA = "ferryline.plan-dataset/1"

_SUMMED = (
    "files_to_transfer",
    "bytes_to_transfer",
    "files_to_delete",
    "files_refused",
    "files_unknown",
    "changes",
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One replica's part of a dataset: its task, and what it is priced by."""

    replica: Replica
    task: Task
    pricing: Pricing


def plan(dataset: DatasetTask, legs: Sequence[Leg], around: Surroundings) -> dict[str, Any]:
    """What a run of the dataset would do at each replica, as plain data.

    Raises GuardRefused for residency before anything is listed, and what would stop the run. What
    another guard would refuse stands under `refusals`.
    """
    seen = stops.Seen(run_in=dataset.run_in)
    decisions = decide_all(dataset.bounds, stops.stops_of(dataset.declared, dataset.dataset, seen))
    enforce(decisions)
    plans = [(leg, door.plan(leg.task, around, leg.pricing)) for leg in legs]
    documents = [document for _, document in plans]
    requests: Counter[str] = Counter()
    for one in documents:
        requests.update(one["requests_estimate"])
    return {
        "schema": SCHEMA,
        "policy": dataset.policy,
        "policy_digest": dataset.policy_digest,
        "dataset": dataset.dataset,
        "source": dataset.source.url,
        "run_in": dataset.run_in,
        "residency_rules": dataset.bounds.rules != values.Residency(),
        "residency": [_decision(one) for one in decisions],
        "replicas": [
            {
                "replica": leg.replica.name,
                "required": leg.replica.required,
                "engine": leg.replica.engine.value,
                "plan": document,
            }
            for leg, document in plans
        ],
        **{name: sum(one[name] for one in documents) for name in _SUMMED},
        "requests_estimate": dict(sorted(requests.items())),
        "cost_estimate_usd": _sum([one["cost_estimate_usd"] for one in documents]),
        "cost_unknown": _once([one["cost"]["unknown"] for one in documents]),
        "time": _time(documents),
        "refusals": [*_refusals(plans), *_refused_together(dataset, documents)],
    }


def _decision(one: Decision) -> dict[str, Any]:
    return {
        "location": one.stop.location,
        "role": one.stop.role.value,
        "region": one.stop.region,
        "allowed": not isinstance(one, Refused),
        "why": one.why,
    }


def _time(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The replicas one after another: the most it takes."""
    seconds = _sum([one["time"]["seconds"] for one in documents], digits=1)
    basis = _once(
        [one["time"]["basis"] for one in documents if (one["time"]["seconds"] is None) == (seconds is None)]
    )
    together = "the replicas one after another; " if len(documents) > 1 and seconds is not None else ""
    return {"seconds": seconds, "basis": f"{together}{basis or 'there is no replica'}"}


def _refusals(plans: list[tuple[Leg, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"replica": leg.replica.name, **one} for leg, document in plans for one in document["refusals"]]


def _refused_together(dataset: DatasetTask, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `max_transfer` says: it caps one run of the dataset, all replicas together."""
    size = guard.TransferGuard(dataset.max_transfer.bytes)
    spend = guard.SpendGuard(dataset.max_transfer.usd, guard.NoPrices())
    found: list[dict[str, Any]] = []

    def check(admit: Callable[[], None]) -> None:
        try:
            admit()
        except errors.GuardRefused as refusal:
            said = {"kind": refusal.kind, "message": refusal.message, "advice": refusal.advice}
            found.append({"replica": None, **said})

    check(lambda: size.admit(sum(one["bytes_to_transfer"] for one in documents)))
    copying = [one for one in documents if one["files_to_transfer"]]
    if copying:
        usd = _sum([one["cost"]["copies_usd"] for one in copying])
        check(lambda: spend.admit_usd(usd, unknown=_once([one["cost"]["unknown"] for one in copying]) or ""))
    return found


def _sum(amounts: list[float | None], digits: int = 6) -> float | None:
    known = [one for one in amounts if one is not None]
    return None if len(known) < len(amounts) else round(sum(known), digits)


def _once(sentences: list[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(one for one in sentences if one)) or None
