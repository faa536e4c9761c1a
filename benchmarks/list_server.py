"""A synthetic S3 endpoint for measuring listings: two buckets, `src` and `dst`, with N keys by arithmetic.

    python -m benchmarks.list_server --keys 1000000 --destination-etags md5 --processes 2

Prints one JSON line when ready: {"endpoints": [...], "keys": N}. Every process serves both buckets on a
port of its own, so the source and the destination of a run can have one process each. All rows are
rendered once into memory shared by the processes (about 230 bytes a key and bucket). Signatures are
accepted without a look. Objects have no bytes: GET of one is refused, every write is refused, and both
are counted, as HEAD is, because the rows are about not doing that. `GET /-/counters` tells the sums over
all processes, `POST /-/zero` zeroes them. SIGTERM ends all.
"""

import argparse
import asyncio
import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from benchmarks import list_pages
from benchmarks.keyspace import ETagForm, Keyspace, Side

COUNTERS = (
    "connections", "requests", "list_pages", "list_keys", "list_bytes", "head_object", "head_bucket",
    "get_object", "bucket_settings", "writes", "refused",
)  # fmt: skip
_SLOT = {name: number for number, name in enumerate(COUNTERS)}
_RENDER_CHUNK_KEYS = 5000
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_REASON = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 501: "Not Implemented"}


@dataclass(frozen=True, slots=True)
class Counters:
    """Numbers shared by all processes; each process writes its own slots only."""

    memory: memoryview
    process: int

    def add(self, name: str, amount: int = 1) -> None:
        """Count `amount` more."""
        self.memory[self.process * len(COUNTERS) + _SLOT[name]] += amount

    def sums(self) -> dict[str, int]:
        """The sum over all processes."""
        width = len(COUNTERS)
        return {name: sum(self.memory[number::width]) for name, number in _SLOT.items()}

    def reset(self) -> None:
        """All to zero. Meant for the quiet between two runs."""
        for number in range(len(self.memory)):
            self.memory[number] = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers after the length, and the body's pieces."""

    status: int
    pieces: tuple[bytes | memoryview, ...] = ()
    headers: str = "Content-Type: application/xml\r\n"
    length_bytes: int | None = None


class Endpoint:
    """Decides the answer of one request."""

    def __init__(self, buckets: dict[str, list_pages.Rendered], counters: Counters) -> None:
        self._buckets = buckets
        self._counters = counters

    def answer(self, method: str, target: str) -> Answer:
        """The answer to a request line. Never raises for what a client sends."""
        path, _, query_text = target.partition("?")
        if path.startswith("/-/"):
            return self._admin(method, path)
        self._counters.add("requests")
        name, _, key = path[1:].partition("/")
        bucket = self._buckets.get(name)
        if bucket is None:
            return self._refusal(404, "NoSuchBucket", f"no bucket {name!r} here")
        query = list_pages.parse_query(query_text)
        if method not in ("GET", "HEAD"):
            self._counters.add("writes")
            return self._refusal(501, "NotImplemented", "this endpoint is for listing only")
        if not key:
            return self._bucket(method, bucket, query)
        return self._object(method, bucket, key)

    def _bucket(self, method: str, bucket: list_pages.Rendered, query: dict[str, str]) -> Answer:
        if method == "HEAD":
            self._counters.add("head_bucket")
            return Answer(200, headers="x-amz-bucket-region: us-east-1\r\n")
        for name, body in _SETTINGS.items():
            if name in query:
                self._counters.add("bucket_settings")
                return Answer(200, (body,))
        try:
            page = list_pages.answer(bucket, query)
        except list_pages.BadQuery as problem:
            return self._refusal(400, "InvalidArgument", str(problem))
        length = page.length_bytes
        self._counters.add("list_pages")
        self._counters.add("list_keys", page.key_count)
        self._counters.add("list_bytes", length)
        return Answer(200, page.pieces, length_bytes=length)

    def _object(self, method: str, bucket: list_pages.Rendered, key: str) -> Answer:
        self._counters.add("head_object" if method == "HEAD" else "get_object")
        wanted = unquote_to_bytes(key)
        index = bucket.keys.first_from(wanted)
        if index >= bucket.keys.count or bucket.keys.key(index) != wanted:
            return self._refusal(404, "NoSuchKey", "no such key")
        if method == "GET":
            return self._refusal(501, "NotImplemented", "objects of this endpoint have no bytes")
        row = bucket.keys.row(index)
        month, day, hour, minute, second = row.modified
        weekday = "Mon"  # clients do not hold the day's name against the date
        return Answer(
            200,
            headers=f'ETag: "{row.etag.decode()}"\r\nContent-Type: image/jpeg\r\nAccept-Ranges: bytes\r\n'
            f"Last-Modified: {weekday}, {day:02} {_MONTHS[month - 1]} 2025 "
            f"{hour:02}:{minute:02}:{second:02} GMT\r\n",
            length_bytes=row.size_bytes,
        )

    def _admin(self, method: str, path: str) -> Answer:
        if method == "POST" and path == "/-/zero":
            self._counters.reset()
            return Answer(204)
        return Answer(
            200, (json.dumps(self._counters.sums()).encode(),), "Content-Type: application/json\r\n"
        )

    def _refusal(self, status: int, code: str, message: str) -> Answer:
        self._counters.add("refused")
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return Answer(status, (body.encode(),))


