"""What a replica's own receipts prove, brought into this host's ledger: nothing on a disk is needed.

`Lane` calls it before it scans. A host that published last itself, or has read this receipt before, has
nothing to learn; any other (a new machine every night) takes over what was proven.
"""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.page import DISTRUSTED
from ferryline.pipeline.roll import Upto
from ferryline.pipeline.syncing import proofs
from ferryline.snapshot import opening
from ferryline.snapshot.head import Head
from ferryline.snapshot.load import Loader
from ferryline.snapshot.rows import CONTENT, PROOFS
from ferryline.snapshot.shelf import Shelf
from ferryline.state.ledger import Ledger


class Remembers(Protocol):
    """Which receipt this host's ledger last agreed with, by place."""

    def mount(self, place: str) -> str | None:
        """What was remembered of a place, or None."""
        ...

    def remember_mount(self, place: str, identity: str) -> None:
        """Keep it."""
        ...


def mark_of(replica: str) -> str:
    """The name under which the receipt is remembered that this host took over from a replica, or wrote."""
    return f"receipt of {replica}"


def published_mark_of(replica: str) -> str:
    """The name under which the receipt is remembered that says what the ledger says, and nothing else."""
    return f"published at {replica}"


async def seed(shelf: Shelf, head: Head, ledger: Ledger, memory: Remembers, replica: str) -> None:
    """Bring `ledger` in line with the replica's current receipt, unless it was already.

    Documents that are missing or altered prove nothing: then nothing is taken over from them.
    """
    entry = head.entry(head.current) if head.current is not None else None
    if entry is None or memory.mount(mark_of(replica)) == entry.receipt:
        return
    try:
        manifest = await opening.read_manifest(shelf, entry.snapshot)
        receipt = await opening.read_receipt(shelf, entry.snapshot)
        source = await opening.read_source_receipt(shelf, entry.snapshot)
        content, proven, listed = (
            Loader(shelf, CONTENT),
            Loader(shelf, PROOFS),
            Loader(shelf, PROOFS),
        )
        doubted, doubts = Upto(_distrusted(ledger)), 0
        with ledger.update() as update:
            spans = zip(manifest.index.spans(), receipt.index.spans(), source.index.spans(), strict=True)
            for (after, chunk), (_, proof), (_, state) in spans:
                rows = await content.rows(chunk, after)
                of_source = await listed.rows(state, after)
                of_replica = await proven.rows(proof, after)
                if not _alike(rows, of_source, of_replica):
                    return
                rows = proofs.ledger(rows, of_source, of_replica)
                bad = doubted.take(chunk.upto)
                if len(bad):
                    # Found bad here and not proven since: no receipt that knew nothing of it says otherwise.
                    doubts += len(bad)
                    rows = rows.filter(pc.invert(pc.is_in(rows.column("key"), bad)))
                update.put(rows)
            doubts += doubted.rest()
            update.commit()
    except (errors.ObjectMissing, errors.DigestMismatch, ValueError):
        return
    if doubts:
        memory.remember_mount(mark_of(replica), entry.receipt)
        differ(memory, replica)
    elif receipt.index.root == entry.receipt:
        agree(memory, replica, entry.receipt)


def agree(memory: Remembers, replica: str, receipt: str) -> None:
    """Remember that ledger and receipt say the same."""
    memory.remember_mount(mark_of(replica), receipt)
    memory.remember_mount(published_mark_of(replica), receipt)


def differ(memory: Remembers, replica: str) -> None:
    """Remember, before the ledger changes, that it knows more than any receipt."""
    memory.remember_mount(published_mark_of(replica), "")


def _distrusted(ledger: Ledger) -> Iterator[pa.Array]:
    """The keys that a verification on this host found bad, and nobody has proven since: ascending."""
    for rows in ledger.rows():
        yield rows.column("key").filter(pc.equal(rows.column("evidence"), DISTRUSTED))


def _alike(*tables: pa.RecordBatch) -> bool:
    return all(one.column("key").equals(tables[0].column("key")) for one in tables)
