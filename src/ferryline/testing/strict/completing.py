"""CompleteMultipartUpload: the list, sizes and checksums compared with the parts; then a version."""

import hashlib

from lxml import etree

from ferryline.testing.strict import checksum, describing, documents, limits
from ferryline.testing.strict.checksum import COMPOSITE, DEFAULT, FULL, Stored
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import StoredPart, Upload, Version
from ferryline.testing.strict.uploads import upload_of
from ferryline.testing.strict.writing import check_preconditions, store


def complete(world: World, exchange: Exchange) -> Answer:
    """CompleteMultipartUpload. Repeated after it succeeded, it answers the same again."""
    bucket, key = exchange.bucket, exchange.request.key
    done = bucket.completed.get(exchange.request.params.get("uploadId", ""))
    if done is not None and done[0] == key:
        version = bucket.version(key, done[1])
        if version is not None and version.parts:
            return _answer(world, exchange, version)
    upload = upload_of(exchange)
    tree = documents.parse(exchange.body.content.whole(), "CompleteMultipartUpload")
    parts = _chosen(world, upload, tree)
    _check_sizes(world, exchange, parts)
    check_preconditions(world, exchange, Lie.IGNORES_COMPLETE_PRECONDITIONS)
    stored = _checksum(world, exchange, upload, parts)
    version = upload.like
    version.content = Content.joined([one.content for one in parts])
    version.modified = exchange.now
    version.checksum = stored
    version.parts = tuple(parts)
    version.parts_named = upload.algorithm is not None
    digests = hashlib.md5(b"".join(_md5_of(one) for one in parts))
    version.etag = describing.etag_of(world, version, digests.digest(), f"-{len(parts)}")
    del bucket.uploads[upload.upload_id]
    store(bucket, version)
    bucket.completed[upload.upload_id] = (key, version.version_id)
    return _answer(world, exchange, version)


def _md5_of(part: StoredPart) -> bytes:
    try:
        return bytes.fromhex(part.etag)
    except ValueError:
        return part.etag.encode()


def _chosen(world: World, upload: Upload, tree: etree._Element) -> list[StoredPart]:
    parts: list[StoredPart] = []
    for name, child in documents.children(tree):
        if name != "Part":
            raise Refusal("MalformedXML")
        number_text, etag = documents.text_of(child, "PartNumber"), documents.text_of(child, "ETag")
        if number_text is None or etag is None or not number_text.isdigit():
            raise Refusal("MalformedXML")
        number = int(number_text)
        if parts and number <= parts[-1].number:
            raise Refusal("InvalidPartOrder")
        part = upload.parts.get(number)
        if part is None or part.etag != etag.strip('"'):
            raise Refusal("InvalidPart", fields={"PartNumber": number_text, "UploadId": upload.upload_id})
        if not world.lies(Lie.IGNORES_CHECKSUMS):
            _check_part_checksum(upload, part, child)
        parts.append(part)
    if not parts or len(parts) > limits.PART_NUMBER_MAX:
        raise Refusal("MalformedXML", "An upload is completed with 1 to 10000 parts")
    return parts


def _check_part_checksum(upload: Upload, part: StoredPart, child: etree._Element) -> None:
    for name, value in documents.children(child):
        if not name.startswith("Checksum"):
            continue
        algorithm = checksum.named(name.removeprefix("Checksum"))
        known = part.checksum
        if known is None and algorithm is DEFAULT:
            known = Stored(DEFAULT, part.crc64nvme)
        if known is None or known.algorithm is not algorithm or known.text != (value.text or ""):
            raise Refusal(
                "InvalidPart", fields={"PartNumber": str(part.number), "UploadId": upload.upload_id}
            )
        return
    if upload.algorithm is not None and upload.checksum_type == COMPOSITE:
        name = upload.algorithm.name.lower()
        raise Refusal(
            "InvalidRequest",
            f"The upload was created using a {name} checksum. The complete request must include the "
            f"checksum for each part. It was missing for part {part.number} in the request.",
        )


def _check_sizes(world: World, exchange: Exchange, parts: list[StoredPart]) -> None:
    if not world.lies(Lie.ACCEPTS_SMALL_PARTS):
        for one in parts[:-1]:
            if one.content.size < limits.PART_BYTES_MIN:
                raise Refusal(
                    "EntityTooSmall",
                    fields={
                        "ProposedSize": str(one.content.size),
                        "MinSizeAllowed": str(limits.PART_BYTES_MIN),
                        "PartNumber": str(one.number),
                        "ETag": one.etag,
                    },
                )
    said = exchange.request.headers.get("x-amz-mp-object-size")
    if said is not None and not world.lies(Lie.IGNORES_OBJECT_SIZE):
        total = sum(one.content.size for one in parts)
        if said != str(total):
            raise Refusal(
                "InvalidRequest", f"x-amz-mp-object-size is {said} and the parts have {total} bytes"
            )


def _checksum(world: World, exchange: Exchange, upload: Upload, parts: list[StoredPart]) -> Stored | None:
    """The checksum of the whole: computed from the parts', compared with what the request says."""
    if world.lies(Lie.IGNORES_CHECKSUMS):
        return None
    headers = exchange.request.headers
    said_type = headers.get("x-amz-checksum-type", "").upper()
    kind = upload.checksum_type or FULL
    if said_type and said_type != kind:
        raise Refusal("InvalidRequest", f"The upload's checksum type is {kind}, not {said_type}")
    if upload.algorithm is None:
        stored = checksum.of_parts(DEFAULT, FULL, [(one.crc64nvme, one.content.size) for one in parts])
    else:
        values = [(one.checksum.value if one.checksum else b"", one.content.size) for one in parts]
        stored = checksum.of_parts(upload.algorithm, kind, values)
    said = checksum.announced(headers, {})
    if said is None:
        return stored
    if said.algorithm is not stored.algorithm:
        raise Refusal(
            "InvalidRequest", f"The upload's checksum is {stored.algorithm.name}, not {said.algorithm.name}"
        )
    text = said.text or ""
    if world.lies(Lie.ECHOES_CHECKSUMS):
        return Stored(
            stored.algorithm, checksum.decode(said.algorithm, text.partition("-")[0]), kind, stored.parts
        )
    if text not in (stored.text, stored.text.partition("-")[0]):
        raise Refusal(
            "BadDigest", f"The {stored.algorithm.name} you specified did not match the calculated checksum"
        )
    return stored


def _answer(world: World, exchange: Exchange, version: Version) -> Answer:
    bucket = exchange.bucket
    key_text = documents.key_text(version.key, None)
    pieces = [
        documents.element("Location", f"/{bucket.name}/{documents.key_text(version.key, 'url')}"),
        documents.element("Bucket", bucket.name),
        documents.element("Key", key_text),
    ]
    etag = "" if world.lies(Lie.COMPLETE_WITHOUT_ETAG) else f'"{version.etag}"'
    pieces.append(documents.element("ETag", etag))
    if version.checksum is not None:
        pieces.append(documents.element(version.checksum.algorithm.element, version.checksum.text))
        pieces.append(documents.element("ChecksumType", version.checksum.type))
    answer = Answer.of(documents.document("CompleteMultipartUploadResult", pieces))
    answer.headers |= version.encryption | describing.written_version_header(bucket, version)
    return answer
