"""What a field may hold: one description that reads, explains and gives the JSON Schema.

The field tables (`fields_*`) are built of these shapes; `document`, `schema` and `reference` use
them. A shape collects problems and never raises for what a person wrote; it knows no field by name.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Protocol

from ferryline import errors
from ferryline.model import units
from ferryline.policy import interpolation, tree

LONGEST_INTEGER = 2**63 - 1


class Bad(Enum):
    """The value of a field that could not be read; its problem has been recorded."""

    BAD = "bad"


BAD = Bad.BAD


@dataclass(slots=True)
class Reading:
    """What one reading of a policy collects: problems, and where each field's value stands."""

    problems: list[errors.Problem] = field(default_factory=list)
    places: dict[str, errors.Where] = field(default_factory=dict)

    def refuse(self, where: errors.Where | None, message: str, remedy: str) -> Bad:
        """Record a problem and return `BAD`."""
        self.problems.append(errors.Problem(where, message, remedy))
        return BAD


@dataclass(frozen=True, slots=True)
class Spot:
    """One node of the file and its path (`datasets.imagenet.replicas[1].to`)."""

    node: tree.Node
    path: str

    @property
    def where(self) -> errors.Where:
        """Where the node starts, for an error about this field."""
        return self.node.place.at(self.path)

    def child(self, name: str, node: tree.Node) -> "Spot":
        """The field `name` of a mapping."""
        return Spot(node, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int, node: tree.Node) -> "Spot":
        """The list's element `index`."""
        return Spot(node, f"{self.path}[{index}]")


class Shape(Protocol):
    """What a value may be."""

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The value, or `BAD` after recording why not."""
        ...

    def schema(self) -> dict[str, Any]:
        """The same rule as JSON Schema, draft 2020-12."""
        ...

    def words(self) -> str:
        """The same rule for people, a few words."""
        ...


def shown(spot: Spot) -> str:
    """What stands in the file, for a message: short, on one line."""
    if isinstance(spot.node, tree.Fields):
        return "a mapping"
    if isinstance(spot.node, tree.Sequence):
        return "a list"
    text = spot.node.text
    if spot.node.value is None:
        return "nothing"
    return repr(text if len(text) <= 60 else text[:59] + "…")


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` was most likely meant to be."""
    known = list(candidates)
    by_plain = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    wanted = word.strip().lower().replace("-", "_")
    swapped = [plain for plain in by_plain if sorted(plain) == sorted(wanted)]
    close = swapped or difflib.get_close_matches(wanted, list(by_plain), n=1, cutoff=0.6)
    return by_plain[close[0]] if close else None


def did_you_mean(word: str, candidates: Sequence[str]) -> str:
    """A remedy that names the nearest candidate, else all of them (at most twenty)."""
    close = nearest(word, candidates)
    if close is not None:
        return f"did you mean {close!r}?"
    listed = ", ".join(list(candidates)[:20])
    return f"use one of: {listed}" + (", …" if len(candidates) > 20 else "")


class Interpolating(Enum):
    """Whether `${env:…}` and `${file:…}` mean something in a text."""

    NO = "no"
    YES = "yes"


Check = Callable[[str], str]
"""Returns the text to keep, or raises ValueError("message|remedy")."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text. `check` sees only text without interpolation."""

    about: str = "text"
    pattern: str | None = None
    remedy: str = ""
    check: Check | None = None
    interpolating: Interpolating = Interpolating.NO
    length_max: int = 4096

    def read(self, spot: Spot, reading: Reading) -> str | Bad:
        """The text as written."""
        node = spot.node
        if not isinstance(node, tree.Scalar) or node.value is None:
            return reading.refuse(spot.where, f"expected {self.about}, found {shown(spot)}", self._remedy())
        if not isinstance(node.value, str):
            return reading.refuse(
                spot.where, f"expected {self.about}, found {node.text}", f'write "{node.text}"'
            )
        text = node.value
        if len(text) > self.length_max:
            remedy = f"at most {self.length_max} characters are allowed"
            return reading.refuse(spot.where, f"a text of {len(text)} characters", remedy)
        if "\x00" in text or "\n" in text or "\r" in text:
            return reading.refuse(spot.where, "text with a line break or NUL", "write it on one line")
        if interpolation.looks_interpolated(text):
            return self._interpolated(text, spot, reading)
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            return reading.refuse(spot.where, f"{shown(spot)} is not {self.about}", self._remedy())
        if self.check is not None:
            try:
                return self.check(text)
            except ValueError as error:
                message, _, remedy = str(error).partition("|")
                return reading.refuse(spot.where, message, remedy or self._remedy())
        return text

    def _interpolated(self, text: str, spot: Spot, reading: Reading) -> str | Bad:
        if self.interpolating is Interpolating.NO:
            where = "locations, regions, service and on_failure"
            remedy = f"write the value itself; ${{env:…}} and ${{file:…}} work in {where}"
            return reading.refuse(spot.where, "nothing is interpolated in this field", remedy)
        try:
            interpolation.parts(text)
        except ValueError as error:
            return reading.refuse(spot.where, str(error), interpolation.ACCEPTED)
        return text

    def _remedy(self) -> str:
        return self.remedy or f"write {self.about}"

    def schema(self) -> dict[str, Any]:
        """A string, with the pattern where there is one."""
        plain: dict[str, Any] = {"type": "string", "maxLength": self.length_max}
        if self.pattern is None:
            return plain
        if self.interpolating is Interpolating.YES:
            # What is interpolated is checked when it is known.
            return plain | {"anyOf": [{"pattern": f"^(?:{self.pattern})$"}, {"pattern": r"\$\{"}]}
        return plain | {"pattern": f"^(?:{self.pattern})$"}

    def words(self) -> str:
        """The description."""
        return self.about


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, written only as `${env:NAME}` or `${file:PATH}`. Messages never show what was written."""

    def read(self, spot: Spot, reading: Reading) -> str | Bad:
        """The reference as written, never a resolved value."""
        node = spot.node
        text = node.value if isinstance(node, tree.Scalar) and isinstance(node.value, str) else ""
        try:
            found = interpolation.parts(text)
        except ValueError:
            found = ()
        if len(found) == 1 and isinstance(found[0], interpolation.Reference) and not found[0].default:
            return text
        remedy = (
            'keep the secret outside the file and write "${env:NAME}" or "${file:PATH}", without a default'
        )
        return reading.refuse(spot.where, "a literal secret is not allowed in a policy file", remedy)

    def schema(self) -> dict[str, Any]:
        """A string that is one reference."""
        return {"type": "string", "pattern": r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)(:-)?\}$"}

    def words(self) -> str:
        """The description."""
        return "`${env:NAME}` or `${file:PATH}`"


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, spot: Spot, reading: Reading) -> bool | Bad:
        """The value; `yes` and `on` are text in YAML 1.2."""
        if isinstance(spot.node, tree.Scalar) and isinstance(spot.node.value, bool):
            return spot.node.value
        return reading.refuse(
            spot.where, f"expected true or false, found {shown(spot)}", "write true or false"
        )

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}

    def words(self) -> str:
        """The description."""
        return "true or false"


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two bounds, both included; `whole` takes no fraction."""

    about: str
    least: float
    most: float
    whole: bool = False

    def read(self, spot: Spot, reading: Reading) -> float | int | Bad:
        """An int when `whole`, else a float."""
        value = spot.node.value if isinstance(spot.node, tree.Scalar) else None
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if fits and self.whole and isinstance(value, float):
            fits = False
        if not fits or not isinstance(value, int | float):
            return reading.refuse(spot.where, f"expected {self.about}, found {shown(spot)}", self.words())
        if not self.least <= value <= self.most:
            return reading.refuse(spot.where, f"{shown(spot)} is out of range", self.words())
        return value if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        """An integer or number with bounds."""
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.least, "maximum": self.most}

    def words(self) -> str:
        """The description with its bounds."""
        return f"{self.about} from {self.least:g} to {self.most:g}"


