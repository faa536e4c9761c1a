"""Multipart uploads: create, send parts, list, complete, abort. Nothing here remembers an upload.

Called through `S3Store`'s Parts methods. Complete's answer is read to its end, because S3 may send
200 first and an error in the body later; its ETag is reported and proves nothing.
"""

import base64
from collections.abc import AsyncIterator
from datetime import datetime

from awscrt import checksums

from ferryline import errors
from ferryline.model.span import Span
from ferryline.storage.s3 import answer_xml, headers, sign, translate
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.http_message import Answer, Streamed
from ferryline.storage.s3.refusal import Effect
from ferryline.storage.s3.writes import not_a_page, permission_of, result_of, written_of
from ferryline.storage.store import Buffer, Completion, Part, Upload, Writing, Written

_ABORT_ROUNDS = 5
_PAGES_MAX = 10_000
_PERMISSION = "s3:PutObject"


async def create(client: Client, key: bytes, writing: Writing, *, takes_checksum: bool) -> Upload:
    """CreateMultipartUpload, with everything the object will carry."""
    call = Call(
        "CreateMultipartUpload",
        "POST",
        key,
        query=(("uploads", None),),
        headers=headers.of_object(writing, client.location.writing),
        effect=Effect.WRITE,
    )
    call.permission = permission_of(call)
    if takes_checksum:
        call.headers["x-amz-checksum-algorithm"] = "CRC64NVME"
        call.headers["x-amz-checksum-type"] = "FULL_OBJECT"
    # `rclone serve s3` leaves the "Result" out; what counts is that an upload is named.
    names = ("InitiateMultipartUploadResult", "InitiateMultipartUpload")
    root = result_of(client, call, await client.send(call), *names)
    upload_id = answer_xml.child_text(root, "UploadId")
    if not upload_id:
        raise translate.retry_later(
            client.asked(call), "the answer names no upload", kind="malformed-answer", effect_possible=True
        )
    return Upload(key, upload_id)


async def send_part(
    client: Client, upload: Upload, span: Span, body: Buffer, md5: bytes | None, *, takes_checksum: bool
) -> Part:
    """UploadPart. Raises ObjectMissing when the upload is gone.

    S3 asks for checksums of parts only where a composite one was declared; with the full-object one that
    `create` declares they are optional. They are sent because ListParts then tells them to a resumed run.
    """
    call = Call(
        "UploadPart",
        "PUT",
        upload.key,
        query=(("partNumber", str(span.number)), ("uploadId", upload.upload_id)),
        body=body,
        md5=md5,
        effect=Effect.WRITE,
        moves_data=True,
        permission=_PERMISSION,
    )
    if md5 is not None:
        call.headers["content-md5"] = headers.base64_of(md5)
    if takes_checksum:
        crc = checksums.crc64nvme(body).to_bytes(8, "big")
        call.headers["x-amz-checksum-crc64nvme"] = headers.base64_of(crc)
    return _part_of(client, call, span, await client.send(call))


async def stream_part(client: Client, upload: Upload, span: Span, pieces: AsyncIterator[bytes]) -> Part:
    """UploadPart of a body that comes in pieces. Raises what the pieces raise; sent once, never repeated."""
    body = Streamed(pieces, span.size_bytes)
    call = Call(
        "UploadPart",
        "PUT",
        upload.key,
        query=(("partNumber", str(span.number)), ("uploadId", upload.upload_id)),
        body=body,
        effect=Effect.WRITE,
        moves_data=True,
        permission=_PERMISSION,
    )
    try:
        answer = await client.send(call)
    except errors.RetryLater as broken:
        if body.failure is not None:
            raise body.failure from broken
        raise
    finally:
        await body.stop()
    return _part_of(client, call, span, answer)


def _part_of(client: Client, call: Call, span: Span, answer: Answer) -> Part:
    not_a_page(client, call, answer)
    etag = answer_xml.bare_etag(answer.headers.get(b"etag"))
    if not etag:
        raise translate.retry_later(
            client.asked(call),
            "the answer has no ETag for the part",
            kind="malformed-answer",
            effect_possible=True,
        )
    return Part(span.number, span.size_bytes, etag, _crc(answer.text(b"x-amz-checksum-crc64nvme")))


async def parts(client: Client, upload: Upload) -> tuple[Part, ...]:
    """ListParts to its end, by number."""
    found: dict[int, Part] = {}
    marker = 0
    for _ in range(_PAGES_MAX):
        query: list[tuple[str, bytes | str | None]] = [("uploadId", upload.upload_id)]
        if marker:
            query.append(("part-number-marker", str(marker)))
        call = Call(
            "ListParts", "GET", upload.key, query=tuple(query), permission="s3:ListMultipartUploadParts"
        )
        # moto calls it ListPartsResponse.
        root = result_of(client, call, await client.send(call), "ListPartsResult", "ListPartsResponse")
        try:
            for one in answer_xml.children(root, "Part"):
                part = _part(one)
                found[part.number] = part
            following = int(answer_xml.child_text(root, "NextPartNumberMarker") or 0)
        except (TypeError, ValueError) as problem:
            what = f"a part's fields cannot be read ({problem})"
            raise translate.retry_later(client.asked(call), what, kind="malformed-answer") from problem
        if answer_xml.child_text(root, "IsTruncated") != "true":
            return tuple(found[number] for number in sorted(found))
        if following <= marker:
            break
        marker = following
    raise errors.EndpointFailed(
        f"the list of parts of an upload in {client.place} does not advance",
        advice="check the endpoint",
        key=upload.key,
        place=client.place,
        kind="listing",
    )


