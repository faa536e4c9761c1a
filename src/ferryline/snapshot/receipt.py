"""The receipt: one replica's ledger for one snapshot, which makes the replica eligible for it.

Its rows (`rows.PROOFS`) hold, per key, the token and version that were proven and by what evidence.
`publish` writes it; readers pin what it names; `verify` withdraws it. The source has one too: it
lies beside the replicas' and says against which state of the source they were proven.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryline.snapshot import document, index
from ferryline.snapshot.document import Origin
from ferryline.snapshot.index import Index
from ferryline.snapshot.rows import PROOFS

SCHEMA = "ferryline.receipt/1"


class Keeping(StrEnum):
    """What a replica does with an object that is overwritten: it decides how long a snapshot can be read."""

    VERSIONS = "versions"
    """The receipt pins version ids, which outlive the next snapshot."""
    LATEST = "latest"
    """Only the newest bytes are there: eligibility ends before the next overwrite."""


class Holder(StrEnum):
    """Whose ledger it is."""

    REPLICA = "replica"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was proven. `why_not` is empty when `eligible`; `evidence` counts the rows by class."""

    snapshot: str
    url: str
    holder: Holder
    keeping: Keeping
    index: Index
    eligible: bool = True
    why_not: str = ""
    evidence: Mapping[str, int] = field(default_factory=dict)


def to_bytes(receipt: Receipt) -> bytes:
    """The receipt as a document."""
    fields = {
        "snapshot": receipt.snapshot,
        "url": receipt.url,
        "holder": receipt.holder.value,
        "keeping": receipt.keeping.value,
        "eligible": receipt.eligible,
        "why_not": receipt.why_not,
        "evidence": dict(receipt.evidence),
    }
    return document.seal(SCHEMA, fields | index.to_json(receipt.index))


def from_bytes(body: bytes, snapshot: str, origin: Origin) -> Receipt:
    """Read a receipt back, and make sure that it is one of `snapshot`."""
    fields = document.unseal(body, SCHEMA, origin)
    if fields.get("snapshot") != snapshot:
        raise document.altered(origin, f"it is the receipt of another snapshot than {snapshot[:16]}…")
    try:
        receipt = Receipt(
            snapshot,
            str(fields["url"]),
            Holder(fields["holder"]),
            Keeping(fields["keeping"]),
            index.from_json(PROOFS, fields),
            eligible=fields["eligible"] is True,
            why_not=str(fields["why_not"]),
            evidence={str(name): int(count) for name, count in fields["evidence"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise document.altered(origin, f"{type(error).__name__}: {error}") from error
    if sum(receipt.evidence.values()) != receipt.index.rows:
        raise document.altered(origin, "its evidence does not add up to its rows")
    return receipt
