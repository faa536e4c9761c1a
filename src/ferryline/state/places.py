"""What this host knows of places: what their endpoints were seen to honour, and which disk a folder lay on.

`opening` offers it through `State`. What a probe saw is text that `storage.capabilities` wrote and reads
(the endpoint's Server header is in it); here it is only kept, with the time it was seen.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sql

from ferryline.clock import Clock
from ferryline.state import identity
from ferryline.state.database import Database
from ferryline.state.schema import ENDPOINTS, MOUNTS

PROBED_FOR = timedelta(days=7)
"""How long a probe is believed: endpoints are upgraded, and some keep their Server header."""


class Places:
    """Capabilities by endpoint, mount identities by place."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe of the last week saw, as it was given, or None; one from the future is none."""
        question = sql.select(ENDPOINTS.c.seen_at, ENDPOINTS.c.capabilities)
        name = identity.storable(endpoint)
        for row in self._database.rows(question.where(ENDPOINTS.c.endpoint == name)):
            age = self._clock.now() - datetime.fromisoformat(row.seen_at)
            if timedelta(0) <= age <= PROBED_FOR:
                return str(row.capabilities)
        return None

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw, in place of what an earlier one did."""
        name = identity.storable(endpoint)
        with self._database.change() as connection:
            connection.execute(ENDPOINTS.delete().where(ENDPOINTS.c.endpoint == name))
            connection.execute(
                ENDPOINTS.insert().values(endpoint=name, seen_at=self._now(), capabilities=capabilities)
            )

    def mount(self, place: str) -> str | None:
        """The identity that a file location's root had in the last run, or None."""
        question = sql.select(MOUNTS.c.identity).where(MOUNTS.c.place == identity.storable(place))
        for row in self._database.rows(question):
            return str(row.identity)
        return None

    def remember_mount(self, place: str, seen: str) -> None:
        """Keep the identity of a file location's root; the same one again writes nothing."""
        if self.mount(place) == seen:
            return
        name = identity.storable(place)
        with self._database.change() as connection:
            connection.execute(MOUNTS.delete().where(MOUNTS.c.place == name))
            connection.execute(MOUNTS.insert().values(place=name, identity=seen))

    def _now(self) -> str:
        return self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
