"""A YAML text as positioned nodes: what the readers of policy and credentials files work on.

A node knows its file, line and column; anchors, aliases and merge keys are already expanded.
`yaml_reader` makes them. No field has a meaning here and no file is opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ferryline import errors


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node starts; 1-based."""

    file: str
    line: int
    column: int

    def at(self, path: str) -> errors.Where:
        """This position as an error's, for the field at `path`."""
        return errors.Where(self.file, self.line, self.column, path)


@dataclass(frozen=True, slots=True)
class Scalar:
    """Null, true or false, a number or text, by YAML 1.2's core schema; `text` is what was written."""

    value: str | int | float | bool | None
    text: str
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, in the order written."""

    items: "tuple[Node, ...]"
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a mapping: where its name stands, and its value."""

    name: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with text keys, in the order written, merge keys expanded."""

    entries: Mapping[str, Entry]
    place: Place
    size: int = 1


Node = Scalar | Sequence | Fields


def overlay(below: Node, above: Node) -> Node:
    """Lay `above` over `below`: mappings merge by field, everything else of `above` replaces.

    A field left empty in `above` says nothing where `below` holds a mapping. Positions stay those
    of the file each value came from.
    """
    if isinstance(above, Scalar) and above.value is None and isinstance(below, Fields):
        return below
    if not (isinstance(below, Fields) and isinstance(above, Fields)):
        return above
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        if name in entries:
            entry = Entry(entry.name, overlay(entries[name].node, entry.node))
        entries[name] = entry
    return Fields(entries, above.place, below.size + above.size)
