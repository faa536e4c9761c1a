"""A dataset as a run needs it: its source, its replicas and its rules, as frozen values. Opens nothing.

`config.datasets` makes them out of the policy; `sync` and the commands about one dataset read them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ferryline import errors
from ferryline.model import event, place
from ferryline.model.execution import Execution
from ferryline.pipeline.reports import ReportFile
from ferryline.pipeline.task import Task
from ferryline.plan.cost import Estimate, Tariff, Way
from ferryline.policy import values
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.options import Engine, ObjectMetadata, Options, OverwriteMode, VerifyMode
from ferryline.residency.decide import Bounds
from ferryline.snapshot.head import Identity


@dataclass(frozen=True, slots=True)
class Replica:
    """One copy. `metadata` is where `.ferryline/<name>/` lies; None: `.ferryline/` in the replica itself."""

    name: str
    location: place.Location
    metadata: place.Location | None = None
    required: bool = True
    engine: Engine = Engine.FERRYLINE
    """Who moves its bytes; whoever it is, Ferryline proves and publishes."""

    @property
    def shelf_url(self) -> str:
        """Where its head is, for people and for the heads of the others: no secrets."""
        if self.metadata is None:
            return f"{self.location.url}.ferryline/"
        return f"{self.metadata.url}.ferryline/{self.name}/"


@dataclass(frozen=True, slots=True)
class DatasetTask:
    """Everything that was declared of one dataset, resolved. `run_in` is where this process runs, if told."""

    policy: str
    dataset: str
    source: place.Location
    replicas: tuple[Replica, ...]
    bounds: Bounds
    declared: values.Policy
    options: Options = field(default_factory=Options)
    filters: Filters = EVERYTHING
    markers: tuple[str, ...] = ()
    on_unknown: values.OnUnknown = values.OnUnknown.COPY
    max_delete: values.MaxDelete = values.MaxDelete()
    max_transfer: values.MaxTransfer = values.MaxTransfer()
    keep: values.KeepSnapshots = values.KeepSnapshots()
    on_failure: values.OnFailure | None = None
    policy_digest: str | None = None
    run_in: str | None = None

    def replica(self, name: str) -> Replica:
        """The replica called `name`. Raises `BadUsage` naming those there are."""
        for one in self.replicas:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.replicas) or "none"
        raise errors.BadUsage(
            f"the dataset {self.dataset!r} has no replica {name!r}", advice=f"it has: {known}"
        )

    def leg(self, replica: Replica) -> Task:
        """The way to one replica as a task of its own."""
        options = self.options
        if replica.engine is not Engine.FERRYLINE:
            # What a service adds to an object's metadata is its own; bytes are what is proven.
            options = replace(options, object_metadata=ObjectMetadata.NONE)
        return Task(
            source=self.source,
            destinations=(replica.location,),
            options=options,
            filters=self.filters,
            on_unknown=self.on_unknown,
            max_delete=self.max_delete,
            policy_digest=self.policy_digest,
        )

    @property
    def once_brought(self) -> values.OnUnknown:
        """What `on_unknown` means for what a service has brought.

        Nothing can be sent again, so both sides are read; unless that could pass a cap in dollars, nothing is
        to be proven, or what is kept would be read at every run.
        """
        unproven = self.options.verify_mode is VerifyMode.NONE
        never = self.options.overwrite_mode is OverwriteMode.NEVER
        spared = self.max_transfer.usd is not None or unproven or never
        sent = self.on_unknown is values.OnUnknown.COPY and not spared
        return values.OnUnknown.READ_BACK if sent else self.on_unknown

    def identity(self, replica: Replica) -> Identity:
        """What the head of `replica` says whose it is."""
        others = {one.name: one.shelf_url for one in self.replicas if one is not replica}
        return Identity(replica.location.url, self.policy, self.dataset, replica.name, others)


class Mover(Protocol):
    """Who moves a replica's bytes in Ferryline's stead; `managed` has them, `config` introduces them."""

    name: str
    """What people call it."""
    starts: bool
    """Whether there is an execution to start; else it works by itself."""

    @property
    def busy(self) -> bool:
        """Whether it was at work when it was looked at: it may write at any time."""
        ...

    @property
    def spares_reserved(self) -> bool:
        """Whether it leaves Ferryline's own folders out of what it carries."""
        ...

    async def look(self) -> tuple[event.Warned, ...]:
        """Find what was deployed; what a person should know of it. Once, before anything else.

        Raises UserMistake where nothing is, GuardRefused where it could destroy what the policy keeps.
        """
        ...

    async def ready(self) -> None:
        """Find out whether it can be started now, before readers are barred. Raises what keeps it from it."""
        ...

    async def move(self, hear: Callable[[Execution], None]) -> Execution | None:
        """Have the bytes moved, to the end of an execution; None where there is nothing to start."""
        ...

    def excuse(self, key: bytes) -> str:
        """Why it would not bring an object, or remove it, where that is known; else empty."""
        ...

    async def standing(self) -> dict[str, Any]:
        """How it stands, as plain data with a `problem`. Raises nothing that can be told."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for beyond the policy: some replicas only, nothing written, deletes approved."""

    replicas: tuple[str, ...] = ()
    dry_run: bool = False
    approved_deletes: int = 0
    adopting: bool = False
    """Nothing is copied: what cannot be proven as it lies there is a failure."""
    checksum_reports: tuple[ReportFile, ...] = ()
    """Adopting: what the store itself computed of the objects that lie there."""
    accept_new_mount: bool = False
    server_side_copy: bool = False
    """Where one endpoint holds source and replica under one identity, it copies by itself."""
    ways: Mapping[str, Way] = field(default_factory=dict)
    """What places ask for on the way to each replica, by name; without one nothing can be priced."""
    movers: Mapping[str, Mover] = field(default_factory=dict)
    """Who moves the bytes of replicas that Ferryline does not fill itself, by the replica's name."""
    services: Mapping[str, Callable[[int], Estimate]] = field(default_factory=dict)
    """What those ask for so many bytes, by the replica's name."""
    shelf_tariff: Tariff | None = None
    """What the place of the dataset's `metadata` asks for, where it has one."""
