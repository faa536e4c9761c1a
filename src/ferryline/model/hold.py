"""What whoever holds a place may be asked before it changes anything there.

`state` gives such a question with its lock, `pipeline` joins it with that of the replica's lock, and
`storage.wrap.fence` asks it. It looks at what is known here, and sends nothing.
"""

from collections.abc import Callable

StillOurs = Callable[[], None]
"""Raises LockHeld once the place is known to be no longer ours."""


def always_ours() -> None:
    """Nothing is held that could be lost, or it is lost with this process alone."""
