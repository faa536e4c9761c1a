"""What this host knows of places: what their endpoints honour, and which disk a folder lay on."""

from datetime import datetime, timedelta

import sqlalchemy as sql

from ferryline.clock import Clock
from ferryline.state.database import Database
from ferryline.state.schema import ENDPOINTS, MOUNTS

PROBED_FOR = timedelta(days=7)
"""How long a probe is believed: endpoints are upgraded."""


class Places:
    """Capabilities by endpoint, mount identities by place."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe of the last week saw, as it was given, or None."""
        with self._database.transaction() as connection:
            row = connection.execute(
                sql.select(ENDPOINTS.c.capabilities, ENDPOINTS.c.seen_at).where(
                    ENDPOINTS.c.endpoint == endpoint
                )
            ).first()
        if row is None or self._clock.now() - datetime.fromisoformat(row.seen_at) > PROBED_FOR:
            return None
        found: str = row.capabilities
        return found

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw."""
        values = {"capabilities": capabilities, "seen_at": self._clock.now().isoformat()}
        with self._database.transaction() as connection:
            changed = connection.execute(
                ENDPOINTS.update().where(ENDPOINTS.c.endpoint == endpoint).values(**values)
            )
            if not changed.rowcount:
                connection.execute(ENDPOINTS.insert().values(endpoint=endpoint, **values))

    def mount(self, place: str) -> str | None:
        """The identity that a folder had in the last run, or None."""
        with self._database.transaction() as connection:
            found: str | None = connection.execute(
                sql.select(MOUNTS.c.identity).where(MOUNTS.c.place == place)
            ).scalar()
        return found

    def remember_mount(self, place: str, identity: str) -> None:
        """Keep the identity of a folder; the same one again writes nothing."""
        if self.mount(place) == identity:
            return
        with self._database.transaction() as connection:
            connection.execute(MOUNTS.delete().where(MOUNTS.c.place == place))
            connection.execute(MOUNTS.insert().values(place=place, identity=identity))
