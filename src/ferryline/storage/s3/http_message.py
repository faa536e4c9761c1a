"""Values of one HTTP/1.1 exchange, and the one exception by which an exchange fails.

Used by the connection, the pool and the client. Knows no S3: a status of 500 is an answer here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

Buffer = bytes | bytearray | memoryview


class Streamed:
    """A request body that comes in pieces while it is sent, and is never held whole. Sent once.

    Whoever made it calls `stop` when the exchange is over. `failure` is what the pieces raised, or
    RetryLater when they did not add up to the size announced.
    """

    def __init__(self, pieces: AsyncIterator[bytes], size_bytes: int) -> None:
        self.pieces = pieces
        self.feeding: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self._size_bytes = size_bytes

    def __len__(self) -> int:
        return self._size_bytes

    async def stop(self) -> None:
        """End the feeding, wherever it is, and wait for it."""
        if self.feeding is not None:
            self.feeding.cancel()
            await asyncio.gather(self.feeding, return_exceptions=True)


Body = Buffer | Streamed


class Delivery(StrEnum):
    """How the body of a successful answer is handed over. Bodies of failures are always collected."""

    COLLECT = "collect"
    BUFFER = "buffer"
    """Collected, and a large body given out as the buffer it was received into: for objects' bytes."""
    STREAM = "stream"


class Cause(StrEnum):
    """Why an exchange ended without a whole answer."""

    NAME = "dns"
    REFUSED = "connection-refused"
    CONNECT_TIMEOUT = "connect-timeout"
    CERTIFICATE = "tls"
    FORBIDDEN_ADDRESS = "forbidden-address"
    RESET = "connection-lost"
    STALLED = "stalled"
    SLOW = "too-slow"
    MALFORMED = "malformed-answer"
    TOO_LARGE = "answer-too-large"


class ExchangeFailed(Exception):
    """An exchange broke. `sent` tells whether the server may have seen the whole request,
    `answered` whether any byte of an answer had come."""

    def __init__(self, cause: Cause, message: str, *, sent: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.sent = sent
        self.answered = answered


@dataclass(slots=True)
class Outgoing:
    """One request as it goes on the wire: `head` ends with the empty line.

    `repeatable` allows one silent repetition on a fresh connection when a kept-alive one turns
    out to be dead before it answered anything: only for requests that change nothing.
    """

    head: bytes
    body: Body
    is_head: bool
    repeatable: bool
    delivery: Delivery
    body_bytes_max: int
    timeout_seconds: float
    minimum_bytes_per_second: int


@dataclass(slots=True)
class Answer:
    """An answer: header names in lower case, repeated headers joined by `, `.

    `length` is the announced Content-Length, None when there was none. `body` is complete unless
    `cut` is true (only bodies of failures are ever cut, at the cap).
    """

    status: int
    headers: Mapping[bytes, bytes]
    length: int | None
    body: Buffer = b""
    cut: bool = False

    def text(self, name: bytes) -> str | None:
        """A header as text; bytes that are no UTF-8 survive as surrogate escapes."""
        value = self.headers.get(name)
        return None if value is None else value.decode("utf-8", "surrogateescape")
