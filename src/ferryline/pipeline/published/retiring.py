"""A replica taken out of service: withdrawn, its metadata removed, and all of it where that was asked for.

`dataset_door` calls it for `retire`. It refuses the last copy. The record is kept before anything is
removed and again at the end, with a listing that proves what is left. Run again after a crash, it goes on.
"""

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from ferryline import crash, errors
from ferryline.model import exitcode, place
from ferryline.pipeline import shelves
from ferryline.pipeline.published import documents, erasing
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.erasing import Removed
from ferryline.pipeline.published.errand import Errand, Grip, Looked
from ferryline.pipeline.shelves import OpenReplica
from ferryline.pipeline.syncing import holding
from ferryline.report import keys
from ferryline.snapshot import lock, opening, publish
from ferryline.storage.wrap.stack import DressedStore
from ferryline.transfer import leftovers
from ferryline.transfer.manner import Manner

WHY = "the replica is being retired"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to retire, and whether its objects go too. `documents` is where the record is kept."""

    replica: str
    erases: bool
    documents: place.Location


async def retired(errand: Errand, wish: Wish) -> dict[str, Any]:
    """Retire a replica; the record. Raises `GuardRefused` for the last copy, `LockHeld`."""
    async with contextlib.AsyncExitStack() as closing:
        found = await closing.enter_async_context(errands.looked(errands.in_a_hurry(errand)))
        target = next(one for one in found if one.replica.name == errand.task.replica(wish.replica).name)
        if target.problem is not None and not isinstance(target.problem, errors.DigestMismatch):
            raise target.problem  # a head that cannot be believed is no reason to keep it
        elsewhere = await _elsewhere(found, target)
        opened = await closing.enter_async_context(shelves.opened(target.replica, errand.opening))
        target = replace(target, open=opened)  # from here on with patience
        kept = await closing.enter_async_context(documents.opened(wish.documents, errand.opening))
        record = _record(errand, wish, target, elsewhere)
        await _keep(errand, kept, record)
        crash.point("retire.recorded")
        removed = Removed()
        await _remove(errand, target, wish, removed)
        proof = await erasing.left(target.there, errand.opening, erased=wish.erases)
        record |= _ended(errand, removed, proof)
        record["record"] = await _keep(errand, kept, record)
        return record


async def _elsewhere(found: tuple[Looked, ...], target: Looked) -> list[dict[str, str]]:
    """The other replicas where a snapshot can be opened now. Raises `GuardRefused` where there is none."""
    others: list[dict[str, str]] = []
    for one in found:
        if one is target or one.head is None:
            continue
        for entry in one.head.readable:
            try:
                opened = await opening.open_snapshot(one.there.shelf, entry.snapshot)
            except (errors.ObjectFailed, errors.RunStopped, errors.RetryLater):
                continue  # then it is no copy to rely on
            others.append({"replica": one.replica.name, "snapshot": opened.published.snapshot})
            break
    if not others:
        unread = ", ".join(one.replica.name for one in found if one is not target and one.problem is not None)
        raise errors.GuardRefused(
            f"{target.replica.name} is the last copy: no other replica has a snapshot that can be read",
            advice="run sync to another replica first; nothing was removed"
            + (f" ({unread} could not be read)" if unread else ""),
            place=target.replica.location.url,
            kind="last-copy",
        )
    return others


async def _remove(errand: Errand, target: Looked, wish: Wish, removed: Removed) -> None:
    """Withdraw, remove, give the lock back, and remove what of the lock is left."""
    opened = target.there
    async with errands.held(errand, opened) as grip:
        removed.may_write = grip.may_write
        if target.problem is None:
            await publish.withdraw(opened.shelf, grip.writer, WHY)
        crash.point("retire.withdrawn")
        keep = lock.lock_key(opened.shelf)
        if wish.erases:
            apart = opened.files is not opened.store
            await erasing.objects(opened, errand.opening, removed, None if apart else keep)
            if apart:
                await erasing.shelf(opened, errand.opening, removed, keep)
        else:
            await _end_uploads(errand, opened, grip)
            await erasing.metadata(opened, errand.opening, removed)
        crash.point("retire.removed")
    if wish.erases:
        await _remove_traces(errand, opened)


async def _end_uploads(errand: Errand, opened: OpenReplica, grip: Grip) -> None:
    """Abort the uploads that dead runs left: without their intents nobody could tell whose they are."""
    around = errand.around
    manner = Manner(errand.run_id, around.clock, around.chance, around.emit, may_write=grip.may_write)
    await (await leftovers.sweep(opened.store, manner)).clear()


async def _remove_traces(errand: Errand, opened: OpenReplica) -> None:
    """The lock was given back: remove its versions and the folders that held it. Not counted."""
    traces = Removed()
    eraser = erasing.erases_of(opened.files)
    if eraser is not None and opened.files is opened.store:
        await erasing.objects(opened, errand.opening, traces, None)
    else:
        await erasing.everything(opened.files, errand.opening, lock.lock_key(opened.shelf), traces, None)


def _record(errand: Errand, wish: Wish, target: Looked, elsewhere: list[dict[str, str]]) -> dict[str, Any]:
    """The record as it stands before anything is removed."""
    head = target.head
    return {
        "schema": "ferryline.retirement/1",
        **errands.outcome(exitcode.OBJECTS_FAILED),  # until it has ended well
        "policy": errand.task.policy,
        "dataset": errand.task.dataset,
        "run_id": errand.run_id,
        "replica": target.replica.name,
        "url": target.replica.location.url,
        "metadata": target.replica.shelf_url,
        "erase": wish.erases,
        "by": holding.who(),
        "began_at": errand.around.clock.now().isoformat(),
        "ended_at": None,
        "had_current": head.current if head is not None else None,
        "had_snapshots": [one.snapshot for one in head.snapshots] if head is not None else [],
        "last_copy_elsewhere": elsewhere,
        "removed": Removed().document(),
        "failures": [],
        "failures_total": 0,
        "proof": None,
        "record": None,
    }


def _ended(errand: Errand, removed: Removed, proof: dict[str, Any]) -> dict[str, Any]:
    now = errand.around.clock.now().isoformat()
    well = proof["empty"] and not removed.failures
    failures = [
        {**keys.fields(key), "kind": one.kind, "message": one.message, "advice": one.advice}
        for key, one in list(removed.failures.items())[: erasing.FAILURES_MAX]
    ]
    return {
        **errands.outcome(exitcode.DONE if well else exitcode.OBJECTS_FAILED),
        "ended_at": now,
        "removed": removed.document(),
        "failures": failures,
        "failures_total": len(removed.failures),
        "proof": {"listed_at": now, **proof},
    }


async def _keep(errand: Errand, kept: DressedStore, record: dict[str, Any]) -> str:
    """Keep the record; where it lies."""
    key = documents.key_of(errand.task.dataset, errand.run_id).decode("utf-8", "backslashreplace")
    told = f"{kept.place.rstrip('/')}/{key}"
    await documents.write(kept, errand.task.policy, errand.task.dataset, {**record, "record": told})
    return told
