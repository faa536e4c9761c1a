"""What a decision may still need to know about a pair, and what looking at it can say.

`decide` asks questions, `examine` turns them into answers, `decide` turns answers into actions. Both
are frozen values; looking is not done here.
"""

from dataclasses import dataclass
from enum import StrEnum

from ferryline.model.digest import Comparison, Digest, Evidence
from ferryline.model.pair import Both


class Side(StrEnum):
    """One end of a task."""

    SOURCE = "source"
    DESTINATION = "destination"


@dataclass(frozen=True, slots=True)
class HashLocal:
    """Hash the local end (or both, where both are local) and compare with what the other end tells.

    A remote end is asked for its ETag's form first (from the listing) and for its stored checksum.
    """

    pair: Both


@dataclass(frozen=True, slots=True)
class HeadBoth:
    """Compare the digests that both stores keep."""

    pair: Both


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read both objects and compare their bytes by digest."""

    pair: Both


@dataclass(frozen=True, slots=True)
class CompareMetadata:
    """The bytes are equal by `evidence`; compare what travels with them."""

    pair: Both
    evidence: Evidence
    digest: Digest | None = None
    """That of the source, where its bytes were read."""


Question = HashLocal | HeadBoth | ReadBack | CompareMetadata


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison said; `evidence` is set exactly when it said EQUAL."""

    question: Question
    comparison: Comparison
    evidence: Evidence | None = None
    digest: Digest | None = None
    """The one that identifies the source, where bytes were read and found equal."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An end is no longer as it was listed: gone, or in another state."""

    question: Question
    side: Side
    gone: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Looking failed: `kind` is an error's kind, `advice` one line with what happened and what to do."""

    question: Question
    kind: str
    advice: str


Answer = Compared | Moved | Unanswered
