"""HEAD and pinned reads of one object: every byte count, range and ETag is compared with what was asked.

Called through `S3Store.head`, `head_part`, `read` and `stream`. One attempt each. Whether an ETag is
an MD5 is not judged here; a full-object CRC64NVME that comes with whole bytes is.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from awscrt import checksums

from ferryline import errors
from ferryline.model.digest import Digest
from ferryline.model.entry import Stat
from ferryline.model.key import printable
from ferryline.model.span import Span
from ferryline.storage.s3 import headers, translate
from ferryline.storage.s3.answer_xml import bare_etag
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.http_message import Answer, Delivery
from ferryline.storage.store import Pin, Received

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_COMPRESSED = ("gzip", "br", "deflate", "zstd", "x-gzip")


async def head(client: Client, key: bytes, version_id: str | None, *, checksums_wanted: bool) -> Stat | None:
    """The object's state, or None for 404, delete markers, and keys that can never be here."""
    call = Call(
        "HeadObject", "HEAD", key, query=_version(version_id), body_bytes_max=0, permission="s3:GetObject"
    )
    if checksums_wanted:
        call.headers["x-amz-checksum-mode"] = "ENABLED"
    try:
        answer = await client.send(call)
    except (errors.ObjectMissing, errors.KeyRefused):
        return None
    if answer.length is None:
        raise _odd(client, call, "HEAD told no Content-Length")
    return _stat(client, call, answer, answer.length, believed=checksums_wanted)


async def head_part(client: Client, key: bytes, pin: Pin, number: int) -> Stat | None:
    """HEAD with partNumber: a Stat whose size is the part's; None where the endpoint ignores partNumber."""
    query = (("partNumber", str(number)), *_version(pin.token.version_id))
    call = Call("HeadObject", "HEAD", key, query=query, body_bytes_max=0, permission="s3:GetObject")
    if pin.token.etag is not None:
        call.headers["if-match"] = headers.quoted(pin.token.etag)
    answer = await client.send(call)
    _same_etag(client, call, answer, pin)
    if answer.status != 206 or answer.length is None:
        return None
    return _stat(client, call, answer, answer.length, believed=False)


async def read(
    client: Client, key: bytes, pin: Pin, span: Span | None, *, checksums_wanted: bool
) -> Received:
    """All bytes of the object or span, complete, or an error."""
    call = _get(client, key, pin, span, checksums_wanted=checksums_wanted)
    if span is not None:
        # A server that ignores Range must not fill the memory: its 200 is refused by its length.
        call.body_bytes_max = max(span.size_bytes, 1024)
    answer = await client.send(call)
    expected, whole = _checked(client, call, answer, pin, span)
    body = answer.body
    if expected is not None and len(body) != expected:
        raise translate.retry_later(
            client.asked(call), f"{len(body)} bytes came of {expected}", kind="short-body"
        )
    stat = _stat(client, call, answer, len(body) if whole is None else whole, believed=checksums_wanted)
    if stat.stored_checksum is not None and _is_whole(answer):
        _compare_checksum(client, call, stat.stored_checksum, checksums.crc64nvme(body))
    return Received(body, stat)


