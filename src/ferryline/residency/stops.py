"""A dataset's stops, out of its policy: everywhere its bytes lie or pass.

`check`, `plan`, `sync` and deploy build them here, so that none of them forgets one. It asks no
endpoint: what was resolved comes as an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryline.policy import values
from ferryline.residency.decide import Bounds, Role, Stop


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known beyond the policy: regions that endpoints named, by location; where we run."""

    resolved: Mapping[str, str] = field(default_factory=dict)
    run_in: str | None = None
    passes: bool = True
    """Whether bytes pass through this process; false when the stores copy between themselves."""


def bounds_of(policy: values.Policy, dataset: str) -> Bounds:
    """The rules that bind a dataset of the policy. Raises `BadUsage` for an unknown one."""
    return Bounds(dataset, policy.dataset(dataset).residency, policy.regions)


def stops_of(policy: values.Policy, dataset: str, seen: Seen) -> tuple[Stop, ...]:
    """Source, replicas, metadata and transit of a dataset, in this order."""
    declared = policy.dataset(dataset)
    stops = [_stop(policy, declared.source, Role.SOURCE, seen)]
    stops += [_stop(policy, one.to, Role.REPLICA, seen) for one in declared.replicas]
    if declared.metadata is not None:
        stops.append(_stop(policy, declared.metadata, Role.METADATA, seen))
    if seen.passes:
        stops.append(Stop("this process", Role.TRANSIT, declared=seen.run_in))
    return tuple(stops)


def _stop(policy: values.Policy, folder: values.Folder, role: Role, seen: Seen) -> Stop:
    spec = policy.locations[folder.location]
    return Stop(str(folder), role, declared=spec.region, resolved=seen.resolved.get(folder.location))
