"""Where the folders of datasets meet: overlapping datasets, loops, a replica inside its source.

`document` refuses what it finds; `datasets_touching` tells commands whose rules bind a location.
It compares names only: two names for one disk or bucket cannot be seen from here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ferryline.model import place
from ferryline.policy import endpoint, location, values
from ferryline.policy.interpolation import looks_interpolated
from ferryline.policy.shape import Reading


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder as a comparable place: which store, which container in it, and the path there."""

    store: str
    container: str
    path: bytes

    def overlaps(self, other: "Ground") -> bool:
        """Whether one is the other or lies inside it."""
        same = (self.store, self.container) == (other.store, other.container)
        return same and (self.path.startswith(other.path) or other.path.startswith(self.path))

    def is_inside(self, other: "Ground") -> bool:
        """Whether this is `other` or lies inside it."""
        return self.overlaps(other) and self.path.startswith(other.path)


@dataclass(frozen=True, slots=True)
class Use:
    """A folder in use: by which dataset, as what, and the field that names it."""

    dataset: str
    role: str
    folder: values.Folder
    field: str
    ground: Ground


def ground_of(policy: values.Policy, folder: values.Folder) -> Ground | None:
    """Where `folder` lies, or None when its location was not declared. References stand for themselves."""
    spec = policy.locations.get(folder.location)
    if spec is None:
        return None
    path = folder.path.encode("utf-8", "surrogateescape")
    if not spec.is_s3:
        root = spec.url if looks_interpolated(spec.url) else location.parse(spec.url, spec.folder).url
        return Ground("file", "", root.rstrip("/").encode("utf-8", "surrogateescape") + b"/" + path)
    bucket, _, prefix = spec.url.removeprefix("s3://").partition("/")
    base = prefix.encode("utf-8", "surrogateescape")
    base += b"" if not base or base.endswith(b"/") else b"/"
    return Ground(endpoint_of(policy, spec), bucket, base + path)


def endpoint_of(policy: values.Policy, spec: values.LocationSpec) -> str:
    """The identity of the location's endpoint: its own, else its region's, else AWS."""
    region = policy.regions.get(spec.region or "")
    url = spec.access.endpoint_url or (region.s3_endpoint_url if region else None)
    return url if url and looks_interpolated(url) else endpoint.identity(url)


def _uses(policy: values.Policy) -> Iterator[Use]:
    for name, dataset in policy.datasets.items():
        path = f"datasets.{name}"
        folders = [("source", dataset.source, f"{path}.source")]
        for index, replica in enumerate(dataset.replicas):
            folders.append((f"replica {replica.name!r}", replica.to, f"{path}.replicas[{index}]"))
        for role, folder, field in folders:
            ground = ground_of(policy, folder)
            if ground is not None:
                yield Use(name, role, folder, field, ground)


def check(policy: values.Policy, reading: Reading) -> None:
    """Record a problem for every pair of folders that must not meet. Quadratic only in what meets."""
    uses = list(_uses(policy))
    for one, other in _meeting(uses):
        _pair(policy, one, other, reading)
    for name, dataset in policy.datasets.items():
        _metadata(policy, dataset, [use for use in uses if use.dataset == name], reading)
    _shared_metadata(policy, reading)
    _state(policy, uses, reading)


def _meeting(uses: list[Use]) -> Iterator[tuple[Use, Use]]:
    """Pairs that overlap, the later in the file second.

    Sorted by place, a folder is followed by all that lies in it.
    """
    order = {use.field: index for index, use in enumerate(uses)}
    opened: list[Use] = []
    for use in sorted(uses, key=lambda use: (use.ground.store, use.ground.container, use.ground.path)):
        opened = [one for one in opened if use.ground.is_inside(one.ground)]
        for one in opened:
            yield (one, use) if order[one.field] < order[use.field] else (use, one)
        opened.append(use)


