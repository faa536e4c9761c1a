"""The lock of a replica: one small document that says who is writing there, and until when.

`pipeline` takes it just before the first write of a run and gives it back afterwards; `unlock` shows
and breaks it. Where the endpoint compares before it writes, two holders are impossible; elsewhere it
is a note to people and to other hosts, and the head's epoch decides.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, cast

from ferryline import crash, errors
from ferryline.clock import Clock
from ferryline.snapshot import document
from ferryline.snapshot.document import Origin
from ferryline.snapshot.shelf import Found, Shelf
from ferryline.storage.store import ALWAYS, Condition, Deletes

SCHEMA = "ferryline.lock/1"

LEASE_SECONDS = 180.0
"""How long a lock counts after it was last renewed: a holder that died holds others up no longer."""

BELIEVED_SECONDS = 90.0
"""How long its holder believes in it without a renewal: requests under way must end, and clocks may differ,
before anybody else's begin."""

RENEW_SECONDS = 30.0

LOOK_SECONDS = 1.0
"""How old a look at the lock may be when something is about to be removed for good."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Who writes: `holder` for people, host and process for whoever asks whether it is still alive. After
    `until` it no longer counts."""

    holder: str
    host: str
    process: int
    run_id: str
    epoch: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """A lock as it was read."""

    lock: Lock
    found: Found


@dataclass(slots=True)
class Held:
    """A lock that is ours; `lost` says why it no longer is."""

    shelf: Shelf
    seen: Seen
    believed: tuple[float, datetime]
    """Until when to believe in it, by both clocks: one may stand still while a machine sleeps, the other may
    be set back."""
    lost: str = ""
    renewing: asyncio.Task[None] | None = field(default=None, repr=False)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    looked_at: float | None = None

    def check(self, clock: Clock) -> None:
        """Raise `LockHeld` (kind `fenced`) once the lock is no longer ours, or was not renewed in time: a
        process that slept through its lease finds that out before it writes again."""
        monotonic, wall = self.believed
        if not self.lost and (clock.monotonic() > monotonic or clock.now() > wall):
            self.lost = "it was not renewed in time"
        if self.lost:
            raise errors.LockHeld(
                f"the lock in {self.shelf.store.place} is no longer this run's: {self.lost}",
                advice="nothing more is written; run again once the other run has ended",
                place=self.shelf.store.place,
                kind="fenced",
            )

    async def confirm(self, clock: Clock) -> None:
        """The same, and look at the lock itself, unless somebody just did: a person, or a run that took this
        one for dead, may have removed it long before it would be renewed. Asked before every delete.

        An endpoint that does not answer is no reason to go on.
        """
        self.check(clock)
        async with self.looking:
            if self.looked_at is not None and clock.monotonic() - self.looked_at < LOOK_SECONDS:
                return
            there = await read(self.shelf)
            self.looked_at = clock.monotonic()
            if there is None or there.lock.run_id != self.seen.lock.run_id:
                self.lost = self.lost or _taken(there)
        self.check(clock)


def _moment(clock: Clock) -> tuple[float, datetime]:
    return clock.monotonic() + BELIEVED_SECONDS, clock.now() + timedelta(seconds=BELIEVED_SECONDS)


def _taken(there: Seen | None) -> str:
    return f"{there.lock.holder} took it" if there is not None else "somebody removed it"


def lock_key(shelf: Shelf) -> bytes:
    """The lock's key."""
    return shelf.folder + b"lock.json"


