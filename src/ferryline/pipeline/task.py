"""What a run is asked to do, and what surrounds it: frozen values, built by `config`.

A `Task` is DataSync's word: one source, destinations, options, filters. `Surroundings` are the
things a run borrows: state, time, chance, listeners. Neither opens anything.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ferryline import clock as clocks
from ferryline.model import event, place, span
from ferryline.policy import values
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.options import Options
from ferryline.residency.decide import Bounds, Stop, decide_all, enforce


@dataclass(frozen=True, slots=True)
class Border:
    """The residency rules of one dataset that a task touches, and where its bytes lie and pass."""

    bounds: Bounds
    source: Stop
    destination: Stop
    transit: Stop

    def check(self, source: str | None = None, destination: str | None = None) -> None:
        """Raise GuardRefused where the rules forbid it; with the regions that endpoints named, by these."""
        stops = (
            replace(self.source, resolved=source),
            replace(self.destination, resolved=destination),
            self.transit,
        )
        enforce(decide_all(self.bounds, stops))


@dataclass(frozen=True, slots=True)
class Task:
    """One source, its destinations, and how to copy. `object_key` narrows it to a single key.

    `object_name` is the key the object gets at the destination (the same key when None).
    """

    source: place.Location
    destinations: tuple[place.Location, ...]
    options: Options = field(default_factory=Options)
    filters: Filters = EVERYTHING
    on_unknown: values.OnUnknown = values.OnUnknown.COPY
    max_delete: values.MaxDelete = values.MaxDelete()
    max_transfer_bytes: int | None = None
    object_key: bytes | None = None
    object_name: bytes | None = None
    policy_digest: str | None = None
    approved_deletes: int = 0
    """Deletes that a person allowed for this run, whatever the caps say."""
    server_side_copy: bool = False
    """Where one endpoint holds both ends it may copy by itself, so that no byte comes here."""
    borders: tuple[Border, ...] = ()
    """Residency rules that bind it, one for each dataset that it touches."""
    accept_new_mount: bool = False
    """A person said that the file source's root may be another one than in the last run."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """How hard one run may press on this machine and on endpoints."""

    memory_bytes: int = 128 * span.MIB
    """Object bytes buffered at once, all destinations together."""
    connections: int = 64
    """Ceiling for requests in flight of one kind to one endpoint; the closed loop stays below."""
    ranges: int = 8
    """How many key ranges are listed at once when a listing is longer than one page."""
    objects: int = 64
    """Objects worked on at once; bytes are bounded by `memory_bytes`."""
    retry_attempts: int = 8
    throttle_patience_seconds: float = 900.0
    """How long an endpoint may say "slow down" without any progress before the run stops."""
    changed_rounds: int = 3
    """How often an object (or, for point in time, the listing) may change before the run gives up."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run borrows from the process around it."""

    state_folder: Path
    resolve: Callable[[str], str]
    """Turns `${env:NAME}` and `${file:PATH}` into values; raises `BadLocation`."""
    emit: Callable[[event.Event], None]
    report_folder: Path | None = None
    pressure: Pressure = field(default_factory=Pressure)
    clock: clocks.Clock = field(default_factory=clocks.SystemClock)
    chance: random.Random = field(default_factory=random.SystemRandom)
    database_url: str | None = field(default=None, repr=False)
    """The database behind the state, where it is not the folder's own; it may hold a password."""
