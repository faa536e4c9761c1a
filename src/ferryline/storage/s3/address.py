"""Where requests for a bucket go: origin, Host header and path, from a location and a region.

Called by `opening` and by the client when a region turns out to be another. Refuses endpoints that
no S3 service has (other schemes, user info, queries, link-local addresses). Never resolves names.
"""

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from ferryline import errors
from ferryline.model.place import AddressingStyle, S3Location
from ferryline.storage.s3.http_pool import Origin, is_forbidden_address
from ferryline.storage.s3.sign import encode_path

_DNS_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_AWS_HOST = re.compile(r"(^|\.)amazonaws\.com(\.cn)?$")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_SUFFIXES = (("cn-", "amazonaws.com.cn"), ("us-isob-", "sc2s.sgov.gov"), ("us-iso-", "c2s.ic.gov"))
"""DNS suffixes of AWS partitions, from botocore's partitions data; all others are amazonaws.com."""


@dataclass(frozen=True, slots=True)
class Address:
    """`path_prefix` is what stands before the encoded key, ending with a slash."""

    origin: Origin
    host_header: str
    path_prefix: str
    bucket_path: str
    is_aws: bool


def aws_host(region: str) -> str:
    """The regional S3 host name of AWS."""
    suffix = next((suffix for start, suffix in _SUFFIXES if region.startswith(start)), "amazonaws.com")
    return f"s3.{region}.{suffix}"


def is_aws(location: S3Location) -> bool:
    """Whether requests go to AWS itself: no endpoint given, or one of amazonaws.com."""
    endpoint = location.access.endpoint_url
    return endpoint is None or _AWS_HOST.search(urlsplit(endpoint).hostname or "") is not None


def is_plain(location: S3Location) -> bool:
    """Whether the endpoint was given as http:// and no bundle was, so that certificates mean nothing."""
    endpoint = location.access.endpoint_url
    plain = endpoint is not None and urlsplit(endpoint).scheme == "http"
    return plain and location.access.ca_bundle is None


def address_of(location: S3Location, region: str, tls: ssl.SSLContext | None) -> Address:
    """Where the location's bucket is served. Raises BadLocation."""
    access, bucket = location.access, location.bucket
    if not _BUCKET.fullmatch(bucket):
        raise errors.BadLocation(
            f"{bucket!r} is not a bucket name", advice="write the bucket's name as in s3://bucket/prefix"
        )
    if not _REGION.fullmatch(region):
        raise errors.BadLocation(
            f"{region!r} is not a region name for {location.url}",
            advice="write a region such as eu-central-1",
        )
    if access.endpoint_url is None:
        scheme, host, port, folder = "https", aws_host(region), 443, ""
    else:
        scheme, host, port, folder = split_endpoint(access.endpoint_url)
    if scheme == "https" and tls is None:
        raise errors.BrokenInvariant(f"no TLS context for {location.url}, which is reached by https")
    style = access.addressing_style
    if style is AddressingStyle.AUTO:
        virtual = access.endpoint_url is None and _DNS_BUCKET.fullmatch(bucket) is not None
    else:
        virtual = style is AddressingStyle.VIRTUAL
    bare_host = f"[{host}]" if ":" in host else host
    if virtual:
        host, bare_host = f"{bucket}.{host}", f"{bucket}.{bare_host}"
    default_port = 443 if scheme == "https" else 80
    header = bare_host if port == default_port else f"{bare_host}:{port}"
    bucket_path = f"{folder}/" if virtual else f"{folder}/{encode_path(bucket.encode())}"
    return Address(
        Origin(host, port, tls if scheme == "https" else None),
        header,
        bucket_path if virtual else f"{bucket_path}/",
        bucket_path,
        is_aws(location),
    )


def split_endpoint(endpoint: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and folder of an endpoint URL. Raises BadLocation for what is no S3 endpoint."""
    advice = "write endpoint_url as http://HOST[:PORT] or https://HOST[:PORT]"
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError as problem:
        raise errors.BadLocation(f"endpoint_url cannot be read: {problem}", advice=advice) from problem
    if parts.scheme not in ("http", "https") or not host:
        raise errors.BadLocation(f"endpoint_url has scheme {parts.scheme!r} and host {host!r}", advice=advice)
    if parts.username is not None or parts.password is not None:
        raise errors.BadLocation(f"endpoint_url of {host} holds a user name or a password", advice=advice)
    if parts.query or parts.fragment:
        raise errors.BadLocation(f"endpoint_url of {host} has a query or a fragment", advice=advice)
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", host):
        raise errors.BadLocation(f"endpoint_url has a host that cannot be used: {host!r}", advice=advice)
    if is_forbidden_address(host) or _is_numeric_trick(host):
        raise errors.BadLocation(
            f"endpoint_url leads to {host}, a link-local or unusable address",
            advice="no S3 endpoint lives there; metadata services must not be reached through a location",
        )
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")


def _is_numeric_trick(host: str) -> bool:
    # Resolvers read 2852039166 and 0xa9fe.0xa9fe as IPv4 addresses; nobody writes an endpoint so.
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", host, re.IGNORECASE) is None:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def tls_context(ca_bundle: str | None, place: str) -> ssl.SSLContext:
    """A context that verifies names and chains, always. Raises BadLocation for an unusable bundle."""
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as problem:
        raise errors.BadLocation(
            f"ca_bundle {ca_bundle!r} of {place} cannot be used: {problem}",
            advice="give the path of a PEM file with the certificates of the endpoint's authority",
        ) from problem
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_bundle is None and not context.cert_store_stats()["x509_ca"]:
        import botocore.httpsession

        # A slim container without ca-certificates still trusts what botocore ships.
        bundled = botocore.httpsession.get_cert_path(True)  # botocore's signature
        if bundled and os.path.exists(bundled):
            context.load_verify_locations(cafile=bundled)
    return context
