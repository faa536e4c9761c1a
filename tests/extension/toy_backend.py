"""A worked example: a backend of somebody else's, in one file outside the package.

It keeps objects as rows of a SQLite database: `location.register` lets a task name it, and the shipped
contract says whether it keeps its promises. Everything that is not about rows it borrows from the
memory store, by holding one and writing through.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ferryline.model.entry import Metadata
from ferryline.storage import location, memory
from ferryline.storage.store import ALWAYS, Buffer, Completion, Condition, Upload, Writing, Written


@dataclass(frozen=True, slots=True)
class RowsLocation:
    """A database file, and the name that messages use."""

    path: Path
    region: str | None = None
    name: str = ""

    @property
    def url(self) -> str:
        return f"rows://{self.path}/"

    @property
    def identity(self) -> str:
        return self.url


class RowsStore(memory.MemoryStore):
    """The memory store's verbs over objects that outlive the process."""

    def __init__(self, path: Path) -> None:
        super().__init__(memory.Bucket())
        self._rows = sqlite3.connect(path)
        self._rows.execute("CREATE TABLE IF NOT EXISTS objects (key BLOB PRIMARY KEY, held BLOB)")
        self._path = path
        for key, held in self._rows.execute("SELECT key, held FROM objects"):
            self.held.objects[bytes(key)] = _thawed(held)

    @property
    def place(self) -> str:
        return f"rows://{self._path}/"

    async def write(self, key: bytes, body: Buffer, writing: Writing) -> Written:
        written = await super().write(key, body, writing)
        self._save(key)
        return written

    async def complete_upload(self, upload: Upload, completion: Completion) -> Written:
        written = await super().complete_upload(upload, completion)
        self._save(upload.key)
        return written

    async def delete(self, key: bytes, condition: Condition = ALWAYS) -> None:
        await super().delete(key, condition)
        with self._rows:
            self._rows.execute("DELETE FROM objects WHERE key = ?", (key,))

    async def close(self) -> None:
        self._rows.close()

    def _save(self, key: bytes) -> None:
        with self._rows:
            frozen = _frozen(self.held.objects[key])
            self._rows.execute("REPLACE INTO objects (key, held) VALUES (?, ?)", (key, frozen))


def _frozen(held: memory.Held) -> bytes:
    facts = {
        "body": held.body.hex(),
        "etag": held.etag.decode(),
        "modified_ns": held.modified_ns,
        "user": dict(held.metadata.user),
        "system": dict(held.metadata.system),
        "crc64nvme": held.crc64nvme.hex(),
        "part_count": held.part_count,
    }
    return json.dumps(facts).encode()


def _thawed(frozen: bytes) -> memory.Held:
    facts = json.loads(frozen)
    return memory.Held(
        bytes.fromhex(facts["body"]),
        facts["etag"].encode(),
        facts["modified_ns"],
        Metadata(facts["user"], facts["system"]),
        bytes.fromhex(facts["crc64nvme"]),
        facts["part_count"],
    )


async def open_rows(where: RowsLocation, context: location.OpenContext, side: location.Side) -> RowsStore:
    """The opener that `register` is given."""
    return RowsStore(where.path)


FILES_TOUCHED = ("tests/extension/toy_backend.py", "tests/extension/test_toy_backend.py")
"""A backend needs its own file, one call of `location.register`, and a subclass of the contract."""
