"""The JSON Schemas of Ferryline's documents, shipped as files, one for each of `NAMES`.

A schema names every field that is promised. Documents may gain fields; a field that is promised
keeps its name, type and meaning for as long as the number in `schema` stands.
"""

import json
from importlib import resources
from typing import Any

NAMES = (
    "check",
    "run",
    "plan",
    "plan-dataset",
    "verify",
    "verify-dataset",
    "snapshots",
    "snapshot",
    "diff",
    "snapshots-change",
    "prune",
    "status",
    "sync",
    "unlock",
    "retirement",
)


def load(name: str) -> dict[str, Any]:
    """The schema of one of `NAMES`. Raises KeyError for another name."""
    if name not in NAMES:
        raise KeyError(f"there is no schema {name!r}; there are {', '.join(NAMES)}")
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
