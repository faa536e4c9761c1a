"""Multipart uploads up to their completion: create, parts, lists, abort. `completing` ends them."""

import secrets

from ferryline.testing.strict import checksum, describing, documents, limits
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.reading import check_customer_key
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import StoredPart, Upload


def upload_of(exchange: Exchange) -> Upload:
    """The upload a request names; NoSuchUpload also where it belongs to another key."""
    upload_id = exchange.request.params.get("uploadId", "")
    upload = exchange.bucket.uploads.get(upload_id)
    if upload is None or upload.key != exchange.request.key:
        raise Refusal("NoSuchUpload", fields={"UploadId": upload_id})
    return upload


def part_number(exchange: Exchange) -> int:
    """The part number a request names."""
    text = exchange.request.params.get("partNumber", "")
    if not text.isdigit() or not 1 <= int(text) <= limits.PART_NUMBER_MAX:
        raise Refusal("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return int(text)


def create(world: World, exchange: Exchange) -> Answer:
    """CreateMultipartUpload."""
    headers, bucket = exchange.request.headers, exchange.bucket
    like = describing.described(world, exchange)
    upload = Upload(secrets.token_urlsafe(48), exchange.request.key, exchange.now, like)
    name, kind = headers.get("x-amz-checksum-algorithm"), headers.get("x-amz-checksum-type", "").upper()
    if name is None and kind:
        raise Refusal("InvalidRequest", "x-amz-checksum-type needs x-amz-checksum-algorithm")
    answer_headers = dict(like.encryption)
    if name is not None:
        upload.algorithm = checksum.named(name)
        upload.checksum_type = kind or upload.algorithm.types[0]
        if upload.checksum_type not in upload.algorithm.types:
            message = f"The {kind} checksum type cannot be used with the {name.lower()} checksum algorithm."
            raise Refusal("InvalidRequest", message)
        answer_headers["x-amz-checksum-algorithm"] = upload.algorithm.name
        answer_headers["x-amz-checksum-type"] = upload.checksum_type
    bucket.uploads[upload.upload_id] = upload
    encoding = None
    pieces = [
        documents.element("Bucket", bucket.name),
        documents.element("Key", documents.key_text(upload.key, encoding)),
        documents.element("UploadId", upload.upload_id),
    ]
    answer = Answer.of(documents.document("InitiateMultipartUploadResult", pieces))
    answer.headers |= answer_headers
    return answer


def upload_part(world: World, exchange: Exchange) -> Answer:
    """UploadPart."""
    upload, number, body = upload_of(exchange), part_number(exchange), exchange.body
    if body.content.size > limits.PART_BYTES_MAX:
        raise Refusal("EntityTooLarge", fields={"MaxSizeAllowed": str(limits.PART_BYTES_MAX)})
    check_customer_key(upload.like, exchange.request.headers)
    sent = body.checksum
    if upload.algorithm is not None and not world.lies(Lie.IGNORES_CHECKSUMS):
        if sent is not None and sent.algorithm is not upload.algorithm:
            raise Refusal(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.name.lower()}, "
                f"actual checksum Type: {sent.algorithm.name.lower()}",
            )
        if sent is None and upload.checksum_type == checksum.COMPOSITE:
            name = upload.algorithm.name.lower()
            raise Refusal(
                "InvalidRequest",
                f"Checksum Type mismatch occurred, expected checksum Type: {name}, none was sent",
            )
        if sent is None:
            value = upload.algorithm.compute(body.content.buffers[0])
            sent = checksum.Stored(upload.algorithm, value)
    etag = describing.etag_of(world, upload.like, body.md5)
    part = StoredPart(number, body.content, etag, exchange.now, sent, body.crc64nvme)
    if not exchange.keeps_parts():
        upload.parts[number] = part
    headers = {"ETag": f'"{etag}"', **upload.like.encryption}
    if sent is not None:
        headers[sent.algorithm.header] = sent.text
    return Answer(200, headers)


def abort(world: World, exchange: Exchange) -> Answer:
    """AbortMultipartUpload."""
    upload = upload_of(exchange)
    if not exchange.keeps_parts():
        del exchange.bucket.uploads[upload.upload_id]
    return Answer(204)


