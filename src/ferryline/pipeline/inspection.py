"""What `verify` found, folded: counts by evidence and trouble, and the first thousand findings.

One `Inspection` per verification. It decides nothing but the trouble that an action stands for.
"""

from collections import Counter
from collections.abc import Mapping

from ferryline.model.action import Action, Copy, Delete, Keep, Reason, Refuse, Same
from ferryline.model.finding import Match, Mismatch, Trouble

FINDINGS_MAX = 1_000

_AGAIN = "run copy: it sends the object again"


class Inspection:
    """Counts and findings of one verification. Mutable: everything folds into it once."""

    def __init__(self) -> None:
        self.source_objects = 0
        self.destination_objects = 0
        self.excluded = 0
        self.reserved = 0
        self.equal = 0
        self.evidence: Counter[str] = Counter()
        self.troubles: Counter[Trouble] = Counter()
        self.deep_checked = 0
        self.findings: list[Mismatch] = []

    @property
    def bad(self) -> int:
        """How many keys are not proven equal."""
        return sum(self.troubles.values())

    def same(self, evidence: Mapping[str, int]) -> None:
        """Pairs that their columns proved equal."""
        self.evidence.update(evidence)
        self.equal += sum(evidence.values())

    def match(self, match: Match) -> None:
        """A pair that was looked at and is equal."""
        self.evidence[match.evidence.value] += 1
        self.equal += 1

    def mismatch(self, mismatch: Mismatch) -> None:
        """A pair that is not proven equal."""
        self.troubles[mismatch.trouble] += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(mismatch)

    def overturned(self, mismatch: Mismatch) -> None:
        """A pair that was counted equal by cheaper evidence turned out bad when it was read."""
        self.equal -= 1
        self.mismatch(mismatch)


def trouble_of(step: Action) -> Mismatch | None:
    """What an action of the plan says about a pair: None for what is equal or rightly left alone."""
    match step:
        case Same():
            return None
        case Copy(replaces=None):
            return Mismatch(step.key, Trouble.MISSING, "it is not at the destination", "run copy")
        case Copy(reason=Reason.UNKNOWN):
            return unknown(step.key)
        case Copy():
            return Mismatch(step.key, Trouble.DIFFERS, step.reason.value, _AGAIN)
        case Delete() | Keep(reason=Reason.KEPT_BY_PRESERVE):
            return only_there(step.key)
        case Refuse(kind=Reason.REFUSED_UNKNOWN.value):
            return unknown(step.key)
        case Refuse():
            return Mismatch(step.key, Trouble.UNCHECKED, step.kind, step.advice)
        case Keep():
            return Mismatch(step.key, Trouble.DIFFERS, step.reason.value, _AGAIN)


def missing(key: bytes) -> Mismatch:
    """A key that only the source has."""
    return Mismatch(key, Trouble.MISSING, "it is not at the destination", "run copy")


def only_there(key: bytes) -> Mismatch:
    """A key that only the destination has."""
    return Mismatch(
        key,
        Trouble.EXTRA,
        "it is not at the source",
        "leave it, or run copy with --preserve-deleted-files REMOVE",
    )


def unknown(key: bytes) -> Mismatch:
    """A pair that nothing cheap can tell apart."""
    return Mismatch(
        key,
        Trouble.UNCHECKED,
        "sizes are equal, and neither ETags nor checksums can be compared",
        "read the bytes: verify --deep 100",
    )
