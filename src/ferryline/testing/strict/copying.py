"""CopyObject and UploadPartCopy: the source found and its preconditions, then a write like another."""

import re
from urllib.parse import unquote_to_bytes

from ferryline.testing.strict import checksum, conditions, describing, documents, limits
from ferryline.testing.strict.checksum import DEFAULT, FULL, Stored
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.permission import refused
from ferryline.testing.strict.reading import check_customer_key, found
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import StoredPart, Version
from ferryline.testing.strict.uploads import part_number, upload_of
from ferryline.testing.strict.writing import check_preconditions, store

_PREFIX = "x-amz-copy-source-"


def copy_object(world: World, exchange: Exchange) -> Answer:
    """CopyObject."""
    request, bucket = exchange.request, exchange.bucket
    source = _source(world, exchange)
    headers = request.headers
    directive = headers.get("x-amz-metadata-directive", "COPY").upper()
    tagging = headers.get("x-amz-tagging-directive", "COPY").upper()
    if directive not in ("COPY", "REPLACE") or tagging not in ("COPY", "REPLACE"):
        raise Refusal("InvalidArgument", "A directive is COPY or REPLACE")
    if source.size > limits.WRITE_BYTES_MAX:
        raise Refusal("InvalidRequest", "The specified copy source is larger than the maximum allowable size")
    version = describing.described(world, exchange)
    if source is bucket.current(request.key) and directive == "COPY" and not _changes_something(headers):
        raise Refusal("InvalidRequest", "This copy request is illegal because it changes nothing")
    check_preconditions(world, exchange, Lie.IGNORES_WRITE_PRECONDITIONS)
    if directive == "COPY" and not world.lies(Lie.FORGETS_METADATA):
        version.metadata, version.headers = dict(source.metadata), dict(source.headers)
    if tagging == "COPY":
        version.tags = _tags_along(world, exchange, source)
    assert source.content is not None  # noqa: S101 - markers were refused
    version.content = source.content
    version.etag = describing.etag_of(world, version, source.content.md5())
    if world.lies(Lie.COPIES_MULTIPART_ETAG) and "-" in source.etag:
        version.etag = source.etag
    version.checksum = _carried(headers.get("x-amz-checksum-algorithm"), source)
    store(bucket, version)
    pieces = [
        documents.element("LastModified", documents.moment(version.modified)),
        documents.element("ETag", f'"{version.etag}"'),
    ]
    if not world.lies(Lie.IGNORES_CHECKSUMS):
        pieces.append(documents.element(version.checksum.algorithm.element, version.checksum.text))
        pieces.append(documents.element("ChecksumType", version.checksum.type))
    answer = Answer.of(documents.document("CopyObjectResult", pieces))
    answer.headers |= version.encryption | describing.written_version_header(bucket, version)
    answer.headers |= _source_version(world, exchange, source)
    return answer


def _tags_along(world: World, exchange: Exchange, source: Version) -> dict[str, str]:
    """The source's tags, for who may read them there and set them here."""
    if not source.tags or world.lies(Lie.IGNORES_TAGGING):
        return {}
    for operation, key in (("GetObjectTagging", source.key), ("PutObjectTagging", exchange.request.key)):
        if refused(exchange, operation, key):
            raise Refusal("AccessDenied", f"Not allowed: {operation}")
    return dict(source.tags)


def _changes_something(headers: dict[str, str]) -> bool:
    return any(
        name in headers
        for name in (
            "x-amz-storage-class",
            "x-amz-server-side-encryption",
            "x-amz-website-redirect-location",
            "x-amz-checksum-algorithm",
        )
    )


def _carried(asked: str | None, source: Version) -> Stored:
    """The copy's checksum: of the algorithm asked for, else the source's where it is of the whole object."""
    assert source.content is not None  # noqa: S101
    if asked is None and source.checksum is not None and source.checksum.type == FULL:
        return source.checksum
    algorithm = checksum.named(asked) if asked else source.checksum.algorithm if source.checksum else DEFAULT
    if algorithm is DEFAULT:
        return Stored(DEFAULT, source.content.crc64nvme())
    return Stored(algorithm, algorithm.compute(source.content.whole()))


def _source(world: World, exchange: Exchange) -> Version:
    if world.lies(Lie.REFUSES_COPIES):
        raise Refusal("NotImplemented", "Server-side copies are not implemented")
    headers = exchange.request.headers
    raw, mark, query = headers["x-amz-copy-source"].encode("latin-1").partition(b"?versionId=")
    path = unquote_to_bytes(raw)
    name, slash, key = path.removeprefix(b"/").partition(b"/")
    if not slash or not key:
        raise Refusal(
            "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        )
    bucket = world.buckets.get(name.decode("utf-8", "surrogateescape"))
    if bucket is None:
        raise Refusal("NoSuchBucket", fields={"BucketName": name.decode("latin-1")})
    if refused(exchange, "GetObject", key):
        raise Refusal("AccessDenied")
    pays = bucket.settings.requester_pays and headers.get("x-amz-request-payer") != "requester"
    if pays and world.settings.verify_signatures:
        raise Refusal("AccessDenied", "The source bucket is requester pays")
    version = found(exchange, bucket, key, unquote_to_bytes(query).decode("latin-1") if mark else None)
    if version.archived:
        raise Refusal("InvalidObjectState", fields={"StorageClass": version.storage_class})
    check_customer_key(version, headers, _PREFIX)
    if not world.lies(Lie.IGNORES_COPY_PRECONDITIONS):
        conditions.read(headers, version, prefix=_PREFIX)
    return version


def _source_version(world: World, exchange: Exchange, source: Version) -> dict[str, str]:
    name = unquote_to_bytes(exchange.request.headers["x-amz-copy-source"].removeprefix("/")).partition(b"/")[
        0
    ]
    bucket = world.buckets[name.decode("utf-8", "surrogateescape")]
    return {"x-amz-copy-source-version-id": source.version_id} if bucket.versioning else {}


def upload_part_copy(world: World, exchange: Exchange) -> Answer:
    """UploadPartCopy, of the whole source or of `x-amz-copy-source-range`."""
    upload, number = upload_of(exchange), part_number(exchange)
    check_customer_key(upload.like, exchange.request.headers)
    source = _source(world, exchange)
    assert source.content is not None  # noqa: S101 - markers were refused
    content: Content = source.content
    if (text := exchange.request.headers.get("x-amz-copy-source-range")) is not None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", text.strip())
        if match is None:
            raise Refusal(
                "InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last"
            )
        first, last = int(match[1]), int(match[2])
        if first > last or last >= source.size:
            raise Refusal(
                "InvalidArgument", f"Range specified is not valid for source object of size: {source.size}"
            )
        content = content.cut(first, last + 1)
    if content.size > limits.PART_BYTES_MAX:
        raise Refusal("InvalidRequest", "The specified copy source is larger than the maximum allowable size")
    etag = describing.etag_of(world, upload.like, content.md5())
    part = StoredPart(number, content, etag, exchange.now, None, content.crc64nvme())
    pieces = [
        documents.element("LastModified", documents.moment(part.modified)),
        documents.element("ETag", f'"{etag}"'),
    ]
    if upload.algorithm is not None:
        part.checksum = Stored(upload.algorithm, upload.algorithm.compute(content.whole()))
        pieces.append(documents.element(upload.algorithm.element, part.checksum.text))
    upload.parts[number] = part
    answer = Answer.of(documents.document("CopyPartResult", pieces))
    answer.headers |= upload.like.encryption | _source_version(world, exchange, source)
    return answer
