"""Distances between keys, guessed from the bytes that keys were seen to use at each position.

`ranges` calls it to place split points. A guess only costs balance: every result is checked to lie
strictly between its ends, and any byte string is a valid place to start a listing.
"""

from collections.abc import Iterable, Sequence

POSITIONS = 24
"""How many bytes after the common start of two keys are measured."""


def common(left: bytes, right: bytes) -> bytes:
    """The longest common start."""
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return left[:length]


def valid(text: bytes) -> bytes:
    """The longest start that is valid UTF-8, because no other start can be sent to S3."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as problem:
        return text[: problem.start]
    return text


class Scale:
    """Keys that start with `start` as numbers: a mixed-radix reading of the bytes that follow.

    A position's digits run from the smallest to the greatest byte seen there, with one below (the
    key has ended) and one above.
    """

    def __init__(self, start: bytes, seen: Iterable[bytes]) -> None:
        self._start = start
        spans = [(256, -1)] * POSITIONS
        offset = len(start)
        for key in seen:
            if not key.startswith(start):
                continue
            for index, byte in enumerate(key[offset : offset + POSITIONS]):
                low, high = spans[index]
                if byte < low or byte > high:
                    spans[index] = (min(low, byte), max(high, byte))
        self._spans: Sequence[tuple[int, int]] = [one for one in spans if one[1] >= 0]

    def position(self, key: bytes) -> int:
        """Where `key` lies; keys at or beyond the ends of what was seen are clamped."""
        value = 0
        offset = len(self._start)
        rest = key[offset : offset + POSITIONS]
        for index, (low, high) in enumerate(self._spans):
            digit = 0 if index >= len(rest) else max(1, min(rest[index] - low + 1, high - low + 2))
            value = value * (high - low + 3) + digit
        return value

    def key(self, value: int) -> bytes:
        """The key at a position, cut to valid UTF-8."""
        digits: list[int] = []
        for low, high in reversed(self._spans):
            value, digit = divmod(value, high - low + 3)
            digits.append(digit)
        found = bytearray(self._start)
        for digit, (low, _) in zip(reversed(digits), self._spans, strict=True):
            if digit == 0:
                break
            found.append(min(low + digit - 1, 0xF4))
        return valid(bytes(found))


def between(low: bytes, high: bytes, seen: Iterable[bytes]) -> bytes | None:
    """A byte string strictly between two keys, about half way as keys go; None where none was found."""
    scale = Scale(common(low, high), [*seen, low, high])
    first, last = scale.position(low), scale.position(high)
    middle = scale.key((first + last) // 2)
    return middle if low < middle < high else None
