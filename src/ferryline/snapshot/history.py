"""How a head may change: pure functions from one head to the next. None of them counts sequences.

`publish` applies them and raises `sequence` when something changed. A change that changes nothing
gives back an equal head, and then nothing is written.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from ferryline import errors
from ferryline.policy.values import KeepSnapshots
from ferryline.snapshot.head import Head, Published
from ferryline.snapshot.receipt import Keeping

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
_HEX = re.compile(r"[0-9a-f]{4,64}")


def published(head: Head, entry: Published) -> Head:
    """`entry` is current. Where only the latest bytes are kept, no other snapshot can be read any more."""
    former = head.entry(entry.snapshot)
    same = former is not None and replace(former, sequence=entry.sequence, at=entry.at) == entry
    if head.current == entry.snapshot and same:
        return head
    others = [one for one in head.snapshots if one.snapshot != entry.snapshot]
    if entry.keeping is Keeping.LATEST:
        others = [_barred(one, f"{entry.snapshot[:12]} was written over it") for one in others]
    newest = replace(entry, sequence=head.sequence + 1)
    return replace(head, current=entry.snapshot, snapshots=(newest, *others))


def withdrawn(head: Head, why: str, snapshots: frozenset[str] | None = None) -> Head:
    """No snapshot (of those named) can be read here until one is published again."""
    barred = tuple(
        _barred(one, why) if snapshots is None or one.snapshot in snapshots else one for one in head.snapshots
    )
    return replace(head, snapshots=barred)


def disowned(head: Head, snapshot: str, why: str, receipt: str | None) -> Head:
    """One snapshot cannot be read here; `receipt` is the identity of the receipt that says what is bad."""
    return replace(
        head,
        snapshots=tuple(
            replace(one, eligible=False, why_not=why, receipt=receipt or one.receipt)
            if one.snapshot == snapshot
            else one
            for one in head.snapshots
        ),
    )


def pointed(head: Head, snapshot: str) -> Head:
    """An older snapshot is current again. The caller has checked that every object of it is there."""
    entry = head.entry(snapshot)
    if entry is None or not entry.eligible:
        why = f": {entry.why_not}" if entry is not None and entry.why_not else ""
        raise errors.BadUsage(
            f"{snapshot[:12]} cannot be made current at {head.identity.url}{why}",
            advice="roll back to a snapshot that is readable there, or run sync",
        )
    return replace(head, current=snapshot)


def seen_whole(head: Head, snapshot: str) -> Head:
    """A snapshot that was barred where only the latest bytes are kept can be read again.

    The caller has just seen every object of it as it was proven. Where versions are kept nothing but a
    verification bars a snapshot, and that stands.
    """
    again = tuple(
        replace(one, eligible=True, why_not="")
        if one.snapshot == snapshot and one.keeping is Keeping.LATEST
        else one
        for one in head.snapshots
    )
    return replace(head, snapshots=again)


def tagged(head: Head, name: str, snapshot: str) -> Head:
    """The tag `name` stands for a snapshot of the history. A tagged snapshot is never pruned."""
    if not _TAG.fullmatch(name) or _HEX.fullmatch(name) or name == "latest":
        raise errors.BadUsage(
            f"{name!r} cannot be a tag",
            advice="write a letter, then letters, digits, dots, dashes; "
            "not `latest`, nor what looks like an id",
        )
    if head.entry(snapshot) is None:
        raise errors.BadUsage(f"{snapshot[:12]} is not in the history", advice="tag one that is listed")
    return replace(head, tags={**head.tags, name: snapshot})


def untagged(head: Head, name: str) -> Head:
    """Without the tag."""
    return replace(head, tags={one: snapshot for one, snapshot in head.tags.items() if one != name})


def kept(head: Head, keep: KeepSnapshots, now: datetime) -> frozenset[str]:
    """What stays: the current snapshot, the tagged, the newest `count`, and all younger than `days`."""
    stays = {head.current, *head.tags.values()} - {None}
    stays |= {one.snapshot for one in head.snapshots[: keep.count]}
    stays |= {one.snapshot for one in head.snapshots if now - one.at < timedelta(days=keep.days)}
    return frozenset(one for one in stays if one is not None)


def dropped(head: Head, stays: frozenset[str]) -> Head:
    """The history without what does not stay."""
    return replace(head, snapshots=tuple(one for one in head.snapshots if one.snapshot in stays))


def _barred(entry: Published, why: str) -> Published:
    return replace(entry, eligible=False, why_not=why) if entry.eligible else entry
