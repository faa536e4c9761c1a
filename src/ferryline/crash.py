"""Named places where a process may die: the enumeration behind the crash tests.

Rooms call `crash.point("upload.created")` around every durable step, before and after the effect.
In production the call is one comparison with None. `ferryline.testing` installs a hook that
counts the points of a clean run and then kills the process at the Nth. Nothing else may set it.
"""

from collections.abc import Callable

hook: Callable[[str], None] | None = None
"""Called with the point's name when a test installed it."""


def point(name: str) -> None:
    """Mark a place between two durable steps; `name` is stable, dotted, lower case."""
    if hook is not None:
        hook(name)
