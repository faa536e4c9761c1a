"""Which snapshot a replica's head points at, and what tags stand for: changed under the replica's lock.

`dataset_door` calls it for `snapshots tag`, `untag` and `rollback`; each answer is a document. A rollback
copies nothing: it makes an older snapshot current only where every object of it was seen to be there.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from ferryline import errors
from ferryline.model import exitcode
from ferryline.model.key import EVERYTHING
from ferryline.model.run import FENCING_DATABASE
from ferryline.pipeline import ends
from ferryline.pipeline.published import errand as errands
from ferryline.pipeline.published.errand import Errand, Looked
from ferryline.report import keys
from ferryline.snapshot import history, opening, publish, rollback
from ferryline.snapshot.head import Head
from ferryline.snapshot.publish import Announced, Fencing, Writer
from ferryline.snapshot.receipt import Keeping
from ferryline.snapshot.rollback import Presence


async def tag(errand: Errand, name: str, snapshot: str, *, moves: bool) -> dict[str, Any]:
    """Let `name` stand for a snapshot at every replica that has it. Raises `BadUsage`.

    A tag that stands for another snapshot is moved only where that was asked for.
    """
    async with errands.looked(errand) as found:
        wanted = errands.resolve(snapshot, found)
        holders = [one for one in found if one.entry(wanted) is not None]
        for one in found:
            before = one.head.tags.get(name, wanted) if one.head is not None else wanted
            if before != wanted and not moves:
                raise errors.BadUsage(
                    f"the tag {name!r} stands for {before[:12]} at {one.replica.name}",
                    advice="choose another name, or move it with --force",
                )
        for one in holders:
            if one.head is not None:
                history.tagged(one.head, name, wanted)  # refuses a bad name before anything is written
        answers = [
            _untouched(one, "it does not have the snapshot")
            if one not in holders
            else await _changed(errand, one, lambda head: history.tagged(head, name, wanted))
            for one in found
        ]
        return _document(errand, "tag", wanted, name, answers)


async def untag(errand: Errand, name: str) -> dict[str, Any]:
    """Remove a tag wherever it is. Raises `BadUsage` where no replica has it."""
    async with errands.looked(errand) as found:
        tags = sorted({tag for one in found if one.head is not None for tag in one.head.tags})
        unread = errands.first_problem(found)
        if name not in tags and unread is None:
            known = ", ".join(tags) or "none"
            raise errors.BadUsage(f"no replica has a tag {name!r}", advice=f"there are: {known}")
        answers = [
            await _changed(errand, one, lambda head: history.untagged(head, name))
            if one.head is not None and name in one.head.tags
            else _untouched(one, "it does not have the tag")
            for one in found
        ]
        return _document(errand, "untag", None, name, answers)


async def _changed(errand: Errand, one: Looked, change: Callable[[Head], Head]) -> dict[str, Any]:
    """Change one head under its lock; a head that would stay as it is takes no lock."""
    if one.head is not None and change(one.head) == one.head:
        return _untouched(one, "it was so already")
    try:
        async with errands.held(errand, one.there) as grip:
            announced = await publish.announce(one.there.shelf, grip.writer, change)
            return _answer(one) | _announced(errand, one, announced)
    except (errors.RunStopped, errors.ObjectFailed, errors.RetryLater) as problem:
        return _answer(one) | {"problem": errands.problem_of(problem), "code": exitcode.of_error(problem)}


async def back(errand: Errand, snapshot: str, only: str | None) -> dict[str, Any]:
    """Make an older snapshot current at every replica that has it (or the one called `only`).

    All of them are checked first, under their locks: nothing changes unless every object is there at
    each. Raises `LockHeld`; what is missing is in the document.
    """
    async with errands.looked(errand, only) as found, contextlib.AsyncExitStack() as holding:
        wanted = errands.resolve(snapshot, found)
        answers: dict[str, dict[str, Any]] = {}
        turning: list[tuple[Looked, Writer]] = []
        for one in found:
            entry = one.entry(wanted)
            if one.head is None or entry is None:
                answers[one.replica.name] = _untouched(one, "it does not have the snapshot")
            elif one.head.current == wanted and entry.eligible:
                answers[one.replica.name] = _untouched(one, "it was current already")
            else:
                grip = await holding.enter_async_context(errands.held(errand, one.there))
                answers[one.replica.name] = await _checked(errand, one, wanted)
                turning.append((one, grip.writer))
        if any(answers[one.replica.name]["code"] for one, _ in turning):
            for one, _ in turning:
                answer = answers[one.replica.name]
                answer["why_not"] = answer["why_not"] or "another replica lacks objects: nothing was changed"
        else:
            for one, writer in turning:
                announced = await publish.announce(
                    one.there.shelf,
                    writer,
                    lambda head: history.pointed(history.seen_whole(head, wanted), wanted),
                )
                answers[one.replica.name] |= _announced(errand, one, announced)
        return _document(errand, "rollback", wanted, None, answers.values())


async def _checked(errand: Errand, one: Looked, snapshot: str) -> dict[str, Any]:
    """Whether every object of the snapshot is there as it was proven, as the replica's answer."""
    shelf = one.there.shelf
    try:
        manifest, receipt = (
            await opening.read_manifest(shelf, snapshot),
            await opening.read_receipt(shelf, snapshot),
        )
        if not receipt.eligible:
            refused = {"why_not": f"its receipt was withdrawn: {receipt.why_not}", "code": exitcode.GUARD}
            return _answer(one) | refused
        rows = rollback.expected(shelf, manifest, receipt)
        if receipt.keeping is Keeping.VERSIONS:
            presence = await rollback.against_versions(rows, one.there.store, snapshot)
        else:
            async with contextlib.aclosing(ends.listed(one.there.store, errand.opening, EVERYTHING)) as pages:
                presence = await rollback.against_listing(rows, pages, snapshot)
    except (errors.ObjectMissing, errors.DigestMismatch) as problem:
        return _answer(one) | {
            "why_not": "its own documents cannot be read", "problem": errands.problem_of(problem),
            "code": exitcode.GUARD,
        }  # fmt: skip
    return _answer(one) | _presence(presence)


