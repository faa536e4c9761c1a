"""Old snapshots leave the heads, and what only they needed leaves the replicas, by `keep_snapshots`.

`dataset_door` calls it for `snapshots prune`; the answer is a document. What a kept snapshot needs is
never removed; a dry run writes nothing, and neither does a prune that finds nothing to remove.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ferryline import errors
from ferryline.model import exitcode
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.errand import Errand, Looked
from ferryline.snapshot import history, prune
from ferryline.snapshot.head import Head
from ferryline.snapshot.prune import PrunePlan

OLDER_THAN_SECONDS = 24 * 3600.0
"""Files younger than this stay: a reader may hold a manifest that is no longer in the head."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How to prune: `only` one replica or all, for show or for good, and what is too young to go."""

    only: str | None = None
    dry_run: bool = False
    older_than_seconds: float = OLDER_THAN_SECONDS


async def pruned(errand: Errand, wish: Wish) -> dict[str, Any]:
    """Prune every replica, one after the other; what fails at one is told, and the others go on."""
    async with errands.looked(errand, wish.only) as found:
        answers = [await _one(errand, one, wish) for one in found]
    code = exitcode.first(one.pop("code") for one in answers)
    keep = errand.task.keep
    return {
        "schema": "ferryline.prune/1",
        **errands.outcome(code),
        "policy": errand.task.policy,
        "dataset": errand.task.dataset,
        "dry_run": wish.dry_run,
        "keep_count": keep.count,
        "keep_days": keep.days,
        "older_than_seconds": wish.older_than_seconds,
        "replicas": answers,
    }


async def _one(errand: Errand, one: Looked, wish: Wish) -> dict[str, Any]:
    problem = one.problem
    if one.head is not None:
        try:
            return await _prune(errand, one, one.head, wish)
        except (errors.RunStopped, errors.ObjectFailed, errors.RetryLater) as failure:
            problem = failure
    return _answer(one, frozenset(), None, problem)


async def _prune(errand: Errand, one: Looked, head: Head, wish: Wish) -> dict[str, Any]:
    shelf, files = one.there.shelf, one.there.files
    now = errand.around.clock.now()
    horizon_ns = int((now - timedelta(seconds=wish.older_than_seconds)).timestamp() * 1e9)
    stays = history.kept(head, errand.task.keep, now)
    needed = await prune.needed_by(shelf, stays)
    planned = prune.plan(shelf, needed, await prune.listed(shelf, files), horizon_ns)
    idle = not planned.keys and history.dropped(head, stays) == head
    if wish.dry_run or idle:
        return _answer(one, stays, planned, None)
    async with errands.held(errand, one.there) as grip:
        seen = await errands.head_now(one)
        stays = history.kept(seen, errand.task.keep, now)
        done, _ = await prune.prune(files, shelf, prune.Right(grip.writer, grip.may_write), stays, horizon_ns)
    return _answer(one, stays, done, None)


def _answer(
    one: Looked, stays: frozenset[str], done: PrunePlan | None, problem: errors.FerrylineError | None
) -> dict[str, Any]:
    history_now = one.head.snapshots if one.head is not None and problem is None else ()
    return {
        "replica": one.replica.name,
        "url": one.replica.location.url,
        "kept": [each.snapshot for each in history_now if each.snapshot in stays],
        "dropped": [each.snapshot for each in history_now if each.snapshot not in stays],
        "files": len(done.keys) if done is not None else 0,
        "bytes": done.size_bytes if done is not None else 0,
        "files_kept": done.kept if done is not None else 0,
        "versions_left": (done.versions_left or None) if done is not None else None,
        "problem": errands.problem_of(problem),
        "code": exitcode.of_error(problem) if problem is not None else exitcode.DONE,
    }
