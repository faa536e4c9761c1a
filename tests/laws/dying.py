"""Death in this process: an exception nobody handles at a crash point, for tests that need many of them."""

import contextlib
from collections.abc import Iterator

from ferryline import crash


class Death(BaseException):
    """The process is gone, as far as the code that runs can tell."""


@contextlib.contextmanager
def dying(name: str, nth: int = 1) -> Iterator[list[str]]:
    """Die at the `nth` passing of a crash point; yields the points that were passed. From then on, every
    point kills: nothing that runs while the stack unwinds may have a further effect."""
    passed: list[str] = []
    dead = False

    def hook(point: str) -> None:
        nonlocal dead
        passed.append(point)
        if dead or (point == name and passed.count(name) >= nth):
            dead = True
            raise Death(point)

    crash.hook = hook
    try:
        yield passed
    finally:
        crash.hook = None
