"""The documents of a run and of a verification, as plain data with the fields that DESIGN 6.2 names.

`pipeline` writes them into the report folder and the state, `cli` prints them. Their JSON Schemas
lie in `schemas/`. A document is bounded: failures and findings are capped, coverage is summed up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ferryline import errors
from ferryline.model.event import Warned
from ferryline.model.execution import Execution
from ferryline.model.finding import Mismatch, Trouble
from ferryline.model.key import one_line
from ferryline.model.outcome import Failed
from ferryline.model.run import Consistency, Counts, Coverage, Phase, Status
from ferryline.report import keys
from ferryline.report.facts import DestinationFacts, RunFacts, VerifyFacts

RUN_SCHEMA = "ferryline.run/1"
VERIFY_DATASET_SCHEMA = "ferryline.verify-dataset/1"
SYNC_SCHEMA = "ferryline.sync/1"
_EXIT_ORDER = (130, 143, 70, 2, 5, 4, 6, 3, 7, 1)
VERIFY_SCHEMA = "ferryline.verify/1"
FAILURES_MAX = 1_000
FINDINGS_MAX = 1_000
WARNINGS_MAX = 100
OPEN_RANGES_MAX = 20


def run_document(facts: RunFacts) -> dict[str, Any]:
    """One run. Counts at the top are sums over destinations, but `files_listed`: source objects."""
    folded = _summed(facts.destinations)
    return {
        "schema": RUN_SCHEMA,
        "run_id": facts.run_id,
        "status": facts.status.value,
        "exit_code": facts.exit_code,
        "source": facts.source,
        "dataset": facts.dataset,
        "began_at": _time(facts.began_at),
        "listed_at": None if facts.listed_at is None else _time(facts.listed_at),
        "ended_at": _time(facts.began_at + timedelta(seconds=facts.duration_seconds)),
        "duration_seconds": round(facts.duration_seconds, 3),
        "snapshot": _snapshot(facts.destinations),
        "consistency": _consistency(facts.destinations).value,
        "fencing": facts.fencing,
        "policy_digest": facts.policy_digest,
        "cost_estimate_usd": _cost(facts.destinations),
        "cost_unknown": "; ".join(dict.fromkeys(filter(None, map(_unknown, facts.destinations)))) or None,
        **_counts(folded),
        "failures_total": facts.failures_total,
        "failures_by_kind": _sorted(_kinds(facts.destinations)),
        "requests": _sorted(facts.requests),
        "requests_total": sum(facts.requests.values()),
        "phases": _phases(facts.phases),
        "destinations": [_destination(one, facts) for one in facts.destinations],
        "failures": _failures(facts.destinations),
        "warnings": _warnings(facts.warnings),
        "warnings_total": len(facts.warnings),
        "stopped": None if facts.stopped is None else _stopped(facts.stopped),
        "report": facts.report,
    }


def verify_document(facts: VerifyFacts) -> dict[str, Any]:
    """One verification. `files_checked` = equal + differing + missing + source changed + unchecked."""
    troubles = {trouble: facts.troubles.get(trouble, 0) for trouble in Trouble}
    checked = facts.equal + facts.bad - troubles[Trouble.EXTRA]
    return {
        "schema": VERIFY_SCHEMA,
        "run_id": facts.run_id,
        "status": facts.status.value,
        "exit_code": facts.exit_code,
        "source": facts.source,
        "destination": facts.destination,
        "snapshot": facts.snapshot,
        "withdrawn": facts.withdrawn,
        "began_at": _time(facts.began_at),
        "ended_at": _time(facts.began_at + timedelta(seconds=facts.duration_seconds)),
        "duration_seconds": round(facts.duration_seconds, 3),
        "files_listed": facts.source_objects,
        "destination_files_listed": facts.destination_objects,
        "files_excluded": facts.excluded,
        "files_reserved": facts.reserved,
        "files_checked": checked,
        "files_equal": facts.equal,
        "files_differing": troubles[Trouble.DIFFERS],
        "files_missing": troubles[Trouble.MISSING],
        "files_extra": troubles[Trouble.EXTRA],
        "files_unchecked": troubles[Trouble.UNCHECKED],
        "files_source_changed": troubles[Trouble.SOURCE_CHANGED],
        "evidence": _sorted(facts.evidence),
        "deep_percent": facts.deep_percent,
        "deep_seed": facts.seed,
        "files_read": facts.deep_checked,
        "findings": [_finding(one) for one in facts.findings[:FINDINGS_MAX]],
        "findings_total": facts.bad,
        "requests": _sorted(facts.requests),
        "requests_total": sum(facts.requests.values()),
        "phases": _phases(facts.phases),
        "warnings": _warnings(facts.warnings),
        "warnings_total": len(facts.warnings),
        "stopped": None if facts.stopped is None else _stopped(facts.stopped),
        "report": facts.report,
    }


def _destination(facts: DestinationFacts, run: RunFacts) -> dict[str, Any]:
    alone = len(run.destinations) == 1
    requests = facts.requests or (run.requests if alone else {})
    stopped = facts.stopped if facts.replica is not None else run.stopped
    failed = facts.failures_total > 0 or stopped is not None
    return {
        "destination": facts.url,
        "replica": facts.replica,
        "required": facts.required,
        "engine": facts.engine,
        "execution": None if facts.execution is None else execution(facts.execution),
        "status": (Status.ERROR if failed else Status.SUCCESS).value,
        "snapshot": facts.snapshot,
        "published": facts.published,
        "published_at": None if facts.published_at is None else _time(facts.published_at),
        "why_not_published": facts.why_not or None,
        "stopped": None if facts.stopped is None else _stopped(facts.stopped),
        "consistency": facts.consistency.value,
        "cost_estimate_usd": _dollars(facts.cost_usd),
        "cost_unknown": _unknown(facts),
        **_counts(facts.counts),
        "destination_files_listed": facts.counts.destination_listed,
        "files_only_at_destination": facts.counts.kept_orphans,
        "failures_total": facts.failures_total,
        "failures_by_kind": _sorted(facts.failure_kinds),
        "requests": _sorted(requests),
        "requests_total": sum(requests.values()),
        "coverage": _coverage(facts.coverage),
    }


def execution(one: Execution) -> dict[str, Any]:
    """A service's execution, in its own words and counts."""
    return {
        "execution": one.arn,
        "task": one.task_arn,
        "task_mode": one.task_mode,
        "status": one.status,
        "began_at": None if one.began_at is None else _time(one.began_at),
        "ended_at": None if one.ended_at is None else _time(one.ended_at),
        "joined": one.joined,
        "trouble": one.trouble or None,
        "counters": _sorted(one.counters),
        "failures_total": one.failed_total,
        "report": one.report,
    }


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "files_listed": counts.listed,
        "files_transferred": counts.transferred,
        "files_same": counts.same,
        "files_kept": counts.kept,
        "files_excluded": counts.excluded,
        "files_reserved": counts.reserved,
        "files_vanished": counts.vanished,
        "files_deleted": counts.deleted,
        "files_verified": counts.verified,
        "files_failed": counts.failed,
        "files_skipped": counts.same + counts.kept,
        "bytes_transferred": counts.bytes_transferred,
        "bytes_written": counts.bytes_written,
        "source_bytes_read": counts.source_bytes_read,
        "evidence": _sorted(counts.evidence),
    }