def _presence(presence: Presence) -> dict[str, Any]:
    gone = presence.missing + presence.changed
    why = f"{gone:,} of {presence.checked:,} objects are missing or are other bytes by now" if gone else ""
    return {
        "checked": presence.checked,
        "missing": presence.missing,
        "changed_objects": presence.changed,
        "keys": [keys.fields(key) for key in presence.examples],
        "why_not": why,
        "code": exitcode.DONE if presence.ready else exitcode.GUARD,
    }


def _answer(one: Looked) -> dict[str, Any]:
    """A replica's part of the document before anything was done; `code` is taken out at the end."""
    head = one.head
    return {
        "replica": one.replica.name,
        "url": one.replica.location.url,
        "changed": False,
        "why_not": "",
        "current": head.current if head else None,
        "sequence": head.sequence if head else None,
        "epoch": head.epoch if head else None,
        "fencing": None,
        "checked": None,
        "missing": None,
        "changed_objects": None,
        "keys": [],
        "problem": errands.problem_of(one.problem),
        "code": exitcode.of_error(one.problem) if one.problem is not None else exitcode.DONE,
    }


def _untouched(one: Looked, why: str) -> dict[str, Any]:
    return _answer(one) | ({"why_not": why} if one.problem is None else {})


def _announced(errand: Errand, one: Looked, announced: Announced) -> dict[str, Any]:
    """What a head that was announced says of itself, and what kept other writers away meanwhile."""
    head, fencing = announced.head, announced.fencing.value
    kept = errand.state.keeps_one_writer(one.replica.location.identity)
    if announced.fencing is Fencing.LOCAL and kept:
        fencing = FENCING_DATABASE
    return {
        "changed": announced.written,
        "current": head.current,
        "sequence": head.sequence,
        "epoch": head.epoch,
        "fencing": fencing,
    }


def _document(
    errand: Errand, action: str, snapshot: str | None, name: str | None, answers: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    replicas = list(answers)
    code = exitcode.first(one.pop("code") for one in replicas)
    return {
        "schema": "ferryline.snapshots-change/1",
        **errands.outcome(code),
        "policy": errand.task.policy,
        "dataset": errand.task.dataset,
        "action": action,
        "snapshot": snapshot,
        "tag": name,
        "replicas": replicas,
    }
