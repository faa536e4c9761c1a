"""The windows of a run: one for each endpoint and kind of request, shared by every store on it.

`stack` hands them to the dressed stores. Listing, reading and writing have separate windows because
endpoints throttle them separately.
"""

from collections.abc import Callable
from enum import StrEnum

from ferryline.model import event
from ferryline.storage.wrap.window import Window


class Kind(StrEnum):
    """Kinds of requests that endpoints throttle apart."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    OTHER = "other"


class Windows:
    """All windows of a run. `ceiling` bounds each of them."""

    def __init__(self, ceiling: int, emit: Callable[[event.Event], None]) -> None:
        self._ceiling = ceiling
        self._emit = emit
        self._windows: dict[tuple[str, Kind], Window] = {}

    def of(self, endpoint: str, kind: Kind, place: str) -> Window:
        """The window of an endpoint for one kind; `place` is named in events."""
        window = self._windows.get((endpoint, kind))
        if window is None:

            def changed(size: int, why: str) -> None:
                self._emit(event.WindowChanged(place, kind.value, size, why))

            window = self._windows[endpoint, kind] = Window(self._ceiling, changed)
        return window