def list_parts(world: World, exchange: Exchange) -> Answer:
    """ListParts, in pages."""
    upload, params = upload_of(exchange), exchange.request.params
    most = count(params, "max-parts")
    after = int(params.get("part-number-marker", "0") or "0")
    numbers = [number for number in sorted(upload.parts) if number > after]
    page = numbers[:most]
    truncated = len(numbers) > len(page)
    pieces = [
        documents.element("Bucket", exchange.bucket.name),
        documents.element("Key", documents.key_text(upload.key, params.get("encoding-type"))),
        documents.element("UploadId", upload.upload_id),
        owner(world, "Initiator"),
        owner(world, "Owner"),
        documents.element("StorageClass", upload.like.storage_class),
        documents.element("PartNumberMarker", after),
        documents.element("NextPartNumberMarker", page[-1] if page else 0),
        documents.element("MaxParts", most),
        documents.element("IsTruncated", str(truncated).lower()),
    ]
    if upload.algorithm is not None:
        pieces.append(documents.element("ChecksumAlgorithm", upload.algorithm.name))
        pieces.append(documents.element("ChecksumType", upload.checksum_type))
    for number in page:
        part = upload.parts[number]
        inner = documents.element("PartNumber", number)
        inner += documents.element("LastModified", documents.moment(part.modified))
        inner += documents.element("ETag", f'"{part.etag}"') + documents.element("Size", part.content.size)
        if upload.algorithm is not None and part.checksum is not None:
            inner += documents.element(part.checksum.algorithm.element, part.checksum.text)
        pieces.append(f"<Part>{inner}</Part>")
    return Answer.of(documents.document("ListPartsResult", pieces))


def list_uploads(world: World, exchange: Exchange) -> Answer:
    """ListMultipartUploads: by key, then by time of creation."""
    params, bucket = exchange.request.params, exchange.bucket
    encoding, most = params.get("encoding-type"), count(params, "max-uploads")
    prefix = params.get("prefix", "").encode("utf-8", "surrogateescape")
    delimiter = params.get("delimiter", "").encode("utf-8", "surrogateescape")
    marker = params.get("key-marker", "").encode("utf-8", "surrogateescape")
    id_marker = params.get("upload-id-marker", "")
    uploads = [one for one in bucket.uploads.values() if one.key.startswith(prefix)]
    uploads.sort(key=lambda one: (one.key, one.initiated))
    if marker:
        same = [one.upload_id for one in uploads if one.key == marker]
        passed = set(same[: same.index(id_marker) + 1]) if id_marker in same else set(same)
        uploads = [
            one for one in uploads if one.key > marker or (one.key == marker and one.upload_id not in passed)
        ]
        if not id_marker:
            uploads = [one for one in uploads if one.key > marker]
    pieces: list[str] = []
    folders: list[bytes] = []
    last: Upload | None = None
    truncated = False
    for one in uploads:
        cut = one.key.find(delimiter, len(prefix)) if delimiter else -1
        folder = one.key[: cut + len(delimiter)] if cut >= 0 else None
        if folder is not None and folder in folders:
            continue
        if len(pieces) + len(folders) == most:
            truncated = True
            break
        last = one
        if folder is not None:
            folders.append(folder)
            continue
        pieces.append(_listed(world, one, encoding))
    head = [
        documents.element("Bucket", bucket.name),
        documents.element("KeyMarker", documents.key_text(marker, encoding)),
        documents.element("UploadIdMarker", id_marker),
        documents.element(
            "NextKeyMarker", documents.key_text(last.key, encoding) if last and truncated else ""
        ),
        documents.element("NextUploadIdMarker", last.upload_id if last and truncated else ""),
        documents.optional("EncodingType", encoding),
        documents.element("Prefix", documents.key_text(prefix, encoding)),
        documents.element("MaxUploads", most),
        documents.element("IsTruncated", str(truncated).lower()),
    ]
    tail = [
        f"<CommonPrefixes>{documents.element('Prefix', documents.key_text(one, encoding))}</CommonPrefixes>"
        for one in folders
    ]
    return Answer.of(documents.document("ListMultipartUploadsResult", [*head, *pieces, *tail]))


def _listed(world: World, upload: Upload, encoding: str | None) -> str:
    inner = documents.element("Key", documents.key_text(upload.key, encoding))
    inner += documents.element("UploadId", upload.upload_id)
    inner += owner(world, "Initiator") + owner(world, "Owner")
    inner += documents.element("StorageClass", upload.like.storage_class)
    inner += documents.element("Initiated", documents.moment(upload.initiated))
    if upload.algorithm is not None:
        inner += documents.element("ChecksumAlgorithm", upload.algorithm.name)
        inner += documents.element("ChecksumType", upload.checksum_type)
    return f"<Upload>{inner}</Upload>"


def owner(world: World, name: str) -> str:
    """An Owner or Initiator element."""
    inner = documents.element("ID", world.settings.owner_id) + documents.element("DisplayName", "strict")
    return f"<{name}>{inner}</{name}>"


def count(params: dict[str, str], name: str) -> int:
    """A page size a request asks for, at most 1,000."""
    text = params.get(name, str(limits.PAGE_KEYS_MAX))
    if not text.isdigit():
        raise Refusal("InvalidArgument", f"{name} is not an integer between 0 and 2147483647")
    return min(int(text), limits.PAGE_KEYS_MAX)
