"""The state folder, opened: the one value through which other rooms remember.

With a database server the runs, what endpoints honour and the leases are shared by all hosts that name it;
ledgers, and what speaks of them, of this host's disks or of servers on it, stay in the folder. What costs
time to load (SQLAlchemy, for PostgreSQL only) is loaded when it is first needed, and nothing is written
before there is something to remember: looking makes an empty folder at most.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ferryline.clock import Clock
from ferryline.model.hold import StillOurs, always_ours
from ferryline.state import disk, identity, standing
from ferryline.state.home import Home
from ferryline.state.ledger import Ledger
from ferryline.state.lock import Holder, held, holder

if TYPE_CHECKING:
    from ferryline.state.database import Database
    from ferryline.state.places import Places
    from ferryline.state.runs import Runs


SQLITE = "sqlite:///"


class State:
    """What this host remembers. Made by `open_state`; a `with` ends its use, nothing stays open."""

    def __init__(
        self, folder: Path, clock: Clock, name: str = disk.DATABASE_NAME, shared: "Database | None" = None
    ) -> None:
        self.folder = folder
        self._clock = clock
        self._name = name
        self._shared = shared

    def __enter__(self) -> "State":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back: files and connections are opened for one use each."""

    def keeps_one_writer(self, destination: str) -> bool:
        """Whether one writer is kept at a destination among all hosts that share the state."""
        return self._shared is not None and not identity.is_file(destination)

    @contextlib.contextmanager
    def lock(self, destination: str) -> Iterator[StillOurs]:
        """Hold a destination for a `with`: on this host, and among all that share the database.

        A folder is another one on every host, so there the lease keeps this host's runs apart only. What it
        gives is to be called before every write: it raises LockHeld once the lock is lost. Raises LockHeld
        at once, naming who has it.
        """
        me = self._me()
        with self.lock_on_host(destination):
            if self._shared is None:
                yield always_ours  # the lock of this host goes with the process and with nothing else
                return
            from ferryline.state import lease

            with lease.held(lease.Lease(self._shared, destination, me, self._clock)) as mine:
                yield mine.check

    def lock_on_host(self, destination: str) -> AbstractContextManager[None]:
        """The same on this host only, for whoever changes nothing but the ledger. Raises LockHeld."""
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
        return self._endpoints(endpoint).capabilities(endpoint)

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw."""
        self._endpoints(endpoint).remember(endpoint, capabilities)

    def mount(self, place: str) -> str | None:
        """The identity that a file location's root had in the last run, or None."""
        return self._own.mount(place)

    def remember_mount(self, place: str, seen: str) -> None:
        """Keep the identity of a file location's root."""
        self._own.remember_mount(place, seen)

    def _endpoints(self, endpoint: str) -> "Places":
        """Where an endpoint is remembered. At a loopback address another server answers on every host."""
        return self._own if identity.is_loopback(endpoint) else self._common

    @cached_property
    def _common(self) -> "Places":
        from ferryline.state.places import Places

        return Places(self._database, self._clock)

    @cached_property
    def _own(self) -> "Places":
        """This host's own disks and servers, and what the ledgers in its folder agree with: never shared."""
        from ferryline.state.places import Places

        return Places(self._file, self._clock)

    @cached_property
    def _database(self) -> "Database":
        return self._shared if self._shared is not None else self._file

    @cached_property
    def _file(self) -> "Database":
        from ferryline.state.database import FileDatabase

        return FileDatabase(self.folder / self._name)

    def _me(self) -> Holder:
        begun = self.__dict__.get("runs")
        return holder(begun.latest_id if begun is not None else "", self._clock)


def open_state(folder: Path, clock: Clock, database_url: str | None = None) -> State:
    """Open the state in `folder`, which is made where it is missing; use it in a `with`.

    `database_url` names a PostgreSQL database for what hosts share (`postgresql+psycopg://…`), or another
    file in the folder for all small rows (`sqlite:////path`); without it they lie in `ferryline.db`. Raises
    DiskFailed when the folder cannot be used or its database is damaged, EndpointFailed for a server that
    cannot be reached, BadUsage for a network file system, a foreign database, or what a newer version wrote.
    """
    disk.prepare(folder)
    name = disk.DATABASE_NAME
    shared = None
    if database_url is not None and database_url.startswith(SQLITE):
        name = database_url.removeprefix(SQLITE)
    elif database_url is not None:
        from ferryline.state.server import ServerDatabase

        shared = ServerDatabase(database_url)
        shared.greet()
    standing.check_file(folder / name)
    return State(folder, clock, name, shared)
