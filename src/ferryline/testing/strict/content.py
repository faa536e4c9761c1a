"""Bytes of an object as they came, in one buffer or in one per part; cut, never joined.

Held by versions and parts, sent by `delivery`. Buffers are never changed after they were stored, so
several versions may share them and a GET that is under way keeps what it began with.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from awscrt import checksums

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Content:
    """An immutable sequence of buffers."""

    buffers: tuple[Buffer, ...]
    size: int

    @classmethod
    def of(cls, *buffers: Buffer) -> "Content":
        """These buffers, in order."""
        return cls(buffers, sum(len(one) for one in buffers))

    @classmethod
    def joined(cls, pieces: "list[Content]") -> "Content":
        """Several contents one after the other, without a copy."""
        buffers = tuple(buffer for piece in pieces for buffer in piece.buffers)
        return cls(buffers, sum(piece.size for piece in pieces))

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes from `start` up to `stop`, as views."""
        at = 0
        for buffer in self.buffers:
            end = at + len(buffer)
            if end > start and at < stop:
                yield memoryview(buffer)[max(0, start - at) : min(end, stop) - at]
            at = end

    def cut(self, start: int, stop: int) -> "Content":
        """A slice of it as a content of its own."""
        return Content(tuple(self.views(start, stop)), max(0, min(stop, self.size) - start))

    def whole(self) -> bytes:
        """All of it, copied."""
        return b"".join(self.buffers)

    def md5(self) -> bytes:
        """The MD5 of all bytes."""
        state = hashlib.md5()
        for buffer in self.buffers:
            state.update(buffer)
        return state.digest()

    def crc64nvme(self) -> bytes:
        """The CRC64NVME of all bytes."""
        value = 0
        for buffer in self.buffers:
            value = checksums.crc64nvme(buffer, value)
        return value.to_bytes(8, "big")
