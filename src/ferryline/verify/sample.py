"""Which keys a deep verification reads: a share chosen by a seeded hash of the key. Reads nothing.

The same seed chooses the same keys on every host, whatever the order they are listed in; a larger
share contains the smaller one.
"""

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from ferryline import errors

_SPACE = 1 << 64


@dataclass(frozen=True, slots=True)
class Sample:
    """`percent` of all keys, 0 to 100, chosen by `seed`. Raises BadUsage for another percentage."""

    percent: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise errors.BadUsage(
                f"{self.percent} is not a share in percent", advice="give a number from 0 to 100"
            )

    def chosen(self, key: bytes) -> bool:
        """Whether this key is read."""
        return _place(key, _salt(self.seed)) < self._limit

    def mask(self, keys: pa.Array) -> pa.BooleanArray:
        """`chosen` for each of a column of binary keys."""
        limit, salt = self._limit, _salt(self.seed)
        if limit == 0 or limit == _SPACE:
            return pa.array([limit == _SPACE] * len(keys), pa.bool_())
        return pa.array([_place(key, salt) < limit for key in keys.to_pylist()], pa.bool_())

    @property
    def _limit(self) -> int:
        return round(self.percent / 100 * _SPACE)


def _salt(seed: int) -> bytes:
    return hashlib.blake2b(str(seed).encode(), digest_size=16).digest()


def _place(key: bytes, salt: bytes) -> int:
    """Where a key lies in 64 bits: BLAKE2b keyed with the seed, uniform for any set of keys."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, key=salt).digest(), "big")
