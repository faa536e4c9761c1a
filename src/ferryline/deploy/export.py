"""A policy's datasets as a small Pulumi project that the user owns: `Pulumi.yaml` and one `__main__.py`.

`ferryline deploy export` calls it. The program is typed values, not the policy's text, so that it can
be read and changed; what the program would refuse is refused here. Secrets become configuration.
"""

import builtins
import dataclasses
import itertools
import json
import keyword
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ferryline import errors
from ferryline.deploy import checking, from_policy
from ferryline.deploy.args_task import PolicyReplicationArgs, ReplicationArgs
from ferryline.deploy.policy_replication import refuse_forbidden
from ferryline.deploy.refusals import Refusals
from ferryline.policy import values
from ferryline.policy.interpolation import Sources
from ferryline.policy.options import Engine

WIDTH = 100


@dataclass(frozen=True, slots=True)
class ConfigSecret:
    """A secret that the exported program asks its configuration for."""

    key: str


def files(policy: values.Policy, datasets: tuple[str, ...], sources: Sources) -> Mapping[str, str]:
    """The project's files by name. Raises `BadPolicy` or `GuardRefused` for what the program would refuse."""
    made: dict[str, ReplicationArgs] = {}
    for name in datasets:
        ground = from_policy.Ground(sources, secret=_as_config)
        refuse_forbidden(policy, PolicyReplicationArgs(policy="", dataset=name))
        found = from_policy.replication(policy, name, ground)
        checking.check(name, found, Refusals(f"dataset {name!r}"))
        made[name] = dataclasses.replace(found, dataset=None)  # it is the component's name
    project = re.sub(r"[^a-zA-Z0-9_.-]", "-", policy.name or datasets[0])
    return {
        "__main__.py": _program(made),
        "Pulumi.yaml": f"name: {project}\ndescription: {_about(datasets)}\nruntime: python\n",
        "requirements.txt": "ferryline[deploy]\n",
    }


def write(found: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """Write the files into a folder that is new or empty of them. Raises `BadUsage` rather than overwrite."""
    taken = [name for name in found if os.path.lexists(folder / name)]
    if taken:
        raise errors.BadUsage(
            f"{folder} already holds {', '.join(taken)}",
            advice="name another folder, or move these away: an exported project is the user's own",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            with (folder / name).open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise errors.BadUsage(
            f"{folder} cannot hold the project: {error.strerror}", advice="name another folder"
        ) from error
    return tuple(folder / name for name in found)


def _about(datasets: tuple[str, ...]) -> str:
    return f"Replicas of {', '.join(datasets)}, written by ferryline deploy export"


def _as_config(reference: str, name: str) -> ConfigSecret:
    """The field `locations.share.aws.password` to the key `share-password`: one key for each location."""
    before, _, last = name.partition(".")[2].rpartition(".")
    return ConfigSecret(f"{before.removesuffix('.aws')}-{last.replace('_', '-')}")


def _variables(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """A variable for each dataset: no word of Python's, no name the program imports, no two the same."""
    found: dict[str, str] = {}
    used = {"config", "pulumi", *dir(builtins), *taken}
    for name in names:
        plain = re.sub(r"\W", "_", name.lower(), flags=re.ASCII)
        if not plain[:1].isalpha() or keyword.iskeyword(plain) or plain in used:
            plain = f"dataset_{plain}"
        numbered = (f"{plain}_{number}" for number in itertools.count(2))
        found[name] = next(one for one in itertools.chain((plain,), numbered) if one not in used)
        used.add(found[name])
    return found


def _program(made: Mapping[str, ReplicationArgs]) -> str:
    names = sorted({"Replication", *(one for args in made.values() for one in _classes(args))})
    variables = _variables(made, names)
    bodies = []
    for name, args in made.items():
        call = f"Replication(\n    {json.dumps(name)},\n    {_render(args, 4)},\n)"
        exports = _exports(variables[name], args, alone=len(made) == 1)
        bodies.append(f"{variables[name]} = {call}\n\n{exports}")
    head = f'"""{_about(tuple(made))}. It is yours to change."""\n\nimport pulumi\n'
    config = "config = pulumi.Config()\n\n" if any(_has_secret(one) for one in made.values()) else ""
    return f"{head}{_imports(names)}\n{config}" + "\n\n".join(bodies) + "\n"


def _imports(names: list[str]) -> str:
    line = f"from ferryline.deploy import {', '.join(names)}\n"
    if len(line) <= WIDTH:
        return line
    return "from ferryline.deploy import (\n" + "".join(f"    {one},\n" for one in names) + ")\n"


def _exports(variable: str, args: ReplicationArgs, *, alone: bool) -> str:
    """For one source and one DataSync replica, what such programs always export; else maps by replica."""
    (first, *others) = args.replicas.items()
    if alone and not others and first[1].engine in (None, Engine.DATASYNC):
        replica = json.dumps(first[0])
        return "\n".join(
            (
                f'pulumi.export("sourceLocationArn", {variable}.location_arns["source"])',
                f'pulumi.export("destinationLocationArn", {variable}.location_arns[{replica}])',
                f'pulumi.export("replicationTaskArn", {variable}.task_arns[{replica}])',
            )
        )
    wanted = ("task_arns", "location_arns", "required_bucket_policies", "replication_configuration")
    return "\n".join(f'pulumi.export("{variable}_{one}", {variable}.{one})' for one in wanted)


def _inside(value: Any) -> list[Any]:
    """What a value holds, one level down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type | ConfigSecret):
        return [getattr(value, one.name) for one in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _classes(value: Any) -> set[str]:
    """The names that a value's source needs."""
    found = set().union(*(_classes(one) for one in _inside(value)))
    own = isinstance(value, Enum) or dataclasses.is_dataclass(value)
    return found | ({type(value).__name__} if own and not isinstance(value, ConfigSecret) else set())


def _has_secret(value: Any) -> bool:
    return isinstance(value, ConfigSecret) or any(_has_secret(one) for one in _inside(value))


def _render(value: Any, indent: int) -> str:
    """A value as Python source, in the layout of a formatter: on one line where it fits."""
    if isinstance(value, ConfigSecret):
        return f"config.require_secret({json.dumps(value.key)})"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        given = [(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)]
        parts = [(f"{name}=", one) for name, one in given if one is not None]
        return _laid_out(f"{type(value).__name__}(", parts, ")", indent)
    if isinstance(value, Mapping):
        return _laid_out("{", [(f"{_render(key, 0)}: ", one) for key, one in value.items()], "}", indent)
    if isinstance(value, list):
        return _laid_out("[", [("", one) for one in value], "]", indent)
    return repr(value)


def _laid_out(opening: str, parts: list[tuple[str, Any]], closing: str, indent: int) -> str:
    flat = opening + ", ".join(f"{label}{_render(one, indent)}" for label, one in parts) + closing
    if "\n" not in flat and len(flat) + indent < WIDTH - 10:
        return flat
    inner = " " * (indent + 4)
    lines = [f"{inner}{label}{_render(one, indent + 4)},\n" for label, one in parts]
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing}"
