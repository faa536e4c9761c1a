"""The run of `plan`: one scan, folded into a document. Takes no lock and writes nothing anywhere."""

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryline import errors
from ferryline.listing.coverage import Coverage
from ferryline.model import event, place
from ferryline.model.action import Action, Copy, Delete
from ferryline.pipeline import ends as opening
from ferryline.pipeline import scan as scanning
from ferryline.pipeline import single, skipped
from ferryline.pipeline.run import Run
from ferryline.plan import cost, duration, guard
from ferryline.plan.classify import Classified
from ferryline.plan.document import PlanDocument
from ferryline.plan.question import Side
from ferryline.plan.requests import Habits, Reckoning, Work, Writes
from ferryline.policy.options import UNLIMITED

_RUNS_ASKED = 2_000
"""Run records that are looked through for those of this pair."""


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a plan is priced by: both ends' tariffs, a cap in dollars, and a rate that somebody stated."""

    way: cost.Way
    max_usd: float | None = None
    assumed_bytes_per_second: int | None = None
    service: Callable[[int], cost.Estimate] | None = None
    """What a service that moves the bytes in Ferryline's stead asks for so many."""
    reads_unknown: bool = False
    """Whether what such a service brought is read on both sides where no digest tells its bytes."""


async def plan(run: Run, pricing: Pricing) -> dict[str, Any]:
    """What a copy would do, ask, cost and take, as plain data. Raises what stops a run, but for what a
    guard would refuse.

    A guard's refusal stands under `refusals`, because a person plans in order to see it.
    """
    task = run.task
    asked = _Asked(run)
    async with opening.opened(task, asked.opening()) as ends:
        await opening.check_mount(ends.source, task, run.memory)
        ledger = run.ledger()
        view = run.view(ends, ledger)
        found = PlanDocument(task.source.url, task.destinations[0].url)
        habits = habits_of(run, ends)
        weighed = _Weighed(run, pricing, habits)
        ranges = () if task.object_key is not None else await scanning.scope(view)
        coverage = Coverage(ends.destination.place, ranges)
        steps = (
            single.steps(view, task) if task.object_key is not None else scanning.scan(view, ranges, coverage)
        )
        async with contextlib.aclosing(steps):
            async for step in steps:
                if isinstance(step, Classified):
                    found.page(step)
                    weighed.page(step)
                else:
                    found.action(step)
                    weighed.action(step)
        document = found.document()
        work = weighed.work(asked)
        copies = weighed.copies()
        priced = cost.estimate(work, pricing.way)
        if pricing.service is not None and copies.items:
            priced = cost.Estimate((*priced.items, *copies.items))
        document["requests_estimate"] = work.by_operation
        document["cost_estimate_usd"] = cost.rounded(priced.usd)
        reads = weighed.proof_reads()
        document["cost"] = priced.document() | {"copies_usd": cost.rounded(copies.usd), "proof_reads": reads}
        document["time"] = _time(run, pricing, document).document()
        document["refusals"] = weighed.refusals(ledger.count())
        skips = skipped.skips_of(ends.source)
        document["not_carried"] = dict(skipped.counted(skips, task.filters)) if skips is not None else {}
        return document


def habits_of(run: Run, ends: opening.Ends) -> Habits:
    """What decides how many requests this run's objects take."""
    source, destination = run.task.source, run.task.destinations[0]
    written = destination.writing.storage_class if isinstance(destination, place.S3Location) else None
    writing = Writes(written, _encrypts(destination), _encrypts(source))
    known = ends.source.capabilities, ends.destination.capabilities
    return Habits.of(*known, run.task.options, run.around.pressure.memory_bytes, writing)


def _encrypts(where: place.Location) -> bool:
    """Whether it is declared that ETags there are no digests."""
    under_kms = isinstance(where, place.S3Location) and (where.writing.sse or "").startswith("aws:kms")
    return under_kms or opening.has_customer_key(where)


def spend_guard(pricing: Pricing, habits: Habits) -> guard.SpendGuard:
    """The dollar guard of one run: `admit_entry` each copy before it starts, as `TransferGuard.admit` is."""
    return guard.SpendGuard(pricing.max_usd, cost.Marginal(pricing.way, habits))


def _time(run: Run, pricing: Pricing, document: dict[str, Any]) -> duration.Duration:
    """How long it would take, by the runs of this pair that this host remembers."""
    task = run.task
    pair = task.source.url, task.destinations[0].url
    measured = [
        duration.Timed.of(one.document)
        for one in run.state.runs.list(_RUNS_ASKED)
        if one.document is not None and (one.source, one.destination) == pair
    ]
    wanted = duration.Load(
        document["files_to_transfer"], document["bytes_to_transfer"], document["files_listed"]
    )
    limit = task.options.bytes_per_second
    return duration.estimate(
        wanted,
        [one for one in measured if one is not None],
        pricing.assumed_bytes_per_second,
        None if limit == UNLIMITED else limit,
    )


