"""Byte spans and part layouts: the arithmetic of multipart objects. Knows no provider.

Limits are S3's: 10,000 parts of 5 MiB to 5 GiB (the last may be smaller), 50 TB an object.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ferryline import errors

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

PART_COUNT_MAX = 10_000
PART_BYTES_MIN = 5 * MIB
PART_BYTES_MAX = 5 * GIB
OBJECT_BYTES_MAX = 50 * 1000**4
PART_BUDGET_BYTES = 64 * MIB
"""Parts up to this size are buffered whole; larger ones are streamed."""


@dataclass(frozen=True, slots=True)
class Span:
    """`size_bytes` bytes from `offset`; `number` is the 1-based part number."""

    number: int
    offset: int
    size_bytes: int

    @property
    def last(self) -> int:
        """Offset of the last byte, as HTTP ranges count it."""
        return self.offset + self.size_bytes - 1


@dataclass(frozen=True, slots=True)
class Layout:
    """A uniform part layout: every part has `part_bytes`, the last one what remains."""

    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """Number of parts, at least one."""
        return max(1, -(-self.size_bytes // self.part_bytes))

    def spans(self) -> Iterator[Span]:
        """Every part once, in order."""
        for number in range(1, self.count + 1):
            yield self.span(number)

    def span(self, number: int) -> Span:
        """The part with this 1-based number."""
        offset = (number - 1) * self.part_bytes
        return Span(number, offset, min(self.part_bytes, self.size_bytes - offset))


def our_layout(size_bytes: int, preferred_part_bytes: int = 16 * MIB) -> Layout:
    """The layout Ferryline uses when it is free to choose: a pure function of the size.

    Parts grow in whole MiB so that there are at most 10,000. Raises ObjectFailed for an object
    that no legal layout can hold.
    """
    if size_bytes > OBJECT_BYTES_MAX:
        raise errors.ObjectFailed(
            f"object of {size_bytes} bytes is larger than S3 can hold ({OBJECT_BYTES_MAX})",
            advice="split it at the source, or exclude it",
            kind="too-large",
        )
    smallest = -(-size_bytes // PART_COUNT_MAX)
    part_bytes = max(preferred_part_bytes, -(-smallest // MIB) * MIB, PART_BYTES_MIN)
    if part_bytes > PART_BYTES_MAX:
        part_bytes = PART_BYTES_MAX
    return Layout(size_bytes, part_bytes)


def uniform_layouts(size_bytes: int, count: int) -> tuple[Layout, ...]:
    """Whole-MiB uniform layouts that give exactly `count` parts for this size, smallest part first.

    A guess at how somebody uploaded the object; only an equal ETag afterwards proves it.
    """
    if count < 1 or size_bytes < 1:
        return ()
    if count == 1:
        return (Layout(size_bytes, size_bytes),)
    low = -(-size_bytes // count)
    high = -(-size_bytes // (count - 1)) - 1
    first = -(-low // MIB) * MIB
    return tuple(Layout(size_bytes, part) for part in range(first, high + 1, MIB))