_SIZE_PATTERN = r"\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtTpPeE]([iI]?[bB])?|[bB])?\s*"


def size_bytes(value: object, about: str = "a size") -> int:
    """Bytes from an integer or from text such as `5TiB`; raises ValueError("message|remedy")."""
    remedy = f"write {about} in bytes, or with a unit: 200GB, 10MiB, 5TiB"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not {about}|{remedy}")
    if isinstance(value, str):
        if len(value) > 40:
            raise ValueError(f"a text of {len(value)} characters is not {about}|{remedy}")
        try:
            value = units.parse_bytes(value)
        except ValueError:
            raise ValueError(f"{value!r} is not {about}|{remedy}") from None
    if not 1 <= value <= LONGEST_INTEGER:
        raise ValueError(
            f"{about} of {value if abs(value) < 10**20 else 'so many'} bytes is out of range|{remedy}"
        )
    return value


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: an integer, or text with a unit. At least one."""

    about: str = "a size"

    def read(self, spot: Spot, reading: Reading) -> int | Bad:
        """Bytes."""
        value = spot.node.value if isinstance(spot.node, tree.Scalar) else None
        try:
            return size_bytes(value, self.about)
        except ValueError as error:
            message, _, remedy = str(error).partition("|")
            if not isinstance(value, str | int) or isinstance(value, bool):
                message = f"{shown(spot)} is not {self.about}"
            return reading.refuse(spot.where, message, remedy)

    def schema(self) -> dict[str, Any]:
        """An integer, or a string with a unit."""
        return {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LONGEST_INTEGER},
                {"type": "string", "pattern": f"^{_SIZE_PATTERN}$", "maxLength": 40},
            ]
        }

    def words(self) -> str:
        """The description."""
        return "bytes, or text such as `200GB`, `10MiB`, `5TiB`"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of an enum's values, spelled exactly."""

    values: type[StrEnum]

    def read(self, spot: Spot, reading: Reading) -> StrEnum | Bad:
        """The enum's member."""
        accepted = [member.value for member in self.values]
        node = spot.node
        text = node.text if isinstance(node, tree.Scalar) else ""
        if isinstance(node, tree.Scalar) and isinstance(node.value, str) and text in accepted:
            return self.values(text)
        message = f"{shown(spot)} is not one of {', '.join(accepted[:20])}"
        return reading.refuse(spot.where, message, did_you_mean(text, accepted))

    def schema(self) -> dict[str, Any]:
        """An enum of strings."""
        return {"type": "string", "enum": [member.value for member in self.values]}

    def words(self) -> str:
        """The values."""
        return " or ".join(f"`{member.value}`" for member in self.values)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Exactly one whole number, such as the format's version."""

    value: int

    def read(self, spot: Spot, reading: Reading) -> int | Bad:
        """The number."""
        if (
            isinstance(spot.node, tree.Scalar)
            and spot.node.value == self.value
            and spot.node.value is not True
        ):
            return self.value
        return reading.refuse(spot.where, f"{shown(spot)} is not known here", f"write {self.value}")

    def schema(self) -> dict[str, Any]:
        """A constant."""
        return {"const": self.value}

    def words(self) -> str:
        """The number."""
        return f"`{self.value}`"


def empty(spot: Spot) -> bool:
    """Whether nothing was written: `datasets:` with all below it commented out."""
    return isinstance(spot.node, tree.Scalar) and spot.node.value is None


def by_name(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy without the entries that could not be read."""
    return {name: value for name, value in values.items() if value is not BAD}
