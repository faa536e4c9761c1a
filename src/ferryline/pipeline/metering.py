"""Counts what a run asks of each place and moves there, and says what that came to in money.

Every store of a run is opened with an `ear` of the run's `Meter`; `Run` and `Sync` ask for the bill at the
end. Prices and rules are those of `plan`: nothing is looked up here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ferryline.model import event, place
from ferryline.pipeline.tally import Tally
from ferryline.plan import spent
from ferryline.plan.cost import Estimate, Tariff, Way
from ferryline.plan.requests import STANDARD
from ferryline.report.facts import DestinationFacts

NO_PRICES = "this run was not told what its places ask for"


class Meter:
    """What one run used, by place; the places of replicas are kept apart by the replica's name."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], spent.Used] = {}

    def ear(
        self, where: place.Location, replica: str, emit: Callable[[event.Event], None]
    ) -> Callable[[event.RequestMade], None]:
        """What a store of this place tells its requests to; each is told on to `emit`."""
        used = self.used(where, replica)

        def hear(made: event.RequestMade) -> None:
            used.request(made.operation, made.status, made.bytes, made.sent)
            emit(made)

        return hear

    def used(self, where: place.Location, replica: str = "") -> spent.Used:
        """What this place was asked so far; nothing, where it is no endpoint."""
        return self._used.setdefault((replica, where.identity), spent.Used())


@dataclass(frozen=True, slots=True)
class Part:
    """One destination's part of a run. `way` is None where its prices are not known at all."""

    location: place.Location
    facts: DestinationFacts
    tally: Tally | None
    way: Way | None
    replica: str = ""
    shelf: place.Location | None = None
    shelf_tariff: Tariff | None = None
    carries: bool = True
    """Whether its bytes were read from the source by this run."""
    service: Estimate | None = None
    """What a service asked that moved the bytes in Ferryline's stead."""


def billed(meter: Meter, source: place.Location, parts: Sequence[Part]) -> tuple[DestinationFacts, ...]:
    """The facts of each destination with what it cost.

    The source is read once for all of them: its bill is parted by the bytes that each was sent.
    """
    weights = [one.facts.counts.bytes_transferred * one.carries for one in parts]
    shares = meter.used(source).shares(weights)
    return tuple(
        _billed(meter, source, one, share, several=len(parts) > 1)
        for one, share in zip(parts, shares, strict=True)
    )


def _billed(
    meter: Meter, source: place.Location, part: Part, share: spent.Used, *, several: bool
) -> DestinationFacts:
    there = meter.used(part.location, part.replica)
    facts = replace(part.facts, requests=dict(there.attempts)) if several else part.facts
    if part.way is None:
        return replace(facts, cost_unknown=NO_PRICES)
    counts = facts.counts
    if not isinstance(source, place.S3Location):
        share.out_bytes = counts.source_bytes_read
    if not isinstance(part.location, place.S3Location):
        there = replace(there, in_bytes=counts.bytes_written)
    done = spent.Spent(
        share,
        there,
        shelf=meter.used(part.shelf, part.replica) if part.shelf is not None else spent.Used(),
        classes=part.tally.classes if part.tally is not None else {},
        direct_bytes=part.tally.direct_bytes if part.tally is not None else 0,
        storage_class=_class_of(part.location),
    )
    told = spent.bill(done, part.way, part.shelf_tariff if part.shelf is not None else None)
    if part.service is not None:
        told = Estimate((*told.items, *part.service.items))
    return replace(facts, cost_usd=told.usd, cost_unknown=told.unknown)


def _class_of(where: place.Location) -> str:
    written = where.writing.storage_class if isinstance(where, place.S3Location) else None
    return written or STANDARD
