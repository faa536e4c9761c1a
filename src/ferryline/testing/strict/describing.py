"""What a write's headers say about an object: metadata, tags, class, encryption, locks. And back again.

Used by every verb that writes (PUT, Create, Copy) and by those that read. Pure.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl

from ferryline.testing.strict import limits
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.permission import refused
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Encryption, Lie
from ferryline.testing.strict.shelf import Bucket, Version

KEPT: Final = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
    "x-amz-website-redirect-location": "x-amz-website-redirect-location",
}
"""Headers an object gives back as they came, with the case they are sent in."""

META: Final = "x-amz-meta-"
STORAGE_CLASSES: Final = frozenset(
    [
        "STANDARD",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "REDUCED_REDUNDANCY",
        "GLACIER_IR",
        "GLACIER",
        "DEEP_ARCHIVE",
    ]
)
_SSE: Final = "x-amz-server-side-encryption"
_SSE_C: Final = "x-amz-server-side-encryption-customer-"


def described(world: World, exchange: Exchange) -> Version:
    """The version a write's headers describe, without content yet."""
    headers, bucket = exchange.request.headers, exchange.bucket
    key = exchange.request.key
    check_key(key)
    version = Version(key, "", exchange.now)
    version.metadata = metadata_of(headers)
    version.headers = kept_of(headers)
    if world.lies(Lie.FORGETS_METADATA):
        version.metadata, version.headers = {}, {"content-type": "binary/octet-stream"}
    if headers.get("x-amz-acl", "private") not in ("private", "bucket-owner-full-control"):
        raise Refusal("AccessControlListNotSupported")
    version.tags = _tagged(world, exchange)
    version.storage_class = headers.get("x-amz-storage-class", "STANDARD")
    if version.storage_class not in STORAGE_CLASSES:
        raise Refusal("InvalidStorageClass", f"There is no storage class {version.storage_class!r}")
    _encrypted(version, headers, bucket)
    until = headers.get("x-amz-object-lock-retain-until-date")
    if until:
        version.locked_until = datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp()
    version.legal_hold = headers.get("x-amz-object-lock-legal-hold", "").upper() == "ON"
    return version


def check_key(key: bytes) -> None:
    """Refuse a key S3 does not take."""
    if len(key) > limits.KEY_BYTES_MAX:
        raise Refusal(
            "KeyTooLongError", fields={"Size": str(len(key)), "MaxSizeAllowed": str(limits.KEY_BYTES_MAX)}
        )
    try:
        key.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("InvalidURI", "The key is not valid UTF-8") from None


def metadata_of(headers: Mapping[str, str]) -> dict[str, str]:
    """User metadata: names without the prefix, values as Latin-1 text."""
    found = {name[len(META) :]: value for name, value in headers.items() if name.startswith(META)}
    size = sum(len(name) + len(value) for name, value in found.items())
    if size > limits.METADATA_BYTES_MAX:
        raise Refusal(
            "MetadataTooLarge", fields={"Size": str(size), "MaxSizeAllowed": str(limits.METADATA_BYTES_MAX)}
        )
    return found


