"""Answers ListObjectsV2 over a rendered bucket: the query's words to the bytes of one page.

Used by `list_server` only. Prefix, start-after, continuation-token, max-keys, delimiter and
encoding-type behave as on AWS. Any page costs O(log n) and one slice, whatever its place.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

from benchmarks.keyspace import Keyspace

PAGE_KEYS_MAX = 1000
_XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOT = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


class BadQuery(Exception):
    """The query cannot be answered; the message names the parameter."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One bucket and its rows in XML, one after another."""

    name: str
    keys: Keyspace
    rows: memoryview
    width: int


@dataclass(frozen=True, slots=True)
class Page:
    """The body in pieces that can be written without joining, and how many keys it lists."""

    pieces: tuple[bytes | memoryview, ...]
    key_count: int

    @property
    def length_bytes(self) -> int:
        """Of all pieces."""
        return sum(len(piece) for piece in self.pieces)


def answer(bucket: Rendered, query: Mapping[str, str]) -> Page:
    """One page. Raises BadQuery."""
    if query.get("list-type") != "2":
        raise BadQuery("list-type: only version 2 of ListObjects is served")
    prefix = _bytes(query.get("prefix", ""))
    delimiter = _bytes(query.get("delimiter", ""))
    limit = _limit(query.get("max-keys", ""))
    first, end = _bounds(bucket.keys, prefix)
    token, after = query.get("continuation-token"), _bytes(query.get("start-after", ""))
    if token is not None:
        first = max(first, _index(token))
    elif after:
        first = max(first, bucket.keys.first_after(after))
        if delimiter:
            first = _past_group(bucket.keys, first, after, (prefix, delimiter))
    if delimiter:
        pieces, shown, following = _grouped(bucket, (first, end), (prefix, delimiter), limit)
    else:
        following = min(end, first + limit)
        shown = max(0, following - first)
        pieces = (bucket.rows[first * bucket.width : following * bucket.width],) if shown else ()
    truncated = limit > 0 and following < end
    head = [_XML, _ROOT, b"<Name>%b</Name>" % bucket.name.encode()]
    encoded = query.get("encoding-type") == "url"
    for name, value in (("Prefix", prefix), ("StartAfter", after), ("Delimiter", delimiter)):
        if value or name == "Prefix":
            head.append(_element(name, value, encoded))
    if token is not None:
        head.append(b"<ContinuationToken>%b</ContinuationToken>" % token.encode())
    if truncated:
        head.append(b"<NextContinuationToken>%b</NextContinuationToken>" % _token(following))
    head.append(b"<KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys>" % (shown, limit))
    if encoded:
        head.append(b"<EncodingType>url</EncodingType>")
    head.append(b"<IsTruncated>%b</IsTruncated>" % (b"true" if truncated else b"false"))
    return Page((b"".join(head), *pieces, b"</ListBucketResult>"), shown)


def _grouped(
    bucket: Rendered, span: tuple[int, int], words: tuple[bytes, bytes], limit: int
) -> tuple[tuple[bytes | memoryview, ...], int, int]:
    """Rows and common prefixes of `span`: the pieces, how many of both, and the first index not shown."""
    index, end = span
    prefix, delimiter = words
    keys, runs, groups = bucket.keys, [], []
    shown = 0
    while index < end and shown < limit:
        key = keys.key(index)
        cut = key.find(delimiter, len(prefix))
        if cut >= 0:
            group = key[: cut + len(delimiter)]
            groups.append(group)
            index, shown = min(end, keys.first_from(_successor(group))), shown + 1
            continue
        # The rest of a shard differs in seven digits only, so without the delimiter here, without it there.
        start = index
        index = min(end, keys.shard_end(index), start + limit - shown)
        if delimiter.isdigit():
            index = start + 1
        shown += index - start
        runs.append(bucket.rows[start * bucket.width : index * bucket.width])
    common = b"".join(b"<CommonPrefixes><Prefix>%b</Prefix></CommonPrefixes>" % group for group in groups)
    return (*runs, common), shown, index


def _bounds(keys: Keyspace, prefix: bytes) -> tuple[int, int]:
    if not prefix:
        return 0, keys.count
    return keys.first_from(prefix), keys.first_from(_successor(prefix))


def _successor(prefix: bytes) -> bytes:
    """The least text above everything that starts with `prefix`."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes([head[-1] + 1]) if head else b"\xff" * 1025


def _past_group(keys: Keyspace, first: int, after: bytes, words: tuple[bytes, bytes]) -> int:
    prefix, delimiter = words
    if not after.startswith(prefix):
        return first
    cut = after.find(delimiter, len(prefix))
    return first if cut < 0 else max(first, keys.first_from(_successor(after[: cut + len(delimiter)])))


def _element(name: str, value: bytes, encoded: bool) -> bytes:
    text = quote(value, safe="/") if encoded else escape(value.decode("utf-8", "replace"))
    return f"<{name}>{text}</{name}>".encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _limit(text: str) -> int:
    if not text:
        return PAGE_KEYS_MAX
    if not text.isdecimal():
        raise BadQuery("max-keys: not a whole number")
    return min(PAGE_KEYS_MAX, int(text))


def _token(index: int) -> bytes:
    return urlsafe_b64encode(b"from:%d" % index)


def _index(token: str) -> int:
    try:
        word, _, number = urlsafe_b64decode(token).partition(b":")
        if word != b"from":
            raise ValueError(word)
        return int(number)
    except ValueError as problem:
        raise BadQuery("continuation-token: not one of this server's") from problem


def parse_query(text: str) -> dict[str, str]:
    """The parameters of a request line; a later one of the same name wins. `+` is a plus, as S3 signs it."""
    found: dict[str, str] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name:
            found[unquote_to_bytes(name).decode("utf-8", "surrogateescape")] = (
                unquote_to_bytes(value).decode("utf-8", "surrogateescape") if "%" in value else value
            )
    return found
