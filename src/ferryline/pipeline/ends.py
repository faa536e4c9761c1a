"""Both ends of a task, opened, dressed and identified: the one place where a run meets real stores.

`copying`, `planning` and `verifying` open them here and get them closed here. It also says what is
known of an endpoint, and refuses a file source whose mount is no longer the one of the last run.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from ferryline import errors
from ferryline.listing import spill, walk
from ferryline.model import event, place
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.pipeline.metering import Meter
from ferryline.pipeline.task import Surroundings, Task
from ferryline.storage import capabilities, location
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Lists, Store
from ferryline.storage.wrap import limit, pace, retry, stack
from ferryline.storage.wrap.stack import DressedStore


class Memory(Protocol):
    """What this host remembers of places, as `state` keeps it."""

    def capabilities(self, endpoint: str) -> str | None:
        """What a probe saw, as text, or None."""
        ...

    def remember(self, endpoint: str, capabilities: str) -> None:
        """Keep what a probe saw."""
        ...

    def mount(self, place: str) -> str | None:
        """The identity that a file location's root had in the last run, or None."""
        ...

    def remember_mount(self, place: str, identity: str) -> None:
        """Keep the identity of a file location's root."""
        ...


@runtime_checkable
class Learns(Protocol):
    """A store that uses what a probe found out."""

    def learn(self, capabilities: Capabilities) -> None:
        """Use it from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends, dressed in retry, limit, pace and trace.

    The `…_listing` of an end is the end itself, or the end sorted where it lists out of order.
    """

    source: DressedStore
    destination: DressedStore
    source_listing: Lists
    destination_listing: Lists
    source_endpoint: str
    destination_endpoint: str
    admitted: set[tuple[str, str]] = field(default_factory=set, compare=False)
    """Where this run saw that a customer key is taken, by endpoint and place: one trial is enough."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opening needs beside the task. `unordered` names places that were seen to list out of order.

    `meter` counts what every store asks, for the replica that it is opened for, if for any alone.
    """

    around: Surroundings
    harness: stack.Harness
    memory: Memory
    spill_folder: Path
    unordered: frozenset[str] = frozenset()
    meter: Meter | None = None
    replica: str = ""


@contextlib.asynccontextmanager
async def opened(task: Task, opening: Opening) -> AsyncGenerator[Ends, None]:
    """Open both ends of a task with one destination; both are closed on the way out.

    Raises GuardRefused where an endpoint names a region that the rules of a dataset forbid.
    """
    destination = task.destinations[0]
    async with contextlib.AsyncExitStack() as closing:
        source = await opened_store(task.source, location.Side.SOURCE, opening, closing)
        dressed = await opened_store(destination, location.Side.DESTINATION, opening, closing)
        if task.borders:
            regions = await _region_of(source), await _region_of(dressed)
            for border in task.borders:
                border.check(*regions)
        yield joined(source, dressed, opening, endpoint_of(task.source), endpoint_of(destination))


async def _region_of(store: DressedStore) -> str | None:
    """The region that the endpoint itself names, where it can."""
    if not getattr(store, "is_aws", False):
        return None
    named: str = await store.resolve_region()
    return named


def joined(
    source: DressedStore,
    destination: DressedStore,
    opening: Opening,
    source_endpoint: str,
    destination_endpoint: str,
) -> Ends:
    """Two open stores as the ends of a run, each sorted where it lists out of order."""
    listings = in_order(source, opening), in_order(destination, opening)
    return Ends(source, destination, *listings, source_endpoint, destination_endpoint)


async def opened_store(
    where: place.Location, side: location.Side, opening: Opening, closing: contextlib.AsyncExitStack
) -> DressedStore:
    """A store, dressed, with what is remembered of its endpoint; `closing` closes it."""
    around, emit = opening.around, opening.harness.emit
    trace = emit if opening.meter is None else opening.meter.ear(where, opening.replica, emit)
    context = location.OpenContext(
        clock=around.clock, chance=around.chance, resolve=around.resolve, trace=trace
    )
    store = await location.open_store(where, context, side)
    closing.push_async_callback(store.close)
    endpoint = endpoint_of(where)
    _recall(store, endpoint, opening.memory)
    return stack.dress(store, endpoint, opening.harness)


def harness(
    around: Surroundings, emit: Callable[[event.Event], None], paced: pace.Pace | None = None
) -> stack.Harness:
    """What all stores of one run share: windows, patience and bandwidth."""
    pressure = around.pressure
    return stack.Harness(
        clock=around.clock,
        chance=around.chance,
        emit=emit,
        windows=limit.Windows(pressure.connections, emit),
        patience=retry.Patience(
            attempts=pressure.retry_attempts,
            throttle_patience_seconds=pressure.throttle_patience_seconds,
        ),
        pace=paced,
    )


def _recall(store: Store, endpoint: str, memory: Memory) -> None:
    if isinstance(store, Learns) and store.capabilities.provider != "aws":
        told = memory.capabilities(endpoint)
        known = capabilities.parse(told) if told is not None else None
        if known is not None:
            store.learn(known)


def in_order(store: DressedStore, opening: Opening) -> Lists:
    """The store itself, or the store sorted where it lists out of order."""
    if store.capabilities.ordered and store.place not in opening.unordered:
        return store
    return spill.Sorted(store, opening.spill_folder)


def listed(store: DressedStore, opening: Opening, keys: KeyRange) -> AsyncGenerator[Page, None]:
    """The checked listing of one range of one store; close it where it is not read to its end."""
    return walk.checked(in_order(store, opening), keys)


def endpoint_of(where: place.Location) -> str:
    """What capabilities are kept by: the endpoint and the bucket, because encryption is a bucket's, or a
    location's that has a customer key."""
    if isinstance(where, place.S3Location):
        under_key = " (SSE-C)" if has_customer_key(where) else ""
        return f"{where.access.endpoint_url or 'aws'}|{where.bucket}{under_key}"
    return where.url


def has_customer_key(where: object) -> bool:
    """Whether what is read and written there is under a customer key (SSE-C)."""
    return isinstance(where, place.S3Location) and where.access.sse_customer_key is not None


async def check_mount(store: DressedStore, task: Task, memory: Memory) -> str | None:
    """The identity of a file source's root, None for others. Raises DiskFailed when it is another one now.

    An unmounted disk leaves an empty folder behind, and an empty folder must never read as "everything
    was deleted".
    """
    where = task.source
    # By asking for the verb: from Python 3.12 on, protocols do not see what a wrapper passes on.
    ask = getattr(store, "identity", None)
    if not isinstance(where, place.FileLocation) or ask is None:
        return None
    now = str(await ask())
    before = memory.mount(where.identity)
    if before is not None and before != now and not task.accept_new_mount:
        raise errors.DiskFailed(
            f"{where.url} is not what it was in the last run: it was {before} and is {now}",
            advice="mount the disk again; if the new one is meant, run once with --accept-new-mount",
            place=where.url,
            kind="mount-changed",
        )
    return now
