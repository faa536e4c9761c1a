"""Whether an engine can carry a replica as its dataset means it, and what it promises about lag.

`engines` asks it, one function for each engine. Pure. Sources: the user guides of DataSync (working
with locations, filtering, scheduling) and of S3 (replication, Replication Time Control). What deploying
refuses beyond this, such as a missing role, is found when the program is made.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ferryline.plan.ends import End, Nature
from ferryline.policy import options, values
from ferryline.policy.options import Engine, OverwriteMode, PreserveDeletedFiles

HOUR_SECONDS = 3600
"""DataSync runs a task at most once an hour."""

_PLAIN = re.compile(r"[a-zA-Z0-9_\-+./() ]*")
"""What DataSync takes as the path of a location; a Hive-style folder such as `dt=1/` is not."""


class Fits(StrEnum):
    """What an engine can do for a replica."""

    ALWAYS = "first loads and new objects"
    FIRST_LOAD = "first loads"
    NEW_OBJECTS = "new objects"
    NEVER = "nothing"


@dataclass(frozen=True, slots=True)
class Judged:
    """One engine's answer: what it fits, the reasons or conditions in sentences, the lag it promises."""

    engine: Engine
    fits: Fits
    why: tuple[str, ...]
    lag: str


def judge(dataset: values.Dataset, source: End, destination: End) -> tuple[Judged, ...]:
    """Every engine's answer for one replica, in a fixed order."""
    return (
        _datasync(dataset, source, destination),
        _replication(dataset, source, destination),
        _ferryline(dataset, source, destination),
    )


def _datasync(dataset: values.Dataset, source: End, destination: End) -> Judged:
    against = [*_across(source, destination), *_conflicts(dataset, Engine.DATASYNC)]
    if not (source.in_aws or destination.in_aws):
        against.append("DataSync moves bytes to or from S3, EFS and FSx; neither end is one of them")
    against += [
        f"{one.label} is {one.nature}: DataSync needs an agent beside it and an NFS or SMB share"
        for one in (source, destination)
        if one.nature is Nature.FILES
    ]
    if hidden := _unnameable(source, destination):
        against.append(hidden)
    lag = f"no promise; a run starts at most once an hour{_scheduled(dataset)}"
    if against:
        return Judged(Engine.DATASYNC, Fits.NEVER, tuple(against), lag)
    why = ["verifies what it moved, without a host of yours"]
    if Nature.AWS_FILES in (source.nature, destination.nature):
        why.append("reaches the file system through its own network, with owners and modes")
    if source.nature is destination.nature is Nature.AWS_BUCKET:
        why.append("existing objects too, which S3 replication never copies")
    if dataset.schedule is not None and dataset.schedule.shortest_gap_seconds < HOUR_SECONDS:
        why.append(f"the schedule {dataset.schedule.expression} is closer than the hour that DataSync keeps")
        return Judged(Engine.DATASYNC, Fits.FIRST_LOAD, tuple(why), lag)
    return Judged(Engine.DATASYNC, Fits.ALWAYS, tuple(why), lag)


def _replication(dataset: values.Dataset, source: End, destination: End) -> Judged:
    against = [
        f"{one.label} is {one.nature}, and S3 replicates between its own buckets alone"
        for one in (source, destination)
        if one.nature is not Nature.AWS_BUCKET
    ]
    lag = (
        "99.9 % of new objects within 15 minutes, by Replication Time Control's agreement, while they stay "
        "under its rate (1 Gbit/s unless raised); existing objects never"
    )
    if against:
        return Judged(Engine.S3_REPLICATION, Fits.NEVER, tuple(against), lag)
    against += _across(source, destination)
    against += _conflicts(dataset, Engine.S3_REPLICATION)
    if source.path != destination.path:
        against.append(f"keys stay as they are: {source.path!r} cannot become {destination.path!r}")
    if source.bucket == destination.bucket:
        against.append("source and replica are the same bucket")
    if not dataset.filters.everything:
        against.append("a rule has no filters by pattern, so it would copy what the dataset leaves out")
    if dataset.options.overwrite_mode is OverwriteMode.NEVER:
        against.append("it always overwrites, and the dataset says overwrite_mode NEVER")
    if against:
        return Judged(Engine.S3_REPLICATION, Fits.NEVER, tuple(against), lag)
    why = [
        "copies what arrives as it arrives, with versions; both buckets must be versioned",
        "never what was there before the rule: that takes a first load, or S3 Batch Replication",
    ]
    if dataset.options.preserve_deleted_files is PreserveDeletedFiles.REMOVE:
        why.append("REMOVE copies delete markers; the deletion of one version is never copied")
    return Judged(Engine.S3_REPLICATION, Fits.NEW_OBJECTS, tuple(why), lag)


def _ferryline(dataset: values.Dataset, source: End, destination: End) -> Judged:
    lag = f"no promise, and no floor: a run starts when it is told to{_scheduled(dataset)}"
    against = _conflicts(dataset, Engine.FERRYLINE)
    if against:
        return Judged(Engine.FERRYLINE, Fits.NEVER, tuple(against), lag)
    why = ["any S3 endpoint and any path, proven object by object, without a price per GB"]
    mounted = [one.label for one in (source, destination) if one.nature is Nature.AWS_FILES]
    if mounted:
        why.append(f"{' and '.join(mounted)} must be mounted where it runs; owners and modes are not kept")
    why.append("needs a machine that the bytes pass through")
    return Judged(Engine.FERRYLINE, Fits.ALWAYS, tuple(why), lag)


def _across(source: End, destination: End) -> list[str]:
    """Partitions share no network of AWS's. Ends outside AWS have none."""
    left, right = source.partition, destination.partition
    if not (source.in_aws and destination.in_aws) or None in (left, right) or left == right:
        return []
    return [f"{source.region} ({left}) and {destination.region} ({right}) are partitions apart"]


def _conflicts(dataset: values.Dataset, engine: Engine) -> list[str]:
    return [one.message for one in options.conflicts(dataset.options, engine)]


def _unnameable(source: End, destination: End) -> str:
    """Why DataSync could not name a path; empty where it can, or where a filter can stand for it."""
    left, right = source.path.split("/")[:-1], destination.path.split("/")[:-1]
    while left and right and left[-1] == right[-1]:
        left.pop()
        right.pop()
    for rest, end in ((left, source), (right, destination)):
        if not _PLAIN.fullmatch("/".join(rest)):
            return f"DataSync cannot name {end.path!r}, and the other end does not finish in the same folders"
    return ""


def _scheduled(dataset: values.Dataset) -> str:
    return f" (here: {dataset.schedule.expression})" if dataset.schedule is not None else ""
