"""What moves a request body out, and what notices when nothing moves: two small parts of a connection.

Used only by `http_connection`. `Outbox` sends a large body in slices under the transport's flow
control; `Watch` turns progress seen once a second into a verdict. Neither knows HTTP.
"""

import asyncio

from ferryline import errors
from ferryline.storage.s3.http_message import Body, Cause, ExchangeFailed, Outgoing, Streamed

_SLICE_BYTES = 512 * 1024
_JOIN_BYTES_MAX = 64 * 1024


class Outbox:
    """Sends one request after another over one transport; holds no copy of a large body."""

    def __init__(self) -> None:
        self._waiting: memoryview | None = None
        self._offset = 0
        self._paused = False
        self._streamed: Streamed | None = None
        self._drained = asyncio.Event()

    @property
    def handed_over(self) -> bool:
        """Whether the transport has been given the last byte."""
        return self._waiting is None and self._streamed is None

    def start(self, transport: asyncio.Transport, head: bytes, body: Body) -> None:
        """Send `head` and as much of `body` as the transport takes now."""
        self._offset = 0
        if isinstance(body, Streamed):
            if body.feeding is not None:
                raise ExchangeFailed(Cause.RESET, "a body that came in pieces cannot be sent again")
            transport.write(head)
            self._streamed = body
            body.feeding = asyncio.get_running_loop().create_task(self._feed(transport, body))
            return
        size = len(body)
        if size <= _JOIN_BYTES_MAX:
            transport.write(b"".join((head, body)) if size else head)
            return
        transport.write(head)
        self._waiting = memoryview(body).cast("B")
        self._pump(transport)

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def resume(self, transport: asyncio.Transport | None) -> None:
        """The transport's buffer has drained."""
        self._paused = False
        self._drained.set()
        if transport is not None:
            self._pump(transport)

    def drop(self) -> None:
        """Forget what was not handed over."""
        self._waiting = None
        streamed, self._streamed = self._streamed, None
        if streamed is not None and streamed.feeding is not None:
            streamed.feeding.cancel()

    def moved_bytes(self, transport: asyncio.Transport | None) -> int:
        """Body bytes that left this process so far (a head's own bytes do not matter here)."""
        return self._offset - (transport.get_write_buffer_size() if transport is not None else 0)

    async def _feed(self, transport: asyncio.Transport, body: Streamed) -> None:
        try:
            async for piece in body.pieces:
                while self._paused:
                    self._drained.clear()
                    await self._drained.wait()
                self._offset += len(piece)
                if self._offset > len(body):
                    break
                transport.write(piece)
            if self._offset != len(body):
                # Also when somebody repeats a request whose pieces were used up: they begin anew.
                raise errors.RetryLater(
                    f"{self._offset} bytes came of {len(body)} announced", kind="short-body"
                )
        except Exception as failure:  # noqa: BLE001 - kept for whoever awaits the exchange
            body.failure = failure
            transport.abort()
            return
        if self._streamed is body:
            self._streamed = None

    def _pump(self, transport: asyncio.Transport) -> None:
        while self._waiting is not None and not self._paused:
            piece = self._waiting[self._offset : self._offset + _SLICE_BYTES]
            self._offset += len(piece)
            if self._offset >= len(self._waiting):
                self._waiting = None
            transport.write(piece)


class Watch:
    """Judges an exchange by its progress. Times are the event loop's, which also polls the sockets."""

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self.restart(0.0, 0)

    def restart(self, now: float, progress: int) -> None:
        """Begin anew: a new exchange, or a consumer that reads again after a pause."""
        self._progress = self._window_progress = progress
        self._at = self._window_at = now

    def verdict(
        self, now: float, progress: int, request: Outgoing, *, moving: bool
    ) -> tuple[Cause, str] | None:
        """Why the exchange must end, or None. `moving` is false while only an answer's head is awaited:
        a head that trickles in is no progress, only a whole head is."""
        if moving and progress != self._progress:
            self._progress, self._at = progress, now
        elif now - self._at >= request.timeout_seconds:
            return Cause.STALLED, f"nothing moved for {request.timeout_seconds:g} s"
        elapsed = now - self._window_at
        if not moving:
            self._window_at, self._window_progress = now, progress
        elif request.minimum_bytes_per_second and elapsed >= self._window_seconds:
            rate = (progress - self._window_progress) / elapsed
            self._window_at, self._window_progress = now, progress
            if rate < request.minimum_bytes_per_second:
                floor = request.minimum_bytes_per_second
                return Cause.SLOW, f"{rate:.0f} bytes/s for {elapsed:.0f} s is below the minimum of {floor}"
        return None
