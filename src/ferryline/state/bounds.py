"""A key range as half-open bounds `[low, high)`, and where rows that ascend by key cross a bound.

`segment` and `merge` cut batches with it. In byte order the keys after `k` are those from `k + NUL` on,
so a range and its prefix are one interval, and one kind of search finds both ends.
"""

from dataclasses import dataclass

import pyarrow as pa

from ferryline.model.key import KeyRange


@dataclass(frozen=True, slots=True)
class Bounds:
    """The keys `k` with `low <= k < high`; `high=None` means to the end."""

    low: bytes = b""
    high: bytes | None = None

    def of(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of an ascending batch that lie inside, without a copy."""
        keys = rows.column(0)
        start = position(keys, self.low) if self.low else 0
        end = len(keys) if self.high is None else position(keys, self.high)
        return rows.slice(start, max(0, end - start))


EVERYTHING = Bounds()


def bounds_of(keys: KeyRange) -> Bounds:
    """The bounds of a key range."""
    low = keys.prefix
    if keys.after is not None:
        low = max(low, after(keys.after))
    high = _end_of_prefix(keys.prefix)
    if keys.upto is not None:
        end = after(keys.upto)
        high = end if high is None else min(high, end)
    return Bounds(low, high)


def after(key: bytes) -> bytes:
    """The smallest key that is greater than `key`."""
    return key + b"\0"


def position(keys: pa.Array, key: bytes) -> int:
    """Index of the first of ascending `keys` at or after `key`; their number when there is none."""
    low, high = 0, len(keys)
    if high and keys[high - 1].as_py() < key:
        return high
    while low < high:
        middle = (low + high) // 2
        if keys[middle].as_py() < key:
            low = middle + 1
        else:
            high = middle
    return low


def _end_of_prefix(prefix: bytes) -> bytes | None:
    """The smallest key that is greater than every key with this prefix, or None when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