def _part(element: answer_xml.Element) -> Part:
    number = int(answer_xml.child_text(element, "PartNumber") or "")
    size = int(answer_xml.child_text(element, "Size") or "")
    etag = answer_xml.bare_etag(answer_xml.child_text(element, "ETag")) or b""
    return Part(number, size, etag, _crc(answer_xml.child_text(element, "ChecksumCRC64NVME")))


def _crc(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 8 else None


async def complete(
    client: Client, upload: Upload, completion: Completion, *, takes_checksum: bool, takes_size: bool
) -> Written:
    """CompleteMultipartUpload. A 200 with an error, an empty or a cut body raises with `effect_possible`."""
    listed = "".join(
        f"<Part><ETag>&quot;{_xml_text(one.etag)}&quot;</ETag><PartNumber>{one.number}</PartNumber></Part>"
        for one in completion.parts
    )
    body = (
        '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{listed}</CompleteMultipartUpload>"
    ).encode()
    call = Call(
        "CompleteMultipartUpload",
        "POST",
        upload.key,
        query=(("uploadId", upload.upload_id),),
        headers={"content-type": "application/xml", **headers.of_condition(completion.writing.condition)},
        body=body,
        effect=Effect.WRITE,
        works_long=True,
        permission=_PERMISSION,
    )
    if takes_size:
        call.headers["x-amz-mp-object-size"] = str(completion.size_bytes)
    if takes_checksum and completion.writing.crc64nvme is not None:
        call.headers["x-amz-checksum-crc64nvme"] = headers.base64_of(completion.writing.crc64nvme)
        call.headers["x-amz-checksum-type"] = "FULL_OBJECT"
    answer = await client.send(call)
    root = result_of(client, call, answer, "CompleteMultipartUploadResult")
    return written_of(answer, answer_xml.bare_etag(answer_xml.child_text(root, "ETag")) or b"")


def _xml_text(etag: bytes) -> str:
    text = etag.decode("utf-8", "replace")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


async def abort(client: Client, upload: Upload) -> None:
    """AbortMultipartUpload until ListParts knows no part: S3 keeps parts that arrive during an abort."""
    call = Call(
        "AbortMultipartUpload",
        "DELETE",
        upload.key,
        query=(("uploadId", upload.upload_id),),
        effect=Effect.WRITE,
        permission="s3:AbortMultipartUpload",
    )
    for _ in range(_ABORT_ROUNDS):
        try:
            await client.send(call)
            if not await parts(client, upload):
                return
        except errors.ObjectMissing:
            return
    raise translate.retry_later(
        client.asked(call),
        f"parts remain after {_ABORT_ROUNDS} aborts",
        kind="abort-incomplete",
        effect_possible=True,
    )


async def open_uploads(client: Client, prefix: bytes) -> tuple[Upload, ...]:
    """ListMultipartUploads to its end: ours and others', with the time each began."""
    folder = client.location.prefix
    found: list[Upload] = []
    markers: tuple[str, str] = ("", "")
    for _ in range(_PAGES_MAX):
        root, encoded = await _page_of_uploads(client, folder + prefix, markers)
        for one in answer_xml.children(root, "Upload"):
            key = answer_xml.key_of(one, "Key", encoded=encoded)
            # Some servers ignore the prefix; what lies outside the folder is none of our business.
            if key.startswith(folder + prefix):
                upload_id = answer_xml.child_text(one, "UploadId") or ""
                found.append(
                    Upload(key[len(folder) :], upload_id, _moment(answer_xml.child_text(one, "Initiated")))
                )
        if answer_xml.child_text(root, "IsTruncated") != "true":
            return tuple(found)
        said = answer_xml.child_text(root, "EncodingType") == "url"
        marker = answer_xml.key_of(root, "NextKeyMarker", encoded=said)
        following = (
            marker.decode("utf-8", "surrogateescape"),
            answer_xml.child_text(root, "NextUploadIdMarker") or "",
        )
        if not marker or following == markers:
            break
        markers = following
    raise errors.EndpointFailed(
        f"the list of open uploads in {client.place} does not advance",
        advice="check the endpoint",
        place=client.place,
        kind="listing",
    )


async def _page_of_uploads(
    client: Client, prefix: bytes, markers: tuple[str, str]
) -> tuple[answer_xml.Element, bool]:
    """One page, and whether its keys are URL-encoded.

    radosgw 16 encodes the keys and does not say so. Where a `%` leaves that open, the page is asked for
    once more, plainly.
    """
    query: list[tuple[str, bytes | str | None]] = [("uploads", None), ("prefix", prefix)]
    if markers[0]:
        query += [("key-marker", markers[0]), ("upload-id-marker", markers[1])]
    root = await _listed_uploads(client, (*query, ("encoding-type", "url")))
    encoded = answer_xml.child_text(root, "EncodingType") == "url"
    keys = [answer_xml.child_text(one, "Key") or "" for one in answer_xml.children(root, "Upload")]
    if not encoded and any("%" in key for key in keys):
        root = await _listed_uploads(client, tuple(query))
    return root, encoded


async def _listed_uploads(client: Client, query: sign.Query) -> answer_xml.Element:
    call = Call("ListMultipartUploads", "GET", query=query, permission="s3:ListBucketMultipartUploads")
    return result_of(client, call, await client.send(call), "ListMultipartUploadsResult")


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
