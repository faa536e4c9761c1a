"""Two locations and a wish to everything one DataSync task needs, or to refusals.

`DataSyncTask` and `Replication` call it before their first resource. Pure. The rules of pairs are
those of the user guide: one side in AWS, one partition, agents and their partner in one region, the
task in the destination's region.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from ferryline.deploy import choice, filtering, geography, subpath, timing
from ferryline.deploy.args_task import OptionsArgs, ReportArgs
from ferryline.deploy.describing import folder
from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import AWS_STORAGE, Kind, Site
from ferryline.policy.options import Options, PreserveDeletedFiles
from ferryline.policy.schedule import Schedule

ONE_REGION = frozenset({Kind.NFS, Kind.SMB, Kind.HDFS, Kind.OBJECT_STORAGE, Kind.AZURE_BLOB})
"""Kinds whose partner has to be in the same region."""

REPORT_PREFIX = "ferryline-reports/"


@dataclass(frozen=True, slots=True)
class Wish:
    """How a task is to copy, as a program or a policy says it."""

    options: Options = dataclasses.field(default_factory=Options)
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    schedule: str | None = None
    report: ReportArgs | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the locations and the task get."""

    source: Site
    destination: Site
    paths: subpath.Paths
    settled: choice.Settled
    include: str | None
    exclude: str
    schedule: Schedule | None

    @property
    def deletes(self) -> bool:
        """Whether the task may delete at the destination."""
        return self.settled.options.preserve_deleted_files is PreserveDeletedFiles.REMOVE


def prepare(source: Site, destination: Site, wish: Wish, refusals: Refusals) -> Prepared:
    """Settle a pair. Records every refusal."""
    _check_pair(source, destination, refusals)
    paths = subpath.split(source, destination, refusals)
    settled = choice.settle(wish.options, source, destination, refusals)
    removes = settled.options.preserve_deleted_files is PreserveDeletedFiles.REMOVE
    if paths.rest and removes:
        refusals.add(
            f"{destination.name}.path",
            f"{paths.rest!r} is picked by a filter below {paths.destination}, and what REMOVE deletes "
            "outside a filter is not documented",
            "use preserve_deleted_files PRESERVE, a folder without characters such as =, or engine: "
            "ferryline",
        )
    include, exclude = filtering.joined(wish.include, wish.exclude, paths.rest, refusals)
    when = timing.read(wish.schedule, refusals) if wish.schedule is not None else None
    if wish.report is not None:
        _check_report(wish.report, destination, refusals, removes=removes)
    return Prepared(source, destination, paths, settled, include, exclude, when)


def options_of(args: OptionsArgs | None) -> Options:
    """The policy's options of a component's: what is left out has Ferryline's default."""
    if args is None:
        return Options()
    given = {
        one.name: getattr(args, one.name)
        for one in dataclasses.fields(args)
        if getattr(args, one.name) is not None
    }
    return Options(**given, given=frozenset(given))


def _check_pair(source: Site, destination: Site, refusals: Refusals) -> None:
    geography.check_partitions(
        ((f"{source.name}.region", source.region), (f"{destination.name}.region", destination.region)),
        refusals,
    )
    if not {source.kind, destination.kind} & AWS_STORAGE:
        remedy = "one end of a DataSync task is S3, EFS or FSx; use engine: ferryline"
        refusals.add(destination.name, f"{source.kind} to {destination.kind} has no end in AWS", remedy)
    for site, other in ((source, destination), (destination, source)):
        if site.kind in ONE_REGION and site.region != other.region:
            refusals.add(
                f"{site.name}.region",
                f"{site.kind} in {site.region} cannot be paired with {other.name} in {other.region}",
                f"activate an agent in {other.region} and declare the location there, or copy onwards with a "
                "second task",
            )
            break
    if source.place and source.place == destination.place and source.kind is destination.kind:
        if source.region != destination.region:
            refusals.add(
                f"{destination.name}.region",
                f"{source.place} is declared in {source.region} and in {destination.region}",
                "a bucket lies in one region: correct one of the two",
            )
        if source.path.startswith(destination.path) or destination.path.startswith(source.path):
            remedy = "choose folders of which neither holds the other"
            refusals.add(f"{destination.name}.path", "overlaps with the source", remedy)


def _check_report(report: ReportArgs, destination: Site, refusals: Refusals, *, removes: bool) -> None:
    prefix = folder(report.prefix if report.prefix is not None else REPORT_PREFIX)
    here = isinstance(report.bucket_arn, str) and report.bucket_arn == destination.place
    if removes and here and prefix.startswith(destination.path):
        refusals.add(
            "report.prefix",
            f"reports under {prefix!r} lie inside {destination.name}, where REMOVE would delete them",
            "use another bucket, or a folder outside the replica",
        )
