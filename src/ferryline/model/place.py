"""Places: a location (where bytes live) as a frozen value. Never opens anything, holds no secret.

A location's *folder* is its prefix with exactly one trailing slash (or the whole bucket); every
key in every other room is relative to it.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class AddressingStyle(StrEnum):
    """How a bucket is named in requests. AUTO: path for custom endpoints, virtual-host for AWS."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach an S3 bucket; every field optional, secrets only as unresolved references.

    `access_key_id`, `secret_access_key`, `session_token` and `sse_customer_key` hold the text of the
    policy file (`${env:NAME}`), resolved when the location is first used, and never a resolved value.
    """

    region: str | None = None
    endpoint_url: str | None = None
    addressing_style: AddressingStyle = AddressingStyle.AUTO
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    ca_bundle: str | None = None
    account_id: str | None = None
    anonymous: bool = False
    request_payer: bool = False
    sse_customer_key: str | None = None
    """The customer key (SSE-C) of what is read and written there, as a reference too."""


def keeps_secrets(endpoint_url: str | None) -> bool:
    """Whether nobody on the way hears what is sent to an endpoint: by https, or on this very machine."""
    if endpoint_url is None or endpoint_url.lower().startswith("https:"):
        return True
    host = urlsplit(endpoint_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class S3Writing:
    """What a write to an S3 location carries."""

    sse: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    acl: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class S3Location:
    """A folder of an S3 bucket. `prefix` is empty or ends with a slash; it is bytes, never normalised."""

    bucket: str
    prefix: bytes = b""
    access: S3Access = field(default_factory=S3Access)
    writing: S3Writing = field(default_factory=S3Writing)
    connections_max: int | None = None
    name: str = ""

    @property
    def url(self) -> str:
        """The location for people and documents: no query, no secrets."""
        return f"s3://{self.bucket}/{self.prefix.decode('utf-8', 'backslashreplace')}"

    @property
    def identity(self) -> str:
        """What makes two locations the same place: endpoint, bucket and prefix."""
        return f"{self.access.endpoint_url or 'aws'}|{self.url}"


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A folder of a file system. `root` is an absolute path without a trailing slash (or `/`)."""

    root: str
    region: str | None = None
    name: str = ""

    @property
    def url(self) -> str:
        """The location for people and documents: bytes of a name that are no UTF-8 are escaped."""
        return self.identity.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    @property
    def identity(self) -> str:
        """What makes two locations the same place."""
        return f"file://{self.root}/" if self.root != "/" else "file:///"


@dataclass(frozen=True, slots=True)
class MemoryLocation:
    """A store that lives in this process: for tests and examples."""

    label: str
    region: str | None = None
    name: str = ""

    @property
    def url(self) -> str:
        """The location for people and documents."""
        return f"memory://{self.label}/"

    @property
    def identity(self) -> str:
        """What makes two locations the same place."""
        return self.url


Location = S3Location | FileLocation | MemoryLocation
