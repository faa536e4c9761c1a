"""The field tables of places: regions, locations and how to reach them.

`fields_policy` joins them; reading, JSON Schema and reference page all come from these tables.
What needs to see more than one record is in `crosscheck`.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ferryline import errors
from ferryline.model import place
from ferryline.policy import endpoint, location, values
from ferryline.policy.interpolation import looks_interpolated
from ferryline.policy.record import Field, ListOf, MapOf, Record
from ferryline.policy.shape import BAD, Choice, Flag, Interpolating, Number, Reading, Secret, Size, Spot, Text

ARN = Text("an ARN", r"arn:\S+", "copy the whole ARN, starting with arn:")
JURISDICTION_PATTERN = r"[A-Z][A-Z0-9_-]{1,31}"


def open_text(about: str, pattern: str | None = None, remedy: str = "") -> Text:
    """Text in which references are allowed."""
    return Text(about, pattern, remedy, interpolating=Interpolating.YES)


ENDPOINT = Text(
    "an http or https URL", check=endpoint.check, interpolating=Interpolating.YES, remedy="write https://host"
)
REGION_NAME = Text("a region's name", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "write a name such as us-east-1")


class StorageClass(StrEnum):
    """S3's storage classes that a write may name."""

    STANDARD = "STANDARD"
    STANDARD_IA = "STANDARD_IA"
    ONEZONE_IA = "ONEZONE_IA"
    INTELLIGENT_TIERING = "INTELLIGENT_TIERING"
    GLACIER_IR = "GLACIER_IR"
    GLACIER = "GLACIER"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"
    EXPRESS_ONEZONE = "EXPRESS_ONEZONE"
    OUTPOSTS = "OUTPOSTS"
    REDUCED_REDUNDANCY = "REDUCED_REDUNDANCY"


class Encryption(StrEnum):
    """Server-side encryption that a write asks for."""

    AES256 = "AES256"
    KMS = "aws:kms"
    KMS_DSSE = "aws:kms:dsse"


class CannedAcl(StrEnum):
    """S3's canned access control lists."""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"
    AUTHENTICATED_READ = "authenticated-read"
    AWS_EXEC_READ = "aws-exec-read"
    BUCKET_OWNER_READ = "bucket-owner-read"
    BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"


class RequestPayer(StrEnum):
    """Who pays for requests."""

    REQUESTER = "requester"


class InTransitEncryption(StrEnum):
    """DataSync's encryption on the way to an EFS file system."""

    NONE = "NONE"
    TLS1_2 = "TLS1_2"


class FileSystemType(StrEnum):
    """Which FSx a file system is; its ARN does not say."""

    WINDOWS = "WINDOWS"
    LUSTRE = "LUSTRE"
    OPENZFS = "OPENZFS"
    ONTAP = "ONTAP"


class BucketPolicy(StrEnum):
    """Whether another account's bucket policy already names the role that `deploy` makes."""

    ATTACHED = "attached"
    PENDING = "pending"


TAGS = MapOf(
    Text("a tag's value", length_max=256),
    "tags",
    name_pattern=r"[\w .:/=+@-]{1,128}",
    name_about="at most 128 letters, digits, spaces and + - = . _ : / @",
    most=10,
)

KEYS = (
    Field("access_key_id", open_text("an access key id", r"\S{1,256}"), "the access key's id"),
    Field("secret_access_key", Secret(), "the secret key, as a reference"),
    Field("session_token", Secret(), "the token of temporary credentials, as a reference"),
)
"""The fields of one access key, wherever one may stand."""


def credentials(found: Mapping[str, Any], spot: Spot, reading: Reading) -> values.Credentials:
    """Check that the parts of a key go together."""
    secret, key_id = found.get("secret_access_key"), found.get("access_key_id")
    written = {name: _written(spot, reading, name) for name in ("access_key_id", "secret_access_key")}
    if any(written.values()) and not all(written.values()):
        missing = next(name for name, there in written.items() if not there)
        reading.refuse(
            spot.where, f"{missing} is missing", "give access_key_id and secret_access_key together"
        )
    if found.get("session_token") and not any(written.values()):
        remedy = "give access_key_id and secret_access_key too"
        reading.refuse(spot.where, "a session_token without a key", remedy)
    if found.get("profile") and key_id is not None:
        reading.refuse(spot.where, "both a profile and an access key", "keep one of them")
    return values.Credentials(key_id, secret, found.get("session_token"), found.get("profile"))


