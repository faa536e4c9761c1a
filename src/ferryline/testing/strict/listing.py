"""ListObjectsV2, ListObjects and ListObjectVersions: pages in byte order, folders rolled up, tokens opaque.

`page` walks; the verbs word it. Faults of a listing (`fault.Listing`) are applied between the two.
"""

import base64
import binascii
import hashlib

from ferryline.testing.strict import documents, listing_fault
from ferryline.testing.strict.exchange import Exchange, World
from ferryline.testing.strict.limits import PAGE_KEYS_MAX
from ferryline.testing.strict.message import Answer
from ferryline.testing.strict.page import Page, Query
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.settings import Lie
from ferryline.testing.strict.shelf import Bucket, Version
from ferryline.testing.strict.uploads import owner


def list_v2(world: World, exchange: Exchange) -> Answer:
    """ListObjectsV2."""
    params = exchange.request.params
    token = params.get("continuation-token")
    if token == "":
        raise Refusal("InvalidArgument", "The continuation token provided is incorrect")
    start_after = params.get("start-after", "").encode("utf-8", "surrogateescape")
    after = start_after if token is None else _from_token(token)
    query = _query(world, exchange, after)
    page = listing_fault.page(exchange, query)
    names = listing_fault.names(exchange, exchange.bucket.name, query.prefix)
    next_token = listing_fault.token(exchange, page.truncated, token, lambda: _token(page.last))
    head = [
        documents.element("Name", names[0]),
        documents.element("Prefix", documents.key_text(names[1], query.encoding)),
        documents.element("KeyCount", listing_fault.count(exchange, len(page.versions) + len(page.folders))),
        documents.element("MaxKeys", _most_asked(params)),
        documents.optional("Delimiter", _encoded(params.get("delimiter") or None, query.encoding)),
        documents.optional("EncodingType", query.encoding),
        documents.element("IsTruncated", str(page.truncated).lower()),
        documents.optional("ContinuationToken", token),
        documents.optional("NextContinuationToken", next_token),
        documents.optional("StartAfter", _encoded(params.get("start-after"), query.encoding)),
    ]
    with_owner = params.get("fetch-owner", "").lower() == "true"
    return Answer.of(
        documents.document("ListBucketResult", [*head, *_entries(world, page, query, owned=with_owner)])
    )


def list_v1(world: World, exchange: Exchange) -> Answer:
    """ListObjects, the first version: `marker`, and NextMarker only with a delimiter."""
    params = exchange.request.params
    marker = params.get("marker", "").encode("utf-8", "surrogateescape")
    query = _query(world, exchange, marker)
    page = listing_fault.page(exchange, query)
    names = listing_fault.names(exchange, exchange.bucket.name, query.prefix)
    following = None
    if query.delimiter and page.truncated:
        following = listing_fault.token(
            exchange,
            page.truncated,
            params.get("marker"),
            lambda: documents.key_text(page.last, query.encoding),
        )
    head = [
        documents.element("Name", names[0]),
        documents.element("Prefix", documents.key_text(names[1], query.encoding)),
        documents.element("Marker", documents.key_text(marker, query.encoding)),
        documents.optional("NextMarker", following),
        documents.element("MaxKeys", _most_asked(params)),
        documents.optional("Delimiter", _encoded(params.get("delimiter") or None, query.encoding)),
        documents.optional("EncodingType", query.encoding),
        documents.element("IsTruncated", str(page.truncated).lower()),
    ]
    return Answer.of(
        documents.document("ListBucketResult", [*head, *_entries(world, page, query, owned=True)])
    )


def _query(world: World, exchange: Exchange, after: bytes) -> Query:
    params = exchange.request.params
    encoding = params.get("encoding-type")
    if encoding not in (None, "url"):
        raise Refusal("InvalidArgument", "Invalid Encoding Method specified in Request")
    most = min(_most_asked(params), world.settings.page_keys)
    prefix = params.get("prefix", "").encode("utf-8", "surrogateescape")
    return Query(
        prefix, params.get("delimiter", "").encode("utf-8", "surrogateescape"), after, most, encoding
    )


