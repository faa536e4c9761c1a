"""The only door that opens backends: a location becomes a store.

Called by `pipeline` and by the commands that look at one place. It chooses the backend by the
location's type, imports it when it is first needed, and does nothing else: no wrapper (that is
`storage.wrap.stack`), no probe, no network beyond what a backend's own opening does.

A backend of somebody else's takes part by `register(TheirLocation, their_opener)`.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ferryline import errors
from ferryline.clock import Clock, SystemClock
from ferryline.model import event
from ferryline.model.place import FileLocation, MemoryLocation, S3Location
from ferryline.storage.store import Store


class Side(StrEnum):
    """What a location is opened for. It matters where a folder may not be there yet."""

    SOURCE = "source"
    """Must exist: a missing root is an unmounted disk or a mistake, never an empty listing."""
    DESTINATION = "destination"
    """May be missing: it has no keys, and the first write makes it."""


def _nothing_resolved(text: str) -> str:
    raise errors.BadLocation(
        f"nothing was given to resolve {text!r} with", advice="pass OpenContext a resolve function"
    )


@dataclass(frozen=True, slots=True)
class OpenContext:
    """What openers need beside the location."""

    clock: Clock = field(default_factory=SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    resolve: Callable[[str], str] = _nothing_resolved
    """Turns `${env:NAME}` texts of a location into their values (S3). Called when first used."""
    trace: Callable[[event.RequestMade], None] | None = None
    """Told of every request attempt (S3)."""
    s3_settings: Any = None
    """A `storage.s3` settings value; None for its defaults."""
    file_threads: int = 16
    """Threads for blocking calls, per opened file location."""


Opener = Callable[[Any, OpenContext, Side], Awaitable[Store]]
"""Opens one type of location. The caller closes the store."""


async def _open_s3(location: S3Location, context: OpenContext, _: Side) -> Store:
    from ferryline.storage import s3

    return await s3.open_store(
        location,
        resolve=context.resolve,
        trace=context.trace,
        clock=context.clock,
        settings=context.s3_settings or s3.S3Settings(),
    )


async def _open_file(location: FileLocation, context: OpenContext, side: Side) -> Store:
    from ferryline.storage import file

    missing = file.MissingRoot.REFUSED if side is Side.SOURCE else file.MissingRoot.EMPTY
    setting = file.Setting(missing, context.clock, context.chance, context.file_threads)
    return file.FileStore(location.root, setting)


async def _open_memory(location: MemoryLocation, context: OpenContext, _: Side) -> Store:
    from ferryline.storage import memory

    return memory.MemoryStore(memory.bucket(location.label), context.clock)


_openers: dict[type, Opener] = {
    S3Location: _open_s3,
    FileLocation: _open_file,
    MemoryLocation: _open_memory,
}


def register(location_type: type, opener: Opener) -> None:
    """Let `open_store` open locations of `location_type` with `opener`; the last registration counts."""
    _openers[location_type] = opener


async def open_store(location: Any, context: OpenContext, side: Side = Side.SOURCE) -> Store:
    """Open a bare store on `location`; the caller closes it.

    Raises BadLocation where no backend is registered for the location's type, and whatever the
    backend's own opening raises (CredentialsRefused, EndpointFailed).
    """
    opener = _openers.get(type(location))
    if opener is None:
        raise errors.BadLocation(
            f"nothing opens a {type(location).__name__}",
            advice="use s3:// or file://, or register a backend with ferryline.storage.location.register",
        )
    return await opener(location, context, side)