def _written(spot: Spot, reading: Reading, name: str) -> bool:
    """Whether a field stands in the file, even when its value was refused."""
    return f"{spot.path}.{name}" in reading.places


CREDENTIALS = Record(
    "credentials",
    "how requests are signed",
    (Field("profile", open_text("a profile's name"), "a profile of the AWS configuration files"), *KEYS),
    credentials,
)


def _region(found: Mapping[str, Any], spot: Spot, reading: Reading) -> values.RegionSpec:
    name = spot.path.removeprefix("regions.")
    plain = {
        key: found[key]
        for key in (
            "jurisdiction",
            "latitude",
            "longitude",
            "egress_usd_per_gb",
            "s3_endpoint_url",
            "ca_bundle",
        )
        if key in found
    }
    if _written(spot, reading, "latitude") is not _written(spot, reading, "longitude"):
        reading.refuse(spot.where, "one coordinate alone", "give latitude and longitude together")
    style = found.get("addressing_style", place.AddressingStyle.AUTO)
    signing = credentials(found, spot, reading)
    return values.RegionSpec(
        name, **plain, addressing_style=style, credentials=signing, folder=folder_of(spot.where.file)
    )


REGION = Record(
    "region",
    "a region that the built-in catalog lacks, or an endpoint for one it has",
    (
        Field("jurisdiction", Text("a jurisdiction", JURISDICTION_PATTERN, "write a code such as FR"),
              "the country or jurisdiction whose law holds there"),
        Field("latitude", Number("degrees north", -90, 90), "where it lies"),
        Field("longitude", Number("degrees east", -180, 180), "where it lies"),
        Field("egress_usd_per_gb", Number("US dollars", 0, 1000), "price of a GB that leaves the region"),
        Field("s3_endpoint_url", ENDPOINT, "the S3 endpoint of locations in this region that name none"),
        Field("addressing_style", Choice(place.AddressingStyle), "how buckets are named", default="auto"),
        Field("ca_bundle", open_text("a path"), "certificate authorities to trust, a PEM file"),
        Field("profile", open_text("a profile's name"), "a profile of the AWS configuration files"),
        *KEYS,
    ),
    _region,
)  # fmt: skip

LIMITS = Record(
    "limits",
    "ceilings for one location; what is not given is found out by the run",
    (
        Field("connections", Number("connections", 1, 4096, whole=True), "most requests in flight"),
        Field("requests_per_second", Number("requests per second", 0.01, 1_000_000), "most requests started"),
        Field("bytes_per_second", Size("a bandwidth in bytes per second"), "most bytes sent and received"),
    ),
    lambda found, spot, reading: values.Limits(**found),
)

REQUEST_PRICES = Record(
    "request_prices",
    "US dollars for a thousand requests; 0 where nobody charges",
    (
        Field("writes", Number("US dollars", 0, 1000), "PUT, COPY, POST and LIST"),
        Field("reads", Number("US dollars", 0, 1000), "GET and HEAD"),
    ),
    lambda found, spot, reading: values.RequestPrices(**found),
)

AWS = Record(
    "aws",
    "what only `deploy` and `engine: datasync` need to know of a location",
    (
        Field("bucket_arn", ARN, "the bucket's or access point's ARN"),
        Field("bucket_access_role_arn", ARN, "the role by which DataSync reads or writes the bucket"),
        Field("file_system_arn", ARN, "the EFS or FSx file system"),
        Field("subnet_arn", ARN, "the subnet from which DataSync reaches it"),
        Field("security_group_arns", ListOf(ARN, "ARNs", 1, 5), "security groups of the mount target"),
        Field("access_point_arn", ARN, "the EFS access point"),
        Field("file_system_access_role_arn", ARN, "the role by which DataSync mounts the file system"),
        Field("in_transit_encryption", Choice(InTransitEncryption), "encryption on the way to EFS"),
        Field("storage_virtual_machine_arn", ARN, "the FSx for ONTAP storage virtual machine"),
        Field("agent_arns", ListOf(ARN, "ARNs", 1, 8), "DataSync agents that reach the location"),
        Field("bucket_policy", Choice(BucketPolicy), "for a bucket of the account `account_id`: whether its "
              "policy already names the role that deploy makes"),
        Field("file_system_type", Choice(FileSystemType), "which FSx it is"),
        Field("path", Text("a path"), "the folder inside the file system that `url` names", default="/"),
        Field("user", open_text("a user's name"), "the Windows user who reads or writes the file system"),
        Field("password", Secret(), "that user's password, as a reference"),
        Field("domain", open_text("a Windows domain"), "that user's domain"),
        Field("opted_in", Flag(), "the account has enabled this region", default="false"),
    ),
    lambda found, spot, reading: values.AwsSettings(**found),
)  # fmt: skip