async def read(shelf: Shelf) -> Seen | None:
    """The lock that lies there, whether it still counts or not; None where there is none."""
    key = lock_key(shelf)
    found = await shelf.get(key)
    if found is None:
        return None
    fields = document.unseal(found.body, SCHEMA, Origin(key, shelf.store.place))
    try:
        lock = Lock(
            str(fields["holder"]),
            str(fields["host"]),
            int(fields["process"]),
            str(fields["run_id"]),
            int(fields["epoch"]),
            datetime.fromisoformat(fields["since"]),
            datetime.fromisoformat(fields["until"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise document.altered(Origin(key, shelf.store.place), f"{type(error).__name__}: {error}") from error
    return Seen(lock, found)


@asynccontextmanager
async def held(
    shelf: Shelf, wanted: Lock, clock: Clock, is_gone: Callable[[Lock], bool]
) -> AsyncGenerator[Held, None]:
    """Hold the lock for a `with`, renewing it. `wanted.until` is set here.

    Raises `LockHeld`, naming the holder, while another run's lock counts and `is_gone` does not know
    that its process has died.
    """
    mine = await _take(shelf, wanted, clock, is_gone)
    mine.renewing = asyncio.create_task(_renewing(mine, clock))
    try:
        yield mine
    finally:
        mine.renewing.cancel()
        await asyncio.gather(mine.renewing, return_exceptions=True)
        if not mine.lost:
            # What cannot be removed now counts no longer when its lease ends; the next run removes it.
            with suppress(errors.ObjectFailed, errors.RetryLater):
                await _give_back(mine)


async def _take(shelf: Shelf, wanted: Lock, clock: Clock, is_gone: Callable[[Lock], bool]) -> Held:
    there = await read(shelf)
    now, believed = clock.now(), _moment(clock)
    if there is not None and there.lock.until > now and not is_gone(there.lock):
        other = there.lock
        raise errors.LockHeld(
            f"{other.holder} holds {shelf.store.place} since {other.since:%Y-%m-%d %H:%M:%S} UTC "
            f"(run {other.run_id}); its lock counts until {other.until:%H:%M:%S} unless it is renewed",
            advice="wait for it; where that process is surely gone: ferryline unlock",
            place=shelf.store.place,
        )
    lock = replace(wanted, since=now, until=now + timedelta(seconds=LEASE_SECONDS))
    crash.point("replica_lock.taking")
    etag = await _put(shelf, lock, there)
    crash.point("replica_lock.taken")
    return Held(shelf, Seen(lock, etag), believed)


async def _put(shelf: Shelf, lock: Lock, there: Seen | None) -> Found:
    body = to_bytes(lock)
    able = shelf.store.capabilities
    condition = ALWAYS
    if there is None and able.write_if_none_match.honoured:
        condition = Condition(absent=True)
    elif there is not None and there.found.etag is not None and able.write_if_match.honoured:
        condition = Condition(etag=there.found.etag)
    try:
        await shelf.put(lock_key(shelf), body, condition)
    except errors.DestinationChanged:
        found = await shelf.get(lock_key(shelf))
        if found is None or found.body != body:  # else it was ours, and its answer was lost
            raise errors.LockHeld(
                f"another run took the lock in {shelf.store.place} first",
                advice="wait for it to end, then run again",
                place=shelf.store.place,
            ) from None
        return found
    found = await shelf.get(lock_key(shelf))
    if found is None or found.body != body:
        raise errors.LockHeld(
            f"another run took the lock in {shelf.store.place} at the same moment",
            advice="wait for it to end, then run again",
            place=shelf.store.place,
        )
    return found


async def _renewing(mine: Held, clock: Clock) -> None:
    """Renew until cancelled. An endpoint that fails now and then is asked again until the lease ends."""
    while not mine.lost:
        await clock.sleep(RENEW_SECONDS)
        now, believed = clock.now(), _moment(clock)
        if now > mine.seen.lock.until:
            mine.lost = "it was not renewed in time"
            return
        renewed = replace(mine.seen.lock, until=now + timedelta(seconds=LEASE_SECONDS))
        try:
            there = await read(mine.shelf)
            if there is None or there.lock.run_id != mine.seen.lock.run_id:
                mine.lost = _taken(there)
                return
            mine.seen = Seen(renewed, await _put(mine.shelf, renewed, there))
            mine.believed = believed
        except errors.LockHeld as refusal:
            mine.lost = refusal.message
        except errors.FerrylineError:
            continue


async def _give_back(mine: Held) -> None:
    there = await read(mine.shelf)
    if there is not None and there.lock.run_id == mine.seen.lock.run_id:
        await remove(mine.shelf)


async def remove(shelf: Shelf) -> None:
    """Remove the lock, whoever holds it. On a versioned bucket its versions go too."""
    store = shelf.store
    key = lock_key(shelf)
    if getattr(store, "versions", None) is None:
        await cast("Deletes", store).delete(key)
        return
    keeping = cast("_KeepsVersions", store)
    try:
        versions = await keeping.versions(key)
    except (errors.Unsupported, errors.AccessRefused, errors.CredentialsRefused):
        versions = ()  # it keeps none, or does not show them to us
    erased = False
    for found, version_id in versions:
        if found == key and version_id != "null":
            try:
                await keeping.delete_version(key, version_id)
            except errors.AccessRefused:
                erased = False  # then it goes behind a marker
                break
            erased = True
    if not erased:
        await cast("Deletes", store).delete(key)


class _KeepsVersions(Protocol):
    """A store that may keep versions of one small document."""

    async def versions(self, prefix: bytes) -> tuple[tuple[bytes, str], ...]:
        """Keys and version ids below the prefix."""
        ...

    async def delete_version(self, key: bytes, version_id: str) -> None:
        """Remove one, for good."""
        ...


def to_bytes(lock: Lock) -> bytes:
    """The lock as a document for people and machines."""
    fields = {
        "holder": lock.holder,
        "host": lock.host,
        "process": lock.process,
        "run_id": lock.run_id,
        "epoch": lock.epoch,
        "since": lock.since.isoformat(),
        "until": lock.until.isoformat(),
    }
    return document.seal(SCHEMA, fields, indent=1)
