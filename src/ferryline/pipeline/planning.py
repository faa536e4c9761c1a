"""The run of `plan`: one scan, folded into a document. Takes no lock and writes nothing anywhere."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from ferryline import errors
from ferryline.listing.coverage import Coverage
from ferryline.model.action import Copy, Delete
from ferryline.pipeline import ends as opening
from ferryline.pipeline import scan as scanning
from ferryline.pipeline import single, skipped
from ferryline.pipeline.run import Run
from ferryline.plan import guard
from ferryline.plan.classify import Classified
from ferryline.plan.document import PlanDocument


async def plan(run: Run) -> dict[str, Any]:
    """What a copy would do, as plain data. Raises what stops a run, but for what a guard would refuse.

    A guard's refusal stands under `refusals`, because a person plans in order to see it.
    """
    task = run.task
    async with opening.opened(task, run.opening()) as ends:
        await opening.check_mount(ends.source, task, run.memory)
        ledger = run.ledger()
        view = run.view(ends, ledger)
        found = PlanDocument(task.source.url, task.destinations[0].url)
        weighed = _Weighed(run)
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
        document["refusals"] = weighed.refusals(ledger.count())
        skips = skipped.skips_of(ends.source)
        document["not_carried"] = dict(skipped.counted(skips, task.filters)) if skips is not None else {}
        return document


class _Weighed:
    """What the guards would say of the plan."""

    def __init__(self, run: Run) -> None:
        self._task = run.task
        self._listed = 0
        self._destination_listed = 0
        self._deletes = 0
        self._bytes = 0

    def page(self, page: Classified) -> None:
        self._listed += page.counts.listed - page.counts.excluded - page.counts.reserved
        self._destination_listed += page.counts.destination_listed

    def action(self, step: object) -> None:
        if isinstance(step, Delete):
            self._deletes += 1
        elif isinstance(step, Copy):
            self._bytes += step.source.size_bytes

    def refusals(self, ledger_rows: int) -> list[dict[str, str]]:
        """Each refusal with its kind, what it says, and the remedy."""
        found: list[dict[str, str]] = []
        place = self._task.destinations[0].url
        facts = guard.SourceFacts(self._listed, ledger_rows, self._destination_listed)
        limit = guard.DeleteGuard.of(self._task.max_delete, ledger_rows, self._destination_listed)
        checks: list[Callable[[], None]] = [
            functools.partial(guard.TransferGuard(self._task.max_transfer_bytes).admit, self._bytes, place)
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
