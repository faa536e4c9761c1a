"""Rules that need more than one record: names, options against engines, regions, engine limits.

`document` calls it once, after every record was read. Where folders meet is in `overlap`. It
records problems and changes nothing.
"""

from collections.abc import Iterable, Mapping

from ferryline import errors
from ferryline.policy import location, options, overlap, schedule, shape, tree, values
from ferryline.policy.interpolation import looks_interpolated
from ferryline.policy.shape import Reading, Spot
from ferryline.regions import catalog

HOUR_SECONDS = 3600


def check(policy: values.Policy, root: Spot, reading: Reading) -> None:
    """Record every contradiction between records of `policy`, read from `root`."""
    _regions(policy, _names(root, "regions"), reading)
    for dataset in policy.datasets.values():
        path = f"datasets.{dataset.name}"
        _locations(policy, dataset, _names(root, "locations"), reading)
        _replica_names(dataset, path, reading)
        _engines(policy, dataset, path, reading)


def _names(root: Spot, section: str) -> tuple[str, ...]:
    """The names written in a section, those included whose values were refused."""
    if isinstance(root.node, tree.Fields) and section in root.node.entries:
        node = root.node.entries[section].node
        return tuple(node.entries) if isinstance(node, tree.Fields) else ()
    return ()


def _at(reading: Reading, *paths: str) -> errors.Where | None:
    """The position of the first of `paths` that was written."""
    return next((reading.places[path] for path in paths if path in reading.places), None)


def _regions(policy: values.Policy, declared: Iterable[str], reading: Reading) -> None:
    for name, region in policy.regions.items():
        facts = [one for one in ("jurisdiction", "latitude", "longitude") if getattr(region, one) is not None]
        if catalog.is_known(name) and facts:
            # A declared jurisdiction for a built-in region would be a way around residency rules.
            message = f"{facts[0]} of {name}, which is a built-in region"
            remedy = "remove it; only an endpoint, credentials and prices may be given for a built-in region"
            reading.refuse(_at(reading, f"regions.{name}.{facts[0]}"), message, remedy)
    for name, spec in policy.locations.items():
        if spec.region is not None and not catalog.is_known(spec.region, declared):
            close = catalog.nearest(spec.region, declared)
            remedy = (
                f"did you mean {close!r}?" if close else "declare it under regions, with its jurisdiction"
            )
            where = _at(reading, f"locations.{name}.region")
            reading.refuse(where, f"no region is called {spec.region!r}", remedy)
        _bucket(policy, spec, reading)


def _bucket(policy: values.Policy, spec: values.LocationSpec, reading: Reading) -> None:
    """AWS's rules for bucket names bind where neither the location nor its region names an endpoint."""
    if not spec.is_s3 or looks_interpolated(spec.url) or overlap.endpoint_of(policy, spec) != "aws":
        return
    try:
        location.parse(spec.url)
    except errors.BadLocation as error:
        reading.refuse(_at(reading, f"locations.{spec.name}.url"), error.message, error.advice)


def _locations(
    policy: values.Policy, dataset: values.Dataset, declared: tuple[str, ...], reading: Reading
) -> None:
    path = f"datasets.{dataset.name}"
    used: list[tuple[values.Folder, tuple[str, ...]]] = [(dataset.source, (f"{path}.source",))]
    if dataset.metadata is not None:
        used.append((dataset.metadata, (f"{path}.metadata",)))
    for index, replica in enumerate(dataset.replicas):
        used.append((replica.to, (f"{path}.replicas[{index}].to", f"{path}.replicas[{index}]")))
    for folder, paths in used:
        if folder.location not in declared:
            remedy = "declare it under locations"
            if close := shape.nearest(folder.location, declared):
                remedy = f"did you mean {close!r}?"
            reading.refuse(_at(reading, *paths), f"no location is called {folder.location!r}", remedy)


def _replica_names(dataset: values.Dataset, path: str, reading: Reading) -> None:
    seen: dict[str, int] = {}
    for index, replica in enumerate(dataset.replicas):
        if replica.name in seen:
            message = f"two replicas are called {replica.name!r}"
            remedy = f"give one a name of its own: {{name: {replica.name}-2, to: {replica.to}}}"
            spot = f"{path}.replicas[{index}]"
            reading.refuse(_at(reading, f"{spot}.name", spot), message, remedy)
        seen[replica.name] = index


def _engines(policy: values.Policy, dataset: values.Dataset, path: str, reading: Reading) -> None:
    engines = {replica.engine for replica in dataset.replicas} | {dataset.engine}
    told: set[tuple[str, str]] = set()
    for engine in sorted(engines):
        for conflict in options.conflicts(dataset.options, engine):
            if (conflict.option, conflict.message) in told:
                continue
            told.add((conflict.option, conflict.message))
            where = _at(
                reading, f"{path}.options.{conflict.option}", f"defaults.options.{conflict.option}",
                f"{path}.options", "defaults.options", path,
            )  # fmt: skip
            reading.refuse(where, conflict.message, conflict.remedy)
    moved = [replica.to for replica in dataset.replicas if replica.engine is options.Engine.DATASYNC]
    if moved:
        _no_customer_key((dataset.source, *moved), policy.locations, reading)
    if options.Engine.DATASYNC in engines:
        _hourly(dataset.schedule, _at(reading, f"{path}.schedule", "defaults.schedule"), reading)
    for index, replica in enumerate(dataset.replicas):
        if replica.engine is options.Engine.S3_REPLICATION:
            spot = f"{path}.replicas[{index}]"
            where = _at(reading, f"{spot}.engine", f"{path}.engine", "defaults.engine", spot)
            _only_aws((dataset.source, replica.to), policy.locations, where, reading)


def _no_customer_key(
    folders: Iterable[values.Folder], locations: Mapping[str, values.LocationSpec], reading: Reading
) -> None:
    for name in dict.fromkeys(folder.location for folder in folders):
        spec = locations.get(name)
        if spec is not None and spec.access.sse_customer_key is not None:
            reading.refuse(
                _at(reading, f"locations.{spec.name}.sse_customer_key"),
                f"engine datasync cannot read or write {spec.name!r}, which is under a customer key (SSE-C)",
                "use engine: ferryline",
            )


def _hourly(when: schedule.Schedule | None, where: errors.Where | None, reading: Reading) -> None:
    if when is not None and when.shortest_gap_seconds < HOUR_SECONDS:
        remedy = "run it once an hour or less often, as in rate(1 hour), or use engine: ferryline"
        reading.refuse(where, "DataSync does not run a task more often than once an hour", remedy)


def _only_aws(
    folders: Iterable[values.Folder],
    locations: Mapping[str, values.LocationSpec],
    where: errors.Where | None,
    reading: Reading,
) -> None:
    for folder in folders:
        spec = locations.get(folder.location)
        if spec is not None and (not spec.is_s3 or spec.access.endpoint_url is not None):
            message = f"engine s3-replication cannot reach {spec.name!r}, which is not an AWS bucket"
            reading.refuse(where, message, "use engine: ferryline")
