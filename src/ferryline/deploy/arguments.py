"""Arguments as they arrive: instances in Python, nested mappings from other languages, both checked.

The component provider host hands over mappings in snake case; a Python program may too. `read` makes
the frozen value of either. Every component calls it first.
"""

import dataclasses
import difflib
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin

from ferryline.deploy.refusals import Refusals

Args = TypeVar("Args")


def read(kind: type[Args], given: Any, refusals: Refusals) -> Args:
    """`given` as a `kind`: itself if it is one, else made of a mapping.

    Raises `BadPolicy` at once for fields that do not exist, are missing or hold another kind of value,
    since nothing can be checked without them.
    """
    found = _made(kind, given, "", refusals)
    refusals.stop()
    made: Args = found
    return made


def _made(kind: type, given: Any, path: str, refusals: Refusals) -> Any:
    if isinstance(given, kind):
        return _inside(given, path, refusals)
    if not isinstance(given, Mapping):
        refusals.add(path or "args", f"is a {type(given).__name__}", f"pass a {kind.__name__}")
        return None
    known = {one.name: one for one in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        here = f"{path}.{name}" if path else str(name)
        if name not in known:
            refusals.add(here, "is no argument", _nearest(str(name), known))
            continue
        values[name] = _value(known[name].type, value, here, refusals)
    for name, one in known.items():
        needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if needed and values.get(name) is None:
            here = f"{path}.{name}" if path else name
            refusals.add(here, "is missing", f"a {kind.__name__} needs it")
            return None
    return kind(**values)


def _inside(given: Any, path: str, refusals: Refusals) -> Any:
    """An instance whose fields may still be mappings or texts."""
    changes = {}
    for one in dataclasses.fields(given):
        value = getattr(given, one.name)
        here = f"{path}.{one.name}" if path else one.name
        found = _value(one.type, value, here, refusals)
        if found is not value:
            changes[one.name] = found
    return dataclasses.replace(given, **changes) if changes else given


def _value(declared: Any, value: Any, path: str, refusals: Refusals) -> Any:
    if value is None:
        return None
    wanted = _without_none(declared)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _made(wanted, value, path, refusals)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _member(wanted, value, path, refusals)
    inner = get_args(wanted)
    if get_origin(wanted) in (Mapping, dict) and isinstance(value, Mapping):
        return {key: _value(inner[1], one, f"{path}.{key}", refusals) for key, one in value.items()}
    if get_origin(wanted) in (Sequence, list) and isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(inner[0], one, f"{path}[{index}]", refusals) for index, one in enumerate(value)]
    if wanted in (str, bool) and not isinstance(value, wanted):
        refusals.add(
            path,
            f"has to be known when the program runs, as a {wanted.__name__}",
            "pass a plain value here; only names, ARNs, keys and subnets may be Outputs",
        )
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _without_none(declared: Any) -> Any:
    """The only kind beside None of an optional field; anything else (an Input) stays as it is."""
    if get_origin(declared) in (Union, types.UnionType):
        rest = [one for one in get_args(declared) if one is not type(None)]
        return rest[0] if len(rest) == 1 else declared
    return declared


def _member(wanted: type[Enum], value: Any, path: str, refusals: Refusals) -> Any:
    try:
        return wanted(value)
    except ValueError:
        accepted = ", ".join(str(one.value) for one in wanted)
        refusals.add(path, f"{str(value)[:60]!r} is not one of {accepted}", "write one of these")
        return None


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    snake = "".join(f"_{one.lower()}" if one.isupper() else one for one in name)
    close = [snake] if snake in known else difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
