"""Where a replica's snapshot files lie, and the few ways they are read and written.

A *shelf* is a `.ferryline/` folder in a store (`.ferryline/<replica>/` in a shared `metadata`
location). Files named by content are written once and never changed; documents are replaced whole,
by compare-and-set where the endpoint honours it. It knows no format.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from ferryline import errors
from ferryline.model.key import RESERVED
from ferryline.snapshot.rows import CONTENT, PROOFS, Shape
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import ALWAYS, Condition, Deletes, Heads, Lists, Pin, Reads, Writes, Writing

READ_ATTEMPTS = 5
"""A document that is replaced between HEAD and GET is looked at again this often."""


class Files(Heads, Reads, Writes, Protocol):
    """What a shelf needs of a store."""

    @property
    def place(self) -> str:
        """The location for messages: no secrets."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the endpoint was seen to honour."""
        ...


class PrunableFiles(Files, Lists, Deletes, Protocol):
    """What pruning needs beside."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document as it was read; `etag` for compare-and-set (None for files)."""

    body: bytes
    etag: bytes | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """One replica's snapshot files. `folder` ends with a slash and is relative to the store's folder."""

    store: Files
    folder: bytes = RESERVED + b"/"

    @staticmethod
    def in_metadata(store: Files, replica: str) -> "Shelf":
        """The shelf of `replica` in a `metadata` location that several replicas share."""
        return Shelf(store, RESERVED + b"/" + replica.encode() + b"/")

    @property
    def head_key(self) -> bytes:
        """The head's key."""
        return self.folder + b"head.json"

    def chunk_key(self, shape: Shape, chunk: str) -> bytes:
        """The key of a stored chunk."""
        return self.folder + shape.folder + chunk.encode() + b".parquet"

    def patch_key(self, shape: Shape, patch: str) -> bytes:
        """The key of a file of changes."""
        return self.folder + shape.folder + patch.encode() + b".patch.parquet"

    def manifest_key(self, snapshot: str) -> bytes:
        """The key of a snapshot's manifest."""
        return self.folder + CONTENT.folder + snapshot.encode() + b".manifest.json"

    def receipt_key(self, snapshot: str) -> bytes:
        """The key of this replica's receipt for a snapshot."""
        return self.folder + PROOFS.folder + snapshot.encode() + b".json"

    def source_receipt_key(self, snapshot: str) -> bytes:
        """The key of the source's receipt for a snapshot, which lies beside the replica's."""
        return self.folder + PROOFS.folder + snapshot.encode() + b".source.json"

    async def get(self, key: bytes) -> Found | None:
        """The whole object, or None when it is not there."""
        for attempt in range(READ_ATTEMPTS):
            stat = await self.store.head(key)
            if stat is None:
                return None
            try:
                received = await self.store.read(key, Pin(stat.entry.token))
            except (errors.ObjectChanged, errors.ObjectMissing):
                if attempt + 1 == READ_ATTEMPTS:
                    raise
                continue
            return Found(bytes(received.body), stat.entry.token.etag)
        raise errors.BrokenInvariant(
            "a loop of reads ended without an answer", key=key, place=self.store.place
        )

    async def add(self, key: bytes, body: bytes) -> bool:
        """Write a file that is named by its content; False when one of that name was there already."""
        absent = self.store.capabilities.write_if_none_match.honoured
        try:
            await self.put(key, body, Condition(absent=True) if absent else ALWAYS)
        except errors.DestinationChanged:
            return False
        return True

    async def put(self, key: bytes, body: bytes, condition: Condition = ALWAYS) -> None:
        """Write an object whole, with its MD5, under a condition."""
        await self.store.write(key, body, Writing(condition=condition, md5=hashlib.md5(body).digest()))
