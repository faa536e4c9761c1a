"""Policy: what the person wishes for, as frozen values. It never looks at what is.

The command line, the server, the readers and the stages call it. It reads policy files and checks
them; it opens no location, resolves no secret on its own, and imports neither storage nor state.
The names here are loaded when they are asked for: a copy without a policy file reads none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferryline.policy.document import load, parse
    from ferryline.policy.guarantees import notes
    from ferryline.policy.json_schema import schema
    from ferryline.policy.values import Dataset, Policy

__all__ = ["Dataset", "Policy", "load", "notes", "parse", "schema"]

_HOMES = {
    "Dataset": "values",
    "Policy": "values",
    "load": "document",
    "notes": "guarantees",
    "parse": "document",
    "schema": "json_schema",
}


def __getattr__(name: str) -> Any:
    """Load a name from its module. Raises AttributeError for any other."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryline.policy' has no attribute {name!r}")
    return getattr(import_module(f"ferryline.policy.{home}"), name)
