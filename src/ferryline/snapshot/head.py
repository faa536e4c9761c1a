"""The head: a replica's one small mutable document, which says what is current there.

Readers start here. It names its own URL and its policy, so that a copied or foreign head is never
taken for this one's, and holds no secret. Values only: `publish` reads and writes it, `history`
changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ferryline import errors
from ferryline.model.run import Consistency
from ferryline.snapshot import document
from ferryline.snapshot.document import Origin
from ferryline.snapshot.receipt import Keeping

SCHEMA = "ferryline.head/1"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose head it is: the replica's own URL, its policy and dataset, its name there, and the others.

    `others` maps the names of the dataset's other replicas to where their heads are.
    """

    url: str
    policy: str
    dataset: str
    replica: str
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """One snapshot in a replica's history. `sequence` is the head's when it became current, `at` when.

    `receipt` is the identity of the receipt's rows; `eligible` whether it can be read here now.
    """

    snapshot: str
    sequence: int
    at: datetime
    rows: int
    size_bytes: int
    consistency: Consistency
    keeping: Keeping
    receipt: str
    eligible: bool = True
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What a replica says of itself. `snapshots` are newest first; `current` is one of them, or None.

    `epoch` rises with every new writer, `sequence` with every change.
    """

    identity: Identity
    epoch: int = 0
    sequence: int = 0
    current: str | None = None
    snapshots: tuple[Published, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def entry(self, snapshot: str) -> Published | None:
        """The history's entry for a snapshot, or None."""
        return next((one for one in self.snapshots if one.snapshot == snapshot), None)

    def find(self, name: str) -> Published:
        """The snapshot of that tag, id, or unique prefix of an id (at least four characters).

        Raises `BadUsage` that lists what there is.
        """
        wanted = self.tags.get(name, name)
        found = [one for one in self.snapshots if one.snapshot.startswith(wanted)] if len(wanted) >= 4 else []
        if len(found) == 1:
            return found[0]
        known = ", ".join([*sorted(self.tags), *(one.snapshot[:12] for one in self.snapshots)]) or "none"
        what = f"{len(found)} snapshots start with {name!r}" if found else f"no snapshot is called {name!r}"
        raise errors.BadUsage(f"{what} at {self.identity.url}", advice=f"there are: {known}")

    @property
    def readable(self) -> tuple[Published, ...]:
        """The snapshots that can be read here now, newest first."""
        return tuple(one for one in self.snapshots if one.eligible)


def to_bytes(head: Head) -> bytes:
    """The head as a document for people and machines. Raises `BrokenInvariant` rather than write a secret."""
    for url in (head.identity.url, *head.identity.others.values()):
        if "@" in urlsplit(url).netloc:
            raise errors.BrokenInvariant("a URL with a user name was about to be written into a head")
    fields = {
        "url": head.identity.url,
        "policy": head.identity.policy,
        "dataset": head.identity.dataset,
        "replica": head.identity.replica,
        "replicas": dict(head.identity.others),
        "epoch": head.epoch,
        "sequence": head.sequence,
        "current": head.current,
        "snapshots": [_entry_to_json(one) for one in head.snapshots],
        "tags": dict(head.tags),
    }
    return document.seal(SCHEMA, fields, indent=1)


def from_bytes(body: bytes, origin: Origin) -> Head:
    """Read a head back. Raises `BadUsage` for a newer schema, `DigestMismatch` for what is not believed."""
    fields = document.unseal(body, SCHEMA, origin)
    try:
        head = Head(
            Identity(
                str(fields["url"]),
                str(fields["policy"]),
                str(fields["dataset"]),
                str(fields["replica"]),
                {str(name): str(url) for name, url in fields["replicas"].items()},
            ),
            int(fields["epoch"]),
            int(fields["sequence"]),
            fields["current"],
            tuple(_entry_from_json(one) for one in fields["snapshots"]),
            {str(name): str(snapshot) for name, snapshot in fields["tags"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise document.altered(origin, f"{type(error).__name__}: {error}") from error
    named = [head.current] if head.current is not None else []
    if any(head.entry(one) is None for one in [*named, *head.tags.values()]):
        raise document.altered(origin, "it names a snapshot that is not in its history")
    return head


def _entry_to_json(entry: Published) -> dict[str, Any]:
    return {
        "snapshot": entry.snapshot,
        "sequence": entry.sequence,
        "at": entry.at.astimezone(UTC).isoformat(),
        "rows": entry.rows,
        "bytes": entry.size_bytes,
        "consistency": entry.consistency.value,
        "keeping": entry.keeping.value,
        "receipt": entry.receipt,
        "eligible": entry.eligible,
        "why_not": entry.why_not,
    }


def _entry_from_json(fields: Any) -> Published:
    return Published(
        str(fields["snapshot"]),
        int(fields["sequence"]),
        datetime.fromisoformat(fields["at"]),
        int(fields["rows"]),
        int(fields["bytes"]),
        Consistency(fields["consistency"]),
        Keeping(fields["keeping"]),
        str(fields["receipt"]),
        eligible=fields["eligible"] is True,
        why_not=str(fields["why_not"]),
    )
