"""Policy files to one frozen `Policy`: the only place where YAML, field tables and rules meet.

The command line, the server and the readers call `load`; tests call `parse`. Every problem found
is reported at once. No secret is resolved and no location is opened here.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from blake3 import blake3

from ferryline import errors
from ferryline.policy import credentials as credentials_
from ferryline.policy import crosscheck, fields_dataset, fields_policy, overlap, tree, values, yaml_reader
from ferryline.policy.shape import BAD, Reading, Spot


def load(paths: Sequence[Path], *, credentials: Path | None = None) -> values.Policy:
    """Read policy files, each laid over those before it, and check the whole.

    Mappings merge by field, everything else replaces. `credentials` names a file whose entries
    replace the credentials of locations (the variable FERRYLINE_CREDENTIALS holds its path).
    Raises `BadPolicy` with every problem; nothing is half read.
    """
    if not paths:
        raise errors.BadUsage("no policy file was given", advice="give one with -f FILE")
    read = [yaml_reader.read(_bytes(path), str(path)) for path in paths]
    merged = read[0]
    for node in read[1:]:
        merged = tree.overlay(merged, node)
    entries = credentials_.read(_bytes(credentials), str(credentials)) if credentials is not None else {}
    return _policy(merged, tuple(str(path) for path in paths), entries)


def parse(text: str | bytes, file: str = "<text>") -> values.Policy:
    """Read one policy from text; `file` stands in error messages and for relative paths."""
    return _policy(yaml_reader.read(text, file), (file,), {})


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(yaml_reader.TEXT_BYTES_MAX + 1)
    except OSError as error:
        where = errors.Where(str(path), 1, 1)
        remedy = "check the path, or run `ferryline init` to write one"
        problem = errors.Problem(where, f"the file cannot be read: {error.strerror}", remedy)
        raise errors.BadPolicy((problem,)) from error


def _policy(
    node: tree.Node, files: tuple[str, ...], entries: Mapping[str, values.Credentials]
) -> values.Policy:
    if node.size > yaml_reader.NODES_MAX:
        remedy = f"a policy may hold {yaml_reader.NODES_MAX} values in all its files"
        raise errors.BadPolicy((errors.Problem(node.place.at(""), "too many values", remedy),))
    root, reading = Spot(node, ""), Reading()
    outline = fields_policy.POLICY.read(root, reading)
    if outline is BAD:
        raise errors.BadPolicy(_in_order(reading.problems, files))
    policy = credentials_.apply(_assembled(outline, files, reading), entries, reading)
    crosscheck.check(policy, root, reading)
    overlap.check(policy, reading)
    if reading.problems:
        raise errors.BadPolicy(_in_order(reading.problems, files))
    return dataclasses.replace(policy, digest=digest(policy))


def _in_order(problems: list[errors.Problem], files: tuple[str, ...]) -> tuple[errors.Problem, ...]:
    """Without repetitions (an alias is read as often as it is used), in the order of the files."""

    def position(problem: errors.Problem) -> tuple[int, int, int]:
        where = problem.where
        if where is None:
            return (len(files) + 1, 0, 0)
        known = files.index(where.file) if where.file in files else len(files)
        return (known, where.line, where.column)

    return tuple(sorted(dict.fromkeys(problems), key=position))


def _assembled(outline: fields_policy.Outline, files: tuple[str, ...], reading: Reading) -> values.Policy:
    found = outline.found
    defaults = found["defaults"].found if "defaults" in found else {}
    drafts: Mapping[str, fields_dataset.Draft] = found.get("datasets", {})
    return values.Policy(
        name=found.get("name"),
        state=found.get("state"),
        regions=found.get("regions", {}),
        locations=found.get("locations", {}),
        datasets={name: fields_dataset.complete(draft, defaults) for name, draft in drafts.items()},
        service=found.get("service"),
        files=files,
        places=reading.places,
    )


def digest(policy: values.Policy) -> str:
    """BLAKE3 (hex) over the canonical JSON of every effective value but secrets, file names and positions.

    It does not change with comments, order, anchors, spelled-out defaults or secrets.
    """
    canonical = json.dumps(plain(policy), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake3(canonical.encode("ascii", "surrogateescape")).hexdigest()


_SECRET_NAMES = frozenset({"access_key_id", "secret_access_key", "session_token"})


def plain(value: Any) -> Any:
    """A value of the policy as JSON can hold it, without secrets and positions."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            one.name: plain(getattr(value, one.name))
            for one in dataclasses.fields(value)
            if one.metadata.get("digest", True) and one.name not in _SECRET_NAMES and one.name != "given"
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
