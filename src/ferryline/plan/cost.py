"""What a run's work would cost: requests and bytes times prices, each price with its source and date.

Pure. `planning` prices a plan with it, guards a run's every copy. A price that nobody knows makes the
whole unknown, with a sentence that says what to declare: unknown is never nothing. List prices, without
discounts, taxes and free allowances; `NOT_INCLUDED` says what else is not in it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ferryline.model.action import Copy, Reason
from ferryline.model.entry import Entry
from ferryline.plan.question import Side
from ferryline.plan.requests import LIST, STANDARD, Habits, Reckoning, Work
from ferryline.regions import catalog, price
from ferryline.regions.record import Datum, Known, Unknown

NOT_INCLUDED = (
    "storage itself, encryption keys (KMS), requests that are repeated after a failure, taxes, discounts "
    "and free allowances"
)

_RETRIEVED = ("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR")
"""Storage classes whose bytes cost something to read, beside the request."""


class Network(StrEnum):
    """Whose prices hold at a place."""

    AWS = "aws"
    OTHER = "other"
    """An S3-compatible endpoint: only what the policy declares is known."""
    LOCAL = "local"
    """A file system: its requests are nobody's bill, its bytes leave for a price like any other's."""
    PROCESS = "process"
    """Where this process runs, as somebody said it."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one place asks for. Prices are those the policy declares, None where it declares none.

    `field` is where the policy would declare them (`locations.minio`), `egress_field` where it declares
    that of bytes when that is the region's.
    """

    place: str
    network: Network
    region: str | None = None
    egress_usd_per_gb: float | None = None
    writes_usd_per_thousand: float | None = None
    reads_usd_per_thousand: float | None = None
    field: str = "locations.NAME"
    egress_field: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """From where to where. `run_in` is the region the bytes pass through.

    Where nobody said it, the process is taken to run where a file system is, else at the destination.
    """

    source: Tariff
    destination: Tariff
    run_in: Tariff | None = None

    @property
    def process(self) -> Tariff:
        """Where the bytes pass through."""
        if self.run_in is not None:
            return self.run_in
        return self.source if self.source.network is Network.LOCAL else self.destination

    def at(self, side: Side) -> Tariff:
        """The tariff of one end."""
        return self.source if side is Side.SOURCE else self.destination


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for `per` units; None where nobody knows, and `source` then says why."""

    usd: float | None
    source: str
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an estimate: so many units of something at a place."""

    what: str
    place: str
    quantity: int
    unit: str
    per: int
    price: Price

    @property
    def usd(self) -> float | None:
        """What the line comes to; None for an unknown price."""
        return None if self.price.usd is None else self.quantity * self.price.usd / self.per

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "what": self.what,
            "place": self.place,
            "quantity": self.quantity,
            "unit": self.unit,
            "price_usd": self.price.usd,
            "price_per": self.per,
            "usd": None if self.usd is None else round(self.usd, 9),
            "source": self.price.source,
            "date": self.price.date,
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """What some work would cost, item by item."""

    items: tuple[Item, ...] = field(default=())

    @property
    def usd(self) -> float | None:
        """The sum, None as soon as one price is unknown."""
        total = 0.0
        for item in self.items:
            if item.usd is None:
                return None
            total += item.usd
        return total

    @property
    def unknown(self) -> str | None:
        """Why there is no sum: each price that is missing, once."""
        missing = dict.fromkeys(item.price.source for item in self.items if item.price.usd is None)
        return "; ".join(missing) or None

    def document(self) -> dict[str, Any]:
        """As plain data: the sum under `usd`, null with `unknown` saying why."""
        return {
            "usd": rounded(self.usd),
            "unknown": self.unknown,
            "items": [item.document() for item in self.items],
            "not_included": NOT_INCLUDED,
        }


def rounded(usd: float | None) -> float | None:
    """Dollars as documents hold them: to the millionth."""
    return None if usd is None else round(usd, 6)


def estimate(work: Work, way: Way) -> Estimate:
    """What `work` costs on `way`. Lines of one price are one item; what was asked nothing has none."""
    return Estimate((*_requests(work, way), *_bytes(work, way)))


def _requests(work: Work, way: Way) -> Iterator[Item]:
    counts: Counter[tuple[Side, price.Tier, str]] = Counter()
    for (side, operation, storage_class), count in work.requests.items():
        billed_by = STANDARD if operation == LIST else storage_class
        counts[side, tier_of(operation), billed_by] += count
    for (side, tier, storage_class), count in sorted(counts.items(), key=_source_first):
        tariff = way.at(side)
        if tier is not price.Tier.DELETES and tariff.network is not Network.LOCAL:
            what = "PUT, COPY, POST and LIST" if tier is price.Tier.WRITES else "GET and HEAD"
            named = "" if storage_class == STANDARD else f" ({storage_class})"
            asked = _request_price(tariff, tier, storage_class)
            yield Item(f"{what} requests{named}", tariff.place, count, "request", price.REQUESTS, asked)


def _source_first(counted: tuple[tuple[Side, price.Tier, str], int]) -> tuple[bool, int, str]:
    (side, tier, storage_class), _ = counted
    return side is Side.DESTINATION, int(tier), storage_class


def _bytes(work: Work, way: Way) -> Iterator[Item]:
    here = way.process
    read = sum(work.read_bytes.values())
    for start, end, count in (
        (way.source, here, read + work.listing_bytes.get(Side.SOURCE, 0)),
        (here, way.destination, read - work.again_bytes),
        (way.destination, here, work.back_bytes + work.listing_bytes.get(Side.DESTINATION, 0)),
        (way.source, way.destination, work.direct_bytes),
    ):
        if count and not _one_machine(start, end):
            what = f"bytes from {_named(start)} to {_named(end)}"
            yield Item(what, start.place, count, "byte", price.GB, egress(start, end))
    for storage_class, count in work.read_bytes.items():
        if count and storage_class in _RETRIEVED and way.source.network is Network.AWS:
            told = Price(None, f"no source for the price of retrieving bytes of class {storage_class}")
            what = f"bytes retrieved ({storage_class})"
            yield Item(what, way.source.place, count, "byte", price.GB, told)


def _one_machine(start: Tariff, end: Tariff) -> bool:
    """A file system that nobody placed elsewhere is where the process is."""
    if start is end:
        return True
    local = [one for one in (start, end) if one.network is Network.LOCAL]
    return any(one.region is None and one.egress_usd_per_gb is None for one in local) and any(
        one.network is Network.PROCESS for one in (start, end)
    )


def tier_of(operation: str) -> price.Tier:
    """The class by which AWS bills an operation of its S3 API."""
    if operation.startswith(("Delete", "Abort")):
        return price.Tier.DELETES
    return price.Tier.READS if operation.startswith(("Get", "Head")) else price.Tier.WRITES


def _request_price(tariff: Tariff, tier: price.Tier, storage_class: str) -> Price:
    writes = tier is price.Tier.WRITES
    own = tariff.writes_usd_per_thousand if writes else tariff.reads_usd_per_thousand
    if own is not None:
        return Price(own, f"{tariff.field}.requests_usd_per_thousand of the policy")
    if tariff.network is Network.OTHER:
        return Price(
            None,
            f"no price of requests is known at {tariff.place}, which is not AWS: declare "
            f"{tariff.field}.requests_usd_per_thousand ({{writes: 0, reads: 0}} where nobody charges)",
        )
    if tariff.region is None:
        return Price(None, f"the region of {tariff.place} is not known: declare {tariff.field}.region")
    return _of(price.requests(tariff.region, tier, storage_class))


def egress(start: Tariff, end: Tariff) -> Price:
    """What a gigabyte costs from `start` to `end`. What comes in is free everywhere; what leaves is billed
    by the place it leaves."""
    if start.region is not None and start.region == end.region:
        if start.network is Network.AWS or start.region in catalog.known():
            return _of(price.between(start.region, start.region))
        return Price(0.0, f"no byte leaves {start.region}, where both places are")
    if start.egress_usd_per_gb is not None:
        declared = f"{start.egress_field or start.field}.egress_usd_per_gb of the policy"
        return Price(start.egress_usd_per_gb, declared)
    if start.region is None:
        return Price(
            None,
            f"no price is known of bytes that leave {start.place}: declare {start.field}.region or "
            f"{start.field}.egress_usd_per_gb (0 where nobody charges), or say where this runs (--run-in)",
        )
    if start.network is Network.OTHER or start.region not in catalog.known():
        return Price(
            None,
            f"no price is known of bytes that leave {start.place} in {start.region}: declare "
            f"{start.field}.egress_usd_per_gb (0 where nobody charges)",
        )
    if end.region is None:
        return Price(
            None,
            f"the region of {end.place} is not known, so the price of the way there is not either: "
            f"declare {end.field}.region, or say where this runs (--run-in)",
        )
    if end.network is Network.OTHER or end.region not in catalog.known():
        return _of(price.to_internet(start.region))
    return _of(price.between(start.region, end.region))


def _of(datum: Datum[float]) -> Price:
    match datum:
        case Known(value, source):
            return Price(value, source.text, source.date.isoformat())
        case Unknown(why):
            return Price(None, why)


def _named(tariff: Tariff) -> str:
    return tariff.region or tariff.place


class Marginal:
    """Dollars of one more copy, for a guard that admits objects one by one. Remembers what it worked out."""

    def __init__(self, way: Way, habits: Habits) -> None:
        self._way = way
        self._habits = habits
        self._requests: dict[tuple[int, str], Estimate] = {}
        self._gigabytes: dict[str, Estimate] = {}

    def usd(self, entry: Entry) -> float | None:
        """What copying `entry` costs, None where a price is unknown; `unknown` then says which."""
        told = self._told(entry)
        requests, gigabyte = told[0].usd, told[1].usd
        if requests is None or gigabyte is None:
            return None
        return requests + gigabyte * entry.size_bytes / price.GB

    def unknown(self, entry: Entry) -> str:
        """Why there is no price for `entry`; empty where there is one."""
        return "; ".join(one.unknown for one in self._told(entry) if one.unknown is not None)

    def _told(self, entry: Entry) -> tuple[Estimate, Estimate]:
        storage_class = entry.storage_class or STANDARD
        shape = self._habits.parts(entry), storage_class
        if shape not in self._requests:
            reckoning = Reckoning(self._habits)
            reckoning.action(Copy(entry, Reason.NEW))
            asked = Work(reckoning.copies().requests)
            self._requests[shape] = estimate(asked, self._way)
        if storage_class not in self._gigabytes:
            back_bytes = price.GB if self._habits.reads_back and self._habits.proves else 0
            moved = Work(read_bytes={storage_class: price.GB}, back_bytes=back_bytes)
            self._gigabytes[storage_class] = estimate(moved, self._way)
        return self._requests[shape], self._gigabytes[storage_class]
