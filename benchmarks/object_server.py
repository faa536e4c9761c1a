"""A fast S3 endpoint for measuring copies: one process, one bucket, everything in memory.

    python -m benchmarks.object_server --bucket src --objects 5000 --object-bytes 16384

Prints one JSON line when ready: {"endpoint": …}. It exists so that the server is the smaller part of
a measurement: a real server costs several times the CPU of the clients it is to compare. ETags are
true MD5s of the bytes that came. Signatures are accepted without a look. `GET /-/counters` tells
requests by kind, `POST /-/zero` zeroes them, `POST /-/empty` removes all objects too, `GET /-/objects`
tells key, size, ETag and the MD5 of all bytes of every object. SIGTERM ends it.
"""

import argparse
import asyncio
import json
import signal
import socket

from benchmarks import object_answers
from benchmarks.object_answers import Answer, Request
from benchmarks.shelf import Shelf

_SCRATCH_BYTES = 256 * 1024
_DIRECT_BYTES_MIN = 64 * 1024
_REASON = {
    100: "Continue", 200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified", 400: "Bad Request",
    404: "Not Found", 411: "Length Required", 412: "Precondition Failed", 416: "Range Not Satisfiable", 501: "Not Implemented",
}  # fmt: skip


class Link:
    """What comes in, all connections together, at so many bytes a second: a link of its own for one region."""

    def __init__(self, bytes_per_second: int, loop: asyncio.AbstractEventLoop) -> None:
        self._rate = bytes_per_second
        self._time = loop.time
        self._free_at = loop.time()

    def took(self, size_bytes: int) -> float:
        """Count bytes that came; for how many seconds nothing more may."""
        now = self._time()
        self._free_at = max(self._free_at, now) + size_bytes / self._rate
        return self._free_at - now


class Speaker(asyncio.BufferedProtocol):
    """HTTP/1.1 with keep-alive; a large body is received where it will stay."""

    def __init__(self, endpoint: object_answers.Endpoint, link: Link | None = None) -> None:
        self._endpoint = endpoint
        self._link = link
        self._scratch = bytearray(_SCRATCH_BYTES)
        self._view = memoryview(self._scratch)
        self._held = 0
        self._request: Request | None = None
        self._body = bytearray()
        self._body_view = memoryview(self._body)
        self._filled = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it and count it."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._endpoint.count("connections")

    def get_buffer(self, sizehint: int) -> memoryview:
        """The body itself while much of it is missing, else the scratch."""
        if (
            self._request is not None
            and not self._held
            and len(self._body) - self._filled >= _DIRECT_BYTES_MIN
        ):
            return self._body_view[self._filled :]
        return self._view[self._held :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came: of the body, or of heads and small bodies."""
        if self._link is not None:
            busy = self._link.took(nbytes)
            if busy > 0.002:
                self._transport.pause_reading()
                asyncio.get_running_loop().call_later(busy, self._go_on)
        if (
            self._request is not None
            and not self._held
            and len(self._body) - self._filled >= _DIRECT_BYTES_MIN
        ):
            self._filled += nbytes
            if self._filled == len(self._body):
                self._answer(self._request)
            return
        self._held += nbytes
        self._work()

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _work(self) -> None:
        start = 0
        while True:
            if self._request is None:
                end = self._scratch.find(b"\r\n\r\n", start, self._held)
                if end < 0:
                    break
                self._head(bytes(self._view[start:end]))
                start = end + 4
            taken = min(self._held - start, len(self._body) - self._filled)
            if taken:
                self._body_view[self._filled : self._filled + taken] = self._view[start : start + taken]
                self._filled, start = self._filled + taken, start + taken
            if self._request is None or self._filled < len(self._body):
                break
            self._answer(self._request)
        rest = self._held - start
        if rest == _SCRATCH_BYTES:
            self._transport.abort()  # a head that long is nobody's
            return
        if start and rest:
            self._scratch[:rest] = self._scratch[start : self._held]
        self._held = rest

    def _head(self, head: bytes) -> None:
        line, *lines = head.split(b"\r\n")
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        for one in lines:
            name, _, value = one.partition(b":")
            headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
        self._request = Request(method, target, headers)
        self._body = bytearray(int(headers.get("content-length", "0")))
        self._body_view = memoryview(self._body)
        self._filled = 0
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self, request: Request) -> None:
        body, self._request, self._body, self._filled = self._body, None, bytearray(), 0
        answer = self._endpoint.answer(request, body)
        opening = _opening(answer)
        if request.method == "HEAD" or not answer.pieces:
            self._transport.write(opening)
        elif len(answer.pieces) == 1 and len(answer.pieces[0]) < _DIRECT_BYTES_MIN:
            self._transport.write(opening + bytes(answer.pieces[0]))
        else:
            self._transport.writelines([opening, *answer.pieces])


def _opening(answer: Answer) -> bytes:
    length = answer.length_bytes
    if length is None:
        length = sum(len(piece) for piece in answer.pieces)
    lines = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return (
        f"HTTP/1.1 {answer.status} {_REASON.get(answer.status, 'Status')}\r\nServer: benchmark-objects\r\n"
        f"x-amz-request-id: 0000000000000001\r\nContent-Length: {length}\r\n{lines}\r\n"
    ).encode("latin-1")


async def serve(endpoint: object_answers.Endpoint, listener: socket.socket, link_rate: int = 0) -> None:
    """Answer on `listener` until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    link = Link(link_rate, loop) if link_rate else None
    server = await loop.create_server(lambda: Speaker(endpoint, link), sock=listener)
    await stopped.wait()
    server.close()


def main(arguments: list[str] | None = None) -> None:
    """Fill, announce, serve."""
    parser = argparse.ArgumentParser(prog="benchmarks.object_server", description=__doc__)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--object-bytes", type=int, default=16 * 1024)
    parser.add_argument("--part-bytes", type=int, default=16 * 1024**2)
    parser.add_argument("--link-bytes-per-second", type=int, default=0, help="0: as fast as it goes")
    options = parser.parse_args(arguments)
    shelf = Shelf()
    shelf.fill(options.objects, options.object_bytes, options.part_bytes)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(json.dumps({"endpoint": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    work = serve(object_answers.Endpoint(options.bucket, shelf), listener, options.link_bytes_per_second)
    try:
        import uvloop
    except ImportError:  # slower, still right
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
