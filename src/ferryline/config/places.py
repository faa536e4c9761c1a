"""What a person typed for SRC and DST, as locations, with the refusals that belong to the whole command."""

import os
from dataclasses import dataclass

from ferryline import errors
from ferryline.model import place
from ferryline.model.key import is_reserved, printable
from ferryline.pipeline.task import Border
from ferryline.policy import interpolation, location, overlap, places, values
from ferryline.residency import stops
from ferryline.residency.decide import Role, Stop


@dataclass(frozen=True, slots=True)
class Ground:
    """What names are looked up in: the policy, the references' sources, the working directory."""

    policy: values.Policy | None
    sources: interpolation.Sources
    working_directory: str

    def folder(self, text: str) -> place.Location:
        """A URL, a path or `location/path`. Raises BadLocation."""
        return places.find(text, self.policy, self.sources, self.working_directory)

    def single_object(self, text: str) -> tuple[place.Location, bytes]:
        """The folder that holds one object, and the object's key there. Raises BadLocation for a folder."""
        if not self._is_declared(text):
            return location.parse_object(text, self.working_directory)
        parent, _, leaf = text.rpartition("/")
        if not parent or not leaf:
            raise errors.BadLocation(
                f"{text!r} names a folder, not a single object", advice="write the whole key"
            )
        return self.folder(parent), leaf.encode("utf-8", "surrogateescape")

    def object_destination(self, text: str, key: bytes) -> tuple[place.Location, bytes]:
        """Where a single object goes: into a folder under its own name, or to the key that was written."""
        if location.names_folder(text) or (self._is_declared(text) and "/" not in text):
            return self.folder(text), key
        if self._is_directory(text):
            return self.folder(text), key  # as cp does: a file cannot be called like a folder that is there
        return self.single_object(text)

    def _is_directory(self, text: str) -> bool:
        """Whether `text` is a path of this host at which a directory lies."""
        if self._is_declared(text) or "://" in text.removeprefix("file://"):
            return False
        path = text.removeprefix("file://")
        return os.path.isdir(os.path.join(self.working_directory, path))

    def _is_declared(self, text: str) -> bool:
        """Whether `text` begins with the name of a location of the policy."""
        return self.policy is not None and text.partition("/")[0] in self.policy.locations


def refuse_overlap(source: place.Location, destinations: tuple[place.Location, ...]) -> None:
    """Refuse a copy into itself, or of a folder into its own inside, or of its inside over it."""
    for destination in destinations:
        if _overlap(source, destination):
            raise errors.BadUsage(
                f"{source.url} and {destination.url} overlap: a copy would read what it writes",
                advice="choose a destination outside the source, and a source outside the destination",
            )


def _overlap(left: place.Location, right: place.Location) -> bool:
    match left, right:
        case place.S3Location(), place.S3Location():
            same = (left.bucket, left.access.endpoint_url) == (right.bucket, right.access.endpoint_url)
            return same and (left.prefix.startswith(right.prefix) or right.prefix.startswith(left.prefix))
        case place.FileLocation(), place.FileLocation():
            # Symbolic links lead into the same folder by another name.
            first, second = (os.path.realpath(one.root).rstrip("/") + "/" for one in (left, right))
            return first.startswith(second) or second.startswith(first)
        case _:
            return left == right


def is_inside(inner: place.Location, outer: place.Location) -> bool:
    """Whether `inner` is `outer` or lies inside it, by name and, for folders, by where links lead."""
    match inner, outer:
        case place.S3Location(), place.S3Location():
            same = (inner.bucket, inner.access.endpoint_url) == (outer.bucket, outer.access.endpoint_url)
            return same and inner.prefix.startswith(outer.prefix)
        case place.FileLocation(), place.FileLocation():
            first, second = (os.path.realpath(one.root).rstrip("/") + "/" for one in (inner, outer))
            return first.startswith(second)
        case _:
            return inner == outer


def refuse_reserved(location: place.Location, key: bytes = b"") -> None:
    """Refuse what lies in a `.ferryline` folder of a bucket: it is never data, and never written by hand."""
    prefix = location.prefix if isinstance(location, place.S3Location) else b""
    if is_reserved(prefix + key):
        raise errors.BadUsage(
            f"{printable(prefix + key)} lies in a .ferryline folder, which is Ferryline's own",
            advice="name another key or folder: nothing there is data",
            place=location.url,
        )


def residency(
    policy: values.Policy | None, source: place.Location, destination: place.Location, run_in: str | None
) -> tuple[Border, ...]:
    """The rules of every dataset that a one-off command touches, and the places it would carry its bytes to:
    a command line is never a way around them.

    Raises GuardRefused where the declared regions forbid it; a run asks again with the regions that
    endpoints name.
    """
    if policy is None:
        return ()
    touched = {
        dataset.name: dataset
        for asked in (source, destination)
        for dataset in overlap.datasets_touching(policy, asked)
        if dataset.has_residency
    }
    borders = tuple(
        Border(
            stops.bounds_of(policy, name),
            Stop(source.url, Role.SOURCE, declared=_region(policy, source)),
            Stop(destination.url, Role.REPLICA, declared=_region(policy, destination)),
            Stop("this process", Role.TRANSIT, declared=run_in),
        )
        for name in touched
    )
    for one in borders:
        one.check()
    return borders


def _region(policy: values.Policy, where: place.Location) -> str | None:
    """The region that the policy gives a place, also where its URL was written out, else the URL's own."""
    if where.name in policy.locations:
        return policy.locations[where.name].region
    for name, spec in policy.locations.items():
        if overlap.holds(policy, name, where):
            return spec.region
    return where.access.region if isinstance(where, place.S3Location) else where.region
