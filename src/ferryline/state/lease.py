"""One writer per destination among all hosts that share a database: a row with an end that is renewed.

`opening` takes it beside the host's own lock where the state is a database server. All times are the
server's, so that hosts with wrong clocks agree. A lease outlives a restart of the server, and whoever
cannot renew it stops believing in it long before anybody else may take it: so a lost connection makes a
run stop, never two runs write. A session's lock would be gone with the session, unnoticed.
"""

import contextlib
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

from ferryline import crash, errors
from ferryline.clock import Clock
from ferryline.state import host, identity
from ferryline.state.database import Database
from ferryline.state.lock import Holder

LEASE_SECONDS = 180
"""How long a lease counts after it was last renewed: a holder that died holds others up no longer."""

BELIEVED_SECONDS = 90
"""How long its holder believes in it without a renewal: requests under way must end before anybody else's
begin."""

RENEW_SECONDS = 20.0

LAST_RENEWAL_SECONDS = 45.0
"""How long a renewal under way is waited for when the run has ended; one that comes later finds no lease."""

_TAKE = (
    "INSERT INTO leases (place, token, host, pid, run_id, since, until_ms) "
    "VALUES (:place, :token, :host, :pid, :run_id, :since, "
    "extract(epoch FROM clock_timestamp()) * 1000 + :lease_ms) "
    "ON CONFLICT (place) DO UPDATE SET token = excluded.token, host = excluded.host, pid = excluded.pid, "
    "run_id = excluded.run_id, since = excluded.since, until_ms = excluded.until_ms "
    "WHERE leases.until_ms < extract(epoch FROM clock_timestamp()) * 1000 OR leases.token = :dead"
)
_LOOK = (
    "SELECT token, host, pid, run_id, since, until_ms - extract(epoch FROM clock_timestamp()) * 1000 "
    "FROM leases WHERE place = :place"
)
_RENEW = (
    "UPDATE leases SET until_ms = extract(epoch FROM clock_timestamp()) * 1000 + :lease_ms "
    "WHERE place = :place AND token = :token AND until_ms >= extract(epoch FROM clock_timestamp()) * 1000"
)
_GIVE_BACK = "DELETE FROM leases WHERE place = :place AND token = :token"


class Lease:
    """A lease that is ours. `check` before every write; `renew` is called by a thread of its own.

    That on a folder is this host's: hosts have folders of one name, and seldom the same one.
    """

    def __init__(self, database: Database, what: str, me: Holder, clock: Clock) -> None:
        self._database = database
        self._what = what
        self._me = me
        self._clock = clock
        self._place = identity.hash_of(me.host, what) if identity.is_file(what) else identity.hash_of(what)
        self._token = secrets.token_hex(16)
        self._until: tuple[float, datetime] = (0.0, clock.now())
        self._lost = ""

    def take(self) -> None:
        """Take it. Raises LockHeld at once, naming who has it, and EndpointFailed."""
        crash.point("lease.taking")
        if not self._taken(""):
            dead = self._dead()
            if not dead or not self._taken(dead):
                raise self._refusal()
        crash.point("lease.taken")

    def renew(self) -> None:
        """Renew it. Raises EndpointFailed where the database does not answer; the lease may still count."""
        begun = self._moment()
        with self._database.change() as change:
            renewed = change.execute(_RENEW, {**self._named, "lease_ms": LEASE_SECONDS * 1000})
        if renewed:
            self._until = begun
        else:
            self._lost = "another run took it, or somebody removed it"

    def check(self) -> None:
        """Raise LockHeld once it may no longer be ours."""
        monotonic, wall = self._until
        if not self._lost and (self._clock.monotonic() > monotonic or self._clock.now() > wall):
            self._lost = f"it could not be renewed for {BELIEVED_SECONDS} seconds"
        if self._lost:
            raise errors.LockHeld(
                f"the lease on {self._what} is no longer this run's: {self._lost}; nothing more was written",
                advice="see that the state's database can be reached, then run again",
                place=self._what,
                kind="lease-lost",
            )

    def give_back(self) -> None:
        """Give it back. Raises EndpointFailed; then it counts no longer when its time is over."""
        with self._database.change() as change:
            change.execute(_GIVE_BACK, self._named)

    @property
    def _named(self) -> dict[str, str]:
        return {"place": self._place, "token": self._token}

    def _moment(self) -> tuple[float, datetime]:
        """Until when to believe, by both clocks: one may stand still while a machine sleeps."""
        wall = self._clock.now() + timedelta(seconds=BELIEVED_SECONDS)
        return self._clock.monotonic() + BELIEVED_SECONDS, wall

    def _taken(self, dead: str) -> bool:
        begun = self._moment()
        mine = self._me
        values: dict[str, str | int | None] = {
            **self._named,
            "host": mine.host,
            "pid": mine.pid,
            "run_id": mine.run_id,
            "since": mine.since,
            "lease_ms": LEASE_SECONDS * 1000,
            "dead": dead,
        }
        with self._database.change() as change:
            taken = change.execute(_TAKE, values) == 1
        if taken:
            self._until = begun
        return taken

    def _dead(self) -> str:
        """The token of a holder that ran on this very host and has ended; empty where nobody knows that."""
        for token, where, pid, _, _, _ in self._database.rows(_LOOK, {"place": self._place}):
            if host.has_ended(str(where), int(pid)):
                return str(token)
        return ""

    def _refusal(self) -> errors.LockHeld:
        who, left = "another run", ""
        for _, where, pid, run_id, since, left_ms in self._database.rows(_LOOK, {"place": self._place}):
            who = str(Holder(int(pid), str(where), str(run_id), str(since)))
            left = f"; its lease ends in {max(0, int(left_ms)) // 1000} s unless it is renewed"
        return errors.LockHeld(
            f"another run holds {self._what}: {who}{left}",
            advice="wait until it has ended, or end it: a run that died gives way when its lease ends",
            place=self._what,
        )


@contextlib.contextmanager
def held(lease: Lease) -> Iterator[Lease]:
    """Hold a lease for a `with`, renewing it. Raises LockHeld, EndpointFailed."""
    lease.take()
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, over), name="lease", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        over.set()
        renewing.join(LAST_RENEWAL_SECONDS)
        # A connection may be lost at that very moment. What cannot be given back counts no longer when its
        # time is over, or when this process has ended.
        try:
            lease.give_back()
        except errors.RunStopped:
            with contextlib.suppress(errors.RunStopped):
                lease.give_back()


def _renew(lease: Lease, over: threading.Event) -> None:
    """Renew until it is over. A database that fails is asked again; `check` tells when to stop."""
    while not over.wait(RENEW_SECONDS):
        with contextlib.suppress(errors.RunStopped):
            lease.renew()
