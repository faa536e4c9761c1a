"""The whole policy file as one record: the top of the field tables.

`document` reads with it; `schema` and `reference` print it. The tables of places are in
`fields_location`, those of datasets in `fields_dataset`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ferryline import errors
from ferryline.policy import fields_dataset, fields_location, location, values
from ferryline.policy.interpolation import looks_interpolated
from ferryline.policy.record import NAME_PATTERN, Field, ListOf, MapOf, Record
from ferryline.policy.shape import Fixed, Interpolating, Reading, Secret, Spot, Text


@dataclass(frozen=True, slots=True)
class Outline:
    """The policy as read, before anything was compared with anything else."""

    found: Mapping[str, Any]
    spot: Spot


def _state(text: str) -> str:
    if not text.startswith(("s3://", "file://", "/", "./")):
        raise ValueError(f"{text[:80]!r} is not a location's URL|write s3://bucket/prefix or a path")
    if not looks_interpolated(text):
        try:
            location.parse(text)
        except errors.BadLocation as error:
            raise ValueError(f"{error.message}|{error.advice}") from None
    return text


def _database(text: str) -> str:
    if urlsplit(text).password is not None:
        remedy = "write the whole URL as ${env:DATABASE_URL}, or keep the password in ~/.pgpass"
        raise ValueError(f"a literal password in a database URL|{remedy}")
    if not text.startswith(("postgresql+psycopg://", "postgresql://", "sqlite://")):
        raise ValueError(
            "not a database URL known here|write postgresql+psycopg://host/name or sqlite:///path"
        )
    return text


def _mounted(text: str) -> str:
    if not text.startswith(("file:///", "/")):
        raise ValueError(f"{text[:80]!r} is not a mounted path|write file:///mnt/efs")
    return text


class DatabaseText(Text):
    """A database URL; refused when a password stands beside references, without being shown."""

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The URL as written."""
        text = getattr(spot.node, "value", None)
        if isinstance(text, str) and looks_interpolated(text) and "://" in text:
            user, _, _ = text.partition("://")[2].rpartition("@")
            password = user.partition(":")[2]
            if password and not (password.startswith("${") and ":-" not in password):
                remedy = "write the password as ${env:NAME}, or the whole URL as one reference"
                return reading.refuse(spot.where, "a literal password in a database URL", remedy)
        return super().read(spot, reading)


ACCESS_KEY = Record(
    "access_key",
    "who may call the DataSync API",
    (
        Field(
            "access_key_id",
            fields_location.open_text("an access key id", r"\S{1,256}"),
            "its id",
            needed=True,
        ),
        Field("secret_access_key", Secret(), "its secret, as a reference", needed=True),
        Field(
            "scope", Text("a scope", r"[a-z][a-z-]{0,31}", "write admin"), "what it may do", default="admin"
        ),
    ),
    lambda found, spot, reading: values.AccessKey(**found),
)

SERVICE = Record(
    "service",
    "what only `serve` reads",
    (
        Field(
            "account",
            Text("twelve digits", r"[0-9]{12}", 'write "111122223333", in quotes'),
            "the account id shown",
        ),
        Field(
            "database",
            DatabaseText("a database URL", check=_database, interpolating=Interpolating.YES),
            "where runs are recorded",
            default="SQLite in the data directory",
        ),
        Field("access_keys", ListOf(ACCESS_KEY, "access keys", most=1000), "who may call"),
        Field(
            "roles",
            MapOf(fields_location.CREDENTIALS, "roles", r"arn:\S{1,2048}", "a role's ARN"),
            "how a role named in a call is signed for",
        ),
        Field(
            "file_systems",
            MapOf(
                Text("a path", check=_mounted, interpolating=Interpolating.YES),
                "paths",
                r"fs(vol|x)?-[0-9a-f]{8,40}",
                "an EFS or FSx id such as fs-0123456789abcdef0",
            ),
            "how this machine reaches a file system",
        ),
    ),
    lambda found, spot, reading: values.Service(**found),
)

POLICY = Record(
    "policy",
    "a Ferryline policy",
    (
        Field("version", Fixed(1), "the format's version, always 1", needed=True),
        Field("name", Text("a name", NAME_PATTERN, "use letters, digits, `.`, `_`, `-`"),
              "stamped on every replica"),
        Field("state", Text("a location's URL", check=_state, interpolating=Interpolating.YES),
              "where run documents go", default="the user's state folder"),
        Field("defaults", fields_dataset.DEFAULTS, "what every dataset gets"),
        Field("regions", fields_location.REGIONS, "regions by name"),
        Field("locations", fields_location.LOCATIONS, "locations by name"),
        Field("datasets", fields_dataset.DATASETS, "datasets by name"),
        Field("service", SERVICE, "what only `serve` reads"),
    ),
    lambda found, spot, reading: Outline(found, spot),
)  # fmt: skip
