"""Ferryline: training data identical, proven and close to the compute in every region.

The public promise: the names in `__all__`, pinned by a test. Everything is loaded when it is first
asked for.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferryline.config.calls import copy, plan, verify
    from ferryline.errors import (
        BadLocation,
        BadPolicy,
        BadUsage,
        FerrylineError,
        RunStopped,
        UserMistake,
    )
    from ferryline.pipeline.task import Pressure
    from ferryline.policy.document import load as load_policy
    from ferryline.policy.values import Policy

    __version__: str

__all__ = [
    "BadLocation",
    "BadPolicy",
    "BadUsage",
    "FerrylineError",
    "Policy",
    "Pressure",
    "RunStopped",
    "UserMistake",
    "copy",
    "load_policy",
    "plan",
    "verify",
]

_HOMES = {
    "Pressure": "ferryline.pipeline.task",
    "copy": "ferryline.config.calls",
    "plan": "ferryline.config.calls",
    "verify": "ferryline.config.calls",
    "BadLocation": "ferryline.errors",
    "BadPolicy": "ferryline.errors",
    "BadUsage": "ferryline.errors",
    "FerrylineError": "ferryline.errors",
    "Policy": "ferryline.policy.values",
    "RunStopped": "ferryline.errors",
    "UserMistake": "ferryline.errors",
    "load_policy": "ferryline.policy.document:load",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room. Raises AttributeError for any other."""
    if name == "__version__":
        from importlib import metadata  # a tenth of a command's start, and most commands never ask

        return metadata.version("ferryline")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryline' has no attribute {name!r}")
    module, _, inner = home.partition(":")
    return getattr(import_module(module), inner or name)


class _Front(ModuleType):
    """This module. Python binds a room that was imported (`ferryline.verify`) to its name here; the
    functions of those names are promised, so such a binding is left out. `from ferryline.verify import …`
    finds the room all the same.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Front
