"""Findings: what verification saw. Nothing here repairs."""

from dataclasses import dataclass
from enum import StrEnum

from ferryline.model.digest import Digest, Evidence
from ferryline.model.entry import Entry


class Trouble(StrEnum):
    """What can be wrong with a pair."""

    DIFFERS = "differs"
    MISSING = "missing-at-destination"
    EXTRA = "only-at-destination"
    UNCHECKED = "could-not-be-checked"
    SOURCE_CHANGED = "source-changed"


@dataclass(frozen=True, slots=True)
class Match:
    """The pair is equal by `evidence`; both entries are as they were looked at."""

    source: Entry
    destination: Entry
    evidence: Evidence
    digest: Digest | None = None

    @property
    def key(self) -> bytes:
        """The key, relative to the folder."""
        return self.source.key


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The pair is not proven equal: `detail` is one printable line."""

    key: bytes
    trouble: Trouble
    detail: str
    advice: str


Finding = Match | Mismatch
