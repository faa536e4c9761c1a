"""What AWS's own movers ask, beside the price of the bytes' way: DataSync, Replication Time Control.

`plan.engine_cost` asks it. An unknown price is an `Unknown` and never a guess; where another region's
price is known, it is named for comparison and not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ferryline.regions.record import Datum, Known, Unknown, read, rows_of, source_of


@dataclass(frozen=True, slots=True)
class DataSyncPrice:
    """Dollars for a gigabyte that a task moves, and for each of its executions."""

    per_gb: float
    per_execution: float


@lru_cache(maxsize=1)
def _datasync() -> Mapping[tuple[str, bool], Known[DataSyncPrice]]:
    """By region and whether the task mode is ENHANCED."""
    found: dict[tuple[str, bool], Known[DataSyncPrice]] = {}
    for table in read("prices")["datasync"]:
        source = source_of(table)
        for region, basic, enhanced, execution in rows_of(table):
            found[region, False] = Known(DataSyncPrice(float(basic), 0.0), source)
            found[region, True] = Known(DataSyncPrice(float(enhanced), float(execution)), source)
    return MappingProxyType(found)


def datasync(region: str, *, enhanced: bool) -> Datum[DataSyncPrice]:
    """What a DataSync task of a region asks, in task mode ENHANCED or BASIC."""
    found = _datasync().get((region, enhanced))
    if found is not None:
        return found
    near = _datasync()["us-east-1", enhanced].value
    asked = f"${near.per_gb:g} a GB" + (f" and ${near.per_execution:g} a run" if near.per_execution else "")
    return Unknown(f"no source for DataSync's price in {region} (in us-east-1 it is {asked})")


def time_control() -> Datum[float]:
    """Dollars for a gigabyte that S3 replicates under Replication Time Control, on top of its way."""
    table = read("prices")["replication_time_control"]
    return Known(table["per_gb"], source_of(table))
