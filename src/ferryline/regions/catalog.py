"""The regions that are known without being declared: those of AWS, from the installed botocore.

`policy` calls it to check names and to suggest the right one. It says nothing about jurisdiction
(`jurisdiction`), distance (`place`) or price (`price`), and never calls a service.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class KnownRegion:
    """A region of the catalog. `partition` is AWS's (`aws`, `aws-cn`, …), `description` its plain name."""

    name: str
    partition: str
    description: str


@lru_cache(maxsize=1)
def known() -> Mapping[str, KnownRegion]:
    """Every AWS region by name. Source: botocore's `endpoints` and `partitions` data, as old as it is.

    `partitions` names regions a little earlier than `endpoints`; its `…-global` are none.
    """
    import botocore.loaders  # costs a tenth of a second of CPU, and few runs ask

    loader = botocore.loaders.Loader()
    regions = {
        name: KnownRegion(name, partition["id"], entry.get("description", name))
        for partition in loader.load_data("partitions")["partitions"]
        for name, entry in partition["regions"].items()
        if not name.endswith("-global")
    }
    regions |= {
        name: KnownRegion(name, partition["partition"], entry.get("description", name))
        for partition in loader.load_data("endpoints")["partitions"]
        for name, entry in partition["regions"].items()
    }
    return MappingProxyType(dict(sorted(regions.items())))


def is_known(name: str, declared: Iterable[str] = ()) -> bool:
    """Whether `name` is a catalog region or one of the `declared` ones. Case matters."""
    return name in known() or name in set(declared)


def nearest(name: str, declared: Iterable[str] = ()) -> str | None:
    """The region name that `name` was most likely meant to be, or None when nothing is close."""
    candidates = sorted({*known(), *declared})
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if wanted in by_lower:
        return by_lower[wanted]
    swapped = [lower for lower in by_lower if sorted(lower) == sorted(wanted)]
    if swapped:
        return by_lower[swapped[0]]
    close = difflib.get_close_matches(wanted, list(by_lower), n=1, cutoff=0.75)
    return by_lower[close[0]] if close else None
