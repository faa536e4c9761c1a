"""One connection: heads parsed, bodies received straight into their own buffer, answers sent.

Made by `server` per connection. Most exchanges run to their end inside one callback; only large bodies
(hashed in a thread, sent with flow control) and scripted faults get a task. Decides nothing about S3.
"""

import asyncio
import socket
import struct
from email.utils import formatdate
from typing import Any, Final

from ferryline.testing.strict import intake
from ferryline.testing.strict.aws_chunked import HttpChunks
from ferryline.testing.strict.exchange import FOR_EVER, Exchange
from ferryline.testing.strict.fault import Close, Reset
from ferryline.testing.strict.inbox import Inbox
from ferryline.testing.strict.message import Answer, Malformed, parse
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.sending import Sending
from ferryline.testing.strict.service import Service

THREADED_BYTES: Final = 1024 * 1024
"""Bodies at least so large are hashed in a worker thread."""


class Connection(asyncio.BufferedProtocol):
    """HTTP/1.1 on one socket; requests one after the other."""

    def __init__(self, service: Service, connections: "set[Connection]") -> None:
        self._service = service
        self._connections = connections
        self._inbox = Inbox()
        self._body: bytearray | None = None
        self._body_view: memoryview | None = None
        self._body_filled = 0
        self._chunks: HttpChunks | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending: Sending | None = None
        self._transport: Any = None
        self._dated = (0, "")
        self.closed = asyncio.Event()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = transport
        self._sending = Sending(transport)
        self._connections.add(self)
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._connections.discard(self)
        self.closed.set()
        if self._sending is not None:
            self._sending.lost()
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: into the body itself while one is under way."""
        if self._body_view is not None:
            return self._body_view[self._body_filled :]
        return self._inbox.free()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came."""
        if self._body_view is not None:
            self._body_filled += nbytes
            self._body_came()
            return
        self._inbox.came(nbytes)
        if self._task is None:
            self._advance()

    def eof_received(self) -> bool:
        """The client is gone (or sends no more, which no client of S3 does): close."""
        return False

    def pause_writing(self) -> None:
        """The socket is full."""
        if self._sending is not None:
            self._sending.pause()

    def resume_writing(self) -> None:
        """The socket takes more."""
        if self._sending is not None:
            self._sending.resume()

    def close(self) -> None:
        """Close for good."""
        if self._transport is not None:
            self._transport.abort()

    # heads and bodies

    def _advance(self) -> None:
        """Go on with what lies in the inbox, as far as it reaches."""
        while self._task is None and self._inbox.waiting and self._body_view is None:
            try:
                if self._chunks is not None:
                    if not self._fed():
                        return
                elif not self._head():
                    return
            except (Malformed, ValueError) as cause:
                self._send_and_close(400, str(cause))
                return

    def _head(self) -> bool:
        head = self._inbox.head()
        if head is None:
            return False
        request = parse(head)
        exchange = self._exchange = self._service.begin(request)
        length = request.length
        if request.headers.get("expect", "").lower() == "100-continue":
            if exchange.refusal is not None:  # the body is not asked for
                request.headers["connection"] = "close"
                self._whole()
                return True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.chunked:
            if "aws-chunked" not in request.headers.get("content-encoding", ""):
                exchange.refusal = exchange.refusal or Refusal(
                    "NotImplemented", "A header you provided implies functionality that is not implemented",
                    fields={"Header": "Transfer-Encoding"},
                )  # fmt: skip
            self._chunks = HttpChunks()
        elif length:
            self._begin_body(length)
        else:
            if length is None and request.method == "PUT" and "x-amz-copy-source" not in request.headers:
                exchange.refusal = exchange.refusal or Refusal("MissingContentLength")
            self._whole()
        return True

    def _begin_body(self, length: int) -> None:
        self._body = bytearray(length)
        self._body_view = memoryview(self._body)
        self._body_filled = self._inbox.pour(self._body_view)
        self._body_came()

    def _fed(self) -> bool:
        assert self._chunks is not None and self._exchange is not None  # noqa: S101
        taken = self._chunks.feed(self._inbox.look())
        self._inbox.drop(taken)
        if self._hit_intake(len(self._chunks.body)):
            return False
        if not self._chunks.done:
            return taken > 0 and self._inbox.waiting > 0
        self._exchange.request.body = self._chunks.body
        self._exchange.request.trailers = self._chunks.trailers
        self._chunks = None
        self._whole()
        return True

    def _body_came(self) -> None:
        assert self._body is not None and self._exchange is not None  # noqa: S101
        if self._hit_intake(self._body_filled):
            return
        if self._body_filled == len(self._body):
            self._exchange.request.body = self._body
            self._body = self._body_view = None
            self._whole()
            self._advance()

    def _hit_intake(self, came: int) -> bool:
        """Faults that strike while the request's body comes."""
        exchange = self._exchange
        assert exchange is not None  # noqa: S101
        script = exchange.script
        if script.intake_end is not None and came >= script.intake_end.after_bytes:
            exchange.seen.bytes_in = came
            self._end(script.intake_end)
            return True
        if script.intake_stall is not None and came >= script.intake_stall[0]:
            seconds = script.intake_stall[1]
            script.intake_stall = None
            self._transport.pause_reading()
            if seconds != FOR_EVER:
                asyncio.get_running_loop().call_later(seconds, self._transport.resume_reading)
        return False

    # answers

    def _whole(self) -> None:
        """A whole request is there."""
        exchange = self._exchange
        assert exchange is not None  # noqa: S101
        self._exchange = None
        body = exchange.request.body
        if exchange.script.wait_seconds or len(body) >= THREADED_BYTES:
            self._start(self._slowly(exchange, None))
            return
        intake.take(exchange, self._service.world.settings.lies)
        answer = self._service.answer(exchange)
        assert self._sending is not None  # noqa: S101
        if self._sending.at_once(exchange, answer, self._more_headers(exchange)):
            self._service.world.log.done(exchange.seen)
            if not exchange.request.keeps_alive:
                self._transport.close()
            return
        self._start(self._slowly(exchange, answer))

    def _start(self, work: Any) -> None:
        self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if task.cancelled() or self._transport.is_closing():
            return
        if task.exception() is not None:
            self._transport.abort()
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an exchange failed", "exception": task.exception()}
            )
            return
        self._transport.resume_reading()
        self._advance()

    async def _slowly(self, exchange: Exchange, answer: Answer | None) -> None:
        script = exchange.script
        if answer is None:
            if script.wait_seconds:
                await self._wait(script.wait_seconds)
            loop = asyncio.get_running_loop()
            lies = self._service.world.settings.lies
            if len(exchange.request.body) >= THREADED_BYTES:
                await loop.run_in_executor(None, intake.take, exchange, lies)
            else:
                intake.take(exchange, lies)
            answer = self._service.answer(exchange)
        if script.wait_after_seconds:
            await self._wait(script.wait_after_seconds)
        if script.hang_up is not None:
            self._end(script.hang_up)
            return
        assert self._sending is not None  # noqa: S101
        await self._sending.whole(exchange, answer, self._more_headers(exchange))
        self._service.world.log.done(exchange.seen)
        if script.body_end is not None:
            await self._sending.drained()
            self._end(script.body_end)
        elif not exchange.request.keeps_alive or answer.length == -1:
            self._transport.close()

    async def _wait(self, seconds: float) -> None:
        """So long, or for ever: then only the client's (or the server's) going ends it."""
        self._transport.resume_reading()  # so that the client's going is noticed
        if seconds == FOR_EVER:
            await self.closed.wait()
        else:
            await asyncio.sleep(seconds)
        self._transport.pause_reading()

    def _more_headers(self, exchange: Exchange) -> bytes:
        world = self._service.world
        second = int(exchange.now)
        if second != self._dated[0]:
            self._dated = (second, formatdate(second, usegmt=True))
        closing = "" if exchange.request.keeps_alive else "Connection: close\r\n"
        text = (
            f"Date: {self._dated[1]}\r\nServer: {world.settings.server_header}\r\n"
            f"x-amz-request-id: {exchange.request_id}\r\nx-amz-id-2: strict\r\n{closing}"
        )
        return text.encode("latin-1")

    def _end(self, how: Close | Reset) -> None:
        if isinstance(how, Reset):
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    def _send_and_close(self, status: int, reason: str) -> None:
        body = reason.encode("utf-8", "replace")
        head = f"HTTP/1.1 {status} Bad Request\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()
