"""A visit to one location: what it tells of itself and of the folders that datasets have there.

`online` visits every location at once. Nothing is written. What goes wrong is a remark, so that the rest
is still told; a location that does not answer in time is left.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ferryline import errors
from ferryline.model import exitcode, place, units
from ferryline.model.key import one_line, printable
from ferryline.model.remark import Level, Remark
from ferryline.model.span import Span
from ferryline.pipeline import ends
from ferryline.pipeline.dataset import DatasetTask, Replica
from ferryline.pipeline.ends import Opening
from ferryline.plan import promises
from ferryline.residency.decide import Role
from ferryline.snapshot import lock, publish
from ferryline.snapshot.lock import Lock
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.lifecycle import Rule
from ferryline.storage.location import Side
from ferryline.storage.premises import Greeting, Premises
from ferryline.storage.store import Pin
from ferryline.storage.wrap.stack import DressedStore

LIMIT_SECONDS = 45.0
"""How long a location may take: three attempts to connect, with the pauses between them."""

SKEW_SECONDS = 300.0
"""STS and other services refuse requests whose time is further off; S3 itself does at three times that."""

_REMEDIES = {
    "dns": "check the host in endpoint_url (on AWS the region), and this host's name service",
    "connection-refused": "start the server, or correct host and port of endpoint_url; firewalls refuse too",
    "connect-timeout": "nothing answers there: check endpoint_url (https to a server of http looks so "
    "too), the route, firewalls and VPC endpoints",
    "connection-lost": "something on the way closes connections: check proxies, and whether endpoint_url "
    "should be https",
    "stalled": "the endpoint takes requests and does not answer: look at it, and at proxies on the way",
    "malformed-answer": "what answers there is no S3 endpoint: check endpoint_url and proxies on the way",
}
"""What helps against failures to reach an endpoint, by their kind; others bring their own advice."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A folder of a dataset: its source, a replica, or where the snapshot files of all replicas lie."""

    dataset: str
    role: Role
    replica: str | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A subject with where it lies, and its task."""

    subject: Subject
    where: place.Location
    task: DatasetTask

    @property
    def side(self) -> Side:
        """What the folder would be opened for by a run."""
        return Side.SOURCE if self.subject.role is Role.SOURCE else Side.DESTINATION

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """The replicas whose head and lock lie here."""
        if self.subject.role is Role.METADATA:
            return self.task.replicas
        own = self.subject.role is Role.REPLICA
        return tuple(
            one
            for one in self.task.replicas
            if own and one.name == self.subject.replica and one.metadata is None
        )


@dataclass(slots=True)
class Visit:
    """What was found out about a location, filled while it is visited.

    `remarks` without a subject are about the location itself.
    """

    name: str
    folders: tuple[Folder, ...]
    remarks: list[tuple[Subject | None, Remark]] = field(default_factory=list)
    locks: dict[Subject, Lock] = field(default_factory=dict)
    devices: dict[Subject, int] = field(default_factory=dict)
    resolved: str | None = None
    versions: bool | None = None
    clock_ahead_seconds: float | None = None

    def say(self, remark: Remark, subject: Subject | None = None) -> None:
        """Keep a remark."""
        self.remarks.append((subject, remark))

    @contextlib.contextmanager
    def trying(self, about: str, subject: Subject | None = None) -> Iterator[None]:
        """Turn what goes wrong inside into a problem."""
        try:
            yield
        except errors.BrokenInvariant:
            raise
        except errors.FerrylineError as failure:
            self.say(problem(failure, about), subject)


def problem(failure: errors.FerrylineError, about: str, level: Level = Level.PROBLEM) -> Remark:
    """A failure as a remark, with what helps."""
    advice = _REMEDIES.get(failure.kind, failure.advice) if about == "reach" else failure.advice
    code = exitcode.of_error(failure) if level is Level.PROBLEM else 0
    return Remark(level, about, one_line(failure.message), one_line(advice), failure.kind, code)


async def visit(name: str, folders: tuple[Folder, ...], opening: Opening) -> Visit:
    """Look at a location and at these folders in it, for `LIMIT_SECONDS` at most."""
    seen = Visit(name, folders)
    async with contextlib.AsyncExitStack() as closing:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                with seen.trying("reach"):
                    stores = [
                        await ends.opened_store(one.where, one.side, opening, closing) for one in folders
                    ]
                    pairs = list(zip(folders, stores, strict=True))
                    if isinstance(folders[0].where, place.S3Location):
                        await _bucket(seen, pairs, opening)
                    else:
                        await asyncio.gather(*(_tree(seen, *one, opening) for one in pairs))
        except TimeoutError:
            slow = f"{folders[0].where.url} did not answer within {LIMIT_SECONDS:g} seconds"
            advice = "look at the endpoint or the mount, then check again"
            seen.say(Remark(Level.PROBLEM, "reach", slow, advice, "too-slow", exitcode.ENDPOINT))
    return seen


# -- buckets ------------------------------------------------------------------------------------


async def _bucket(seen: Visit, pairs: list[tuple[Folder, DressedStore]], opening: Opening) -> None:
    """A bucket that cannot be reached is told once, and nothing more is asked."""
    folder, store = pairs[0]
    if store.is_aws:
        seen.resolved = await store.resolve_region()
    greeting: Greeting | None = None
    try:
        greeting = await store.greet()
    except errors.CredentialsRefused as refusal:
        if refusal.kind != "access-refused":
            raise
        seen.say(problem(refusal, "list"), folder.subject)
    seen.say(Remark(Level.OK, "reach", "the endpoint answers, and the bucket is there"))
    if greeting is not None:
        _clock(seen, greeting)
    rules = (await asyncio.gather(_rules(seen, store), _versions(seen, pairs)))[0]
    await asyncio.gather(
        _folder(seen, folder, store, greeting, listed=True),
        *(_folder(seen, *one, None, listed=False) for one in pairs[1:]),
    )
    for one in seen.folders:
        _promises(seen, one, rules)


def _clock(seen: Visit, greeting: Greeting) -> None:
    ahead = seen.clock_ahead_seconds = greeting.clock_ahead_seconds
    if ahead is None:
        seen.say(Remark(Level.NOTE, "clock", "the endpoint does not tell its time"))
    elif abs(ahead) > SKEW_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        off = f"this host's clock is {units.show_seconds(abs(ahead))} {way} the endpoint's"
        seen.say(
            Remark(
                Level.WARNING,
                "clock",
                f"{off}: services such as STS refuse requests beyond 5 minutes, S3 beyond 15",
                "set this host's clock (NTP)",
                "clock-skew",
            )
        )
    else:
        seen.say(Remark(Level.OK, "clock", "this host's clock agrees with the endpoint's"))


async def _rules(seen: Visit, store: DressedStore) -> tuple[Rule, ...] | None:
    """The lifecycle rules; None where they are not known, which keeps no run from working.

    Nothing was promised of a bucket that only sources are in: there it is a note.
    """
    kept = any(one.subject.role is not Role.SOURCE for one in seen.folders)
    level = Level.WARNING if kept else Level.NOTE
    try:
        rules: tuple[Rule, ...] = await store.lifecycle()
    except errors.Unsupported:
        seen.say(Remark(Level.NOTE, promises.LIFECYCLE, "this endpoint has no lifecycle rules"))
        return None
    except errors.BrokenInvariant:
        raise
    except errors.FerrylineError as failure:
        known = problem(failure, promises.LIFECYCLE, level)
        said = f"whether lifecycle rules take something away here is not known: {known.message}"
        seen.say(replace(known, message=said))
        return None
    return rules


async def _versions(seen: Visit, pairs: list[tuple[Folder, DressedStore]]) -> None:
    """Whether the bucket keeps versions, asked of replicas. A run that may not see it goes on as if not."""
    asks = next((one for one in pairs if one[0].subject.role is Role.REPLICA), None)
    if asks is None:
        return
    try:
        seen.versions = await asks[1].versioning()
    except errors.BrokenInvariant:
        raise
    except errors.FerrylineError as failure:
        known = problem(failure, promises.VERSIONING, Level.WARNING)
        said = f"whether versions are kept is not known, and runs take it as if not: {known.message}"
        seen.say(replace(known, message=said))


async def _folder(
    seen: Visit, folder: Folder, store: DressedStore, greeting: Greeting | None, *, listed: bool
) -> None:
    subject = folder.subject
    with seen.trying("list", subject):
        if not listed:
            greeting = await store.greet()
    if greeting is not None:
        seen.say(Remark(Level.OK, "list", "may be listed"), subject)
        await _read(seen, subject, store, greeting.first_key)
    for replica in folder.replicas:
        await _shelf(seen, folder, replica, store)


async def _read(seen: Visit, subject: Subject, store: DressedStore, key: bytes | None) -> None:
    """Read one byte of some object: its permission is another than that to list, and so is its key's."""
    if key is None:
        said = "nothing lies there yet, so that permission to read was not tested"
        seen.say(Remark(Level.NOTE, "read", said), subject)
        return
    with seen.trying("read", subject):
        try:
            stat = await store.head(key)
            if stat is not None:
                some = Span(1, 0, 1) if stat.entry.size_bytes else None
                await store.read(key, Pin(stat.entry.token), some)
        except errors.ObjectArchived as cold:
            seen.say(problem(cold, "read", Level.WARNING), subject)
        except (errors.ObjectMissing, errors.ObjectChanged):
            seen.say(Remark(Level.NOTE, "read", f"{printable(key, 60)} changed while it was tried"), subject)
        else:
            seen.say(Remark(Level.OK, "read", f"may be read: {printable(key, 60)} was tried"), subject)


