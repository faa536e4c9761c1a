"""Shapes that hold other shapes: lists, mappings by name, and records of named fields.

The field tables are records of these; `shape` has the single values. Unknown fields are refused
with the nearest known one; `x-…` fields are ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryline.policy import shape, tree
from ferryline.policy.shape import BAD, Bad, Reading, Shape, Spot

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; one value alone is read as a list of one where `single` is true."""

    item: Shape
    about: str
    least: int = 0
    most: int = 10_000
    single: bool = False

    def read(self, spot: Spot, reading: Reading) -> tuple[Any, ...] | Bad:
        """The values in order; BAD when any is."""
        if shape.empty(spot):
            nodes: tuple[tree.Node, ...] = ()
        elif isinstance(spot.node, tree.Sequence):
            nodes = spot.node.items
        elif self.single and isinstance(spot.node, tree.Scalar):
            nodes = (spot.node,)
        else:
            return reading.refuse(spot.where, f"expected a list, found {shape.shown(spot)}", self._remedy())
        if not self.least <= len(nodes) <= self.most:
            return reading.refuse(spot.where, f"a list of {len(nodes)}", self._remedy())
        spots = [spot.item(index, node) for index, node in enumerate(nodes)]
        for one in spots:
            reading.places[one.path] = one.where
        values = [self.item.read(one, reading) for one in spots]
        return BAD if any(value is BAD for value in values) else tuple(values)

    def _remedy(self) -> str:
        count = f", {self.least} to {self.most} of them" if self.least or self.most < 10_000 else ""
        return f"write {self.about}{count}, as a list: [a, b]"

    def schema(self) -> dict[str, Any]:
        """An array, or one value where that is accepted."""
        listed: dict[str, Any] = {"type": "array", "items": self.item.schema(), "maxItems": self.most}
        if self.least:
            listed["minItems"] = self.least
        choices = [listed, self.item.schema()] if self.single else [listed]
        if not self.least:
            choices.append({"type": "null"})
        return {"anyOf": choices} if len(choices) > 1 else listed

    def words(self) -> str:
        """The description."""
        return f"list of {self.about}"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names that the person chooses to values of one shape."""

    item: Shape
    about: str
    name_pattern: str = NAME_PATTERN
    name_about: str = "letters, digits, `.`, `_`, `-`; at most 64, first a letter or digit"
    most: int = 10_000

    def read(self, spot: Spot, reading: Reading) -> Mapping[str, Any] | Bad:
        """The values by name, in the order written; entries that cannot be read are left out."""
        if shape.empty(spot):
            return {}
        if not isinstance(spot.node, tree.Fields):
            return reading.refuse(
                spot.where,
                f"expected a mapping, found {shape.shown(spot)}",
                f"write {self.about} as `name: …`",
            )
        if len(spot.node.entries) > self.most:
            return reading.refuse(
                spot.where, f"{len(spot.node.entries)} entries", f"at most {self.most} allowed"
            )
        values: dict[str, Any] = {}
        for name, entry in spot.node.entries.items():
            child = spot.child(name, entry.node)
            if not re.fullmatch(self.name_pattern, name):
                reading.refuse(
                    entry.name.at(child.path), f"{name[:80]!r} is not a name here", f"use {self.name_about}"
                )
                continue
            reading.places[child.path] = entry.name.at(child.path)
            values[name] = self.item.read(child, reading)
        return shape.by_name(values)

    def schema(self) -> dict[str, Any]:
        """An object with free names."""
        return {
            "type": ["object", "null"],
            "additionalProperties": self.item.schema(),
            "propertyNames": {"pattern": f"^(?:{self.name_pattern})$"},
            "maxProperties": self.most,
        }

    def words(self) -> str:
        """The description."""
        return f"mapping of {self.about}"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record. `needed` fields must be written; others are simply absent from the values."""

    name: str
    shape: Shape
    about: str
    needed: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known fields. `build` turns the values that were read into a frozen value.

    `build(values, spot, reading)` may record problems of its own and return BAD. A record that has
    a bad field is built without it when the field is optional, so that later checks still run.
    """

    name: str
    about: str
    fields: tuple[Field, ...]
    build: Callable[[Mapping[str, Any], Spot, Reading], Any]
    shorthand: Shape | None = None
    shorthand_field: str = ""
    _by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {one.name: one for one in self.fields})

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The built value, or BAD."""
        if self.shorthand is not None and isinstance(spot.node, tree.Scalar):
            value = self.shorthand.read(spot, reading)
            return BAD if value is BAD else self.build({self.shorthand_field: value}, spot, reading)
        if not isinstance(spot.node, tree.Fields):
            known = ", ".join(list(self._by_name)[:6])
            remedy = f"write {self.about} as a mapping of: {known}"
            return reading.refuse(spot.where, f"expected a mapping, found {shape.shown(spot)}", remedy)
        values: dict[str, Any] = {}
        for name, entry in spot.node.entries.items():
            child = spot.child(name, entry.node)
            if name in self._by_name:
                reading.places[child.path] = child.where
                values[name] = self._by_name[name].shape.read(child, reading)
            elif not name.startswith("x-"):
                reading.refuse(
                    entry.name.at(child.path),
                    f"the field {name[:80]!r} is not known here",
                    shape.did_you_mean(name, list(self._by_name)) + " (fields of your own start with `x-`)",
                )
        return self._built(values, spot, reading)

    def _built(self, values: Mapping[str, Any], spot: Spot, reading: Reading) -> Any:
        complete = True
        for one in self.fields:
            if one.needed and one.name not in values:
                reading.refuse(
                    spot.where, f"the field {one.name!r} is missing", f"add {one.name}: {one.about}"
                )
                complete = False
            elif one.needed and values[one.name] is BAD:
                complete = False
        return self.build(shape.by_name(values), spot, reading) if complete else BAD

    def schema(self) -> dict[str, Any]:
        """A reference to the record's definition."""
        return {"$ref": f"#/$defs/{self.name}"}

    def definition(self) -> dict[str, Any]:
        """The record's own JSON Schema."""
        properties = {
            one.name: one.shape.schema() | {"description": one.about}
            | ({"x-default": one.default} if one.default else {})
            for one in self.fields
        }  # fmt: skip
        whole: dict[str, Any] = {
            "type": "object",
            "description": self.about,
            "properties": properties,
            "patternProperties": {"^x-": {}},
            "additionalProperties": False,
        }
        if needed := [one.name for one in self.fields if one.needed]:
            whole["required"] = needed
        return {"anyOf": [self.shorthand.schema(), whole]} if self.shorthand is not None else whole

    def words(self) -> str:
        """A link to the record's table."""
        return f"[{self.name}](#{self.name})" + (f", or {self.shorthand.words()}" if self.shorthand else "")


def records(shape_: Shape) -> dict[str, Record]:
    """Every record reachable from `shape_`, by name, outermost first."""
    found: dict[str, Record] = {}
    waiting: list[Shape] = [shape_]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, Record) and current.name not in found:
            found[current.name] = current
            waiting.extend(one.shape for one in current.fields)
        elif isinstance(current, ListOf | MapOf):
            waiting.append(current.item)
    return found
