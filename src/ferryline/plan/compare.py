"""Compares what was seen of two objects: digests, ETags and metadata. Pure.

`examine` calls it with what the stores answered. A mismatch of things that may not mean the same
says nothing: it is UNKNOWN.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ferryline.model import digest
from ferryline.model.digest import Algorithm, Comparison, Digest, Evidence
from ferryline.model.entry import Metadata, Stat
from ferryline.model.fingerprint import Fingerprint
from ferryline.storage.capabilities import Support

_DEFAULT_TYPES = frozenset({"", "binary/octet-stream", "application/octet-stream"})
_PLAIN_ENCRYPTION = frozenset({None, "AES256"})

Verdict = tuple[Comparison, Evidence | None]
UNKNOWN: Verdict = (Comparison.UNKNOWN, None)


def fingerprints(left: Fingerprint, right: Fingerprint) -> Verdict:
    """Two objects whose bytes were read: equal or different, never unknown."""
    if left.size_bytes == right.size_bytes and left.md5 == right.md5 and left.crc64nvme == right.crc64nvme:
        return Comparison.EQUAL, Evidence.READ_BACK
    return Comparison.DIFFERENT, None


def with_etag(hashed: Fingerprint, etag: bytes | None) -> Verdict:
    """Bytes that were read, and the ETag of the other end: a mismatch decides nothing."""
    if etag is None:
        return UNKNOWN
    if etag == hashed.md5.hex().encode():
        return Comparison.EQUAL, Evidence.ETAG_MD5
    if etag in hashed.part_etags:
        return Comparison.EQUAL, Evidence.ETAG_PARTS
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
        return Comparison.EQUAL, Evidence.STORED_CHECKSUM
    return Comparison.DIFFERENT, None


def with_reported(hashed: Fingerprint, reported: Iterable[Digest]) -> Verdict:
    """Bytes that were read, and the digests that a store computed of the other end's."""
    known = {
        Algorithm.CRC64NVME: hashed.crc64nvme,
        Algorithm.MD5: hashed.md5,
        Algorithm.SHA256: hashed.sha256,
    }
    told = [(known.get(one.algorithm), one.value) for one in reported]
    pairs = [(mine, other) for mine, other in told if mine is not None]
    if any(mine != other for mine, other in pairs):
        return Comparison.DIFFERENT, None
    return (Comparison.EQUAL, Evidence.STORED_CHECKSUM) if pairs else UNKNOWN


@dataclass(frozen=True, slots=True)
class Told:
    """What a HEAD told of one end, how far that end can be believed, and what was reported of it besides."""

    stat: Stat
    etag_is_md5: Support
    stored_checksum: Support
    reported: tuple[Digest, ...] = ()

    @property
    def md5(self) -> bytes | None:
        """The ETag where it certainly is the MD5 of the bytes: honoured, and not under KMS."""
        etag = self.stat.entry.token.etag
        if not self.etag_is_md5.honoured or self.stat.encryption not in _PLAIN_ENCRYPTION:
            return None
        return etag if etag is not None and digest.is_md5_form(etag) else None

    @property
    def checksums(self) -> tuple[Digest, ...]:
        """Whole-object digests: those stored with it, where they can be believed, and reported ones."""
        kept = self.stat.stored_checksum, *self.stat.further_checksums
        stored = tuple(one for one in kept if one is not None) if self.stored_checksum.honoured else ()
        return (*stored, *self.reported)

    @property
    def etag_digest(self) -> Digest | None:
        """The ETag as an MD5, if it looks like one: what equals it proves, any other says nothing."""
        etag = self.stat.entry.token.etag
        if etag is None or not digest.is_md5_form(etag):
            return None
        return Digest(Algorithm.MD5, bytes.fromhex(etag.decode()))


def stats(left: Told, right: Told) -> Verdict:
    """What two HEADs, and reports, say about the bytes of objects of equal size.

    Two digests of one algorithm that differ outweigh any that are equal: something is damaged then.
    """
    if left.md5 is not None and right.md5 is not None and left.md5 != right.md5:
        return Comparison.DIFFERENT, None
    equal = False
    for mine in left.checksums:
        for other in right.checksums:
            if mine.algorithm is other.algorithm and mine.value != other.value:
                return Comparison.DIFFERENT, None
            equal = equal or mine == other
    for told, etag, believed in (
        (left.checksums, right.etag_digest, right.md5 is not None),
        (right.checksums, left.etag_digest, left.md5 is not None),
    ):
        for one in told:
            if etag is None or one.algorithm is not etag.algorithm:
                continue
            if one != etag and believed:
                return Comparison.DIFFERENT, None
            equal = equal or one == etag
    return (Comparison.EQUAL, Evidence.STORED_CHECKSUM) if equal else UNKNOWN


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
