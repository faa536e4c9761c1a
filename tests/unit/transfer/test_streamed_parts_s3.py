"""A part sent to S3 in pieces: never held whole, whole or an error, and the source's error is the one raised."""

import asyncio
import contextlib
import hashlib

import pytest

from ferryline import errors
from ferryline.clock import SystemClock
from ferryline.model.place import S3Access, S3Location
from ferryline.model.span import Span
from ferryline.storage import s3
from ferryline.storage.store import Upload

UPLOAD = Upload(b"k", "u")


@contextlib.asynccontextmanager
async def endpoint(answer=b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\netag: %s\r\n\r\n", *, early=False):
    """A server that takes one PUT a connection and tells what came."""
    got = []

    async def serve(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = b"" if early else await reader.readexactly(length)
            got.append((head, body))
            etag = b'"%s"' % hashlib.md5(body).hexdigest().encode()
            writer.write(answer % etag if b"%s" in answer else answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    access = S3Access(
        region="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        access_key_id="key",
        secret_access_key="secret",
    )
    store = await s3.open_store(
        S3Location("bucket", b"", access),
        resolve=lambda text: text,
        trace=None,
        clock=SystemClock(),
        settings=s3.S3Settings(),
    )
    try:
        yield store, got
    finally:
        await store.close()
        server.close()
        await server.wait_closed()


async def pieces(count, size, trouble=None):
    for number in range(count):
        yield bytes([number % 256]) * size
    if trouble is not None:
        raise trouble


async def test_pieces_arrive_whole_under_flow_control_with_an_unsigned_payload():
    size = 300 * 65536
    async with endpoint() as (store, got):
        part = await store.upload_part_stream(UPLOAD, Span(3, 0, size), pieces(300, 65536))
        ((head, body),) = got
    assert len(body) == size
    assert part.number == 3
    assert part.size_bytes == size
    assert part.etag == hashlib.md5(body).hexdigest().encode()
    assert b"x-amz-content-sha256: UNSIGNED-PAYLOAD" in head
    assert b"partNumber=3&uploadId=u" in head
    assert b"content-md5" not in head.lower()


async def test_what_the_source_raises_is_what_is_raised():
    async with endpoint() as (store, got):
        with pytest.raises(errors.ObjectChanged, match="moved"):
            await store.upload_part_stream(
                UPLOAD, Span(1, 0, 10_000_000), pieces(5, 1000, errors.ObjectChanged("moved"))
            )
        assert got == []
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("count", [4, 6])
async def test_pieces_that_do_not_add_up_are_an_error(count):
    async with endpoint() as (store, got):
        with pytest.raises(errors.RetryLater, match="bytes came of 5000"):
            await store.upload_part_stream(UPLOAD, Span(1, 0, 5000), pieces(count, 1000))
    assert len(asyncio.all_tasks()) == 1


async def test_a_refusal_in_the_middle_ends_the_feeding():
    refusal = (
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 42\r\n\r\n<Error><Code>NoSuchUpload</Code></Error>\r\n"
    )
    async with endpoint(refusal, early=True) as (store, _):
        with pytest.raises((errors.ObjectMissing, errors.RetryLater)):
            await store.upload_part_stream(UPLOAD, Span(1, 0, 1 << 30), pieces(1 << 14, 1 << 16))
    assert len(asyncio.all_tasks()) == 1
