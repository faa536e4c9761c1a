"""The manifest: a snapshot's list, as a document that names its chunks and where they are stored.

`publish` writes it, readers open it. Its id is made of content alone: no time, name or path.
"""

from dataclasses import dataclass

from ferryline.model.run import Consistency
from ferryline.snapshot import document, index
from ferryline.snapshot.document import Origin
from ferryline.snapshot.index import Index
from ferryline.snapshot.rows import CONTENT

SCHEMA = "ferryline.manifest/1"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds. `consistency` says what state of the source it was; it is outside the id."""

    consistency: Consistency
    index: Index

    @property
    def snapshot(self) -> str:
        """The snapshot's id."""
        return self.index.root


def to_bytes(manifest: Manifest) -> bytes:
    """The manifest as a document."""
    fields = {"snapshot": manifest.snapshot, "consistency": manifest.consistency.value}
    return document.seal(SCHEMA, fields | index.to_json(manifest.index))


def from_bytes(body: bytes, snapshot: str, origin: Origin) -> Manifest:
    """Read a manifest back, and make sure that it is the one of `snapshot`."""
    fields = document.unseal(body, SCHEMA, origin)
    try:
        manifest = Manifest(Consistency(str(fields.get("consistency"))), index.from_json(CONTENT, fields))
    except ValueError as error:
        raise document.altered(origin, str(error)) from error
    if manifest.snapshot != snapshot or fields.get("snapshot") != snapshot:
        raise document.altered(origin, f"it is the manifest of {manifest.snapshot[:16]}…")
    return manifest
