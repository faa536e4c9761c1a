"""What AWS asks for bytes between regions and for requests, each price with its source and date.

The planner asks it, after the location's own price from the policy. An unknown price is an
`Unknown` and never a guess. Prices are list prices without discounts, taxes or free allowances.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType

from ferryline.regions import catalog
from ferryline.regions.record import Datum, Known, Unknown, read, rows_of, source_of

GB = 2**30
"""Bytes in the gigabyte that AWS meters: its first 10 TB end at 10,240 GB, its GB-month is of 2**30."""

REQUESTS = 1000
"""Requests that a request price is for."""


class Tier(IntEnum):
    """AWS's classes of S3 requests."""

    WRITES = 1
    """PUT, COPY, POST and LIST."""
    READS = 2
    """GET, HEAD and all others but DELETE."""
    DELETES = 0
    """DELETE and CANCEL."""


@lru_cache(maxsize=1)
def _egress() -> Mapping[str, tuple[Known[float], Known[float]]]:
    """Per region: to the internet, and to another region of its partition; the latest table wins."""
    found: dict[str, tuple[Known[float], Known[float]]] = {}
    for table in read("prices")["egress"]:
        source = source_of(table)
        for region, internet, others in rows_of(table):
            found[region] = (Known(float(internet), source), Known(float(others), source))
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def _pairs() -> Mapping[tuple[str, str], Known[float]]:
    return MappingProxyType(
        {
            (source, destination): Known(float(usd), source_of(table))
            for table in read("prices")["pair"]
            for source, destination, usd in rows_of(table)
        }
    )


@lru_cache(maxsize=1)
def _requests() -> Mapping[tuple[str, int, str], Known[float]]:
    return MappingProxyType(
        {
            (region, table["tier"], table["storage_class"]): Known(float(usd), source_of(table))
            for table in read("prices")["requests"]
            for region, usd in rows_of(table)
        }
    )


def to_internet(region: str) -> Datum[float]:
    """Dollars for a gigabyte that leaves a region for the internet, in the first 10 TB of a month."""
    if region in _egress():
        return _egress()[region][0]
    return Unknown(f"no source for the price of bytes from {region} to the internet")


def between(source: str, destination: str) -> Datum[float]:
    """Dollars for a gigabyte from one catalog region to another.

    Free inside a region; the internet's price between partitions, which share no network of AWS's.
    """
    known = catalog.known()
    if source not in known or destination not in known:
        missing = source if source not in known else destination
        return Unknown(f"{missing} is not in the catalog of regions")
    if source == destination:
        table = read("prices")["same_region"]
        return Known(table["per_gb"], source_of(table))
    if known[source].partition != known[destination].partition:
        return to_internet(source)
    if (source, destination) in _pairs():
        return _pairs()[source, destination]
    if source in _egress():
        return _egress()[source][1]
    return Unknown(f"no source for the price of bytes from {source} to {destination}")


def requests(region: str, tier: Tier, storage_class: str = "STANDARD") -> Datum[float]:
    """Dollars for a thousand S3 requests of a tier."""
    if tier is Tier.DELETES:
        table = read("prices")["deletes"]
        return Known(table["per_thousand"], source_of(table))
    found = _requests().get((region, int(tier), storage_class))
    what = f"{'PUT, COPY, POST and LIST' if tier is Tier.WRITES else 'GET and other'} requests"
    return found or Unknown(f"no source for the price of {what} in {region}, class {storage_class}")