def kept_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that are kept; `aws-chunked` is a framing and not a content encoding."""
    kept = {name: headers[name] for name in KEPT if name in headers}
    if "aws-chunked" in (text := kept.get("content-encoding", "")):
        rest = ", ".join(one.strip() for one in text.split(",") if one.strip() not in ("", "aws-chunked"))
        kept = {name: value for name, value in kept.items() if name != "content-encoding"}
        kept |= {"content-encoding": rest} if rest else {}
    kept.setdefault("content-type", "binary/octet-stream")
    return kept


def _tagged(world: World, exchange: Exchange) -> dict[str, str]:
    """The tags that a write brings; setting them needs a permission of its own."""
    text = exchange.request.headers.get("x-amz-tagging")
    if text is None or world.lies(Lie.IGNORES_TAGGING):
        return {}
    if world.lies(Lie.REFUSES_TAGGING):
        raise Refusal("NotImplemented", "A header you provided implies functionality that is not implemented")
    if refused(exchange, "PutObjectTagging", exchange.request.key):
        raise Refusal("AccessDenied", "Not allowed: PutObjectTagging")
    return tags_of(text)


def tags_of(text: str) -> dict[str, str]:
    """Tags of an `x-amz-tagging` header."""
    pairs = parse_qsl(text, keep_blank_values=True)
    return check_tags(pairs)


def check_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Tags as a mapping, or what S3 refuses about them."""
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise Refusal("InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > limits.TAGS_MAX:
        raise Refusal("BadRequest", "Object tags cannot be greater than 10")
    for name, value in tags.items():
        if not name or len(name) > 128 or len(value) > 256:
            raise Refusal("InvalidTag", f"The tag {name[:20]!r} is too long, or has no name")
    return tags


def _encrypted(version: Version, headers: Mapping[str, str], bucket: Bucket) -> None:
    by_customer = any(name.startswith(_SSE_C) for name in headers)
    key_id = f"{_SSE}-aws-kms-key-id"
    if by_customer and (_SSE in headers or f"{_SSE_C}algorithm" not in headers):
        raise Refusal("InvalidArgument", "Customer keys need their algorithm, and no other encryption")
    if key_id in headers and headers.get(_SSE) != Encryption.KMS.value:
        raise Refusal("InvalidArgument", "A KMS key id needs the encryption aws:kms")
    if by_customer:
        if bucket.settings.blocks_sse_c:
            raise Refusal("AccessDenied", "This bucket does not allow SSE-C")
        _under(version, customer_key_md5(headers))
        return
    wanted = headers.get(_SSE, bucket.settings.encryption.value)
    if wanted not in (Encryption.SSE_S3.value, Encryption.KMS.value):
        raise Refusal("InvalidArgument", f"The encryption method {wanted!r} is not supported")
    version.encryption = {_SSE: wanted}
    if wanted == Encryption.KMS.value:
        version.encryption[key_id] = headers.get(key_id, "arn:aws:kms:us-east-1:111122223333:key/strict")


def under_customer_key(version: Version, key: bytes) -> None:
    """Note that a version is encrypted under a customer key."""
    _under(version, base64.b64encode(hashlib.md5(key).digest()).decode())


def _under(version: Version, key_md5: str | None) -> None:
    version.customer_key_md5 = key_md5
    version.encryption = {f"{_SSE_C}algorithm": "AES256", f"{_SSE_C}key-MD5": key_md5 or ""}


def customer_key_md5(headers: Mapping[str, str], prefix: str = "x-amz-") -> str | None:
    """The MD5 of a request's SSE-C key, checked against the key; None when it brings none."""
    start = f"{prefix}server-side-encryption-customer-"
    if f"{start}algorithm" not in headers:
        return None
    try:
        key = base64.b64decode(headers.get(f"{start}key", ""), validate=True)
    except ValueError:
        key = b""
    md5 = base64.b64encode(hashlib.md5(key).digest()).decode()
    if len(key) != 32 or headers.get(f"{start}key-md5") != md5:
        raise Refusal("InvalidArgument", "The customer key is not 256 bits, or its MD5 is another")
    return md5


def etag_of(world: World, version: Version, md5: bytes, suffix: str = "") -> str:
    """The ETag: MD5 (with `-N` for parts), unless encryption or a lie makes it something else."""
    kms = version.encryption.get(_SSE) == Encryption.KMS.value
    if version.customer_key_md5:
        return hashlib.md5(md5 + version.customer_key_md5.encode()).hexdigest() + suffix
    if kms or world.lies(Lie.ETAG_NOT_MD5):
        return secrets.token_hex(16) + suffix
    return md5.hex() + suffix


def http_date(seconds: float) -> str:
    """A time in a header."""
    return formatdate(int(seconds), usegmt=True)


def version_header(bucket: Bucket, version: Version) -> dict[str, str]:
    """`x-amz-version-id`, on buckets that ever had versioning."""
    return {"x-amz-version-id": version.version_id} if bucket.versioning else {}


def written_version_header(bucket: Bucket, version: Version) -> dict[str, str]:
    """`x-amz-version-id` of a write: not where versioning is suspended, though reads then say `null`."""
    return version_header(bucket, version) if bucket.versioning == "Enabled" else {}


def headers_of(bucket: Bucket, version: Version) -> dict[str, str]:
    """What GET and HEAD tell about a version, but for lengths, ranges and checksums."""
    answer = {
        "ETag": f'"{version.etag}"',
        "Last-Modified": http_date(version.modified),
        "Accept-Ranges": "bytes",
    }
    answer |= {KEPT[name]: value for name, value in version.headers.items()}
    answer |= {META + name: _returned(value) for name, value in version.metadata.items()}
    answer |= version.encryption
    answer |= version_header(bucket, version)
    if version.storage_class != "STANDARD":
        answer["x-amz-storage-class"] = version.storage_class
    if version.restored:
        answer["x-amz-restore"] = 'ongoing-request="false", expiry-date="Fri, 01 Jan 2100 00:00:00 GMT"'
    if version.tags:
        answer["x-amz-tagging-count"] = str(len(version.tags))
    if version.locked_until:
        until = datetime.fromtimestamp(version.locked_until, UTC)
        answer["x-amz-object-lock-mode"] = "COMPLIANCE"
        answer["x-amz-object-lock-retain-until-date"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    if version.legal_hold:
        answer["x-amz-object-lock-legal-hold"] = "ON"
    return answer


def _returned(value: str) -> str:
    """A metadata value: what is not ASCII comes back as RFC 2047 of its Latin-1 reading, as S3 documents."""
    if value.isascii():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
