"""Make a snapshot visible at one replica: chunks, then manifest, then receipt, then head.

`pipeline` calls it once a replica holds every object, proven. Each step is durable before the next
begins, and the head is the only one that a reader starts from: until it is replaced, readers see the
snapshot before. It is replaced by compare-and-set where the endpoint honours that, and never by a
writer whose epoch is older than the head's. Run again after a crash, it finishes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ferryline import crash, errors
from ferryline.snapshot import head as heads
from ferryline.snapshot import history, manifest, receipt
from ferryline.snapshot.document import Origin
from ferryline.snapshot.head import Head, Identity, Published
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.receipt import Holder, Receipt
from ferryline.snapshot.shelf import Found, Shelf
from ferryline.storage.store import ALWAYS, Condition

ATTEMPTS = 5
"""How often a head that an older writer replaced meanwhile is read and changed again."""


class Fencing(StrEnum):
    """What keeps two writers apart."""

    CONDITIONAL = "conditional"
    """The endpoint compares before it replaces: two writers are impossible."""
    LOCAL = "local"
    """Only a lock on this host does; the head is read again after it is written."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who publishes: the replica's identity as the policy has it now, and the epoch of the lock held."""

    identity: Identity
    epoch: int


@dataclass(frozen=True, slots=True)
class Issue:
    """What is to be published: both tables are stored already (`build`). `source` is the source's receipt."""

    manifest: Manifest
    receipt: Receipt
    at: datetime
    source: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """The head as it is now, what keeps two writers apart, and whether it had to be written."""

    head: Head
    fencing: Fencing
    written: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A head as it was read."""

    head: Head
    found: Found


async def read_head(shelf: Shelf) -> Seen | None:
    """The replica's head, or None where nothing was ever published."""
    found = await shelf.get(shelf.head_key)
    if found is None:
        return None
    return Seen(heads.from_bytes(found.body, Origin(shelf.head_key, shelf.store.place)), found)


async def publish(shelf: Shelf, writer: Writer, issue: Issue) -> Announced:
    """Make `issue` current. Publishing what is current already writes nothing at all."""
    snapshot = issue.manifest.snapshot
    if {snapshot} != {issue.receipt.snapshot, issue.source.snapshot if issue.source else snapshot}:
        raise errors.BrokenInvariant("a receipt was about to be published with another snapshot's manifest")
    if issue.receipt.index.rows != issue.manifest.index.rows or not issue.receipt.eligible:
        raise errors.BrokenInvariant(f"the receipt does not prove all of {snapshot[:12]}")
    await _put_manifest(shelf, issue.manifest)
    if issue.source is not None:
        await _put_receipt(shelf, shelf.source_receipt_key(snapshot), issue.source)
    await _put_receipt(shelf, shelf.receipt_key(snapshot), issue.receipt)
    entry = Published(
        snapshot,
        0,
        issue.at,
        issue.manifest.index.rows,
        issue.manifest.index.size_bytes,
        issue.manifest.consistency,
        issue.receipt.keeping,
        issue.receipt.index.root,
    )
    return await announce(shelf, writer, lambda head: history.published(head, entry))


async def withdraw(shelf: Shelf, writer: Writer, why: str) -> Announced | None:
    """Bar every snapshot from readers, before the first overwrite or delete where only the latest is kept.

    None where no head is: then nobody reads there.
    """
    if await read_head(shelf) is None:
        return None
    return await announce(shelf, writer, lambda head: history.withdrawn(head, why))


async def overwrite(shelf: Shelf, writer: Writer, why: str) -> Announced:
    """The same, and the head is written even where it bars readers already, or where none is.

    Its sequence is then the witness for every run that listed the replica before: what those saw is being
    written over, whether this one will come to publish or not.
    """
    return await announce(shelf, writer, lambda head: history.withdrawn(head, why), always=True)


async def disown(shelf: Shelf, writer: Writer, snapshot: str, why: str, receipt: Receipt | None) -> Announced:
    """Bar one snapshot from readers because it was found bad; `receipt` says which objects, where it can be
    written. Run again by another host, only those are not believed."""
    if receipt is not None:
        await _put_receipt(shelf, shelf.receipt_key(snapshot), receipt)
    root = receipt.index.root if receipt is not None else None
    return await announce(shelf, writer, lambda head: history.disowned(head, snapshot, why, root))