_SETTINGS = {
    "location": f"<LocationConstraint {_NAMESPACE}/>".encode(),
    "versioning": f"<VersioningConfiguration {_NAMESPACE}/>".encode(),
    "uploads": f"<ListMultipartUploadsResult {_NAMESPACE}><IsTruncated>false</IsTruncated>"
    "</ListMultipartUploadsResult>".encode(),
}


class Speaker(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and pipelining; request bodies of known length are read past."""

    def __init__(self, endpoint: Endpoint, counters: Counters) -> None:
        self._endpoint = endpoint
        self._counters = counters
        self._pending = b""
        self._skip_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._counters.add("connections")

    def data_received(self, data: bytes) -> None:
        """Answer every whole request head that has come."""
        if self._skip_bytes:
            passed = min(self._skip_bytes, len(data))
            self._skip_bytes -= passed
            data = data[passed:]
        self._pending = self._pending + data if self._pending else data
        while not self._skip_bytes:
            end = self._pending.find(b"\r\n\r\n")
            if end < 0:
                return
            head, self._pending = self._pending[:end], self._pending[end + 4 :]
            self._request(head)

    def _request(self, head: bytes) -> None:
        line, _, fields = head.partition(b"\r\n")
        method, target, _version = line.decode("latin-1").split(" ", 2)
        lowered = b"\r\n" + fields.lower()
        place = lowered.find(b"\r\ncontent-length:")
        if place >= 0:
            body = int(lowered[place + 17 :].split(b"\r\n", 1)[0])
            passed = min(body, len(self._pending))
            self._pending, self._skip_bytes = self._pending[passed:], body - passed
        answer = self._endpoint.answer(method, target)
        length = answer.length_bytes
        if length is None:
            length = sum(len(piece) for piece in answer.pieces)
        opening = (
            f"HTTP/1.1 {answer.status} {_REASON[answer.status]}\r\nServer: synthetic-listing\r\n"
            f"x-amz-request-id: 0000000000000001\r\nContent-Length: {length}\r\n{answer.headers}\r\n"
        ).encode()
        if method == "HEAD":
            self._transport.write(opening)
        else:
            self._transport.writelines([opening, *answer.pieces])


def render(keys: Keyspace, workers: int) -> tuple[memoryview, int]:
    """All rows of `keys` in shared memory, rendered by `workers` child processes, and a row's width."""
    width = keys.width
    memory = mmap.mmap(-1, max(1, keys.count * width))
    share = -(-keys.count // workers)
    children: list[int] = []
    for start in range(0, keys.count, max(1, share)):
        child = os.fork()
        if child == 0:
            stop = min(keys.count, start + share)
            for first in range(start, stop, _RENDER_CHUNK_KEYS):
                last = min(stop, first + _RENDER_CHUNK_KEYS)
                memory[first * width : last * width] = keys.render(first, last)
            os._exit(0)
        children.append(child)
    for child in children:
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit("a rendering process failed; is there memory for about 500 bytes a key?")
    return memoryview(memory), width


async def serve(endpoint: Endpoint, counters: Counters, listener: socket.socket) -> None:
    """Answer on `listener` until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Speaker(endpoint, counters), sock=listener)
    await stopped.wait()
    server.close()


def main(arguments: list[str] | None = None) -> None:
    """Render, fork, announce, serve."""
    parser = argparse.ArgumentParser(prog="benchmarks.list_server", description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--destination-etags", choices=[form.value for form in ETagForm], default="md5")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--render-processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    buckets = {}
    for side in Side:
        form = ETagForm(options.destination_etags) if side is Side.DESTINATION else ETagForm.MD5
        keys = Keyspace(options.keys, side, form)
        rows, width = render(keys, options.render_processes)
        buckets[side.value] = list_pages.Rendered(side.value, keys, rows, width)
    numbers = memoryview(mmap.mmap(-1, 8 * len(COUNTERS) * options.processes)).cast("Q")
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(options.processes)]
    ports = [listener.getsockname()[1] for listener in listeners]
    children: list[int] = []
    for process in range(1, options.processes):
        child = os.fork()
        if child == 0:
            children = []
            break
        children.append(child)
    else:
        process = 0
        print(json.dumps({"endpoints": [f"http://127.0.0.1:{port}" for port in ports], "keys": options.keys}))
        sys.stdout.flush()
    for number, listener in enumerate(listeners):
        if number != process:
            listener.close()
    counters = Counters(numbers, process)
    _runner()(serve(Endpoint(buckets, counters), counters, listeners[process]))
    for child in children:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:  # slower, still right
        return asyncio.run
    return uvloop.run


if __name__ == "__main__":
    main()