def _summed(destinations: Iterable[DestinationFacts]) -> Counts:
    """Sums over destinations; `listed` is what the source holds, so the longest listing, not the sum."""
    total = Counts()
    for one in destinations:
        counts = one.counts
        total.listed = max(total.listed, counts.listed)
        total.transferred += counts.transferred
        total.same += counts.same
        total.kept += counts.kept
        total.excluded += counts.excluded
        total.reserved += counts.reserved
        total.vanished += counts.vanished
        total.source_failed += counts.source_failed
        total.deleted += counts.deleted
        total.verified += counts.verified
        total.delete_failed += counts.delete_failed
        total.bytes_transferred += counts.bytes_transferred
        total.bytes_written += counts.bytes_written
        total.source_bytes_read += counts.source_bytes_read
        total.evidence.update(counts.evidence)
    return total


def verify_dataset_document(dataset: str, replicas: list[dict[str, Any]]) -> dict[str, Any]:
    """The verifications of a dataset's replicas together."""
    code = _most_serious(replicas)
    status = Status.SUCCESS if code == 0 else Status.ERROR
    return {
        "schema": VERIFY_DATASET_SCHEMA,
        "status": status.value,
        "exit_code": code,
        "dataset": dataset,
        "replicas": replicas,
    }


def _most_serious(documents: list[dict[str, Any]]) -> int:
    codes = [int(one["exit_code"]) for one in documents]
    return next((one for one in _EXIT_ORDER if one in codes), 0)


