"""What a run really did to the money's end: requests and bytes that were counted, priced as a plan's are.

`pipeline` counts them place by place while they happen and asks here what they come to. Pure. What a plan
leaves out (requests that were repeated, those around a publication) is in it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ferryline.plan.cost import Estimate, Tariff, Way, estimate
from ferryline.plan.question import Side
from ferryline.plan.requests import LIST, STANDARD, Work


@dataclass(slots=True)
class Used:
    """What one place was asked, and what went in and out of it. Mutable: every request is folded once.

    `billed` leaves out attempts that got no answer, or one that says that the place itself failed.
    """

    attempts: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)
    listing_bytes: int = 0
    out_bytes: int = 0
    in_bytes: int = 0

    def request(self, operation: str, status: int, received_bytes: int, sent_bytes: int) -> None:
        """Fold one attempt."""
        self.attempts[operation] += 1
        self.billed[operation] += 0 < status < 500
        self.in_bytes += sent_bytes
        if operation == LIST:
            self.listing_bytes += received_bytes
        else:
            self.out_bytes += received_bytes

    def shares(self, weights: Sequence[int]) -> list["Used"]:
        """This place's bill, parted by weight; the parts add up to the whole."""
        parts = [Used() for _ in weights]
        for operation, count in self.billed.items():
            for part, share in zip(parts, apportioned(count, weights), strict=True):
                part.billed[operation] = share
        for name in ("listing_bytes", "out_bytes", "in_bytes"):
            for part, share in zip(parts, apportioned(getattr(self, name), weights), strict=True):
                setattr(part, name, share)
        return parts


@dataclass(frozen=True, slots=True)
class Spent:
    """What was done for one destination. `source` is its share of what the source was asked.

    `classes` counts the objects that were sent by their storage class at the source. `direct_bytes` went
    from one place to the other inside the endpoint. `shelf` is where the snapshot's files lie, if apart.
    """

    source: Used
    destination: Used
    shelf: Used = field(default_factory=Used)
    classes: Mapping[str, int] = field(default_factory=dict)
    direct_bytes: int = 0
    storage_class: str = STANDARD


def bill(spent: Spent, way: Way, shelf: Tariff | None = None) -> Estimate:
    """What it comes to, line by line."""
    objects = estimate(_work(spent), way)
    if shelf is None:
        return objects
    files = Spent(Used(), spent.shelf, storage_class=spent.storage_class)
    aside = estimate(_work(files), replace(way, destination=shelf, run_in=way.process))
    return Estimate((*objects.items, *aside.items))


def apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts by weight, equal ones where nobody weighs anything; their sum is `total`."""
    weights = weights if any(weights) else [1] * len(weights)
    whole, parts, given, weighed = sum(weights), [], 0, 0
    for weight in weights:
        weighed += weight
        upto = total * weighed // whole
        parts.append(upto - given)
        given = upto
    return parts


def _work(spent: Spent) -> Work:
    source, there = spent.source, spent.destination
    names = sorted(spent.classes) or [STANDARD]
    weights = [spent.classes.get(name, 0) for name in names]
    requests: Counter[tuple[Side, str, str]] = Counter()
    for operation, count in source.billed.items():
        for name, share in zip(names, apportioned(count, weights), strict=True):
            requests[Side.SOURCE, operation, name] += share
    for operation, count in there.billed.items():
        requests[Side.DESTINATION, operation, spent.storage_class] += count
    return Work(
        requests={asked: count for asked, count in requests.items() if count},
        read_bytes=dict(zip(names, apportioned(source.out_bytes, weights), strict=True)),
        again_bytes=source.out_bytes - there.in_bytes,
        back_bytes=there.out_bytes,
        listing_bytes={Side.SOURCE: source.listing_bytes, Side.DESTINATION: there.listing_bytes},
        direct_bytes=spent.direct_bytes,
    )
