"""The state folder, opened: the one value through which other rooms remember.

What costs time to load (SQLAlchemy, for PostgreSQL only) is loaded when it is first needed, and nothing is
written before there is something to remember: looking makes an empty folder at most.
"""

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ferryline.clock import Clock
from ferryline.state import disk, identity, standing
from ferryline.state.home import Home
from ferryline.state.ledger import Ledger
from ferryline.state.lock import Holder, held, holder

if TYPE_CHECKING:
    from ferryline.state.database import Database
    from ferryline.state.places import Places
    from ferryline.state.runs import Runs


class State:
    """What this host remembers. Made by `open_state`; a `with` ends its use, nothing stays open."""

    def __init__(self, folder: Path, clock: Clock, database_url: str | None) -> None:
        self.folder = folder
        self._clock = clock
        self._database_url = database_url

    def __enter__(self) -> "State":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back: files and connections are opened for one use each."""

    def lock(self, destination: str) -> AbstractContextManager[None]:
        """Hold a destination on this host for a `with`. Raises LockHeld at once, naming who has it."""
        path = self.folder / "locks" / f"{identity.hash_of(destination)}.lock"
        return held(path, destination, self._me())

    def ledger(self, source: str, destination: str) -> Ledger:
        """What was proven between two places, as it is now. Raises DiskFailed when it is damaged."""
        return Ledger(Home.below(self.folder, source, destination, self._me()))

    @cached_property
    def runs(self) -> "Runs":
        """The runs of this host."""
        from ferryline.state.runs import Runs

        return Runs(self._database, self._clock)

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe of the last week saw, as it was given, or None."""
        return self._places.capabilities(endpoint)

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw."""
        self._places.remember(endpoint, capabilities)

    def mount(self, place: str) -> str | None:
        """The identity that a file location's root had in the last run, or None."""
        return self._places.mount(place)

    def remember_mount(self, place: str, seen: str) -> None:
        """Keep the identity of a file location's root."""
        self._places.remember_mount(place, seen)

    @cached_property
    def _places(self) -> "Places":
        from ferryline.state.places import Places

        return Places(self._database, self._clock)

    @cached_property
    def _database(self) -> "Database":
        if self._database_url is not None:
            from ferryline.state.server import ServerDatabase

            return ServerDatabase(self._database_url)
        from ferryline.state.database import FileDatabase

        return FileDatabase(self.folder / disk.DATABASE_NAME)

    def _me(self) -> Holder:
        begun = self.__dict__.get("runs")
        return holder(begun.latest_id if begun is not None else "", self._clock)


def open_state(folder: Path, clock: Clock, database_url: str | None = None) -> State:
    """Open the state in `folder`, which is made where it is missing; use it in a `with`.

    `database_url` names a PostgreSQL database for the small rows (`postgresql+psycopg://…`); without it
    they lie in the folder. Raises DiskFailed when the folder cannot be used or its database is damaged,
    BadUsage for a network file system, a foreign database, or what a newer version wrote.
    """
    disk.prepare(folder)
    if database_url is None:
        standing.check_file(folder / disk.DATABASE_NAME)
    return State(folder, clock, database_url)
