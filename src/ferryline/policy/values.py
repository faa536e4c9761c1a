"""The policy as frozen values: what the person wished for, with every default filled in.

`document` makes them, everything above reads them. They open nothing, hold no resolved secret and
know no line numbers but through `Policy.places`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryline import errors
from ferryline.model import place
from ferryline.policy.filters import EVERYTHING, Filters
from ferryline.policy.options import Engine, Options
from ferryline.policy.schedule import Schedule

NOT_IN_DIGEST = {"digest": False}
"""Marks fields that are no part of the policy's meaning, or are secret."""


class OnUnknown(StrEnum):
    """What to do with an object whose equality cannot be known cheaply."""

    COPY = "copy"
    READ_BACK = "read_back"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Residency:
    """Where bytes may lie: codes of jurisdictions or groups of them. `allow` None allows all not denied."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaxDelete:
    """The most deletes per destination and run; reaching past either one refuses.

    `percent` is of the objects that the ledger holds.
    """

    count: int = 1000
    percent: float = 10.0


@dataclass(frozen=True, slots=True)
class MaxTransfer:
    """The most that one run may send, in bytes and in US dollars; None for no cap."""

    bytes: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class KeepSnapshots:
    """How many snapshots stay, and for how many days at least."""

    count: int = 5
    days: float = 30.0


@dataclass(frozen=True, slots=True)
class OnFailure:
    """Whom a failed run is told to: a webhook's URL, or a reference to one, and how long it may take."""

    url: str = field(repr=False)
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """How requests are signed: references as written in the policy (`${env:NAME}`), never values."""

    access_key_id: str | None = field(default=None, metadata=NOT_IN_DIGEST)
    secret_access_key: str | None = field(default=None, metadata=NOT_IN_DIGEST)
    session_token: str | None = field(default=None, metadata=NOT_IN_DIGEST)
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """A region that the policy declares, or an endpoint for a region of the catalog."""

    name: str
    jurisdiction: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    egress_usd_per_gb: float | None = None
    s3_endpoint_url: str | None = None
    addressing_style: place.AddressingStyle = place.AddressingStyle.AUTO
    ca_bundle: str | None = None
    credentials: Credentials = Credentials()
    folder: str = field(default=".", metadata=NOT_IN_DIGEST)


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings for one location; None leaves it to what the run finds out."""

    connections: int | None = None
    requests_per_second: float | None = None
    bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class RequestPrices:
    """Dollars for a thousand requests of an endpoint that is not AWS; None for what nobody declared."""

    writes: float | None = None
    reads: float | None = None


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """What `deploy` and the `datasync` engine need about a location in AWS."""

    bucket_arn: str | None = None
    file_system_arn: str | None = None
    subnet_arn: str | None = None
    security_group_arns: tuple[str, ...] = ()
    access_point_arn: str | None = None
    file_system_access_role_arn: str | None = None
    in_transit_encryption: str | None = None
    storage_virtual_machine_arn: str | None = None
    bucket_access_role_arn: str | None = None
    bucket_policy: str | None = None
    agent_arns: tuple[str, ...] = ()
    file_system_type: str | None = None
    path: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False, metadata=NOT_IN_DIGEST)
    domain: str | None = None
    opted_in: bool = False


@dataclass(frozen=True, slots=True)
class LocationSpec:
    """A location as declared. `url` and the texts of `access` may hold references; `folder` is their base."""

    name: str
    url: str
    region: str | None = None
    access: place.S3Access = field(default_factory=place.S3Access)
    writing: place.S3Writing = field(default_factory=place.S3Writing)
    limits: Limits = Limits()
    egress_usd_per_gb: float | None = None
    requests_usd_per_thousand: RequestPrices = RequestPrices()
    aws: AwsSettings | None = None
    folder: str = field(default=".", metadata=NOT_IN_DIGEST)

    @property
    def is_s3(self) -> bool:
        """Whether the URL is an S3 one."""
        return self.url.startswith("s3://")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder below a declared location; `path` is empty or ends with a slash."""

    location: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.location}/{self.path}"


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """One copy of a dataset. `tags` and `storage_class` override the location's."""

    name: str
    to: Folder
    engine: Engine = Engine.FERRYLINE
    required: bool = True
    storage_class: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named tree of objects: where it comes from, where it goes and by what rules."""

    name: str
    source: Folder
    replicas: tuple[ReplicaSpec, ...] = ()
    schedule: Schedule | None = None
    options: Options = field(default_factory=Options)
    filters: Filters = EVERYTHING
    markers: tuple[str, ...] = ()
    max_delete: MaxDelete = MaxDelete()
    max_transfer: MaxTransfer = MaxTransfer()
    on_unknown: OnUnknown = OnUnknown.COPY
    keep_snapshots: KeepSnapshots = KeepSnapshots()
    metadata: Folder | None = None
    residency: Residency = Residency()
    engine: Engine = Engine.FERRYLINE
    on_failure: OnFailure | None = field(default=None, metadata=NOT_IN_DIGEST)

    def replica(self, name: str) -> ReplicaSpec:
        """The replica called `name`. Raises `BadUsage` naming those there are."""
        for one in self.replicas:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.replicas) or "none"
        raise errors.BadUsage(f"the dataset {self.name!r} has no replica {name!r}", advice=f"it has: {known}")

    @property
    def has_residency(self) -> bool:
        """Whether any residency rule binds this dataset."""
        return self.residency != Residency()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Who may call the server's API; the secret is a reference."""

    access_key_id: str
    secret_access_key: str = field(metadata=NOT_IN_DIGEST)
    scope: str = "admin"


@dataclass(frozen=True, slots=True)
class Service:
    """What only `serve` reads."""

    account: str | None = None
    database: str | None = field(default=None, metadata=NOT_IN_DIGEST)
    access_keys: tuple[AccessKey, ...] = ()
    roles: Mapping[str, Credentials] = field(default_factory=dict)
    file_systems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that was declared. `digest` tells one meaning from another; `files` are where it stood.

    `places` holds the position of every field that was written, by its path.
    """

    name: str | None = None
    state: str | None = None
    regions: Mapping[str, RegionSpec] = field(default_factory=dict)
    locations: Mapping[str, LocationSpec] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    service: Service | None = None
    digest: str = field(default="", metadata=NOT_IN_DIGEST)
    files: tuple[str, ...] = field(default=(), metadata=NOT_IN_DIGEST)
    places: Mapping[str, errors.Where] = field(
        default_factory=dict, repr=False, compare=False, metadata=NOT_IN_DIGEST
    )

    def where(self, path: str) -> errors.Where | None:
        """Where the field at `path` was written, or the nearest field above it; None when nowhere."""
        while path and path not in self.places:
            cut = max(path.rfind("."), path.rfind("["))
            path = path[:cut] if cut > 0 else ""
        return self.places.get(path)

    def dataset(self, name: str) -> Dataset:
        """The dataset called `name`. Raises `BadUsage` naming those there are."""
        if name in self.datasets:
            return self.datasets[name]
        known = ", ".join(self.datasets) or "none"
        raise errors.BadUsage(f"no dataset is called {name!r}", advice=f"the policy declares: {known}")
