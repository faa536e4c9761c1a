"""GetObject and HeadObject: versions and markers, preconditions, ranges, part numbers, checksums.

Verbs: called by `service` with a request that was signed, authorised, and whose bucket is there.
"""

import re
from collections.abc import Mapping
from typing import Final

from ferryline.testing.strict import conditions, describing
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.fault import Range
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.permission import missing, refused
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import Bucket, Version

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)$")
_OVERRIDES: Final = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


def found(exchange: Exchange, bucket: Bucket, key: bytes, version_id: str | None) -> Version:
    """The version a read is about; refuses absent keys, markers and unknown versions as S3 does."""
    if version_id is None:
        version = bucket.current(key)
        if version is None:
            raise missing(exchange, "NoSuchKey", key)
        if version.is_marker:
            headers = {"x-amz-delete-marker": "true", **describing.version_header(bucket, version)}
            raise missing(exchange, "NoSuchKey", key, headers)
        return version
    if not version_id:
        raise Refusal("InvalidArgument", "Version id cannot be the empty string")
    version = bucket.version(key, version_id)
    if version is None:
        raise missing(exchange, "NoSuchVersion", key)
    if version.is_marker:
        raise Refusal(
            "MethodNotAllowed",
            headers={
                "x-amz-delete-marker": "true",
                "x-amz-version-id": version.version_id,
                "Allow": "DELETE",
                "Last-Modified": describing.http_date(version.modified),
            },
        )
    return version


def read_object(world: World, exchange: Exchange) -> Answer:
    """GetObject and HeadObject."""
    request, bucket = exchange.request, exchange.bucket
    version = found(exchange, bucket, request.key, request.params.get("versionId"))
    check_customer_key(version, request.headers)
    headers = describing.headers_of(bucket, version)
    if refused(exchange, "GetObjectTagging", request.key):
        headers.pop("x-amz-tagging-count", None)  # told only to those who may read the tags
    try:
        conditions.read(request.headers, version, if_match=not world.lies(Lie.IGNORES_READ_IF_MATCH))
    except conditions.NotModified:
        kept = ("ETag", "Last-Modified", "Cache-Control", "Expires", "x-amz-version-id")
        return Answer(304, {name: headers[name] for name in kept if name in headers})
    is_get = request.method == "GET"
    if is_get and version.archived:
        raise Refusal("InvalidObjectState", fields={"StorageClass": version.storage_class})
    _override(exchange, headers)
    start, stop, status = _selected(world, exchange, version, headers)
    if status == 200 and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= checksum_headers(world, version)
    assert version.content is not None  # noqa: S101 - markers were refused
    if not is_get:
        return Answer(status, headers, length=stop - start)
    return Answer(status, headers, version.content.cut(start, stop))


def check_customer_key(version: Version, headers: Mapping[str, str], prefix: str = "x-amz-") -> None:
    """Refuse a read that does not bring the key an object was written with (or brings one for nothing)."""
    brought = describing.customer_key_md5(headers, prefix)
    if version.customer_key_md5 == brought:
        return
    if brought is None:
        raise Refusal(
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters must be "
            "provided to retrieve the object.",
        )
    if version.customer_key_md5 is None:
        raise Refusal("InvalidRequest", "The encryption parameters are not applicable to this object.")
    raise Refusal("AccessDenied", "The customer key is not the one the object was written with")


def checksum_headers(world: World, version: Version) -> dict[str, str]:
    """The stored checksum and its type."""
    stored = version.checksum
    if stored is None or world.lies(Lie.IGNORES_CHECKSUMS):
        return {}
    return {stored.algorithm.header: stored.text, "x-amz-checksum-type": stored.type}


def _override(exchange: Exchange, headers: dict[str, str]) -> None:
    for name, target in _OVERRIDES.items():
        if (value := exchange.request.params.get(name)) is not None:
            if exchange.caller.credential is None and exchange.caller.access_key == "":
                raise Refusal("InvalidRequest", "Request specific response headers need a signature")
            headers[target] = value


def _selected(
    world: World, exchange: Exchange, version: Version, headers: dict[str, str]
) -> tuple[int, int, int]:
    """(start, stop, status), with Content-Range and part headers set."""
    request, size = exchange.request, version.size
    number_text = request.params.get("partNumber")
    range_text = request.headers.get("range")
    if number_text is not None and not world.lies(Lie.IGNORES_PART_NUMBER):
        if range_text is not None:
            raise Refusal("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        return _part(world, exchange, version, headers)
    if range_text is None:
        return 0, size, 200
    span = parse_range(range_text, size)
    if span is None:
        return 0, size, 200
    start, stop = span
    for fault in exchange.faults:
        if isinstance(fault.what, Range):
            exchange.fire(fault)
            shift = min(fault.what.shift, size - stop) if size > stop else -min(fault.what.shift, start)
            start, stop = start + shift, stop + shift
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return start, stop, 206


def _part(
    world: World, exchange: Exchange, version: Version, headers: dict[str, str]
) -> tuple[int, int, int]:
    text = exchange.request.params["partNumber"]
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise Refusal("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    number = int(text)
    if not version.parts:
        if number != 1:
            raise Refusal("InvalidPartNumber", fields={"ActualPartCount": "1", "PartNumberRequested": text})
        if version.size:
            headers["Content-Range"] = f"bytes 0-{version.size - 1}/{version.size}"
        return 0, version.size, 206
    if number > len(version.parts):
        count = str(len(version.parts))
        raise Refusal("InvalidPartNumber", fields={"ActualPartCount": count, "PartNumberRequested": text})
    start = sum(one.content.size for one in version.parts[: number - 1])
    part = version.parts[number - 1]
    stop = start + part.content.size
    headers["x-amz-mp-parts-count"] = str(len(version.parts))
    if version.size:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{version.size}"
    if (
        part.checksum is not None
        and exchange.request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    ):
        headers[part.checksum.algorithm.header] = part.checksum.text
        if version.checksum is not None:
            headers["x-amz-checksum-type"] = version.checksum.type
    return start, stop, 206


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """(start, stop) of a Range header; None where S3 ignores it; InvalidRange where it lies outside."""
    match = _RANGE.match(text.strip())
    if match is None or (not match[1] and not match[2]):
        return None
    outside = Refusal(
        "InvalidRange",
        headers={"Content-Range": f"bytes */{size}"},
        fields={"RangeRequested": text, "ActualObjectSize": str(size)},
    )
    if not match[1]:
        if not int(match[2]) or not size:
            raise outside
        return max(0, size - int(match[2])), size
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise outside
    return start, min(size, int(match[2]) + 1) if match[2] else size
