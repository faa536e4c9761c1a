"""One pass over an object's bytes: every digest that a comparison may ask for. Pure.

`plan`, `transfer` and `verify` hash with it, so that they mean the same by the same words. It also
guesses how somebody cut an object into parts: a guess that only an equal ETag afterwards proves.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from awscrt import checksums

from ferryline.model import digest, span
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry
from ferryline.model.span import Layout

LAYOUTS_MAX = 8
"""Part layouts that are hashed in one pass; each costs one more MD5 of the whole object."""

_COMMON_PART_MIB = (5, 8, 10, 16, 32, 50, 64, 100, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one pass over an object's bytes gave: its MD5, CRC64NVME and the ETags of part layouts."""

    size_bytes: int
    md5: bytes
    crc64nvme: bytes
    part_etags: frozenset[bytes]
    sha256: bytes | None = None
    """Only where it was asked for."""

    def identifying(self, source: Entry) -> Digest | None:
        """The digest by which snapshots know `source`, whose bytes these are.

        MD5; CRC64NVME of what came in parts or is too large to be hashed in one piece. None where that
        turns on what a HEAD says: where the ETag looks like an MD5 and is another one, or of a large object.
        """
        etag = source.token.etag
        wanted = digest.algorithm_of(etag, source.size_bytes)
        if (
            etag is not None
            and digest.is_md5_form(etag)
            and (wanted is not Algorithm.MD5 or etag != self.md5.hex().encode())
        ):
            return None
        return self.digest if wanted is Algorithm.MD5 else Digest(wanted, self.crc64nvme)

    @property
    def digest(self) -> Digest:
        """The MD5 as a digest."""
        return Digest(Algorithm.MD5, self.md5)


class Hashing:
    """Takes an object's bytes in order; MD5s of every part of every layout beside the whole's."""

    def __init__(self, layouts: Iterable[Layout] = (), *, sha256: bool = False) -> None:
        self._size = 0
        self._sha256 = hashlib.sha256() if sha256 else None
        self._whole = hashlib.md5()
        self._crc = 0
        self._parts = [_PartHashing(layout) for layout in layouts]

    def take(self, chunk: bytes | bytearray | memoryview) -> None:
        """The next bytes."""
        self._size += len(chunk)
        self._whole.update(chunk)
        self._crc = checksums.crc64nvme(chunk, self._crc)
        if self._sha256 is not None:
            self._sha256.update(chunk)
        for one in self._parts:
            one.take(chunk)

    def fingerprint(self) -> Fingerprint:
        """What was taken so far, as a whole object."""
        etags = frozenset(one.etag() for one in self._parts)
        sha256 = self._sha256.digest() if self._sha256 is not None else None
        return Fingerprint(self._size, self._whole.digest(), self._crc.to_bytes(8, "big"), etags, sha256)


class _PartHashing:
    def __init__(self, layout: Layout) -> None:
        self._part_bytes = layout.part_bytes
        self._done: list[bytes] = []
        self._current = hashlib.md5()
        self._filled = 0

    def take(self, chunk: bytes | bytearray | memoryview) -> None:
        view = memoryview(chunk)
        while len(view):
            if self._filled == self._part_bytes:
                self._done.append(self._current.digest())
                self._current, self._filled = hashlib.md5(), 0
            piece = view[: self._part_bytes - self._filled]
            self._current.update(piece)
            self._filled += len(piece)
            view = view[len(piece) :]

    def etag(self) -> bytes:
        return digest.etag_of_parts([*self._done, self._current.digest()])


def layouts(etag: bytes | None, size_bytes: int) -> tuple[Layout, ...]:
    """Part layouts that may have given `etag`, likeliest first; none unless it has the form `md5-N`."""
    count = digest.part_count(etag) if etag is not None else None
    if count is None:
        return ()
    if count == 1:
        return (Layout(size_bytes, max(1, size_bytes)),)
    fitting = span.uniform_layouts(size_bytes, count)
    ours = span.our_layout(size_bytes) if size_bytes <= span.OBJECT_BYTES_MAX else None
    usual = {span.MIB * number for number in _COMMON_PART_MIB}
    ranked = sorted(fitting, key=lambda one: (one != ours, one.part_bytes not in usual, one.part_bytes))
    return tuple(ranked[:LAYOUTS_MAX])
