"""One look at both sides: pages of the survey, sorted by columns, then an action for each key that differs.

`copying`, `planning` and `verifying` read it; it holds no rule of its own and performs nothing.
Values come in order: a page's `Classified`, then the actions of that page.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ferryline import errors
from ferryline.listing import ranges as key_ranges
from ferryline.listing import survey
from ferryline.listing.coverage import Coverage
from ferryline.listing.join import Remembers
from ferryline.model import event
from ferryline.model.action import Action
from ferryline.model.key import KeyRange
from ferryline.model.pair import Both
from ferryline.pipeline import skipped
from ferryline.pipeline.ends import Ends
from ferryline.plan import classify as columns
from ferryline.plan.classify import Classified
from ferryline.plan.examine import Looks, NothingReported, Reported, resolve
from ferryline.plan.rules import Rules
from ferryline.policy.options import OverwriteMode, TransferMode

LOOKS_AT_ONCE = 32
"""Pairs of one page that are looked at (HEAD, or a local hash) at once."""

_ONE_RANGE_ROWS = 5_000
"""A ledger that held fewer rows promises a listing too short to be worth dividing."""

Step = Classified | Action


@runtime_checkable
class Hints(Protocol):
    """A ledger that can say where its keys can be cut evenly. Optional."""

    @property
    def rows_count(self) -> int:
        """How many rows it holds."""
        ...

    def hints(self, prefix: bytes, count: int) -> list[bytes]:
        """Keys that cut the rows under `prefix` into about `count` equal parts."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What one scan looks at: both ends, the ledger between them, the rules, and how wide."""

    ends: Ends
    remembered: Remembers
    rules: Rules
    ranges_max: int
    emit: Callable[[event.Event], None]
    reported: Reported = field(default_factory=NothingReported)


async def scope(view: View) -> tuple[KeyRange, ...]:
    """The ranges to list: those of the include prefixes, each divided where that saves time."""
    prefixes = view.rules.filters.include_prefixes() or (b"",)
    found: list[KeyRange] = []
    for prefix in prefixes:
        found += await _divided(view, prefix)
    for end in (view.ends.source, view.ends.destination):
        skips = skipped.skips_of(end)
        if skips is not None:
            skips.clear()  # what a sample passed over, the scan will pass over again
    return tuple(found)


async def _divided(view: View, prefix: bytes) -> tuple[KeyRange, ...]:
    ends, ledger = view.ends, view.remembered
    whole = (KeyRange(prefix=prefix),)
    if not (ends.source.capabilities.ranged and ends.destination.capabilities.ranged):
        return whole
    if ends.source_listing is not ends.source or ends.destination_listing is not ends.destination:
        return whole
    rows = ledger.rows_count if isinstance(ledger, Hints) else 0
    if 0 < rows < _ONE_RANGE_ROWS or view.ranges_max <= 1:
        return whole
    hints = ledger.hints(prefix, view.ranges_max) if rows and isinstance(ledger, Hints) else []
    try:
        return await key_ranges.sample(ends.source, prefix, view.ranges_max, hints)
    except errors.AccessRefused as refusal:
        raise errors.CredentialsRefused(
            f"the listing of {ends.source.place} was refused: {refusal.message}",
            advice=refusal.advice,
            place=ends.source.place,
        ) from refusal
    except (errors.RetryLater, errors.ObjectFailed) as failure:
        raise errors.EndpointFailed(
            f"the listing of {ends.source.place} failed: {failure.message}",
            advice=failure.advice or "run again: what was done is kept",
            place=ends.source.place,
        ) from failure


async def pages(
    view: View, ranges: tuple[KeyRange, ...], coverage: Coverage
) -> AsyncGenerator[Classified, None]:
    """Yield every page of the survey, classified. `coverage` learns what was listed to its end."""
    sides = survey.Sides(view.ends.source_listing, view.ends.destination_listing, view.remembered)
    async with contextlib.aclosing(survey.survey(sides, ranges, view.ranges_max)) as joined:
        async for page in joined:
            classified = columns.classify(page, view.rules)
            coverage.record(page)
            view.emit(event.PageCompared(classified.counts.listed, classified.counts.same))
            yield classified


async def scan(view: View, ranges: tuple[KeyRange, ...], coverage: Coverage) -> AsyncGenerator[Step, None]:
    """Yield every page and its actions once. Raises RunStopped when a listing fails or cannot be believed.

    Close it (`aclosing`) when it is not read to the end.
    """
    looks = Looks(view.ends.source, view.ends.destination, view.reported)
    async with contextlib.aclosing(pages(view, ranges, coverage)) as found:
        async for classified in found:
            yield classified
            if not classified.undecided_rows.num_rows:
                continue
            pairs = classified.pairs()
            async with contextlib.aclosing(resolve(pairs, view.rules, looks, LOOKS_AT_ONCE)) as actions:
                async for action in actions:
                    yield action


def ruled(view: View, **changed: Any) -> View:
    """The same view with some fields of its rules replaced."""
    return dataclasses.replace(view, rules=dataclasses.replace(view.rules, **changed))


async def every_pair(view: View, ranges: tuple[KeyRange, ...]) -> AsyncGenerator[Both, None]:
    """Every selected key that is on both sides, whatever the ledger or the ETags say. Close it early.

    What OverwriteMode NEVER keeps as it is, is left out: nobody promised that it is equal.
    """
    all_rules = dataclasses.replace(
        view.rules, transfer_mode=TransferMode.ALL, overwrite_mode=OverwriteMode.ALWAYS
    )
    keeps = view.rules.overwrite_mode is OverwriteMode.NEVER
    sides = survey.Sides(view.ends.source_listing, view.ends.destination_listing, view.remembered)
    async with contextlib.aclosing(survey.survey(sides, ranges, view.ranges_max)) as joined:
        async for page in joined:
            classified = columns.classify(page, all_rules)
            view.emit(event.PageCompared(classified.counts.listed, classified.counts.same))
            kept = _kept_keys(columns.classify(page, view.rules)) if keeps else frozenset()
            for pair in classified.pairs():
                if isinstance(pair, Both) and pair.source.key not in kept:
                    yield pair


def _kept_keys(page: Classified) -> frozenset[bytes]:
    return frozenset(page.kept_rows.column("key").to_pylist())
