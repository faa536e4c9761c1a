"""What moving so many bytes would cost by each engine, line by line, each price with its source.

`engines` asks it. Pure. A price without a source is a line without dollars and with the reason;
nothing is added up around it. Requests, storage and machines are left out, and `LEFT_OUT` says so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ferryline.plan.cost import Estimate, Item, Price
from ferryline.plan.ends import End, Nature
from ferryline.policy import options, values
from ferryline.policy.options import Engine
from ferryline.regions import catalog, mover_price, price
from ferryline.regions.record import Datum, Unknown

LEFT_OUT = (
    "requests, whose number depends on how large the objects are",
    "storage of the replica, and of old versions where S3 replicates",
    "the machine that Ferryline runs on, and bytes paid twice where it runs in a third region",
    "CloudWatch, KMS, discounts, taxes and free allowances",
)

_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Cost:
    """One line: what is paid for, how much (None where no source says), how that comes, who says so."""

    what: str
    usd: float | None
    note: str
    source: str = ""
    rate: float | None = None
    """Dollars for one unit: a gigabyte, or an execution."""
    unit: str = "byte"


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be moved: a dataset's bytes from one end to the other."""

    dataset: values.Dataset
    source: End
    destination: End
    size_bytes: int

    @property
    def gigabytes(self) -> float:
        """As AWS meters them."""
        return self.size_bytes / price.GB


def costs(engine: Engine, load: Load) -> tuple[Cost, ...]:
    """The lines for one engine."""
    way = _way(load)
    if engine is Engine.DATASYNC:
        return (way, *_datasync(load))
    if engine is Engine.S3_REPLICATION:
        return (way, _time_control(load))
    return (way,)


def total(lines: tuple[Cost, ...]) -> tuple[float, bool]:
    """The sum of what is known, and whether that is all of it."""
    known = [one.usd for one in lines if one.usd is not None]
    return sum(known), len(known) == len(lines)


def estimate(engine: Engine, load: Load) -> Estimate:
    """The same lines as an estimate: what a replica's service asks for these bytes."""
    return Estimate(tuple(_item(one, load) for one in costs(engine, load)))


def _item(one: Cost, load: Load) -> Item:
    asked = Price(one.rate, one.source) if one.rate is not None else Price(None, one.note)
    if one.unit == "byte":
        return Item(one.what, load.source.label, load.size_bytes, one.unit, price.GB, asked)
    return Item(one.what, load.destination.label, 1, one.unit, 1, asked)


def _way(load: Load) -> Cost:
    """The bytes' way: the policy's own price, else the catalog's."""
    source, destination = load.source, load.destination
    what = f"bytes from {source.region or source.label} to {destination.region or destination.label}"
    if source.usd_per_gb is not None:
        field = f"locations.{source.location}.egress_usd_per_gb"
        own = source.usd_per_gb
        return Cost(what, load.gigabytes * own, _rate(own), f"the policy's {field}", own)
    if source.nature is Nature.OTHER_BUCKET or source.region is None or source.region not in catalog.known():
        remedy = f"give locations.{source.location}.egress_usd_per_gb"
        if source.nature is Nature.AWS_BUCKET:
            remedy = f"give locations.{source.location}.region"
        return Cost(what, None, f"no price is known for bytes that leave {source.label}: {remedy}")
    datum = _asked(source, source.region, destination)
    if isinstance(datum, Unknown):
        return Cost(what, None, datum.why)
    return Cost(what, load.gigabytes * datum.value, _rate(datum.value), str(datum.source), datum.value)


def _asked(source: End, region: str, destination: End) -> Datum[float]:
    """The catalog's price for a gigabyte out of an AWS region."""
    there = destination.region
    if destination.nature is Nature.OTHER_BUCKET:
        return price.to_internet(region)
    if there is None:
        return Unknown(f"where {destination.label} lies is not known: give its location a region")
    if there not in catalog.known():
        return price.to_internet(region)
    if region == there and source.nature is not Nature.AWS_BUCKET:
        return Unknown(f"no source for the price of bytes from {source.nature} inside {region}")
    return price.between(region, there)


def _rate(usd_per_gb: float) -> str:
    return f"${usd_per_gb:g} a GB"


def _datasync(load: Load) -> tuple[Cost, ...]:
    enhanced = _enhanced(load)
    region = load.destination.region if load.destination.in_aws else load.source.region
    mode = "ENHANCED" if enhanced else "BASIC"
    what = f"DataSync, task mode {mode}"
    if region is None:
        return (Cost(what, None, "the region of the task is not known: give the location a region"),)
    datum = mover_price.datasync(region, enhanced=enhanced)
    if isinstance(datum, Unknown):
        return (Cost(what, None, datum.why),)
    asked, source = datum.value, str(datum.source)
    moved = Cost(what, load.gigabytes * asked.per_gb, _rate(asked.per_gb), source, asked.per_gb)
    if not asked.per_execution:
        return (moved,)
    note, once = _runs(load, asked.per_execution), asked.per_execution
    return (moved, Cost("one run of the task", once, note, source, once, "execution"))


def _runs(load: Load, usd_per_run: float) -> str:
    """What a schedule makes of the price of one run."""
    note = "each run, whatever it moves"
    if load.dataset.schedule is None:
        return note
    count, at = 0, load.dataset.schedule.next_after(datetime(2025, 1, 1, tzinfo=UTC))
    end = at + _MONTH if at is not None else None
    while at is not None and end is not None and at < end and count < _MONTH // timedelta(hours=1):
        count += 1
        at = load.dataset.schedule.next_after(at)
    usd = count * usd_per_run
    return f"{note}; {load.dataset.schedule.expression} makes {count} runs in 30 days, ${usd:,.2f}"


def _time_control(load: Load) -> Cost:
    datum = mover_price.time_control()
    what = "Replication Time Control"
    if isinstance(datum, Unknown):
        return Cost(what, None, datum.why)
    note = f"{_rate(datum.value)}, for the promise of 15 minutes"
    return Cost(what, load.gigabytes * datum.value, note, str(datum.source), datum.value)


def _enhanced(load: Load) -> bool:
    """Whether the task would run in mode ENHANCED: both ends are open to it, and nothing asks for BASIC."""
    wished = load.dataset.options
    if wished.task_mode is not None:
        return wished.task_mode is options.TaskMode.ENHANCED
    basic = (
        wished.mtime is options.Mtime.NONE
        or wished.verify_mode is options.VerifyMode.POINT_IN_TIME_CONSISTENT
    )
    return load.source.enhanced and load.destination.enhanced and not basic