@asynccontextmanager
async def stream(
    client: Client, key: bytes, pin: Pin, span: Span | None, *, checksums_wanted: bool
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The same in chunks; a short, long or damaged body raises RetryLater after the last chunk."""
    call = _get(client, key, pin, span, checksums_wanted=checksums_wanted)
    async with client.stream(call) as (answer, pieces):
        expected, _ = _checked(client, call, answer, pin, span)
        wanted = headers.checksum_of(answer.headers) if checksums_wanted and _is_whole(answer) else None
        yield _counted(client, call, pieces, expected, wanted)


async def _counted(
    client: Client, call: Call, pieces: AsyncIterator[bytes], expected: int | None, wanted: Digest | None
) -> AsyncIterator[bytes]:
    count, crc = 0, 0
    async for piece in pieces:
        count += len(piece)
        if expected is not None and count > expected:
            break
        if wanted is not None:
            crc = checksums.crc64nvme(piece, crc)
        yield piece
    if expected is not None and count != expected:
        raise translate.retry_later(
            client.asked(call), f"{count} bytes came of {expected}", kind="short-body"
        )
    if wanted is not None:
        _compare_checksum(client, call, wanted, crc)


def _version(version_id: str | None) -> tuple[tuple[str, str], ...]:
    return () if version_id is None else (("versionId", version_id),)


def _get(client: Client, key: bytes, pin: Pin, span: Span | None, *, checksums_wanted: bool) -> Call:
    call = Call(
        "GetObject",
        "GET",
        key,
        query=_version(pin.token.version_id),
        body_bytes_max=client.settings.buffered_bytes_max,
        moves_data=True,
        delivery=Delivery.BUFFER,
    )
    if pin.token.etag:
        call.headers["if-match"] = headers.quoted(pin.token.etag)
    if span is not None and span.size_bytes:
        call.headers["range"] = f"bytes={span.offset}-{span.last}"
    elif checksums_wanted:
        call.headers["x-amz-checksum-mode"] = "ENABLED"
    return call


def _checked(
    client: Client, call: Call, answer: Answer, pin: Pin, span: Span | None
) -> tuple[int | None, int | None]:
    """(bytes that must come, size of the whole object), as far as the answer tells; else it raises."""
    _same_etag(client, call, answer, pin)
    encoding = (answer.text(b"content-encoding") or "").lower()
    if answer.length is None and any(word in encoding for word in _COMPRESSED):
        raise errors.EndpointFailed(
            f"{client.asked(call).what} came compressed ({encoding}) although nobody asked for it",
            advice="a proxy on the way compresses answers: turn that off for S3, or go around it",
            key=call.key,
            place=client.place,
            kind="transparent-compression",
        )
    if span is None:
        if answer.status != 200:
            raise _odd(client, call, f"the answer has status {answer.status} for a whole object")
        return answer.length, answer.length
    if _is_whole(answer):
        if span.offset == 0 and answer.length == span.size_bytes:
            return span.size_bytes, span.size_bytes
        raise errors.Unsupported(
            f"{client.asked(call).what}: the endpoint sent the whole object instead of a range",
            advice="whatever stands before this endpoint removes the Range header",
            key=call.key,
            place=client.place,
        )
    match = _CONTENT_RANGE.fullmatch(answer.text(b"content-range") or "")
    if match is None or (int(match[1]), int(match[2])) != (span.offset, span.last):
        shown = printable(answer.headers.get(b"content-range", b"nothing"), 60)
        raise translate.retry_later(
            client.asked(call),
            f"bytes {span.offset}-{span.last} were asked and {shown} came",
            kind="wrong-range",
        )
    if answer.length is not None and answer.length != span.size_bytes:
        raise translate.retry_later(
            client.asked(call),
            f"{answer.length} bytes were announced of {span.size_bytes}",
            kind="wrong-range",
        )
    return span.size_bytes, int(match[3])


def _is_whole(answer: Answer) -> bool:
    """Whether the body is the object, not a range of it: `rclone serve s3` answers ranges with 200 too."""
    return answer.status == 200 and b"content-range" not in answer.headers


def _same_etag(client: Client, call: Call, answer: Answer, pin: Pin) -> None:
    etag = bare_etag(answer.headers.get(b"etag"))
    if etag is None:
        kind = answer.text(b"content-type") or "no type"
        raise errors.ObjectFailed(
            f"{client.asked(call).what} was answered {answer.status} with no ETag ({kind[:60]})",
            advice="a login page or a proxy may answer instead of the endpoint",
            key=call.key,
            place=client.place,
            kind="not-the-object",
        )
    if pin.token.etag is not None and etag != pin.token.etag:
        raise errors.ObjectChanged(
            f"{client.asked(call).what}: the object is no longer the one that was listed "
            f"(ETag {printable(etag, 60)} instead of {printable(pin.token.etag, 60)})",
            key=call.key,
            place=client.place,
        )


def _stat(client: Client, call: Call, answer: Answer, size_bytes: int, *, believed: bool) -> Stat:
    """What the answer says. A checksum that nobody asked for, because it is not believed, is left out."""
    assert call.key is not None
    try:
        stat = headers.stat_of(call.key, answer, size_bytes)
        if believed or not (stat.stored_checksum or stat.further_checksums):
            return stat
        return replace(stat, stored_checksum=None, further_checksums=())
    except (ValueError, OverflowError) as problem:
        raise _odd(client, call, f"its Last-Modified cannot be read ({problem})") from problem


def _compare_checksum(client: Client, call: Call, wanted: Digest, crc: int) -> None:
    if wanted.value != crc.to_bytes(8, "big"):
        raise translate.retry_later(
            client.asked(call),
            "the bytes do not have the CRC64NVME that came with them",
            kind="digest-mismatch",
        )


def _odd(client: Client, call: Call, what: str) -> errors.RetryLater:
    return translate.retry_later(client.asked(call), what, kind="malformed-answer")