class _Asked:
    """The requests that the scan itself makes, by side: a run makes the same ones again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._source, self._destination = run.task.source.url, run.task.destinations[0].url
        self._counts: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[tuple[str, str]] = Counter()

    def opening(self) -> opening.Opening:
        """How to open both ends so that their requests are heard here as well."""
        usual = self._run.opening()
        heard = dataclasses.replace(usual.harness, emit=self._hear)
        return dataclasses.replace(usual, harness=heard)

    def tell(self, reckoning: Reckoning) -> None:
        """Fold what was asked. Places of one name on two endpoints are told half each."""
        for (where, operation), count in self._counts.items():
            size_bytes = self._bytes[where, operation]
            if self._source == self._destination:
                reckoning.asked(Side.SOURCE, operation, count - count // 2, size_bytes // 2)
                reckoning.asked(Side.DESTINATION, operation, count // 2, size_bytes // 2)
            else:
                side = Side.SOURCE if where == self._source else Side.DESTINATION
                reckoning.asked(side, operation, count, size_bytes)

    def _hear(self, fact: event.Event) -> None:
        if isinstance(fact, event.RequestMade) and 0 < fact.status < 500:
            self._counts[fact.place, fact.operation] += 1
            self._bytes[fact.place, fact.operation] += fact.bytes
        self._run.recorder.emit(fact)


class _Weighed:
    """What the plan would ask of both ends, and what the guards would say of it."""

    def __init__(self, run: Run, pricing: Pricing, habits: Habits) -> None:
        self._task = run.task
        self._reckoning = Reckoning(habits)
        self._pricing = pricing
        self._spend = spend_guard(pricing, habits)
        self._listed = 0
        self._everything = 0
        self._destination_listed = 0
        self._deletes = 0
        self._bytes = 0
        self._copies = 0

    def page(self, page: Classified) -> None:
        self._everything += page.counts.listed
        self._listed += page.counts.listed - page.counts.excluded - page.counts.reserved
        self._destination_listed += page.counts.destination_listed

    def action(self, step: Action) -> None:
        self._reckoning.action(step)
        if isinstance(step, Delete):
            self._deletes += 1
        elif isinstance(step, Copy):
            self._bytes += step.source.size_bytes
            self._copies += 1

    def work(self, asked: _Asked) -> Work:
        """Every request and byte of a run of this plan."""
        asked.tell(self._reckoning)
        if self._pricing.service is not None:
            return self._reckoning.proof(self._destination_listed)
        return self._reckoning.work(self._everything, self._destination_listed)

    def copies(self) -> cost.Estimate:
        """What the copies alone cost: that is what `max_transfer.usd` caps."""
        if self._pricing.service is not None:
            return self._pricing.service(self._bytes) if self._copies else cost.Estimate()
        return cost.estimate(self._reckoning.copies(), self._pricing.way)

    def proof_reads(self) -> dict[str, int | float | None] | None:
        """What a service's copy may cost on top: bytes that no digest tells are read on both sides."""
        files, work = self._reckoning.doubt()
        if not (self._pricing.reads_unknown and files):
            return None
        usd = cost.rounded(cost.estimate(work, self._pricing.way).usd)
        return {"files": files, "bytes": work.again_bytes, "usd": usd}

    def refusals(self, ledger_rows: int) -> list[dict[str, str]]:
        """Each refusal with its kind, what it says, and the remedy."""
        found: list[dict[str, str]] = []
        place = self._task.destinations[0].url
        facts = guard.SourceFacts(self._listed, ledger_rows, self._destination_listed)
        limit = guard.DeleteGuard.of(self._task.max_delete, ledger_rows, self._destination_listed)
        copies = self.copies()
        checks: list[Callable[[], None]] = [
            functools.partial(guard.TransferGuard(self._task.max_transfer_bytes).admit, self._bytes, place),
            functools.partial(self._spend.admit_usd, copies.usd, place, copies.unknown or ""),
        ]
        if self._deletes:
            checks += [
                functools.partial(guard.check_source, facts, self._task.source.url),
                functools.partial(limit.check, self._deletes, place),
            ]
        for check in checks:
            try:
                check()
            except errors.GuardRefused as refusal:
                found.append({"kind": refusal.kind, "message": refusal.message, "advice": refusal.advice})
        return found