_S3_ONLY = (
    "endpoint_url", "addressing_style", "ca_bundle", "profile", "role_arn", "external_id", "access_key_id",
    "secret_access_key", "session_token", "anonymous", "request_payer", "sse", "kms_key_id", "storage_class",
    "acl", "tags", "sse_customer_key",
)  # fmt: skip


def folder_of(file: str) -> str:
    """The folder that relative paths of a policy file start from; `<text>` has none but the current one."""
    return os.path.dirname(file) or "."


def _url(text: str) -> str:
    if not text.startswith(("s3://", "file://", "/", "./")):
        raise ValueError(
            f"{text[:80]!r} is not a location's URL|write s3://bucket/prefix, file:///path or ./path"
        )
    if looks_interpolated(text):
        return text
    try:
        parsed = location.parse(text, buckets=location.Buckets.ANY)
    except errors.BadLocation as error:
        raise ValueError(f"{error.message}|{error.advice}") from None
    if isinstance(parsed, place.S3Location) and parsed.access != place.S3Access():
        raise ValueError("options in the URL of a declared location|write them as fields beside url")
    return text


class UrlText(Text):
    """A location's URL: its scheme is written out, even where the rest is a reference."""

    def read(self, spot: Spot, reading: Reading) -> Any:
        """The URL as written."""
        found = super().read(spot, reading)
        if found is BAD or not looks_interpolated(found) or found.startswith(("s3://", "file://", "/", "./")):
            return found
        remedy = "write the scheme outside the reference: s3://${env:BUCKET}/prefix"
        return reading.refuse(spot.where, "the URL starts with a reference", remedy)


def _location(found: Mapping[str, Any], spot: Spot, reading: Reading) -> values.LocationSpec:
    url: str = found["url"]
    _contradictions(found, spot, reading)
    signing = credentials(found, spot, reading)
    access = place.S3Access(
        region=found.get("region"),
        endpoint_url=found.get("endpoint_url"),
        addressing_style=found.get("addressing_style", place.AddressingStyle.AUTO),
        profile=signing.profile,
        role_arn=found.get("role_arn"),
        external_id=found.get("external_id"),
        access_key_id=signing.access_key_id,
        secret_access_key=signing.secret_access_key,
        session_token=signing.session_token,
        ca_bundle=found.get("ca_bundle"),
        account_id=found.get("account_id"),
        anonymous=found.get("anonymous", False),
        request_payer="request_payer" in found,
        sse_customer_key=found.get("sse_customer_key"),
    )
    writing = place.S3Writing(
        sse=found.get("sse"),
        kms_key_id=found.get("kms_key_id"),
        storage_class=found.get("storage_class"),
        acl=found.get("acl"),
        tags=found.get("tags", {}),
    )
    return values.LocationSpec(
        name=spot.path.removeprefix("locations."),
        url=url,
        region=found.get("region"),
        access=access,
        writing=writing,
        limits=found.get("limits", values.Limits()),
        egress_usd_per_gb=found.get("egress_usd_per_gb"),
        requests_usd_per_thousand=found.get("requests_usd_per_thousand", values.RequestPrices()),
        aws=found.get("aws"),
        folder=folder_of(spot.where.file),
    )


