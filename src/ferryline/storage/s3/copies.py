"""Server-side copies: CopyObject up to exactly 5 GiB, UploadPartCopy for spans of anything.

Called through `S3Store.copy_from` and `copy_part_from`. Both may answer 200 and fail in the body, or
send nothing after the head: only a result with an ETag counts.
"""

from ferryline import errors
from ferryline.model.span import PART_BYTES_MAX, Span
from ferryline.storage.s3 import answer_xml, headers, translate
from ferryline.storage.s3.call import Call
from ferryline.storage.s3.client import Client
from ferryline.storage.s3.http_message import Answer
from ferryline.storage.s3.refusal import Effect
from ferryline.storage.s3.sign import encode_path
from ferryline.storage.s3.writes import result_of, written_of
from ferryline.storage.store import ALWAYS, CopySource, Part, Upload, Writing, Written

COPY_BYTES_MAX = PART_BYTES_MAX


async def copy_object(
    client: Client, key: bytes, source: CopySource, writing: Writing, *, takes_checksum: bool
) -> Written:
    """CopyObject with the metadata and tags of `writing` and with none of the source's.

    More than 5 GiB raises ObjectFailed before any request. `takes_checksum` asks the endpoint to compute
    and keep a CRC64NVME of the whole copy, whatever checksum the source has.
    """
    if source.size_bytes > COPY_BYTES_MAX:
        raise errors.ObjectFailed(
            f"CopyObject takes at most {COPY_BYTES_MAX} bytes and the source has {source.size_bytes}",
            advice="copy it in parts",
            key=key,
            place=client.place,
            kind="too-large",
        )
    call = Call(
        "CopyObject",
        "PUT",
        key,
        headers={
            **headers.of_object(writing, client.location.writing),
            **headers.of_condition(writing.condition),
            **_source(source),
            "x-amz-metadata-directive": "REPLACE",
        },
        effect=Effect.WRITE,
        works_long=True,
        permission="s3:PutObject here and s3:GetObject at the source",
    )
    if source.tagged or "x-amz-tagging" in call.headers:
        call.headers["x-amz-tagging-directive"] = "REPLACE"
        call.permission = "s3:PutObject and s3:PutObjectTagging here and s3:GetObject at the source"
    if takes_checksum:
        call.headers["x-amz-checksum-algorithm"] = "CRC64NVME"
    answer = await _send(client, call, only_source=writing.condition == ALWAYS)
    root = result_of(client, call, answer, "CopyObjectResult")
    return written_of(answer, _etag(client, call, root))


async def copy_part(client: Client, upload: Upload, span: Span, source: CopySource) -> Part:
    """UploadPartCopy of one span."""
    call = Call(
        "UploadPartCopy",
        "PUT",
        upload.key,
        query=(("partNumber", str(span.number)), ("uploadId", upload.upload_id)),
        headers={**_source(source), "x-amz-copy-source-range": f"bytes={span.offset}-{span.last}"},
        effect=Effect.WRITE,
        works_long=True,
        permission="s3:PutObject here and s3:GetObject at the source",
    )
    answer = await _send(client, call, only_source=True)
    root = result_of(client, call, answer, "CopyPartResult")
    return Part(span.number, span.size_bytes, _etag(client, call, root))


async def _send(client: Client, call: Call, *, only_source: bool) -> Answer:
    """Send; a 412 is about the source where no other precondition went along, whatever its text names."""
    try:
        return await client.send(call)
    except errors.DestinationChanged as refusal:
        if not only_source:
            raise
        raise errors.ObjectChanged(
            refusal.message, key=call.key, place=client.place, kind="precondition-failed"
        ) from refusal


def _source(source: CopySource) -> dict[str, str]:
    where = f"/{source.bucket}/{encode_path(source.key)}"
    if source.token.version_id:
        where += f"?versionId={source.token.version_id}"
    wanted = {"x-amz-copy-source": where}
    if source.account_id:
        wanted["x-amz-source-expected-bucket-owner"] = source.account_id
    if source.token.etag:
        wanted["x-amz-copy-source-if-match"] = headers.quoted(source.token.etag)
    return wanted


def _etag(client: Client, call: Call, root: answer_xml.Element) -> bytes:
    etag = answer_xml.bare_etag(answer_xml.child_text(root, "ETag"))
    if not etag:
        raise translate.retry_later(
            client.asked(call), "the copy's answer has no ETag", kind="malformed-answer", effect_possible=True
        )
    return etag
