"""Endpoint URLs: which ones a policy or a flag may name.

`location` and the field tables call it. Loopback and private addresses are fine; link-local ones
(cloud metadata) are refused in every spelling. It resolves no name: what a host name leads to is
only known to who connects.
"""

import ipaddress
import re
from urllib.parse import urlsplit

_REMEDY = "write https://host or http://host:port, without user, query or fragment"
_METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
}
_METADATA_V6 = ipaddress.IPv6Address("fd00:ec2::254")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_NUMERIC = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LINK_LOCAL_REMEDY = "link-local addresses hold the machine's own credentials and are never an endpoint"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(url: str) -> str:
    """The URL without a trailing slash. Raises ValueError("message|remedy"), which never shows a password."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError(f"an endpoint URL is printable ASCII without spaces or backslashes|{_REMEDY}")
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        raise ValueError(f"the endpoint URL cannot be read|{_REMEDY}") from None
    if split.scheme not in ("http", "https"):
        raise ValueError(f"an endpoint's scheme is http or https, not {split.scheme[:20]!r}|{_REMEDY}")
    if "@" in split.netloc:
        raise ValueError(f"an endpoint URL must not hold a user or password|{_REMEDY}")
    if "?" in url or "#" in url:
        raise ValueError(f"an endpoint URL has no query or fragment|{_REMEDY}")
    if not split.hostname or port == 0 or split.netloc.endswith(":"):
        raise ValueError(f"the endpoint URL {url[:80]!r} names no host and port|{_REMEDY}")
    _check_host(split.hostname, bracketed=split.netloc.startswith("["))
    return url.rstrip("/")


def _check_host(host: str, *, bracketed: bool) -> None:
    if bracketed:
        try:
            address: Address = ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{host[:60]!r} is not an IPv6 address|{_REMEDY}") from None
        _check_address(address)
        return
    if _NUMERIC.fullmatch(host):
        try:
            address = ipaddress.IPv4Address(host.removesuffix("."))
        except ValueError:
            remedy = "write an IPv4 address as four decimal numbers without leading zeros: 10.0.0.1"
            raise ValueError(f"{host[:60]!r} is an unusual spelling of an address|{remedy}") from None
        _check_address(address)
        return
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(f"{host[:60]!r} is not a host name|{_REMEDY}")
    if host.lower().rstrip(".") in _METADATA_NAMES:
        raise ValueError(f"{host!r} is a cloud's metadata service|{_LINK_LOCAL_REMEDY}")


def _check_address(address: Address) -> None:
    for one in (address, *_embedded(address)):
        if one.is_link_local or one == _METADATA_V6:
            raise ValueError(f"{address} is a link-local address|{_LINK_LOCAL_REMEDY}")
        if one.is_multicast or one.is_unspecified:
            raise ValueError(f"{address} is not the address of a server|{_REMEDY}")


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries: mapped, compatible, 6to4, NAT64, Teredo."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = []
    low = int(address) & 0xFFFFFFFF
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if address in _NAT64 or (int(address) >> 32 == 0 and low > 0xFFFF):
        found.append(ipaddress.IPv4Address(low))
    return found


def identity(url: str | None) -> str:
    """The same text for endpoints that are the same place: AWS's own hosts are all `aws`."""
    if url is None:
        return "aws"
    split = urlsplit(url.rstrip("/"))
    host = (split.hostname or "").rstrip(".").lower()
    if re.fullmatch(r"(.+\.)?amazonaws\.(com|com\.cn|eu)", host):
        return "aws"
    host = "127.0.0.1" if host in ("localhost", "::1") else host
    port = split.port or (443 if split.scheme == "https" else 80)
    return f"{host}:{port}{split.path}"