def _contradictions(found: Mapping[str, Any], spot: Spot, reading: Reading) -> None:
    def refuse(name: str, message: str, remedy: str) -> None:
        reading.refuse(reading.places.get(f"{spot.path}.{name}", spot.where), message, remedy)

    if not found["url"].startswith("s3://"):
        for name in _S3_ONLY:
            if name in found:
                refuse(name, f"{name} means nothing for a file location", "remove it, or use an s3:// URL")
    if found.get("anonymous"):
        for name in ("profile", "access_key_id", "role_arn"):
            if name in found:
                refuse(name, f"anonymous: true together with {name}", "keep one of them")
    if "external_id" in found and "role_arn" not in found:
        refuse("external_id", "external_id without role_arn", "add the role_arn it belongs to")
    kms = found.get("sse") in (Encryption.KMS, Encryption.KMS_DSSE)
    if "kms_key_id" in found and not kms:
        refuse("kms_key_id", "kms_key_id without KMS encryption", 'add sse: "aws:kms"')
    if _written(spot, reading, "sse_customer_key"):
        if "sse" in found:
            refuse("sse", "sse together with sse_customer_key", "keep one: a customer key is an encryption")
        if not place.keeps_secrets(_plain_endpoint(found)):
            remedy = "use https://: the key goes with every request"
            refuse("endpoint_url", "an sse_customer_key for an endpoint reached by http", remedy)
    if found.get("addressing_style") is place.AddressingStyle.VIRTUAL and "." in _bucket(found["url"]):
        remedy = "use addressing_style: path; certificates do not cover dots in bucket names"
        refuse("addressing_style", "virtual-host style for a bucket with dots", remedy)


def _plain_endpoint(found: Mapping[str, Any]) -> str | None:
    """The endpoint as far as it is written out; what a reference leads to is looked at when it is used."""
    text = found.get("endpoint_url")
    return None if text is None or text.startswith("${") else text


def _bucket(url: str) -> str:
    return "" if looks_interpolated(url) else url.removeprefix("s3://").partition("/")[0]


LOCATION = Record(
    "location",
    "a place where bytes live",
    (
        Field("url", UrlText("a location's URL", check=_url, interpolating=Interpolating.YES),
              "s3://bucket/prefix, file:///path or ./path", needed=True),
        Field("region", REGION_NAME, "an AWS region, or one declared under `regions`"),
        Field("endpoint_url", ENDPOINT, "an S3-compatible endpoint", default="AWS"),
        Field("addressing_style", Choice(place.AddressingStyle), "how the bucket is named in requests",
              default="auto: path with an endpoint_url, else virtual"),
        Field("ca_bundle", open_text("a path"), "certificate authorities to trust, a PEM file"),
        Field("profile", open_text("a profile's name"), "a profile of the AWS configuration files"),
        *KEYS,
        Field("role_arn", open_text("a role's ARN", r"arn:\S+"), "a role to assume"),
        Field("external_id", open_text("an external id", r"[\w+=,.@:/-]{1,1224}"),
              "what the role's trust policy asks for"),
        Field("account_id", open_text("twelve digits", r"[0-9]{12}", 'write "123456789012", in quotes'),
              "the account that must own the bucket"),
        Field("anonymous", Flag(), "send unsigned requests", default="false"),
        Field("request_payer", Choice(RequestPayer), "agree to pay for requests"),
        Field("sse", Choice(Encryption), "server-side encryption of what is written"),
        Field("kms_key_id", open_text("a KMS key's id, alias or ARN", r"\S{1,2048}"),
              "the KMS key of what is written"),
        Field("sse_customer_key", Secret(), "the customer key (SSE-C) of what is read and written: the "
              "base64 of 32 bytes, as a reference"),
        Field("storage_class", Choice(StorageClass), "storage class of what is written"),
        Field("acl", Choice(CannedAcl), "canned ACL of what is written"),
        Field("tags", TAGS, "tags of what is written, at most ten"),
        Field("limits", LIMITS, "ceilings for this location"),
        Field("egress_usd_per_gb", Number("US dollars", 0, 1000), "price of a GB that leaves it"),
        Field("requests_usd_per_thousand", REQUEST_PRICES, "price of requests, where it is not AWS's"),
        Field("aws", AWS, "what only deploying needs"),
    ),
    _location,
)  # fmt: skip

REGIONS = MapOf(REGION, "regions")
LOCATIONS = MapOf(LOCATION, "locations")
