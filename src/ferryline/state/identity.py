"""Names of folders, files and rows that stand for places: hashes, and text that every database can hold; and
which of those names mean another place on every host.
"""

import contextlib
import hashlib
import ipaddress
import socket
from urllib.parse import urlsplit


def hash_of(*identities: str) -> str:
    """A name for one place or a pair of places: 24 hex digits, the same on every host."""
    joined = "\0".join(identities).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(joined, digest_size=12).hexdigest()


def storable(text: str) -> str:
    r"""The text with undecodable bytes as `\xNN` and NUL as `\x00`: what SQL and JSON files can hold."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return clean.replace("\0", "\\x00")


def is_file(destination: str) -> bool:
    """Whether the identity of a location is that of a folder, which every host has for itself."""
    return destination.startswith("file://")


def is_loopback(endpoint: str) -> bool:
    """Whether what answers at an endpoint is on this very host, and something else answers on another.

    `endpoint` begins with a URL, as endpoints are remembered; what is no URL is none of this host's.
    """
    try:
        host = urlsplit(endpoint.partition("|")[0]).hostname or ""
    except ValueError:
        return False
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(OSError):
        host = socket.inet_ntoa(socket.inet_aton(host))  # 127.1 is an address for every resolver
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
