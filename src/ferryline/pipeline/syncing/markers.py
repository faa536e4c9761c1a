"""Which keys speak of others: a reader that sees one believes that what it names is there.

`Lane` copies them after everything else, and deletes them before it.
"""

from collections.abc import Iterable

BUILT_IN = ("index.json", ".metadata", "_SUCCESS", "_delta_log/", "_last_checkpoint")
"""Indexes of MosaicML streaming and of distributed checkpoints, Hadoop's and Delta Lake's markers."""


class Markers:
    """The built-in names and those of the policy. A name is the last part of a key, or its last parts where
    it has slashes; one that ends with a slash is a folder, and everything in it counts."""

    def __init__(self, declared: Iterable[str] = ()) -> None:
        names = [one.encode("utf-8", "surrogateescape").strip() for one in (*BUILT_IN, *declared)]
        self._folders = tuple(b"/" + one.lstrip(b"/") for one in names if one.endswith(b"/"))
        self._files = tuple(b"/" + one.lstrip(b"/") for one in names if not one.endswith(b"/"))

    def __call__(self, key: bytes) -> bool:
        """Whether a key is a marker."""
        rooted = b"/" + key
        return rooted.endswith(self._files) or any(folder in rooted for folder in self._folders)
