"""Actions: what to do with a key, decided, printable, priced; doing it is another room's work."""

from dataclasses import dataclass
from enum import StrEnum

from ferryline.model.digest import Digest, Evidence
from ferryline.model.entry import Entry


class Reason(StrEnum):
    """Why an action was chosen. Values are stable words in plans and reports."""

    NEW = "new"
    SIZE = "size-differs"
    CONTENT = "content-differs"
    METADATA = "metadata-differs"
    UNKNOWN = "equality-unknown"
    DISTRUSTED = "distrusted"
    TRANSFER_ALL = "transfer-mode-all"
    GONE_AT_SOURCE = "gone-at-source"
    KEPT_BY_OVERWRITE_NEVER = "overwrite-mode-never"
    KEPT_BY_PRESERVE = "preserve-deleted-files"
    REFUSED_UNKNOWN = "on-unknown-refuse"


@dataclass(frozen=True, slots=True)
class Copy:
    """Bring the destination's object in line with `source`; `replaces` is what lies there now."""

    source: Entry
    reason: Reason
    replaces: Entry | None = None

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the destination's object: a candidate until the second look has confirmed it."""

    destination: Entry
    reason: Reason

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.destination.key


@dataclass(frozen=True, slots=True)
class Same:
    """Source and destination are equal by `evidence`; nothing is sent."""

    source: Entry
    destination: Entry
    evidence: Evidence
    digest: Digest | None = None
    """The one that identifies the source, where its bytes were read."""

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class Keep:
    """The rules say to leave the destination as it is although it differs or has no source."""

    entry: Entry
    reason: Reason

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.entry.key


@dataclass(frozen=True, slots=True)
class Refuse:
    """This object cannot be done in this run: it becomes a failure with `kind` and `advice`."""

    source: Entry
    kind: str
    advice: str

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.source.key


Action = Copy | Delete | Same | Keep | Refuse
