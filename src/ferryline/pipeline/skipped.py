"""What a walk over a file tree passed over, brought into the counts: nothing vanishes silently.

Called after a listing was read to its end. Kinds of file that are not carried count as excluded;
names that should have been objects and could not be are failures; where a walk was blind, nothing
is proven absent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from ferryline.listing.coverage import Coverage
from ferryline.model.key import printable
from ferryline.model.outcome import Failed
from ferryline.pipeline.recorder import Recorder
from ferryline.pipeline.tally import Tally
from ferryline.policy.filters import Filters
from ferryline.storage.store import Store

_ADVICE = {
    "name-not-canonical": "rename the file: its name reads as another key's escaped form",
    "unreadable": "give the user that runs this permission to read it",
}


NOT_CARRIED_ADVICE = "see docs/explanation/what-is-kept.md"


class Reason(Protocol):
    """Why a name is no object. Its value is a stable word."""

    @property
    def value(self) -> str:
        """The word."""
        ...

    @property
    def excluded(self) -> bool:
        """Whether it is a kind of file that is not carried, rather than one that should have been."""
        ...


class Skip(Protocol):
    """One name that was passed over."""

    @property
    def key(self) -> bytes:
        """What it would decode to."""
        ...

    @property
    def reason(self) -> Reason:
        """Why."""
        ...


class Skips(Protocol):
    """The tally of a store's walks, its items capped."""

    @property
    def items(self) -> Sequence[Skip]:
        """The first thousand."""
        ...

    @property
    def totals(self) -> Mapping[Reason, int]:
        """All of them, by reason."""
        ...

    @property
    def blind(self) -> Sequence[bytes]:
        """Prefixes below which names are unknown."""
        ...

    def clear(self) -> None:
        """Begin anew."""
        ...


def skips_of(store: Store) -> Skips | None:
    """What the walks of this store passed over; None for stores that walk no tree."""
    found: Skips | None = getattr(store, "skipped", None)
    return found


def counted(skips: Skips, filters: Filters) -> Counter[str]:
    """How many names that the filters select were passed over, by reason.

    With filters only the names that were kept (the first thousand) can be asked.
    """
    if filters.everything:
        return Counter({reason.value: count for reason, count in skips.totals.items() if count})
    return Counter(one.reason.value for one in skips.items if filters.selects(one.key))


def not_carried(skips: Skips, filters: Filters) -> dict[str, int]:
    """How many names of each kind of file that is not carried were passed over, by the word for it."""
    kinds = {reason.value for reason in skips.totals if reason.excluded}
    return {word: count for word, count in sorted(counted(skips, filters).items()) if word in kinds}


def fold_source(skips: Skips, filters: Filters, tally: Tally, recorder: Recorder) -> None:
    """Count what the source's walk passed over: excluded by kind, or failed by name."""
    by_reason = counted(skips, filters)
    carried_not = not_carried(skips, filters)
    for word, count in carried_not.items():
        tally.counts.listed += count
        tally.counts.excluded += count
        recorder.warn(f"not carried: {count} {word}", NOT_CARRIED_ADVICE)
    named = [one for one in skips.items if not one.reason.excluded and filters.selects(one.key)]
    for one in named:
        tally.counts.listed += 1
        word = one.reason.value
        tally.failed(
            Failed(one.key, word, f"{printable(one.key)} cannot be carried", _ADVICE.get(word, ""), "plan")
        )
    beyond = sum(count for word, count in by_reason.items() if word not in carried_not) - len(named)
    if beyond > 0:
        tally.counts.listed += beyond
        tally.counts.source_failed += beyond


def blind(source: Store, destination: Store, coverage: Coverage) -> None:
    """Tell the coverage record where either walk could not look, and begin both tallies anew."""
    for store in (source, destination):
        skips = skips_of(store)
        if skips is not None:
            coverage.blinded(skips.blind)
            skips.clear()
