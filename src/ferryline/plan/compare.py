"""Compares what was seen of two objects: digests, ETags and metadata. Pure.

`examine` calls it with what the stores answered. A mismatch of things that may not mean the same
says nothing: it is UNKNOWN.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ferryline.model import digest
from ferryline.model.digest import Algorithm, Comparison, Digest, Evidence
from ferryline.model.entry import Metadata, Stat
from ferryline.model.fingerprint import Fingerprint
from ferryline.storage.capabilities import Support

_DEFAULT_TYPES = frozenset({"", "binary/octet-stream", "application/octet-stream"})
_PLAIN_ENCRYPTION = frozenset({None, "AES256"})

Verdict = tuple[Comparison, Evidence | None, Digest | None]
UNKNOWN: Verdict = (Comparison.UNKNOWN, None, None)


def fingerprints(left: Fingerprint, right: Fingerprint) -> Verdict:
    """Two objects whose bytes were read: equal or different, never unknown."""
    if left.size_bytes == right.size_bytes and left.md5 == right.md5 and left.crc64nvme == right.crc64nvme:
        return Comparison.EQUAL, Evidence.READ_BACK, left.digest
    return Comparison.DIFFERENT, None, None


def with_etag(hashed: Fingerprint, etag: bytes | None) -> Verdict:
    """Bytes that were read, and the ETag of the other end: a mismatch decides nothing."""
    if etag is None:
        return UNKNOWN
    if etag == hashed.md5.hex().encode():
        return Comparison.EQUAL, Evidence.ETAG_MD5, hashed.digest
    if etag in hashed.part_etags:
        return Comparison.EQUAL, Evidence.ETAG_PARTS, hashed.digest
    return UNKNOWN


def with_stored(hashed: Fingerprint, stat: Stat, trust: Support) -> Verdict:
    """Bytes that were read, and the checksum the other end keeps, believed only where `trust` is honoured."""
    stored = stat.stored_checksum
    if not trust.honoured or stored is None:
        return UNKNOWN
    known = {Algorithm.CRC64NVME: hashed.crc64nvme, Algorithm.MD5: hashed.md5}.get(stored.algorithm)
    if known is None:
        return UNKNOWN
    if known == stored.value:
        return Comparison.EQUAL, Evidence.STORED_CHECKSUM, hashed.digest
    return Comparison.DIFFERENT, None, None


@dataclass(frozen=True, slots=True)
class Told:
    """What a HEAD told of one end, and how far that end can be believed."""

    stat: Stat
    etag_is_md5: Support
    stored_checksum: Support

    @property
    def md5(self) -> bytes | None:
        """The ETag where it certainly is the MD5 of the bytes: honoured, and not under KMS."""
        etag = self.stat.entry.token.etag
        if not self.etag_is_md5.honoured or self.stat.encryption not in _PLAIN_ENCRYPTION:
            return None
        return etag if etag is not None and digest.is_md5_form(etag) else None

    @property
    def checksum(self) -> Digest | None:
        """The stored checksum where it can be believed."""
        return self.stat.stored_checksum if self.stored_checksum.honoured else None


def stats(left: Told, right: Told) -> Verdict:
    """What two HEADs say about the bytes of objects of equal size."""
    mine, other = left.checksum, right.checksum
    if mine is not None and other is not None and mine.algorithm is other.algorithm:
        if mine.value == other.value:
            return Comparison.EQUAL, Evidence.STORED_CHECKSUM, mine
        return Comparison.DIFFERENT, None, None
    if left.md5 is not None and right.md5 is not None and left.md5 != right.md5:
        return Comparison.DIFFERENT, None, None
    return UNKNOWN


def metadata(source: Metadata, destination: Metadata) -> Comparison:
    """Whether the same metadata travels with both; a missing type equals the stores' own default."""
    same = dict(source.user) == dict(destination.user) and _system(source.system) == _system(
        destination.system
    )
    return Comparison.EQUAL if same else Comparison.DIFFERENT


def _system(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if value and not (name == "content-type" and value in _DEFAULT_TYPES)
    }
