"""Why a replica is behind: the cause, since when, the first keys, and the command that helps.

`status --explain` calls it. It reads what heads and run documents say already; only where two replicas
have different snapshots are these compared, to name keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ferryline import errors
from ferryline.model.key import one_line
from ferryline.pipeline.published import lag
from ferryline.pipeline.published.errand import Looked
from ferryline.pipeline.published.lag import Lag
from ferryline.report import keys
from ferryline.snapshot import compare, opening
from ferryline.snapshot.compare import Version
from ferryline.snapshot.head import Published
from ferryline.snapshot.lock import Lock

KEYS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one replica: how it was found, its lag, who holds its lock."""

    looked: Looked
    lag: Lag
    lock: Lock | None

    @property
    def current(self) -> Published | None:
        """The replica's current snapshot, readable or not."""
        head = self.looked.head
        return head.entry(head.current) if head is not None and head.current is not None else None


@dataclass(frozen=True, slots=True)
class Ground:
    """What replicas are judged by. `runs` are documents, newest first; `most` seconds of lag are allowed."""

    dataset: str
    now: datetime
    runs: Sequence[Mapping[str, Any]]
    most: float | None


def is_late(one: Standing, most: float | None) -> bool:
    """Whether a replica is further behind than is allowed. A lag that is not known is too much."""
    if most is None or one.looked.problem is not None:
        return False
    return one.lag.seconds is None or one.lag.seconds > most


async def behind(standings: Sequence[Standing], ground: Ground) -> dict[str, dict[str, Any]]:
    """For each replica that is behind, by its name: cause, since, keys, next."""
    newest = _newest(standings)
    found = {one.looked.replica.name: await _why(one, newest, ground) for one in standings}
    return {name: answer for name, answer in found.items() if answer is not None}


def _newest(standings: Iterable[Standing]) -> Standing | None:
    """The replica whose current snapshot was published last, among those that can be read."""
    readable = [
        (one.current.at, one) for one in standings if one.current is not None and one.current.eligible
    ]
    return max(readable, key=lambda one: one[0])[1] if readable else None


async def _why(one: Standing, newest: Standing | None, ground: Ground) -> dict[str, Any] | None:
    name, problem = one.looked.replica.name, one.looked.problem
    if problem is not None:
        cause = f"it could not be read: {problem.kind}: {problem.message}"
        remedy = problem.advice or "see to its endpoint and credentials"
        return _answer(cause, None, [], f"{remedy}; then: ferryline status {ground.dataset}")
    cause, since = _cause(one, newest, ground)
    if not cause:
        return None
    failed, ended = _failure(one, ground.runs)
    if failed is not None:
        cause, since = f"{cause}; its last run failed: {failed}", since or ended
    following = f"ferryline sync {ground.dataset} --replica {name}"
    if one.lock is not None and one.lock.until > ground.now:
        cause = f"{cause}; a run is under way: {one.lock.holder} (run {one.lock.run_id})"
        gone = f"ferryline unlock {ground.dataset} --replica {name}"
        following = f"wait for it to end; where it is surely gone: {gone}"
    return _answer(cause, since, await _keys(one, newest, ground.runs), following)


def _cause(one: Standing, newest: Standing | None, ground: Ground) -> tuple[str, datetime | None]:
    """What holds the replica back, and since when; an empty cause for one that is not behind."""
    current, changes = one.current, one.lag.changes
    if current is None:
        return "nothing is published there", None
    if not current.eligible:
        return f"its current snapshot cannot be read: {current.why_not}", None
    ahead = newest.current if newest is not None else None
    if newest is not None and ahead is not None and ahead.snapshot != current.snapshot:
        name = newest.looked.replica.name
        return f"it has {current.snapshot[:12]} while {name} has {ahead.snapshot[:12]}", ahead.at
    if changes is not None and changes.any:
        counts = {"new": changes.added, "changed": changes.changed, "gone": changes.removed}
        told = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        oldest = changes.oldest_ns
        since = datetime.fromtimestamp(oldest / 1e9, UTC) if oldest is not None else None
        return f"the source changed since: {told}", since
    if is_late(one, ground.most):
        since = None if one.lag.seconds is None else lag.moment(one.lag.published_at)
        return "no run confirmed it lately", since
    return "", None


def _failure(one: Standing, runs: Sequence[Mapping[str, Any]]) -> tuple[str | None, datetime | None]:
    """What the newest run to this replica failed by, and when it ended; None where it did not fail."""
    for run in runs:
        there = _part(one, run)
        if there is None:
            continue
        if there.get("status") != "ERROR":
            return None, None
        stopped = there.get("stopped") or run.get("stopped")
        kinds = there.get("failures_by_kind")
        if isinstance(stopped, dict):
            said = f"{stopped.get('kind')}: {stopped.get('message')}"
        elif isinstance(kinds, dict) and kinds:
            said = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        else:
            said = f"run {run.get('run_id')}"
        return one_line(said, 300), lag.moment(run.get("ended_at"))
    return None, None


def _part(one: Standing, run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a run's document says of this replica."""
    parts = lag.destinations_of(run)
    return next((each for each in parts if each.get("replica") == one.looked.replica.name), None)


async def _keys(
    one: Standing, newest: Standing | None, runs: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The first keys that are behind: by the listing, else by the newer snapshot, else those that failed."""
    changes = one.lag.changes
    if changes is not None and changes.examples:
        return [{**keys.fields(key), "change": change.value} for key, change in changes.examples[:KEYS_SHOWN]]
    current, ahead = one.current, newest.current if newest is not None else None
    if (
        newest is not None
        and current is not None
        and ahead is not None
        and current.snapshot != ahead.snapshot
    ):
        try:
            return await _between(one.looked, current.snapshot, newest.looked, ahead.snapshot)
        except (errors.ObjectFailed, errors.RunStopped, errors.RetryLater):
            pass  # the keys are a help; that the documents are damaged is for `snapshots show` to tell
    return _failed_keys(one, runs)


async def _between(old: Looked, before: str, new: Looked, after: str) -> list[dict[str, Any]]:
    sides = [
        Version(looked.there.shelf, (await opening.read_manifest(looked.there.shelf, snapshot)).index)
        for looked, snapshot in ((old, before), (new, after))
    ]
    async for batch in compare.differences(*sides):
        rows = batch.slice(0, KEYS_SHOWN).to_pylist()
        return [{**keys.fields(row["key"]), "change": row["change"]} for row in rows]
    return []


def _failed_keys(one: Standing, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The keys that failed in the newest run to this replica."""
    run = next((each for each in runs if _part(one, each) is not None), None)
    failures = run.get("failures") if run is not None else None
    here = one.looked.replica.location.url
    return [
        {name: str(each[name]) for name in ("key", "key_base64") if name in each}
        | {"change": f"failed: {each.get('kind')}"}
        for each in (failures if isinstance(failures, list) else [])
        if isinstance(each, dict) and "key" in each and each.get("destination") in (here, None)
    ][:KEYS_SHOWN]


def _answer(
    cause: str, since: datetime | None, first: list[dict[str, Any]], following: str
) -> dict[str, Any]:
    return {
        "cause": one_line(cause),
        "since": since.isoformat() if since is not None else None,
        "keys": first,
        "next": one_line(following),
    }
