"""Paths that DataSync refuses as a Subdirectory, such as `dt=2024-01-01/`, turned into a parent and a filter.

DataSync's pattern for a Subdirectory has no `=`, so a Hive-style folder cannot be named. Where both
ends finish in the same folders, their parents are named instead and an include filter picks the
folders; relative paths are then the same on both sides, as before. `pairing` calls it. Pure.
"""

from dataclasses import dataclass

from ferryline.deploy.refusals import Refusals
from ferryline.deploy.site import Site, is_subdirectory


@dataclass(frozen=True, slots=True)
class Paths:
    """The Subdirectory of each end; `rest` (empty, or ending with a slash) is what a filter must pick."""

    source: str
    destination: str
    rest: str = ""


def split(source: Site, destination: Site, refusals: Refusals) -> Paths:
    """The Subdirectories of a pair. Records a refusal where a path cannot be expressed."""
    for site in (source, destination):
        if problem := _impossible(site.path):
            remedy = "DataSync cannot carry such keys; use engine: ferryline, or rename the folder"
            refusals.add(f"{site.name}.path", problem, remedy)
            return Paths("/", "/")
    left, right = source.path.split("/")[:-1], destination.path.split("/")[:-1]
    for count in range(min(len(left), len(right)) + 1):
        if count and left[-count] != right[-count]:
            break
        here, there = left[: len(left) - count], right[: len(right) - count]
        if is_subdirectory(_path(here), source.kind) and is_subdirectory(_path(there), destination.kind):
            return Paths("/" + _path(here), "/" + _path(there), _path(left[len(left) - count :]))
    guilty = next(
        (one for one in (source, destination) if not is_subdirectory(one.path, one.kind)), destination
    )
    refusals.add(
        f"{guilty.name}.path",
        f"DataSync takes no Subdirectory {'/' + guilty.path!r}, and the other end does not finish in the "
        "same folders, so a filter cannot stand for it",
        "end both paths in the same folders (raw/dt=2024-01-01/ → copy/dt=2024-01-01/), use a folder of "
        "letters, digits and _-+./() only, or use engine: ferryline",
    )
    return Paths("/", "/")


def _path(segments: list[str]) -> str:
    return "".join(segment + "/" for segment in segments)


def _impossible(path: str) -> str:
    """Why objects under `path` are out of DataSync's reach; empty when they are not."""
    if path.startswith("/"):
        return f"the prefix {path!r} begins with a slash"
    for bad in ("//", "/./", "/../"):
        if bad in "/" + path:
            return f"the prefix {path!r} holds {bad!r}"
    return ""
