"""Folds what happened into counts, failures and events: one `Tally` per destination and run.

Every outcome, finding and refusal passes here exactly once; nothing is decided. `failures` is
capped so that documents stay small: the report folder holds them all.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ferryline.model import action, event, finding, outcome
from ferryline.model.run import Counts
from ferryline.plan.requests import STANDARD

FAILURES_MAX = 1_000


@dataclass(slots=True)
class Tally:
    """Counts of one destination. `place` is its URL; `emit` gets one event per object."""

    place: str
    emit: Callable[[event.Event], None]
    counts: Counts = field(default_factory=Counts)
    failures: list[outcome.Failed] = field(default_factory=list)
    failure_kinds: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    """Objects that arrived, by their storage class at the source."""
    direct_bytes: int = 0
    """Bytes of objects that the endpoint copied by itself."""

    def start_over(self) -> None:
        """Forget what one listing came to, because another is the one that counts. What was read stays."""
        self.counts = Counts(source_bytes_read=self.counts.source_bytes_read)
        self.failures.clear()
        self.failure_kinds.clear()

    def transferred(self, done: outcome.Transferred) -> None:
        """An object arrived (its proof may still be to come)."""
        self.counts.transferred += 1
        self.counts.bytes_transferred += done.source.size_bytes
        self.counts.bytes_written += done.bytes_written
        self.counts.source_bytes_read += done.bytes_read
        self.classes[done.action.source.storage_class or STANDARD] += 1
        if not (done.bytes_read or done.bytes_written):
            self.direct_bytes += done.source.size_bytes
        proof = done.proof.value if done.proof else None
        self.emit(event.ObjectTransferred(done.key, self.place, done.source.size_bytes, proof))

    def vanished(self, gone: outcome.Vanished) -> None:
        """The source object was deleted between listing and read."""
        self.counts.vanished += 1
        self.emit(event.ObjectVanished(gone.key, self.place))

    def proven(self, match: finding.Match) -> None:
        """A transferred object was proven equal."""
        self.counts.verified += 1
        self.counts.evidence[match.evidence.value] += 1
        self.emit(event.ObjectVerified(match.key, self.place, match.evidence.value))

    def disproven(self, mismatch: finding.Mismatch) -> None:
        """A transferred object was found bad: it is a failure, no longer a transfer."""
        self.counts.transferred -= 1
        self.failed(
            outcome.Failed(
                mismatch.key, mismatch.trouble.value, mismatch.detail, mismatch.advice, phase="verify"
            )
        )

    def disproven_later(self, mismatch: finding.Mismatch) -> None:
        """An object that was counted same or transferred turned out bad when its bytes were read."""
        counts = self.counts
        if counts.transferred and counts.transferred >= counts.same:
            counts.transferred -= 1
        else:
            counts.same -= 1
        self.failed(
            outcome.Failed(
                mismatch.key, mismatch.trouble.value, mismatch.detail, mismatch.advice, phase="verify"
            )
        )

    def failed(self, failure: outcome.Failed) -> None:
        """An object could not be done."""
        if failure.phase == "delete":
            self.counts.delete_failed += 1
        else:
            self.counts.source_failed += 1
        self.failure_kinds[failure.kind] += 1
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(failure)
        self.emit(
            event.ObjectFailedEvent(
                failure.key, self.place, failure.kind, failure.message, failure.advice, failure.phase
            )
        )

    def refused(self, refusal: action.Refuse) -> None:
        """The plan refused an object."""
        self.failed(outcome.Failed(refusal.key, refusal.kind, refusal.advice, refusal.advice, phase="plan"))

    def deleted(self, done: outcome.Deleted) -> None:
        """A destination object is gone."""
        self.counts.deleted += 1
        self.emit(event.ObjectDeleted(done.key, self.place))

    def spared(self, one: outcome.Spared) -> None:
        """A delete candidate was left alone."""
        self.counts.kept_orphans += 1
        self.emit(event.ObjectSpared(one.key, self.place, one.why))

    @property
    def failures_total(self) -> int:
        """All failures, also those beyond the cap."""
        return self.counts.failed
