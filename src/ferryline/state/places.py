"""What this host knows of places: what their endpoints were seen to honour, and which disk a folder lay on.

`opening` offers it through `State`. What a probe saw is text that `storage.capabilities` wrote and reads
(the endpoint's Server header is in it); here it is only kept, with the time it was seen.
"""

from datetime import UTC, datetime, timedelta

from ferryline.clock import Clock
from ferryline.state import identity
from ferryline.state.database import Database

PROBED_FOR = timedelta(days=7)
"""How long a probe is believed: endpoints are upgraded, and some keep their Server header."""


_SEEN = "SELECT seen_at, capabilities FROM endpoints WHERE endpoint = :name"
_SEE = (
    "INSERT INTO endpoints (endpoint, seen_at, capabilities) VALUES (:name, :seen_at, :capabilities) "
    "ON CONFLICT (endpoint) DO UPDATE SET seen_at = excluded.seen_at, capabilities = excluded.capabilities"
)
_MOUNTED = "SELECT identity FROM mounts WHERE place = :name"
_MOUNT = (
    "INSERT INTO mounts (place, identity) VALUES (:name, :identity) "
    "ON CONFLICT (place) DO UPDATE SET identity = excluded.identity"
)
"""One statement, so that two hosts which see a place for the first time at once do not collide; nor does one
that says again what it could not know to be there."""


class Places:
    """Capabilities by endpoint, mount identities by place."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe of the last week saw, as it was given, or None; one from the future is none."""
        for seen_at, capabilities in self._database.rows(_SEEN, {"name": identity.storable(endpoint)}):
            age = self._clock.now() - datetime.fromisoformat(seen_at)
            if timedelta(0) <= age <= PROBED_FOR:
                return str(capabilities)
        return None

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw, in place of what an earlier one did."""
        name = identity.storable(endpoint)
        with self._database.change() as change:
            change.execute(_SEE, {"name": name, "seen_at": self._now(), "capabilities": capabilities})

    def mount(self, place: str) -> str | None:
        """The identity that a file location's root had in the last run, or None."""
        for (seen,) in self._database.rows(_MOUNTED, {"name": identity.storable(place)}):
            return str(seen)
        return None

    def remember_mount(self, place: str, seen: str) -> None:
        """Keep the identity of a file location's root; the same one again writes nothing."""
        if self.mount(place) == seen:
            return
        name = identity.storable(place)
        with self._database.change() as change:
            change.execute(_MOUNT, {"name": name, "identity": seen})

    def _now(self) -> str:
        return self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
