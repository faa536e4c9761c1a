"""One HTTP/1.1 connection: sends a request, receives its answer, knows whether it can be used again.

Called only by `http_pool`. Large bodies are received straight into their buffer and sent in
slices under flow control, so memory stays near the body itself. Heads and chunked framing are
parsed by llhttp (httptools), strictly; a body of known length bypasses the parser. Deadlines
are checked by the pool through `check`; nothing here retries, signs or knows S3.
"""

import asyncio
from collections import deque
from enum import Enum, auto

import httptools
import pyarrow

from ferryline.storage.s3.http_message import Answer, Cause, Delivery, ExchangeFailed, Outgoing
from ferryline.storage.s3.http_motion import Outbox, Watch

HEAD_BYTES_MAX = 64 * 1024
FAILURE_BODY_BYTES_MAX = 64 * 1024
_SCRATCH_BYTES = 128 * 1024
_STREAM_HIGH_BYTES = 1024 * 1024
_DIRECT_BYTES_MIN = 32 * 1024


class _State(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    CLOSED = auto()


class Connection(asyncio.BufferedProtocol):
    """One connection. At most one exchange at a time; `exchange` and `chunks` are not re-entrant."""

    def __init__(self, loop: asyncio.AbstractEventLoop, speed_window_seconds: float) -> None:
        self._loop = loop
        self._watch = Watch(speed_window_seconds)
        self._outbox = Outbox()
        self._transport: asyncio.Transport | None = None
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._scratch_view = memoryview(self._scratch)
        self._state = _State.IDLE
        self._request: Outgoing | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._failure: ExchangeFailed | None = None
        self.used = 0
        self.idle_since = 0.0
        self._keep_alive = True
        self._reset()

    def _reset(self) -> None:
        self._used_scratch = 0
        self._answer: Answer | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: dict[bytes, bytes] = {}
        self._collected: memoryview | None = None
        self._filled = 0
        self._remaining: int | None = 0
        self._pieces: list[bytes] = []
        self._streaming = False
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._reading_paused = False
        self._chunk_waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._body_limit = 0
        self._received = 0

    # -- what the pool asks ---------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Whether another exchange may use this connection."""
        return self._state is _State.IDLE and self._keep_alive and self._transport is not None

    @property
    def answered(self) -> bool:
        """Whether any byte of the current answer has come."""
        return self._received > 0

    @property
    def peer_address(self) -> str:
        """The numeric address this connection really leads to, or an empty string."""
        assert self._transport is not None
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    async def exchange(self, request: Outgoing) -> Answer:
        """Send `request` and wait for its answer: whole, or its head when a success is streamed.

        Raises ExchangeFailed. When cancelled, the connection is closed.
        """
        if self._state is not _State.IDLE or self._transport is None:
            raise self._failure or ExchangeFailed(Cause.RESET, "the connection was closed while idle")
        self._reset()
        self._request = request
        self._state = _State.HEAD
        self.used += 1
        self._watch.restart(self._loop.time(), 0)
        waiter = self._waiter = self._loop.create_future()
        try:
            self._outbox.start(self._transport, request.head, request.body)
            answer: Answer = await waiter
            return answer
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None

    async def next_chunk(self) -> bytes | None:
        """The next piece of a streamed body, or None after the last; raises ExchangeFailed."""
        while not self._queue:
            if self._ended:
                return None
            if self._failure is not None:
                raise self._failure
            self._chunk_waiter = self._loop.create_future()
            try:
                await self._chunk_waiter
            finally:
                self._chunk_waiter = None
        chunk = self._queue.popleft()
        self._queued_bytes -= len(chunk)
        if self._reading_paused and self._queued_bytes < _STREAM_HIGH_BYTES // 2:
            self._reading_paused = False
            self._watch.restart(self._loop.time(), self._progress())
            if self._transport is not None:
                self._transport.resume_reading()
        return chunk

    def abort(self) -> None:
        """Close at once, whatever is going on."""
        self._state = _State.CLOSED
        self._outbox.drop()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def check(self, now: float) -> None:
        """Fail the exchange when it stalled or crawls. Called about once a second by the pool."""
        request = self._request
        if request is None or self._state not in (_State.HEAD, _State.BODY) or self._reading_paused:
            return
        moving = (
            self._state is _State.BODY
            or not self._outbox.handed_over
            or (self._transport is not None and self._transport.get_write_buffer_size() > 0)
        )
        verdict = self._watch.verdict(now, self._progress(), request, moving=moving)
        if verdict is not None:
            self._fail(*verdict)

    def _progress(self) -> int:
        return self._received + self._outbox.moved_bytes(self._transport)

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._outbox.resume(self._transport)

    # -- receiving ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self._transport.set_write_buffer_limits(high=256 * 1024, low=64 * 1024)  # type: ignore[union-attr]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: into the body itself when enough of it is missing."""
        if self._collected is not None and self._remaining and self._remaining >= _DIRECT_BYTES_MIN:
            return self._collected[self._filled :]
        return self._scratch_view[self._used_scratch :]

    def buffer_updated(self, nbytes: int) -> None:
        """`nbytes` arrived in the buffer last given out."""
        self._received += nbytes
        if self._state is _State.BODY:
            if self._collected is not None and self._remaining and self._remaining >= _DIRECT_BYTES_MIN:
                self._filled += nbytes
                self._remaining -= nbytes
                if self._remaining == 0:
                    self._finish()
            else:
                self._body(self._scratch_view[:nbytes])
        elif self._state is _State.HEAD:
            self._head(nbytes)
        else:
            # Bytes nobody asked for: whatever they are, the next answer could not be trusted.
            self._keep_alive = False
            self.abort()

    def _head(self, nbytes: int) -> None:
        start = max(0, self._used_scratch - 3)
        self._used_scratch += nbytes
        while True:
            end = self._scratch.find(b"\r\n\r\n", start, self._used_scratch)
            if end < 0:
                if self._used_scratch > HEAD_BYTES_MAX:
                    self._fail(Cause.TOO_LARGE, f"the answer's head exceeds {HEAD_BYTES_MAX} bytes")
                return
            end += 4
            if end > HEAD_BYTES_MAX:
                self._fail(Cause.TOO_LARGE, f"the answer's head exceeds {HEAD_BYTES_MAX} bytes")
                return
            self._headers = {}
            parser = self._parser = httptools.HttpResponseParser(self)
            try:
                parser.feed_data(self._scratch_view[:end])
                status = parser.get_status_code()
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
                self._fail(Cause.MALFORMED, f"not an HTTP answer: {problem}")
                return
            rest = self._used_scratch - end
            if 100 <= status < 200 and status != 101:
                # Interim answers say nothing about the request; the final one follows.
                self._scratch[:rest] = self._scratch[end : self._used_scratch]
                self._used_scratch, start = rest, 0
                continue
            self._begin_body(status, end, rest)
            return

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser: one header."""
        lower = name.lower()
        known = self._headers.get(lower)
        self._headers[lower] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        """Called by the parser: only here does it still know whether the connection stays open."""
        self._keep_alive = self._parser is not None and self._parser.should_keep_alive()

    def _begin_body(self, status: int, end: int, rest: int) -> None:
        request, headers = self._request, self._headers
        assert request is not None
        self._state = _State.BODY
        announced = headers.get(b"content-length")
        length: int | None = None
        if announced is not None:
            if not announced.isdigit() or len(announced) > 18:
                self._fail(Cause.MALFORMED, "the answer's Content-Length is not a number")
                return
            length = int(announced)
        answer = self._answer = Answer(status, headers, length)
        chunked = b"transfer-encoding" in headers
        success = 200 <= status < 300
        self._body_limit = request.body_bytes_max if success else FAILURE_BODY_BYTES_MAX
        self._used_scratch = 0
        if request.is_head or status in (204, 304):
            self._remaining = 0
            self._keep_alive = self._keep_alive and (request.is_head or not rest)
            self._finish()
            return
        self._remaining = None if chunked or length is None else length
        if self._remaining is None and not chunked:
            self._parser, self._keep_alive = None, False
        elif not chunked:
            self._parser = None
        if success and request.delivery is Delivery.STREAM:
            self._streaming = True
            self._resolve(answer)
        elif self._remaining is not None and not self._collectable(self._remaining, success):
            return
        if rest or self._remaining == 0:
            self._body(self._scratch_view[end : end + rest])

    def _collectable(self, size: int, success: bool) -> bool:  # noqa: FBT001
        if size > self._body_limit:
            if success:
                self._fail(Cause.TOO_LARGE, f"the answer announces {size} bytes, over {self._body_limit}")
                return False
            return True
        if size >= _DIRECT_BYTES_MIN:
            # Arrow's pool hands memory out again, unzeroed: a fresh bytearray costs a sixth of the copy.
            self._collected = memoryview(pyarrow.allocate_buffer(size)).cast("B")
        return True

    def _body(self, piece: memoryview) -> None:
        if self._remaining is None:
            if self._parser is None:
                self._take(bytes(piece))
                return
            try:
                self._parser.feed_data(piece)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
                self._fail(Cause.MALFORMED, f"broken chunked body: {problem}")
            return
        if len(piece) > self._remaining:
            self._keep_alive = False
            piece = piece[: self._remaining]
        self._remaining -= len(piece)
        if self._collected is not None:
            self._collected[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
        elif piece:
            self._take(bytes(piece))
        if self._remaining == 0 and self._state is _State.BODY:
            self._finish()

    def on_body(self, piece: bytes) -> None:
        """Called by the parser: one piece of a chunked body."""
        if self._state is _State.BODY and self._remaining is None:
            self._take(piece)

    def on_message_complete(self) -> None:
        """Called by the parser: the last chunk has come (heads with a known length end elsewhere)."""
        if self._state is _State.BODY and self._remaining is None:
            self._finish()

    def _take(self, piece: bytes) -> None:
        if self._streaming:
            self._queue.append(piece)
            self._queued_bytes += len(piece)
            self._wake_reader()
            if self._queued_bytes > _STREAM_HIGH_BYTES and not self._reading_paused:
                assert self._transport is not None
                self._reading_paused = True
                self._transport.pause_reading()
            return
        assert self._answer is not None
        self._pieces.append(piece)
        self._filled += len(piece)
        if self._filled > self._body_limit:
            if 200 <= self._answer.status < 300:
                self._fail(Cause.TOO_LARGE, f"the answer's body exceeds {self._body_limit} bytes")
                return
            self._answer.cut = True
            self._keep_alive = False
            self._finish()

    def _finish(self) -> None:
        answer, request = self._answer, self._request
        assert answer is not None and request is not None
        self._state = _State.IDLE
        self._request = None
        self._ended = True
        if not self._streaming:
            if self._collected is not None:
                answer.body = (
                    self._collected if request.delivery is Delivery.BUFFER else bytes(self._collected)
                )
            else:
                answer.body = b"".join(self._pieces)[: self._body_limit or None]
        # Answered before the request was sent whole: the rest of it would poison the next exchange.
        if not self._outbox.handed_over or not self._keep_alive:
            self._keep_alive = False
            self._outbox.drop()
            self._close()
        self._collected = None
        self._pieces = []
        self._parser = self._answer = None  # an idle connection keeps no body alive
        self._wake_reader()
        self._resolve(answer)

    # -- the end --------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        """The server will send no more: the end of a body without a length, else a cut answer."""
        if self._state is _State.BODY and self._remaining is None and self._parser is None:
            self._finish()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        if self._state in (_State.HEAD, _State.BODY):
            reason = f": {exc}" if exc else ""
            self._fail(Cause.RESET, f"the connection was closed before the answer was whole{reason}")
        self._state = _State.CLOSED

    def _fail(self, cause: Cause, message: str) -> None:
        if self._state is _State.CLOSED and self._failure is not None:
            return
        self._failure = ExchangeFailed(
            cause, message, sent=self._outbox.handed_over, answered=self._received > 0
        )
        self._state = _State.CLOSED
        self._keep_alive = False
        self._request = None
        self._close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._failure)
        self._wake_reader()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _resolve(self, answer: Answer) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)

    def _wake_reader(self) -> None:
        if self._chunk_waiter is not None and not self._chunk_waiter.done():
            self._chunk_waiter.set_result(None)
