"""Headers both ways: what a write carries, and what an answer says about an object.

Called by the verbs. Pure functions; the spelling of every header is in this one place.
"""

import base64
import calendar
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

from ferryline import errors
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.model.place import S3Writing
from ferryline.storage.s3.answer_xml import bare_etag
from ferryline.storage.s3.http_message import Answer
from ferryline.storage.store import Condition, Writing

SYSTEM = (
    b"content-type",
    b"content-encoding",
    b"content-language",
    b"content-disposition",
    b"cache-control",
    b"expires",
)
TAGS_MAX = 10
_USER = b"x-amz-meta-"
_FURTHER = (
    (b"x-amz-checksum-sha256", Algorithm.SHA256, 32),
    (b"x-amz-checksum-md5", Algorithm.MD5, 16),
)
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_HTTP_DATE = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def of_metadata(metadata: Metadata) -> dict[str, str]:
    """Content-* and user metadata as headers."""
    headers = dict(metadata.system)
    for name, value in metadata.user.items():
        headers[f"x-amz-meta-{name.lower()}"] = value
    return headers


def of_storing(writing: S3Writing) -> dict[str, str]:
    """What the location asks of every object it stores: encryption, class, ACL."""
    headers = of_encryption(writing)
    if writing.storage_class:
        headers["x-amz-storage-class"] = writing.storage_class
    if writing.acl:
        headers["x-amz-acl"] = writing.acl
    return headers


def of_tags(writing: Writing, storing: S3Writing) -> dict[str, str]:
    """The tags of an object, as a URL query; the location's own win. Raises ObjectFailed for too many."""
    tags = {**writing.tags, **storing.tags}
    if len(tags) > TAGS_MAX:
        raise errors.ObjectFailed(
            f"{len(tags)} tags together with those of the location ({', '.join(sorted(storing.tags))}); "
            f"S3 takes {TAGS_MAX}"
            if storing.tags
            else f"{len(tags)} tags; S3 takes {TAGS_MAX}",
            advice="use fewer tags at the source or in the location, or copy with object_tags NONE",
            kind="too-many-tags",
        )
    return {"x-amz-tagging": urlencode(tags, quote_via=quote, safe="")} if tags else {}


def of_encryption(writing: S3Writing) -> dict[str, str]:
    """Server-side encryption headers."""
    headers: dict[str, str] = {}
    if writing.sse:
        headers["x-amz-server-side-encryption"] = writing.sse
    if writing.kms_key_id:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = writing.kms_key_id
    return headers


def of_condition(condition: Condition) -> dict[str, str]:
    """A write's precondition."""
    if condition.absent:
        return {"if-none-match": "*"}
    if condition.etag is not None:
        return {"if-match": quoted(condition.etag)}
    return {}


def of_object(writing: Writing, storing: S3Writing) -> dict[str, str]:
    """All a new object carries, but for digests and precondition. Raises ObjectFailed for too many tags."""
    return {**of_metadata(writing.metadata), **of_storing(storing), **of_tags(writing, storing)}


def quoted(etag: bytes) -> str:
    """An ETag as HTTP writes it."""
    return f'"{etag.decode("utf-8", "surrogateescape")}"'


def base64_of(raw: bytes) -> str:
    """Raw bytes as headers carry digests."""
    return base64.b64encode(raw).decode()


def metadata_of(answer: Answer) -> Metadata:
    """Content-* and user metadata of an answer, as sent on the wire."""
    user: dict[str, str] = {}
    for name, value in answer.headers.items():
        if name.startswith(_USER):
            user[_text(name[len(_USER) :])] = _text(value)
    system = {_text(name): _text(answer.headers[name]) for name in SYSTEM if name in answer.headers}
    encoding = system.get("content-encoding")
    if encoding is not None and "aws-chunked" in encoding:
        # A transfer detail of the uploader that some servers store; it says nothing about the bytes.
        kept = [one.strip() for one in encoding.split(",") if one.strip() not in ("aws-chunked", "")]
        system.pop("content-encoding")
        if kept:
            system["content-encoding"] = ", ".join(kept)
    return Metadata(user=user, system=system)


def stat_of(key: bytes, answer: Answer, size_bytes: int) -> Stat:
    """Everything an answer to HEAD or GET says about an object. Raises ValueError for a bad date."""
    version = answer.text(b"x-amz-version-id")
    storage_class = answer.text(b"x-amz-storage-class")
    restore = answer.text(b"x-amz-restore") or ""
    tier = answer.text(b"x-amz-archive-status")
    archived = (storage_class in _ARCHIVES or tier is not None) and 'ongoing-request="false"' not in restore
    count = answer.text(b"x-amz-mp-parts-count")
    tags = answer.text(b"x-amz-tagging-count")
    token = Token(
        etag=bare_etag(answer.headers.get(b"etag")),
        modified_ns=http_date_ns(answer.text(b"last-modified")),
        version_id=None if version in (None, "null") else version,
    )
    return Stat(
        entry=Entry(key=key, size_bytes=size_bytes, token=token, storage_class=storage_class),
        metadata=metadata_of(answer),
        stored_checksum=checksum_of(answer.headers),
        encryption=encryption_of(answer),
        part_count=int(count) if count and count.isdigit() else None,
        archived=archived,
        tag_count=int(tags) if tags and tags.isdigit() else 0,
        further_checksums=further_checksums_of(answer.headers),
    )


def encryption_of(answer: Answer) -> str | None:
    """How an object is encrypted. Under a customer key its ETag is no MD5, and S3 names no other method."""
    if b"x-amz-server-side-encryption-customer-algorithm" in answer.headers:
        return "SSE-C"
    return answer.text(b"x-amz-server-side-encryption")


def checksum_of(headers: Mapping[bytes, bytes]) -> Digest | None:
    """The store's full-object CRC64NVME, when the answer holds one."""
    value = headers.get(b"x-amz-checksum-crc64nvme")
    if value is None or headers.get(b"x-amz-checksum-type", b"FULL_OBJECT").upper() != b"FULL_OBJECT":
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    return Digest(Algorithm.CRC64NVME, raw) if len(raw) == 8 else None


def further_checksums_of(headers: Mapping[bytes, bytes]) -> tuple[Digest, ...]:
    """Checksums of other algorithms, where the answer says that they are of the full object."""
    if headers.get(b"x-amz-checksum-type", b"").upper() != b"FULL_OBJECT":
        return ()
    found: list[Digest] = []
    for name, algorithm, length in _FURTHER:
        try:
            raw = base64.b64decode(headers.get(name, b""), validate=True)
        except ValueError:
            continue
        if len(raw) == length:
            found.append(Digest(algorithm, raw))
    return tuple(found)


def http_date_ns(text: str | None) -> int:
    """An HTTP date in epoch nanoseconds; 0 when there is none. Raises ValueError when it cannot be read."""
    if not text:
        return 0
    match = _HTTP_DATE.fullmatch(text)
    if match is None:
        moment = parsedate_to_datetime(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 10**9
    day, month, year, hour, minute, second = match.groups()
    if month not in _MONTHS:
        raise ValueError(f"{text!r} is not a date")
    fields = (int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second))
    return calendar.timegm(fields) * 10**9


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
