"""The intent of a multipart upload: a small document at the destination that lets any host go on.

Written by `uploads` before an upload is opened, read by `leftovers`. Pure: names, JSON and back.
What comes from a bucket was perhaps written by somebody else, so it is believed only as a hint; the
worst a forged one can do is to have one unfinished upload of its own key continued or aborted.
"""

import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryline.model.entry import Entry, Metadata, Token
from ferryline.storage.store import Upload

FOLDER = b".ferryline/uploads/"
DOCUMENT_BYTES_MAX = 256 * 1024
SCHEMA = "ferryline.upload/1"

_NAME = re.compile(r"[0-9a-f]{32}")
_BEFORE_MAX = 1000
"""Uploads of one key that are remembered as older; with more, the gap is left to lifecycle rules."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Which source state goes where in which parts. `upload_id` is None until the store told it.

    `before` holds the ids of uploads of that key that were there already, None when unknown.
    `carries` is a digest of metadata and tags, which are fixed when an upload is opened.
    """

    name: str
    run_id: str
    source: str
    key: bytes
    entry: Entry
    part_bytes: int
    carries: str
    written_at: datetime
    before: tuple[str, ...] | None = None
    upload_id: str | None = None

    @property
    def place(self) -> bytes:
        """The intent's own key."""
        return FOLDER + self.name.encode()

    @property
    def upload(self) -> Upload | None:
        """The upload it speaks of, where that is known."""
        return None if self.upload_id is None else Upload(self.key, self.upload_id)

    def speaks_of(self, other: "Intent") -> bool:
        """Whether both are about the same source state, cut the same way and with the same metadata."""
        mine = (self.source, self.key, self.entry, self.part_bytes, self.carries)
        return mine == (other.source, other.key, other.entry, other.part_bytes, other.carries)

    def document(self) -> bytes:
        """As JSON, one line."""
        token = self.entry.token
        before = None if self.before is None or len(self.before) > _BEFORE_MAX else list(self.before)
        whole = {
            "schema": SCHEMA,
            "run_id": self.run_id,
            "source": self.source,
            "source_key": self.entry.key.hex(),
            "size_bytes": self.entry.size_bytes,
            "etag": None if token.etag is None else token.etag.hex(),
            "modified_ns": token.modified_ns,
            "change_ns": token.change_ns,
            "inode": token.inode,
            "key": self.key.hex(),
            "part_bytes": self.part_bytes,
            "carries": self.carries,
            "written_at": self.written_at.isoformat(),
            "before": before,
            "upload_id": self.upload_id,
        }
        return json.dumps(whole, separators=(",", ":")).encode() + b"\n"


def is_name(name: str) -> bool:
    """Whether an intent may have this name."""
    return _NAME.fullmatch(name) is not None


def state_of(entry: Entry) -> Entry:
    """An entry as intents hold it: what every host sees alike (no version id, whole seconds with ETags)."""
    token = entry.token
    second = 1_000_000_000
    modified_ns = token.modified_ns if token.etag is None else token.modified_ns // second * second
    kept = Token(token.etag, modified_ns, token.change_ns, token.inode)
    return Entry(entry.key, entry.size_bytes, kept)


def carries(metadata: Metadata, tags: Mapping[str, str]) -> str:
    """A digest of what travels with the bytes, so that no intent holds it in clear."""
    told = [sorted(metadata.user.items()), sorted(metadata.system.items())]
    if tags:
        told.append(sorted(tags.items()))
    return hashlib.sha256(json.dumps(told).encode("utf-8", "surrogatepass")).hexdigest()


def parse(name: str, body: bytes) -> Intent | None:
    """Read a document back, or None for anything that is not one of ours."""
    try:
        told = json.loads(body)
        return _read(name, told) if told["schema"] == SCHEMA else None
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        return None


def _read(name: str, told: dict[str, Any]) -> Intent:
    etag = told["etag"]
    token = Token(
        None if etag is None else bytes.fromhex(etag),
        _number(told["modified_ns"]),
        _maybe_number(told["change_ns"]),
        _maybe_number(told["inode"]),
    )
    before = told["before"]
    upload_id = told["upload_id"]
    return Intent(
        name=name,
        run_id=str(told["run_id"]),
        source=str(told["source"]),
        key=bytes.fromhex(told["key"]),
        entry=Entry(bytes.fromhex(told["source_key"]), _number(told["size_bytes"]), token),
        part_bytes=_number(told["part_bytes"]),
        carries=str(told["carries"]),
        written_at=datetime.fromisoformat(told["written_at"]),
        before=None if before is None else tuple(str(one) for one in before),
        upload_id=None if upload_id is None else str(upload_id),
    )


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number")
    return value


def _maybe_number(value: object) -> int | None:
    return None if value is None else _number(value)
