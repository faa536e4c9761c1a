"""Sends answers on one connection: small ones at once, large ones in slices with flow control, some slowly.

Owned by one `wire.Connection`. Buffers of objects go out as views; nothing is copied here on uvloop.
"""

import asyncio
from typing import Any, Final

from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import FOR_EVER, Exchange
from ferryline.testing.strict.message import Answer

SLICE_BYTES: Final = 1024 * 1024
AT_ONCE_BYTES: Final = 256 * 1024


class Sending:
    """The sending side of one connection."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._ready = asyncio.Event()
        self._ready.set()
        self._gone = asyncio.Event()

    def pause(self) -> None:
        """The socket is full."""
        self._ready.clear()

    def resume(self) -> None:
        """The socket takes more."""
        self._ready.set()

    def lost(self) -> None:
        """The connection is gone: nobody waits any longer."""
        self._gone.set()
        self._ready.set()

    def at_once(self, exchange: Exchange, answer: Answer, more: bytes) -> bool:
        """Send a small answer that no fault asks to delay; False leaves it to `whole`."""
        script = exchange.script
        plain = (
            script.hang_up is None
            and not script.wait_after_seconds
            and script.body_end is None
            and script.body_stall is None
            and script.bytes_per_second is None
            and answer.length != -1
        )
        if not plain or answer.content.size > AT_ONCE_BYTES or not self._ready.is_set():
            return False
        head = answer.head(more)
        if exchange.request.method == "HEAD" or answer.status in (204, 304):
            self._transport.write(head)
            return True
        exchange.seen.bytes_out = answer.content.size
        self._transport.writelines([head, *answer.content.buffers])
        return True

    async def whole(self, exchange: Exchange, answer: Answer, more: bytes) -> None:
        """Send an answer, slice by slice, as slowly or as far as the script says."""
        if exchange.script.body_end is not None:
            self._transport.set_write_buffer_limits(high=0)
        self._transport.write(answer.head(more))
        if exchange.request.method == "HEAD" or answer.status in (204, 304):
            return
        script, content = exchange.script, answer.content
        stop = content.size
        if script.body_end is not None:
            stop = min(stop, script.body_end.after_bytes or stop // 2)
        stall_at, stall_seconds = script.body_stall or (stop, 0.0)
        await self._send(exchange, content, 0, min(stall_at, stop))
        if script.body_stall is not None:
            await self._pause(stall_seconds)
            await self._send(exchange, content, min(stall_at, stop), stop)

    async def _send(self, exchange: Exchange, content: Content, start: int, stop: int) -> None:
        rate = exchange.script.bytes_per_second
        step = SLICE_BYTES if rate is None else max(1, rate // 10)
        for view in content.views(start, stop):
            for at in range(0, len(view), step):
                if self._gone.is_set():
                    return
                piece = view[at : at + step]
                exchange.seen.bytes_out += len(piece)
                self._transport.write(piece)
                if rate is not None:
                    await self._pause(len(piece) / rate)
                elif not self._ready.is_set():
                    await self._ready.wait()

    async def _pause(self, seconds: float) -> None:
        if seconds == FOR_EVER:
            await self._gone.wait()
        else:
            try:
                await asyncio.wait_for(self._gone.wait(), seconds)
            except TimeoutError:
                return

    async def drained(self) -> None:
        """Wait until what was written has left this process, before a reset would drop it."""
        await self._ready.wait()
