"""Open what is published at a replica: head, manifest, receipt, as a reader or the next run needs them.

`reader`, `cli` and `pipeline` call it. It reads and decides nothing but what is eligible.
"""

from dataclasses import dataclass

from ferryline import errors
from ferryline.model.key import printable
from ferryline.snapshot import manifest, receipt
from ferryline.snapshot.document import Origin
from ferryline.snapshot.head import Head, Published
from ferryline.snapshot.manifest import Manifest
from ferryline.snapshot.publish import read_head
from ferryline.snapshot.receipt import Receipt
from ferryline.snapshot.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Opened:
    """A snapshot that can be read at a replica: what it holds, and which states of the objects to pin."""

    head: Head
    published: Published
    manifest: Manifest
    receipt: Receipt


async def open_snapshot(shelf: Shelf, name: str | None = None) -> Opened:
    """The current snapshot, or the one of that tag, id or prefix.

    Raises `ObjectMissing` where nothing is published or a document is gone, `BadUsage` for a name
    that is not there, `ObjectChanged` (kind `not-eligible`) for one that cannot be read here now.
    """
    seen = await read_head(shelf)
    if seen is None or (name is None and seen.head.current is None):
        raise errors.ObjectMissing(
            f"nothing is published in {shelf.store.place}",
            advice="run sync, or read another replica",
            key=shelf.head_key,
            place=shelf.store.place,
        )
    entry = seen.head.find(name if name is not None else seen.head.current or "")
    if not entry.eligible:
        raise errors.ObjectChanged(
            f"snapshot {entry.snapshot[:12]} cannot be read in {shelf.store.place} now: {entry.why_not}",
            advice="read another replica, or wait for the run under way there to publish",
            place=shelf.store.place,
            kind="not-eligible",
        )
    opened = await read_manifest(shelf, entry.snapshot)
    proven = await read_receipt(shelf, entry.snapshot)
    if not proven.eligible:
        raise errors.ObjectChanged(
            f"the receipt of {entry.snapshot[:12]} in {shelf.store.place} was withdrawn: {proven.why_not}",
            advice="run sync to repair the replica, or read another one",
            place=shelf.store.place,
            kind="not-eligible",
        )
    return Opened(seen.head, entry, opened, proven)


async def read_manifest(shelf: Shelf, snapshot: str) -> Manifest:
    """The manifest of a snapshot. Raises `ObjectMissing` or `DigestMismatch`."""
    key = shelf.manifest_key(snapshot)
    return manifest.from_bytes(await _body(shelf, key), snapshot, Origin(key, shelf.store.place))


async def read_receipt(shelf: Shelf, snapshot: str) -> Receipt:
    """This replica's receipt for a snapshot. Raises `ObjectMissing` or `DigestMismatch`."""
    key = shelf.receipt_key(snapshot)
    return receipt.from_bytes(await _body(shelf, key), snapshot, Origin(key, shelf.store.place))


async def read_source_receipt(shelf: Shelf, snapshot: str) -> Receipt:
    """The source's receipt for a snapshot. Raises `ObjectMissing` or `DigestMismatch`."""
    key = shelf.source_receipt_key(snapshot)
    return receipt.from_bytes(await _body(shelf, key), snapshot, Origin(key, shelf.store.place))


async def _body(shelf: Shelf, key: bytes) -> bytes:
    found = await shelf.get(key)
    if found is None:
        raise errors.ObjectMissing(
            f"{printable(key)} is missing in {shelf.store.place}, and a snapshot needs it",
            advice="run sync, which writes it anew, or read another replica",
            key=key,
            place=shelf.store.place,
        )
    return found.body
