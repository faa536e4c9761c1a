"""Checksums as S3 knows them: by header, by trailer, whole or of parts, and what is stored in the end.

Used by the verbs that take bytes. Computes; refuses only what an announcement itself makes refusable.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from awscrt import checksums

from ferryline.testing.strict.content import Buffer
from ferryline.testing.strict.refusal import Refusal

FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
HEADER: Final = "x-amz-checksum-"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm: its name in XML and headers, its length, and what a multipart upload may make of it."""

    name: str
    length: int
    compute: Callable[[Buffer], bytes]
    combine: Callable[[int, int, int], int] | None
    types: tuple[str, ...]
    """Allowed for multipart uploads, the default first."""

    @property
    def header(self) -> str:
        """The header that carries it."""
        return HEADER + self.name.lower()

    @property
    def element(self) -> str:
        """The XML element that carries it."""
        return f"Checksum{self.name}"


ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    one.name: one
    for one in (
        Algorithm(
            "CRC64NVME",
            8,
            lambda data: checksums.crc64nvme(data).to_bytes(8, "big"),
            checksums.combine_crc64nvme,
            (FULL,),
        ),
        Algorithm(
            "CRC32",
            4,
            lambda data: binascii.crc32(data).to_bytes(4, "big"),
            checksums.combine_crc32,
            (COMPOSITE, FULL),
        ),
        Algorithm(
            "CRC32C",
            4,
            lambda data: checksums.crc32c(data).to_bytes(4, "big"),
            checksums.combine_crc32c,
            (COMPOSITE, FULL),
        ),
        Algorithm("SHA1", 20, lambda data: hashlib.sha1(data).digest(), None, (COMPOSITE,)),
        Algorithm("SHA256", 32, lambda data: hashlib.sha256(data).digest(), None, (COMPOSITE,)),
    )
}

DEFAULT: Final = ALGORITHMS["CRC64NVME"]
"""What S3 computes and stores where nothing was announced."""

_BY_HEADER: Final = {one.header: one for one in ALGORITHMS.values()}
_NOT_VALUES: Final = {"x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-checksum-mode"}


@dataclass(frozen=True, slots=True)
class Stored:
    """A checksum as an object or a part keeps it; `parts` is the `-N` of a composite one, else 0."""

    algorithm: Algorithm
    value: bytes
    type: str = FULL
    parts: int = 0

    @property
    def text(self) -> str:
        """As in headers and XML."""
        encoded = base64.b64encode(self.value).decode()
        return f"{encoded}-{self.parts}" if self.parts else encoded


@dataclass(frozen=True, slots=True)
class Announced:
    """The checksum a request announces: in a header, or to come in a trailer."""

    algorithm: Algorithm
    text: str | None
    """None: a trailer that has not come."""


def named(name: str) -> Algorithm:
    """The algorithm of this name, or InvalidRequest."""
    found = ALGORITHMS.get(name.upper())
    if found is None:
        raise Refusal("InvalidRequest", f"No checksum algorithm is called {name!r}")
    return found


def announced(headers: Mapping[str, str], trailers: Mapping[str, str]) -> Announced | None:
    """What a request announces; more than one, an unknown one, or one that contradicts is refused."""
    found = [
        (name, value)
        for name, value in headers.items()
        if name.startswith(HEADER) and name not in _NOT_VALUES
    ]
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer:
        found.append((trailer, trailers.get(trailer, "")))
    if not found:
        return None
    if len(found) > 1:
        raise Refusal("InvalidRequest", "Expecting a single x-amz-checksum- header")
    name, value = found[0]
    algorithm = _BY_HEADER.get(name)
    if algorithm is None:
        raise Refusal("InvalidRequest", f"The header {name} is not one this server knows")
    declared = headers.get("x-amz-sdk-checksum-algorithm")
    if declared and declared.upper() != algorithm.name:
        raise Refusal("InvalidRequest", "x-amz-sdk-checksum-algorithm and the checksum sent do not agree")
    if trailer and not value:
        raise Refusal("MalformedTrailerError", f"The trailer {trailer} was announced and did not come")
    return Announced(algorithm, value)


def decode(algorithm: Algorithm, text: str) -> bytes:
    """A checksum's text as bytes, or InvalidRequest."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != algorithm.length:
        raise Refusal("InvalidRequest", f"Value for {algorithm.header} header is invalid")
    return value


def of_parts(algorithm: Algorithm, kind: str, parts: Sequence[tuple[bytes, int]]) -> Stored:
    """The checksum of a completed upload from (value, size) of each part."""
    if kind == COMPOSITE:
        value = algorithm.compute(b"".join(one for one, _ in parts))
        return Stored(algorithm, value, COMPOSITE, len(parts))
    assert algorithm.combine is not None  # noqa: S101 - only algorithms that can be combined allow FULL
    total = 0
    for value, size in parts:
        total = algorithm.combine(total, int.from_bytes(value, "big"), size)
    return Stored(algorithm, total.to_bytes(algorithm.length, "big"), FULL)