async def _shelf(seen: Visit, folder: Folder, replica: Replica, store: DressedStore) -> None:
    """Whose head lies there, and who holds the replica."""
    subject = Subject(folder.subject.dataset, Role.REPLICA, replica.name)
    shelf = Shelf(store) if replica.metadata is None else Shelf.in_metadata(store, replica.name)
    with seen.trying("head", subject):
        there = await publish.read_head(shelf)
        if there is None:
            seen.say(Remark(Level.NOTE, "head", "nothing is published here yet"), subject)
        else:
            publish.check_owner(there.head, folder.task.identity(replica), store.place)
            current = there.head.current
            said = f"the head is this dataset's; current is {current[:12] if current else 'nothing'}"
            seen.say(Remark(Level.OK, "head", said), subject)
    try:
        held = await lock.read(shelf)
    except (errors.DigestMismatch, errors.BadUsage) as damage:
        seen.say(problem(damage, "lock", Level.WARNING), subject)
        return
    except errors.BrokenInvariant:
        raise
    except errors.FerrylineError as failure:
        seen.say(problem(failure, "lock"), subject)
        return
    if held is not None:
        seen.locks[subject] = held.lock


def _promises(seen: Visit, folder: Folder, rules: tuple[Rule, ...] | None) -> None:
    """What versioning and lifecycle rules mean for a folder."""
    where, subject, task = folder.where, folder.subject, folder.task
    if not isinstance(where, place.S3Location):
        return
    ground = promises.Ground(where.prefix, seen.versions, task.keep)
    if subject.role is Role.REPLICA:
        told = promises.of_versioning(ground)
        if told is not None:
            seen.say(told, subject)
    if rules is None:
        return
    if subject.role is Role.REPLICA:
        found = promises.of_replica(rules, ground)
    elif subject.role is Role.METADATA:
        found = promises.of_metadata(rules, ground)
    else:
        found = promises.of_source(rules, ground, task.options.preserve_deleted_files)
    for one in found:
        seen.say(one, subject)


