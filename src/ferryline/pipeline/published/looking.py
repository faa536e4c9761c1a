"""What is published at a dataset's replicas: listed, shown, compared. It reads and changes nothing.

`dataset_door` calls it for `snapshots list`, `show` and `diff`; each answer is a document.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pyarrow as pa

from ferryline import errors
from ferryline.model import exitcode
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.errand import Errand, Looked
from ferryline.report import keys
from ferryline.snapshot import compare, load, opening
from ferryline.snapshot.compare import Change, Version
from ferryline.snapshot.head import Published
from ferryline.snapshot.manifest import Manifest

KEYS_MAX = 1_000
"""Keys that a difference's document names; its counts are complete."""


async def listed(errand: Errand, only: str | None) -> dict[str, Any]:
    """The history of every replica (or the one called `only`)."""
    async with errands.looked(errand, only) as found:
        return {
            "schema": "ferryline.snapshots/1",
            **errands.outcome(_code(found)),
            "policy": errand.task.policy,
            "dataset": errand.task.dataset,
            "replicas": [_replica(one) for one in found],
        }


def _replica(one: Looked) -> dict[str, Any]:
    head = one.head
    return {
        "replica": one.replica.name,
        "url": one.replica.location.url,
        "metadata": one.replica.shelf_url,
        "current": head.current if head else None,
        "epoch": head.epoch if head else None,
        "sequence": head.sequence if head else None,
        "snapshots": [entry(one, each) for each in head.snapshots] if head else [],
        "problem": errands.problem_of(one.problem),
    }


def entry(looked: Looked, one: Published) -> dict[str, Any]:
    """One snapshot in a replica's history, as documents tell it."""
    head = looked.head
    tags = sorted(tag for tag, snapshot in head.tags.items() if snapshot == one.snapshot) if head else []
    return {
        "snapshot": one.snapshot,
        "sequence": one.sequence,
        "at": one.at.isoformat(),
        "rows": one.rows,
        "bytes": one.size_bytes,
        "consistency": one.consistency.value,
        "keeping": one.keeping.value,
        "eligible": one.eligible,
        "why_not": one.why_not,
        "tags": tags,
        "current": head is not None and head.current == one.snapshot,
    }


async def shown(
    errand: Errand, name: str, only: str | None, lines: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """One snapshot: its totals, and each replica's proof of it. With `lines`, all its keys are told there.

    `lines` gets text of `key TAB size TAB digest` lines, a chunk at a time, before the answer comes.
    """
    async with errands.looked(errand, only) as found:
        snapshot = errands.resolve(name, found)
        holders = [one for one in found if one.entry(snapshot) is not None]
        manifest, looked = await _manifest(holders, snapshot)
        if lines is not None:
            async for rows in load.every_row(looked.there.shelf, manifest.index):
                lines(_lines(rows))
        proofs = [await _proof(one, snapshot) for one in holders]
        unread = [one["problem"] for one in proofs if one["problem"] is not None]
        code = exitcode.first([_code(found), exitcode.OBJECTS_FAILED if unread else exitcode.DONE])
        return {
            "schema": "ferryline.snapshot/1",
            **errands.outcome(code),
            "policy": errand.task.policy,
            "dataset": errand.task.dataset,
            "snapshot": snapshot,
            "rows": manifest.index.rows,
            "bytes": manifest.index.size_bytes,
            "consistency": manifest.consistency.value,
            "chunks": len(manifest.index.chunks),
            "replicas": proofs + [_unread(one) for one in found if one.problem is not None],
        }


def _lines(rows: pa.RecordBatch) -> str:
    columns = (rows.column(name).to_pylist() for name in ("key", "size", "digest"))
    return "\n".join(
        f"{keys.fields(key)['key']}\t{size}\t{digest.decode('ascii')}"
        for key, size, digest in zip(*columns, strict=True)
    )


async def _manifest(holders: Iterable[Looked], snapshot: str) -> tuple[Manifest, Looked]:
    """The snapshot's manifest, from the first replica where it can be read."""
    failure: errors.FerrylineError | None = None
    for one in holders:
        try:
            return await opening.read_manifest(one.there.shelf, snapshot), one
        except (errors.ObjectFailed, errors.RunStopped) as problem:
            failure = failure or problem
    raise failure or errors.BrokenInvariant(f"{snapshot} was found at no replica")


async def _proof(one: Looked, snapshot: str) -> dict[str, Any]:
    """What a replica says of the snapshot, and by what evidence it was proven there."""
    published = one.entry(snapshot)
    if published is None:
        raise errors.BrokenInvariant(f"{snapshot} is not in the history of {one.replica.name}")
    evidence: dict[str, int] | None = None
    problem: errors.FerrylineError | None = None
    said = entry(one, published)
    try:
        receipt = await opening.read_receipt(one.there.shelf, snapshot)
        evidence = dict(receipt.evidence)
        if not receipt.eligible:
            said |= {"eligible": False, "why_not": receipt.why_not}
    except (errors.ObjectFailed, errors.RunStopped) as failure:
        problem = failure
    names = ("sequence", "at", "keeping", "eligible", "why_not", "tags", "current")
    return {
        "replica": one.replica.name,
        "url": one.replica.location.url,
        **{name: said[name] for name in names},
        "evidence": evidence,
        "problem": errands.problem_of(problem),
    }


def _unread(one: Looked) -> dict[str, Any]:
    return {
        "replica": one.replica.name,
        "url": one.replica.location.url,
        "sequence": None,
        "at": None,
        "keeping": None,
        "eligible": False,
        "why_not": "it could not be read",
        "tags": [],
        "current": False,
        "evidence": None,
        "problem": errands.problem_of(one.problem),
    }


async def differences(errand: Errand, old: str, new: str, only: str | None) -> dict[str, Any]:
    """What was added, removed and changed from one snapshot to another, with the first keys."""
    async with errands.looked(errand, only) as found:
        before, after = errands.resolve(old, found), errands.resolve(new, found)
        sides: list[Version] = []
        for snapshot in (before, after):
            holders = [one for one in found if one.entry(snapshot) is not None]
            manifest, looked = await _manifest(holders, snapshot)
            sides.append(Version(looked.there.shelf, manifest.index))
        counts, first = await tallied(compare.differences(*sides), KEYS_MAX)
        return {
            "schema": "ferryline.diff/1",
            **errands.outcome(exitcode.DONE),
            "policy": errand.task.policy,
            "dataset": errand.task.dataset,
            "old": before,
            "new": after,
            **{change.value: counts[change.value] for change in Change},
            "bytes_old": sides[0].index.size_bytes,
            "bytes_new": sides[1].index.size_bytes,
            "keys": first,
            "keys_total": sum(counts.values()),
        }


async def tallied(
    batches: AsyncIterator[pa.RecordBatch], most: int
) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Counts of all differences by what happened, and the first `most` of them."""
    counts: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    async for batch in batches:
        counts.update(batch.column("change").to_pylist())
        for row in batch.slice(0, most - len(first)).to_pylist():
            digests = {side: row[f"{side}_digest"] for side in ("old", "new")}
            first.append(
                {
                    **keys.fields(row["key"]),
                    "change": row["change"],
                    "old_size": row["old_size"],
                    "new_size": row["new_size"],
                    **{f"{side}_digest": one.decode() if one else None for side, one in digests.items()},
                }
            )
    return counts, first


def _code(found: Iterable[Looked]) -> int:
    return exitcode.first(exitcode.of_error(one.problem) for one in found if one.problem is not None)
