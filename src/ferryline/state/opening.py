"""The state folder, opened: the one value through which other rooms remember."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from ferryline.clock import Clock
from ferryline.state import disk, lock
from ferryline.state.database import Database, sqlite_url
from ferryline.state.ledger import Ledger
from ferryline.state.places import Places
from ferryline.state.runs import Runs


class State:
    """What this host remembers. Made by `open_state`."""

    def __init__(self, folder: Path, database: Database, clock: Clock) -> None:
        self.folder = folder
        self.runs = Runs(database, clock)
        self._places = Places(database, clock)
        self._clock = clock

    def lock(self, destination: str) -> AbstractContextManager[None]:
        """Hold a destination on this host. Raises LockHeld."""
        return lock.held(self.folder / "locks" / _name(destination), destination, self._clock)

    def ledger(self, source: str, destination: str) -> Ledger:
        """What was proven between two places, as it is now."""
        folder = self.folder / "ledgers" / _name(source, destination)
        identity = folder / "identity.json"
        with disk.failing(folder):
            if not identity.exists():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                disk.replace(
                    identity, json.dumps({"source": source, "destination": destination}, indent=1).encode()
                )
        return Ledger(folder)

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe of the last week saw, or None."""
        return self._places.capabilities(endpoint)

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw."""
        self._places.remember(endpoint, capabilities)

    def mount(self, place: str) -> str | None:
        """The identity that a folder had in the last run, or None."""
        return self._places.mount(place)

    def remember_mount(self, place: str, identity: str) -> None:
        """Keep the identity of a folder."""
        self._places.remember_mount(place, identity)


@contextlib.contextmanager
def open_state(folder: Path, clock: Clock) -> Iterator[State]:
    """Open the state folder, making it where it is missing.

    Raises DiskFailed when it cannot be used or its database is damaged, BadUsage for a network file
    system or a database of a newer version.
    """
    disk.prepare(folder)
    path = folder / "ferryline.db"
    database = Database(sqlite_url(path), str(path))
    try:
        database.upgrade()
        with disk.failing(path):
            path.chmod(0o600)
        yield State(folder, database, clock)
    finally:
        database.close()


def _name(*identities: str) -> str:
    return hashlib.blake2b(
        "\0".join(identities).encode("utf-8", "surrogateescape"), digest_size=12
    ).hexdigest()