# -- folders of a file system -------------------------------------------------------------------


async def _tree(seen: Visit, folder: Folder, store: DressedStore, opening: Opening) -> None:
    subject = folder.subject
    look = getattr(store, "premises", None)
    if look is not None:
        with seen.trying("folder", subject):
            there: Premises = await look()
            seen.devices[subject] = there.device
            source = subject.role is Role.SOURCE
            found = _of_source(there, folder.where, opening) if source else _of_destination(there)
            for one in found:
                seen.say(one, subject)
            if not there.exists or not there.is_folder:
                return
    for replica in folder.replicas:
        await _shelf(seen, folder, replica, store)


def _of_source(there: Premises, where: place.Location, opening: Opening) -> Iterator[Remark]:
    if not there.exists or not there.is_folder:
        what = f"{where.url} is not a folder" if there.exists else f"{where.url} does not exist"
        advice = "mount it, or correct the path; a missing folder is never taken for an empty one"
        yield Remark(Level.PROBLEM, "folder", what, advice, "disk", exitcode.ENDPOINT)
        return
    if not there.readable:
        advice = "give this user the permission to list and read it"
        what = f"{where.url} may not be read"
        yield Remark(Level.PROBLEM, "folder", what, advice, "access-refused", exitcode.CREDENTIALS)
        return
    yield Remark(Level.OK, "folder", "the folder is there and may be read")
    before = opening.memory.mount(where.identity)
    if before is None:
        yield Remark(Level.NOTE, "mount", f"it is on {there.identity}; no run from this host remembers it")
    elif before == there.identity:
        yield Remark(Level.OK, "mount", "it is on the same file system as in the last run")
    else:
        yield Remark(
            Level.PROBLEM,
            "mount",
            f"it is not what it was in the last run: it was {before} and is {there.identity}",
            "mount the disk again; if the new one is meant, run once with --accept-new-mount",
            "mount-changed",
            exitcode.ENDPOINT,
        )


def _of_destination(there: Premises) -> Iterator[Remark]:
    if not there.is_folder:
        what = f"{there.nearest} is not a folder"
        yield Remark(Level.PROBLEM, "folder", what, "name a folder", "disk", exitcode.ENDPOINT)
        return
    if not there.writable:
        what = f"{there.nearest} may not be written to"
        advice = "give this user the permission to write there, or mount it writable"
        yield Remark(Level.PROBLEM, "folder", what, advice, "access-refused", exitcode.CREDENTIALS)
    elif there.exists:
        yield Remark(Level.OK, "folder", "the folder is there and may be written to")
    else:
        said = f"the folder is not there yet; the first run makes it below {there.nearest}"
        yield Remark(Level.NOTE, "folder", said, "if a disk should be mounted there, mount it first")
    free = f"{units.show_bytes(there.free_bytes)} are free"
    if there.free_bytes:
        yield Remark(Level.NOTE, "space", free)
    else:
        yield Remark(Level.WARNING, "space", free, "free space there: the next write fails")
    said = "a file system keeps no versions: only the newest snapshot is readable"
    yield Remark(Level.NOTE, promises.VERSIONING, said)
