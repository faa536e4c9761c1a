"""Outcomes: what happened to an action. A failure is a value with a reason."""

from dataclasses import dataclass

from ferryline.model.action import Copy, Delete
from ferryline.model.digest import Digest, Evidence
from ferryline.model.entry import Entry


@dataclass(frozen=True, slots=True)
class Transferred:
    """The bytes arrived.

    `source` is the entry as it was read (its token may be newer than the listed one). `etag` is
    the destination's ETag if a reply told it; `proof` is None until something proved it (VERIFYING
    decides); `destination` is filled when the destination was looked at after the write.
    """

    action: Copy
    source: Entry
    digest: Digest | None
    etag: bytes | None = None
    proof: Evidence | None = None
    destination: Entry | None = None
    bytes_read: int = 0
    bytes_written: int = 0
    version_id: str | None = None
    """The version that the write made, where its answer told it."""

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.action.key


@dataclass(frozen=True, slots=True)
class Deleted:
    """The destination's object is gone."""

    action: Delete

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.action.key


@dataclass(frozen=True, slots=True)
class Vanished:
    """The source object was deleted between the listing and the read: not a failure."""

    action: Copy

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.action.key


@dataclass(frozen=True, slots=True)
class Spared:
    """A delete candidate that the second look (or a failed condition) saved; `why` says which."""

    action: Delete
    why: str

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.action.key


@dataclass(frozen=True, slots=True)
class Failed:
    """The object could not be done: `kind` is an error's kind, `advice` what to do next."""

    key: bytes
    kind: str
    message: str
    advice: str
    phase: str = "transfer"


Outcome = Transferred | Deleted | Vanished | Spared | Failed
