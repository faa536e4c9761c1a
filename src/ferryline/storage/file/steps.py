"""A generator that is advanced by threads, one step at a time, and closed only between steps.

Called by the store of this package for walks and streams. A cancelled await leaves its thread
running; whoever closes then waits (in a thread) until that step is over.
"""

import threading
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Steps(Generic[T]):
    """The steps of one generator. Not restartable: after an error there is nothing more to take."""

    def __init__(self, generator: Iterator[T]) -> None:
        self._generator = generator
        self._lock = threading.Lock()

    def take(self) -> T | None:
        """The next value, or None after the last; raises what the generator raises."""
        with self._lock:
            return next(self._generator, None)

    def close(self) -> None:
        """Run the generator's `finally`, after the step that may be running. Safe to call twice."""
        with self._lock:
            if isinstance(self._generator, Generator):
                self._generator.close()