def sync_document(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Several runs, one for each dataset, and what they come to together: the most serious exit code."""
    code = _most_serious(runs)
    status = Status.SUCCESS if code == 0 else Status.ERROR
    return {"schema": SYNC_SCHEMA, "status": status.value, "exit_code": code, "runs": runs}


def _snapshot(destinations: tuple[DestinationFacts, ...]) -> str | None:
    """The snapshot that is current at every replica of the run, when it is one and the same."""
    found = {one.snapshot for one in destinations}
    return next(iter(found)) if len(found) == 1 else None


def _consistency(destinations: tuple[DestinationFacts, ...]) -> Consistency:
    """A run is as consistent as its least consistent destination."""
    if destinations and all(one.consistency is Consistency.POINT_IN_TIME for one in destinations):
        return Consistency.POINT_IN_TIME
    return Consistency.PER_OBJECT


def _cost(destinations: tuple[DestinationFacts, ...]) -> float | None:
    """The sum of what stands at the destinations, null as soon as one of them is."""
    told = [_dollars(one.cost_usd) for one in destinations]
    known = [one for one in told if one is not None]
    return _dollars(sum(known)) if told and len(known) == len(told) else None


def _dollars(usd: float | None) -> float | None:
    """Dollars as documents hold them: to the millionth."""
    return None if usd is None else round(usd, 6)


def _unknown(facts: DestinationFacts) -> str | None:
    return None if facts.cost_unknown is None else one_line(facts.cost_unknown)


def _kinds(destinations: Iterable[DestinationFacts]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in destinations:
        total.update(one.failure_kinds)
    return total


def _failures(destinations: Iterable[DestinationFacts]) -> list[dict[str, Any]]:
    every = [_failure(failed, one.url) for one in destinations for failed in one.failures[:FAILURES_MAX]]
    return every[:FAILURES_MAX]


def _failure(failed: Failed, destination: str) -> dict[str, Any]:
    return {
        **keys.fields(failed.key),
        "destination": destination,
        "kind": failed.kind,
        "message": one_line(failed.message),
        "advice": one_line(failed.advice),
        "phase": failed.phase,
    }


def _finding(mismatch: Mismatch) -> dict[str, Any]:
    return {
        **keys.fields(mismatch.key),
        "trouble": mismatch.trouble.value,
        "detail": one_line(mismatch.detail),
        "advice": one_line(mismatch.advice),
    }


def _stopped(error: errors.FerrylineError) -> dict[str, Any]:
    named = {} if error.key is None else keys.fields(error.key)
    return {
        "kind": error.kind,
        "message": one_line(error.message),
        "advice": one_line(error.advice),
        "place": one_line(error.place),
        **named,
    }


def _coverage(ranges: tuple[Coverage, ...]) -> dict[str, Any]:
    """How much of the key space was listed to its end on both sides, and the first ranges that were not."""
    unfinished = [one for one in ranges if not (one.source_complete and one.destination_complete)]
    return {
        "ranges": len(ranges),
        "complete": len(ranges) - len(unfinished),
        "open": [one_line(one.range) for one in unfinished[:OPEN_RANGES_MAX]],
    }


def _warnings(warnings: tuple[Warned, ...]) -> list[dict[str, str]]:
    return [
        {"message": one_line(one.message), "advice": one_line(one.advice)} for one in warnings[:WARNINGS_MAX]
    ]


def _phases(phases: Mapping[Phase, float]) -> dict[str, float]:
    return {phase.value: round(phases[phase], 3) for phase in Phase if phase in phases}


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts) if counts[name]}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
