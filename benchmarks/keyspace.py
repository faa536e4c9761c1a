"""A synthetic bucket by arithmetic: N keys in byte order, their sizes, times and ETags, and their listing XML.

Used by `list_server` (to answer listings) and by `ledger_seed` (to know what the listings say).
Every row has the same width in XML, so the place of a row in a rendered bucket is index x width.
It must not open a socket or remember anything.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import Enum

KEYS_PER_SHARD = 1000
_MASK = (1 << 64) - 1
_ODD_A, _ODD_B = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # odd constants: distinct index, distinct ETag
_KEY = b"train/shard-%06d/img_%07d.jpg"
_ROW = (
    b"<Contents><Key>train/shard-%06d/img_%07d.jpg</Key>"
    b"<LastModified>2025-%02d-%02dT%02d:%02d:%02d.000Z</LastModified>"
    b"<ETag>&quot;%016x%016x%b&quot;</ETag><Size>%06d</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class ETagForm(Enum):
    """How a side's ETags look: the MD5 form, or the multi-part form of other part sizes (never equal)."""

    MD5 = "md5"
    PARTS = "parts"


class Side(Enum):
    """Source and destination hold the same keys and sizes, last modified at other times."""

    SOURCE = "src"
    DESTINATION = "dst"


@dataclass(frozen=True, slots=True)
class Row:
    """One object as the listing of one side shows it. `modified_seconds` is epoch time, UTC."""

    key: bytes
    size_bytes: int
    etag: bytes
    modified: tuple[int, int, int, int, int]  # month, day, hour, minute, second of 2025, UTC


@dataclass(frozen=True, slots=True)
class Keyspace:
    """`count` keys of one side. Keys ascend strictly with their index, up to 10,000,000 keys."""

    count: int
    side: Side
    etags: ETagForm = ETagForm.MD5

    def key(self, index: int) -> bytes:
        """The key at `index`."""
        return _KEY % (index // KEYS_PER_SHARD, index)

    def shard_end(self, index: int) -> int:
        """The index after the last key of the same shard."""
        return (index // KEYS_PER_SHARD + 1) * KEYS_PER_SHARD

    def row(self, index: int) -> Row:
        """Everything the listing says of the object at `index`."""
        numbers = self._numbers(index)
        return Row(
            key=_KEY % numbers[:2],
            size_bytes=numbers[9],
            etag=b"%016x%016x%b" % (numbers[7], numbers[8], self._suffix),
            modified=numbers[2:7],
        )

    def render(self, start: int, stop: int) -> bytes:
        """The XML of rows `start` to `stop`, each `width` bytes."""
        suffix = self._suffix
        rows = []
        for index in range(start, stop):
            numbers = self._numbers(index)
            rows.append(_ROW % (*numbers[:9], suffix, numbers[9]))
        return b"".join(rows)

    @property
    def width(self) -> int:
        """Bytes of one rendered row."""
        return len(self.render(0, 1))

    def first_from(self, text: bytes) -> int:
        """The index of the first key >= `text`; `count` when there is none."""
        return bisect_left(range(self.count), text, key=self.key)

    def first_after(self, text: bytes) -> int:
        """The index of the first key > `text`; `count` when there is none."""
        return bisect_right(range(self.count), text, key=self.key)

    @property
    def _suffix(self) -> bytes:
        return b"-7" if self.etags is ETagForm.PARTS else b""

    def _numbers(self, index: int) -> tuple[int, int, int, int, int, int, int, int, int, int]:
        seed = index * 2 + (1 if self.etags is ETagForm.PARTS else 0)
        high, low = (seed * _ODD_A + 1) & _MASK, (seed * _ODD_B + 7) & _MASK
        moment = index * 7919 + (3 if self.side is Side.DESTINATION else 0)
        return (
            index // KEYS_PER_SHARD,
            index,
            1 + moment % 12,
            1 + moment // 12 % 28,
            moment // 7 % 24,
            moment // 11 % 60,
            moment % 60,
            high ^ (high >> 29),
            low ^ (low >> 31),
            100_000 + (index * 7919) % 899_999,
        )
