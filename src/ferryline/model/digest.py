"""Digests, ETag forms and evidence: what can be compared with what, and what a match proves.

"Unknown" is never "equal": every comparison here answers `Comparison.UNKNOWN` unless both sides
speak the same language.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ferryline.model import span


class Algorithm(StrEnum):
    """Digests that Ferryline computes or reads. Values are the tags used in documents."""

    MD5 = "md5"
    CRC64NVME = "crc64nvme"
    SHA256 = "sha256"
    BLAKE3 = "blake3"


class Comparison(StrEnum):
    """What comparing two descriptions of bytes can say."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """Why a copy is believed equal; the classes a run counts."""

    ETAG_MD5 = "etag-md5"
    """Sizes equal and both ETags are the MD5 of the bytes, or our MD5 equals the ETag."""
    ETAG_PARTS = "etag-parts"
    """Sizes equal and both ETags are the same MD5-of-part-MD5s with the same part count."""
    STORED_CHECKSUM = "stored-checksum"
    """The store's own full-object checksum equals ours or the other store's."""
    READ_BACK = "read-back"
    """The destination's bytes were read again and hashed."""
    LEDGER = "ledger"
    """Both tokens are as they were when the pair was proven."""
    SERVER_COPY = "server-copy"
    """The endpoint copied it itself, with both ends looked at before and after."""


@dataclass(frozen=True, slots=True)
class Digest:
    """An algorithm and its raw value."""

    algorithm: Algorithm
    value: bytes

    def __str__(self) -> str:
        return f"{self.algorithm.value}:{self.value.hex()}"


def parse(text: str) -> Digest:
    """Read back `str(digest)`; raises ValueError on anything else."""
    name, _, value = text.partition(":")
    return Digest(Algorithm(name), bytes.fromhex(value))


_MD5_FORM = re.compile(rb"[0-9a-f]{32}")
_PARTS_FORM = re.compile(rb"([0-9a-f]{32})-([1-9][0-9]{0,4})")


def is_md5_form(etag: bytes) -> bool:
    """Whether an ETag (without quotes) looks like one MD5. A KMS ETag looks so too and is not one."""
    return _MD5_FORM.fullmatch(etag) is not None


def part_count(etag: bytes) -> int | None:
    """The `N` of an ETag of the form `md5-N`, else None."""
    match = _PARTS_FORM.fullmatch(etag)
    return int(match[2]) if match else None


def algorithm_of(etag: bytes | None, size_bytes: int) -> Algorithm:
    """Which digest a reader of the bytes gives: MD5 of what fits a part, CRC64NVME of what came in parts."""
    in_parts = etag is not None and part_count(etag) is not None
    return Algorithm.CRC64NVME if in_parts or size_bytes > span.PART_BUDGET_BYTES else Algorithm.MD5


def etag_of_parts(part_md5s: Iterable[bytes]) -> bytes:
    """The ETag S3 gives a multipart object: MD5 over the raw MD5s of its parts, then `-N`."""
    digests = list(part_md5s)
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}".encode()


def compare_etags(left: bytes | None, right: bytes | None) -> Comparison:
    """Compare two ETags as descriptions of bytes of equal length.

    Equal MD5 forms, or equal `-N` forms, are EQUAL. Two different MD5 forms are UNKNOWN here, not
    DIFFERENT, because one of them may not be an MD5 at all (KMS): only a probe can say more.
    """
    if left is None or right is None or left != right:
        return Comparison.UNKNOWN
    if is_md5_form(left) or part_count(left) is not None:
        return Comparison.EQUAL
    return Comparison.UNKNOWN


def evidence_of_etag(etag: bytes) -> Evidence:
    """Which class an equal ETag belongs to; only meaningful after `compare_etags` said EQUAL."""
    return Evidence.ETAG_MD5 if is_md5_form(etag) else Evidence.ETAG_PARTS
