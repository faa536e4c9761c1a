"""Bytes that came on a connection and were not looked at yet. Owned by one `wire.Connection`."""

from typing import Final

INBOX_BYTES: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 4 * INBOX_BYTES


class Inbox:
    """A buffer that is written at its end and read at its start."""

    def __init__(self) -> None:
        self._buffer = bytearray(INBOX_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._end - self._start

    def free(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._end == len(self._buffer):
            waiting = bytes(self._view[self._start : self._end])
            if len(waiting) == len(self._buffer):
                self._buffer = bytearray(2 * len(waiting))
                self._view = memoryview(self._buffer)
            self._view[: len(waiting)] = waiting
            self._start, self._end = 0, len(waiting)
        return self._view[self._end :]

    def came(self, count: int) -> None:
        """So many bytes were written into `free()`."""
        self._end += count

    def head(self) -> bytes | None:
        """A request's head without its empty line, taken; None when it is not whole yet."""
        end = self._buffer.find(b"\r\n\r\n", self._start, self._end)
        if end < 0:
            if self.waiting > HEAD_BYTES_MAX:
                raise ValueError("a head without an end")
            return None
        taken = bytes(self._view[self._start : end])
        self.drop(end + 4 - self._start)
        return taken

    def pour(self, target: memoryview) -> int:
        """Move as many bytes as fit and wait into `target`; how many."""
        count = min(len(target), self.waiting)
        target[:count] = self._view[self._start : self._start + count]
        self.drop(count)
        return count

    def look(self) -> bytearray:
        """A copy of what waits."""
        return self._buffer[self._start : self._end]

    def drop(self, count: int) -> None:
        """So many bytes are done with."""
        self._start += count
        if self._start == self._end:
            self._start = self._end = 0
