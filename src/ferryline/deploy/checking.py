"""A whole dataset checked before its first resource: locations, pairs, residency, labels, watching.

`Replication` calls it once; `PolicyReplication` through it. Its answer holds everything settled.
Residency is decided by `residency.decide`, the same function as at every other door.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from blake3 import blake3

from ferryline.deploy import beside, describing, pairing, replication_rules, timing
from ferryline.deploy.args_task import ReplicationArgs, ReportArgs, WatchingArgs
from ferryline.deploy.datasync_task import check_name
from ferryline.deploy.pairing import Prepared
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Site
from ferryline.policy.options import Engine
from ferryline.policy.values import Residency
from ferryline.residency.decide import Bounds, Role, Stop, decide_all, enforce


@dataclass(frozen=True, slots=True)
class Checked:
    """What a dataset's resources are made of.

    `pairs` are the DataSync replicas, settled; `s3_replicas` the names of those that S3 replicates;
    `max_age_hours` is after how long without success an alarm comes, None for never.
    """

    source: Site
    replicas: Mapping[str, Site]
    pairs: Mapping[str, Prepared]
    s3_replicas: tuple[str, ...]
    max_age_hours: int | None


def check(name: str, args: ReplicationArgs, refusals: Refusals) -> Checked:
    """Settle everything. Raises `BadPolicy` with every refusal, then `GuardRefused` for residency."""
    opted_in = args.opted_in_regions or ()
    source = describing.site(args.source, "source", opted_in, refusals)
    wish = pairing.Wish(
        pairing.options_of(args.options), args.include or (), args.exclude or (), args.schedule, args.report
    )
    replicas: dict[str, Site] = {}
    pairs: dict[str, Prepared] = {}
    s3_replicas: list[str] = []
    if not args.replicas:
        refusals.add("replicas", "none given", "name at least one")
    for label, replica in args.replicas.items():
        replicas[label] = describing.site(replica.to, f"replicas.{label}.to", opted_in, refusals)
        engine = replica.engine or Engine.DATASYNC
        if engine is Engine.DATASYNC:
            pairs[label] = pairing.prepare(source, replicas[label], wish, refusals)
            check_name(f"{name}-{label}", refusals)
            beside.check_report(args.report, replicas[label].region, opted_in, refusals)
        elif engine is Engine.S3_REPLICATION:
            replication_rules.check(source, replicas[label], wish.options, refusals)
            replication_rules.check_keys(args.source, replica.to, replicas[label].name, refusals)
            replication_rules.check_filters(wish.include, wish.exclude, label, refusals)
            s3_replicas.append(label)
        if label == "source" or label.startswith("source-"):
            remedy = "outputs by name keep it for the source; call the replica otherwise"
            refusals.add(f"replicas.{label}", f"a replica cannot be called {label!r}", remedy)
    _check_writers(replicas, args, refusals)
    beside.check_watching(args.watching, refusals)
    beside.check_tags(args.tags, refusals)
    beside.check_account(args.account_id, refusals)
    hours = _max_age_hours(args, pairs, refusals)
    refusals.stop()
    _check_residency(args.dataset or name, args, replicas)
    return Checked(source, replicas, pairs, tuple(s3_replicas), hours)


def _check_writers(replicas: Mapping[str, Site], args: ReplicationArgs, refusals: Refusals) -> None:
    """Two replicas in one place would be two writers of it."""
    seen: dict[tuple[str, str], str] = {}
    for label, site in replicas.items():
        place = (site.place, site.path)
        if site.place and place in seen and args.replicas[label].to.location_arn is None:
            remedy = "keep one of them, or give one another folder"
            refusals.add(f"replicas.{label}.to", f"the same place as replica {seen[place]!r}", remedy)
        seen[place] = label


def _max_age_hours(args: ReplicationArgs, pairs: Mapping[str, Prepared], refusals: Refusals) -> int | None:
    wanted = (args.watching or WatchingArgs()).max_age_hours
    if wanted is not None:
        if not 1 <= wanted <= timing.ALARM_HOURS_MAX:
            remedy = f"CloudWatch looks back {timing.ALARM_HOURS_MAX} hours at most"
            refusals.add("watching.max_age_hours", f"{wanted} hours", remedy)
        return wanted
    schedule = next((one.schedule for one in pairs.values() if one.schedule is not None), None)
    return timing.alarm_hours(schedule) if schedule is not None else None


def _check_residency(dataset: str, args: ReplicationArgs, replicas: Mapping[str, Site]) -> None:
    if args.residency is None:
        return
    allow = tuple(args.residency.allow) if args.residency.allow is not None else None
    bounds = Bounds(dataset, Residency(allow, tuple(args.residency.deny or ())))
    stops = [Stop("source", Role.SOURCE, declared=args.source.region)]
    stops += [Stop(f"replicas.{label}", Role.REPLICA, declared=one.region) for label, one in replicas.items()]
    if args.report is not None:
        stops.append(Stop("report", Role.METADATA, declared=args.report.region))
    enforce(decide_all(bounds, stops))


def report_prefix(report: ReportArgs | None) -> str:
    """The folder that reports go to."""
    given = report.prefix if report is not None else None
    return describing.folder(given if given is not None else pairing.REPORT_PREFIX)


def digest(args: ReplicationArgs) -> str:
    """BLAKE3 (hex) of the arguments' plain values; what an Output hides does not count."""
    return blake3(json.dumps(_plain(args), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else "output"