def _pair(policy: values.Policy, one: Use, other: Use, reading: Reading) -> None:
    how = "are the same folder" if one.ground.path == other.ground.path else "overlap"
    where = reading.places.get(f"{other.field}.to") or reading.places.get(other.field)
    if one.dataset == other.dataset:
        if "source" in (one.role, other.role):
            message = f"{one.role} {one.folder} and {other.role} {other.folder} {how}"
            reading.refuse(where, message, "copy to a folder that is neither inside the source nor around it")
            return
        message = f"{one.role} and {other.role} {how}: {one.folder}, {other.folder}"
        reading.refuse(where, message, "give every replica a folder of its own")
        return
    message = f"{other.role} of {other.dataset!r} and {one.role} of {one.dataset!r} {how} ({one.folder})"
    if _loops(policy, one.dataset, other.dataset):
        message += "; each dataset would be copied over the other"
        reading.refuse(where, message, "keep one direction: one dataset with one source")
        return
    remedy = "datasets must not overlap: "
    if one.role == other.role == "source":
        remedy += "make them one dataset, or give them separate folders"
    elif "source" in (one.role, other.role):
        remedy += "to pass a copy on, add the next place as a replica of the first dataset"
    else:
        remedy += "give every replica a folder of its own"
    reading.refuse(where, message, remedy)


def _loops(policy: values.Policy, one: str, other: str) -> bool:
    def feeds(giver: str, taker: str) -> bool:
        source = ground_of(policy, policy.datasets[taker].source)
        found = [ground_of(policy, replica.to) for replica in policy.datasets[giver].replicas]
        return any(to is not None and source is not None and to.overlaps(source) for to in found)

    return feeds(one, other) and feeds(other, one)


def _metadata(policy: values.Policy, dataset: values.Dataset, uses: list[Use], reading: Reading) -> None:
    ground = ground_of(policy, dataset.metadata) if dataset.metadata is not None else None
    for use in uses:
        if ground is not None and use.role == "source" and ground.is_inside(use.ground):
            where = reading.places.get(f"datasets.{dataset.name}.metadata")
            remedy = "choose a folder outside it; nothing is ever written at the source"
            reading.refuse(where, "the metadata folder lies inside the source", remedy)


def _shared_metadata(policy: values.Policy, reading: Reading) -> None:
    taken: dict[tuple[Ground, str], str] = {}
    for name, dataset in policy.datasets.items():
        ground = ground_of(policy, dataset.metadata) if dataset.metadata is not None else None
        for replica in dataset.replicas if ground is not None else ():
            owner = taken.setdefault((ground, replica.name), name)  # type: ignore[arg-type]  # filtered above
            if owner != name:
                where = reading.places.get(f"datasets.{name}.metadata")
                message = f"{owner!r} keeps a replica {replica.name!r} in the same metadata folder"
                reading.refuse(where, message, "give each dataset a metadata folder of its own")


def _state(policy: values.Policy, uses: list[Use], reading: Reading) -> None:
    if policy.state is None or looks_interpolated(policy.state):
        return
    spec = values.LocationSpec("state", policy.state, folder=_folder(policy))
    alone = values.Policy(locations={"state": spec})
    ground = ground_of(alone, values.Folder("state"))
    for use in uses:
        if ground is not None and ground.is_inside(use.ground):
            message = f"state lies inside {use.role} of {use.dataset!r}"
            reading.refuse(reading.places.get("state"), message, "choose a folder outside every dataset")


def _folder(policy: values.Policy) -> str:
    where = policy.where("state")
    return where.file.rpartition("/")[0] or "." if where is not None else "."


def datasets_touching(policy: values.Policy, there: place.Location) -> tuple[values.Dataset, ...]:
    """The datasets whose source or a replica overlaps `there`, in the policy's order.

    Endpoints are left out of the comparison: one bucket has many names, and a rule must not be
    escaped by another spelling. A bucket or prefix written as a reference touches every bucket.
    """
    found: dict[str, values.Dataset] = {}
    for use in _uses(policy):
        if _touches(use.ground, there):
            found[use.dataset] = policy.datasets[use.dataset]
    return tuple(found.values())


def holds(policy: values.Policy, name: str, there: place.Location) -> bool:
    """Whether a place overlaps a declared location; endpoints are left out as above."""
    ground = ground_of(policy, values.Folder(name))
    return ground is not None and _touches(ground, there)


def _touches(ground: Ground, there: place.Location) -> bool:
    if isinstance(there, place.S3Location):
        if ground.store == "file":
            return False
        if looks_interpolated(ground.container) or b"${" in ground.path:
            return True
        return Ground("", ground.container, ground.path).overlaps(Ground("", there.bucket, there.prefix))
    if not isinstance(there, place.FileLocation) or ground.store != "file":
        return False
    path = there.url.encode("utf-8", "surrogateescape")
    return b"${" in ground.path or ground.overlaps(Ground("file", "", path))