def _most_asked(params: dict[str, str]) -> int:
    text = params.get("max-keys") or str(PAGE_KEYS_MAX)
    if not text.isdigit():
        raise Refusal("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
    return min(int(text), PAGE_KEYS_MAX)


def _encoded(text: str | None, encoding: str | None) -> str | None:
    return None if text is None else documents.key_text(text.encode("utf-8", "surrogateescape"), encoding)


def _token(last: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.blake2s(last, digest_size=6).digest() + last).decode()


def _from_token(token: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, ValueError):
        raw = b""
    check, last = raw[:6], raw[6:]
    if hashlib.blake2s(last, digest_size=6).digest() != check:
        raise Refusal("InvalidArgument", "The continuation token provided is incorrect")
    return last


def _entries(world: World, page: Page, query: Query, *, owned: bool) -> list[str]:
    versions = page.versions
    if world.lies(Lie.LISTS_UNORDERED):
        versions = sorted(versions, key=lambda one: one.key[::-1])
    who = owner(world, "Owner") if owned else ""
    with_checksums = not world.lies(Lie.IGNORES_CHECKSUMS)
    pieces = []
    for one in versions:
        key = documents.escape(documents.key_text(one.key, query.encoding))
        summed = ""
        if with_checksums and one.checksum is not None:
            algorithm, kind = one.checksum.algorithm.name, one.checksum.type
            summed = f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>"
        pieces.append(
            f"<Contents><Key>{key}</Key><LastModified>{documents.moment(one.modified)}</LastModified>"
            f"<ETag>&quot;{one.etag}&quot;</ETag>{summed}<Size>{one.size}</Size>{who}"
            f"<StorageClass>{one.storage_class}</StorageClass></Contents>"
        )
    return [*pieces, *folders_of(page.folders, query.encoding)]


def folders_of(folders: list[bytes], encoding: str | None) -> list[str]:
    """CommonPrefixes elements."""
    return [
        f"<CommonPrefixes>{documents.element('Prefix', documents.key_text(one, encoding))}</CommonPrefixes>"
        for one in folders
    ]


def list_versions(world: World, exchange: Exchange) -> Answer:
    """ListObjectVersions: every version and marker, keys in byte order, the newest of each first."""
    params, bucket = exchange.request.params, exchange.bucket
    marker = params.get("key-marker", "").encode("utf-8", "surrogateescape")
    id_marker = params.get("version-id-marker")
    if id_marker is not None and "key-marker" not in params:
        raise Refusal("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    query = _query(world, exchange, marker)
    pieces: list[str] = []
    folders: list[bytes] = []
    last: tuple[bytes, str] | None = None
    truncated, passing = False, bool(id_marker)
    for one in bucket.everything():
        if not one.key.startswith(query.prefix) or one.key < marker or (one.key == marker and not id_marker):
            continue
        if one.key == marker and passing:
            passing = one.version_id != id_marker
            continue
        cut = one.key.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        folder = one.key[: cut + len(query.delimiter)] if cut >= 0 else None
        if folder is not None and (folder in folders or (marker and folder == marker)):
            continue
        if len(pieces) + len(folders) == query.most:
            truncated = query.most > 0
            break
        last = (one.key if folder is None else folder, one.version_id)
        if folder is not None:
            folders.append(folder)
        else:
            pieces.append(_version(world, bucket, one, query.encoding))
    head = [
        documents.element("Name", bucket.name),
        documents.element("Prefix", documents.key_text(query.prefix, query.encoding)),
        documents.element("KeyMarker", documents.key_text(marker, query.encoding)),
        documents.element("VersionIdMarker", id_marker or ""),
        documents.element("MaxKeys", _most_asked(params)),
        documents.optional("Delimiter", _encoded(params.get("delimiter") or None, query.encoding)),
        documents.optional("EncodingType", query.encoding),
        documents.element("IsTruncated", str(truncated).lower()),
    ]
    if truncated and last is not None:
        head.append(documents.element("NextKeyMarker", documents.key_text(last[0], query.encoding)))
        head.append(documents.element("NextVersionIdMarker", last[1]))
    pieces += folders_of(folders, query.encoding)
    return Answer.of(documents.document("ListVersionsResult", [*head, *pieces]))


def _version(world: World, bucket: Bucket, one: Version, encoding: str | None) -> str:
    name = "DeleteMarker" if one.is_marker else "Version"
    newest = bucket.current(one.key) is one
    inner = documents.element("Key", documents.key_text(one.key, encoding))
    inner += documents.element("VersionId", one.version_id) + documents.element(
        "IsLatest", str(newest).lower()
    )
    inner += documents.element("LastModified", documents.moment(one.modified))
    if not one.is_marker:
        inner += documents.element("ETag", f'"{one.etag}"') + documents.element("Size", one.size)
        inner += documents.element("StorageClass", one.storage_class)
    return f"<{name}>{inner}{owner(world, 'Owner')}</{name}>"