async def announce(
    shelf: Shelf, writer: Writer, change: Callable[[Head], Head], *, always: bool = False
) -> Announced:
    """Replace the head by what `change` makes of it. Where nothing changes, nothing is written, unless
    `always` asks for a new sequence all the same.

    Raises `BadUsage` for a head of another policy, dataset or place, `LockHeld` (kind `fenced`) when
    another writer took over.
    """
    fencing = fencing_of(shelf)
    for _ in range(ATTEMPTS):
        seen = await read_head(shelf)
        before = seen.head if seen is not None else Head(writer.identity)
        check_owner(before, writer.identity, shelf.store.place)
        if before.epoch > writer.epoch:
            raise _fenced(shelf, f"it has the epoch {before.epoch}, this run only {writer.epoch}")
        changed = change(replace(before, identity=writer.identity))
        if seen is not None and changed == before and not always:
            return Announced(before, fencing, written=False)
        after = replace(changed, epoch=writer.epoch, sequence=before.sequence + 1)
        if await _replace(shelf, seen, heads.to_bytes(after), fencing):
            return Announced(after, fencing, written=True)
    raise errors.LockHeld(
        f"the head in {shelf.store.place} was replaced {ATTEMPTS} times while it was to be written",
        advice="another Ferryline with an older lock is running there: stop it, then run again",
        place=shelf.store.place,
        kind="fenced",
    )


def fencing_of(shelf: Shelf) -> Fencing:
    """What keeps two writers of this shelf's head apart."""
    able = shelf.store.capabilities
    both = able.write_if_match.honoured and able.write_if_none_match.honoured
    return Fencing.CONDITIONAL if both else Fencing.LOCAL


async def _replace(shelf: Shelf, seen: Seen | None, body: bytes, fencing: Fencing) -> bool:
    """Write the head; False when it is not the one that was seen any more."""
    condition = _condition(shelf, seen)
    crash.point("snapshot.head.writing")
    try:
        await shelf.put(shelf.head_key, body, condition)
    except errors.DestinationChanged:
        # Perhaps our own write landed, its answer was lost, and the repetition found it there.
        found = await shelf.get(shelf.head_key)
        if found is None or found.body != body:
            return False
    crash.point("snapshot.head.written")
    if fencing is Fencing.LOCAL:
        found = await shelf.get(shelf.head_key)
        if found is None or found.body != body:
            raise _fenced(shelf, "it was replaced by another writer the moment it was written")
    return True


def _condition(shelf: Shelf, seen: Seen | None) -> Condition:
    """What the endpoint is asked to compare, as far as it honours that."""
    able = shelf.store.capabilities
    if seen is None:
        return Condition(absent=True) if able.write_if_none_match.honoured else ALWAYS
    known = seen.found.etag is not None and able.write_if_match.honoured
    return Condition(etag=seen.found.etag) if known else ALWAYS


def check_owner(head: Head, identity: Identity, place: str) -> None:
    """Raise `BadUsage` (kind `other-head`) unless `head` is of this policy, dataset and place."""
    for what, own, found in (
        ("policy", identity.policy, head.identity.policy),
        ("dataset", identity.dataset, head.identity.dataset),
        ("place", identity.url, head.identity.url),
    ):
        if own != found:
            raise errors.BadUsage(
                f"the head in {place} belongs to the {what} {found!r}, not to {own!r}",
                advice="two policies on one prefix are refused: use another prefix, or remove the old "
                "replica with its own policy first",
                place=place,
                kind="other-head",
            )


def _fenced(shelf: Shelf, why: str) -> errors.LockHeld:
    return errors.LockHeld(
        f"another run took over the head in {shelf.store.place}: {why}",
        advice="nothing more was published; run again once the other run has ended",
        place=shelf.store.place,
        kind="fenced",
    )


async def _put_manifest(shelf: Shelf, wanted: Manifest) -> None:
    """Write the manifest unless a good one of the same snapshot is there."""
    key = shelf.manifest_key(wanted.snapshot)
    found = await shelf.get(key)
    if found is not None:
        try:
            there = manifest.from_bytes(found.body, wanted.snapshot, Origin(key, shelf.store.place))
        except errors.DigestMismatch:
            there = None  # damaged: written anew below
        if there == wanted:
            return
    crash.point("snapshot.manifest.writing")
    await shelf.put(key, manifest.to_bytes(wanted))
    crash.point("snapshot.manifest.written")


async def _put_receipt(shelf: Shelf, key: bytes, wanted: Receipt) -> None:
    """Write a receipt unless it is there as it is."""
    body = receipt.to_bytes(wanted)
    found = await shelf.get(key)
    if found is not None and found.body == body:
        return
    what = "source_receipt" if wanted.holder is Holder.SOURCE else "receipt"
    crash.point(f"snapshot.{what}.writing")
    await shelf.put(key, body)
    crash.point(f"snapshot.{what}.written")
