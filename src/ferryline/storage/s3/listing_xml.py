"""One listing page's XML to columns: strict about what it is, fast about what is in it.

Called only by `listing`. A page whose entries are all built exactly as its first one is matched
by a pattern made from it, which needs no tree; any other page goes through lxml, strictly. Both ways
end in the same columns; nothing is guessed, nothing recovered.
Measured on one core, 1,000-key pages: by the pattern about 800k keys/s, lxml about 200k keys/s.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import pyarrow as pa

from ferryline.model.key import printable
from ferryline.model.page import LISTING
from ferryline.storage.s3 import answer_xml

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

_OPEN, _CLOSE = b"<Contents>", b"</Contents>"
_WANTED = ("Key", "LastModified", "ETag", "Size", "StorageClass")
_CHILD = re.compile(rb"<([A-Za-z]+)>([^<]*)</\1>")
_QUOTES = (b"&quot;", b"&#34;", b'"')
_OPTIONAL = re.compile(rb"<(Checksum(?:Algorithm|Type))>[^<]*</\1>")
"""Children that AWS gives to newer objects only, so that one page holds entries of two kinds."""
_TIME = pa.timestamp("ns", "UTC")


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page as the server wrote it. `rows` has keys relative to the folder, in page order."""

    bucket: str | None
    prefix: bytes
    truncated: bool
    token: str | None
    key_count: int | None
    rows: pa.RecordBatch


def read(body: bytes, folder: bytes) -> RawPage:
    """Read a page; `folder` is cut from the front of every key.

    Raises answer_xml.NotXml for what is not well-formed, ValueError for a wrong content.
    """
    fast = _columns_by_pattern(body)
    if fast is None:
        root = answer_xml.parse(body)
        columns, encoded = _columns_by_tree(root), _is_encoded(root)
    else:
        columns, rest = fast
        root = answer_xml.parse(rest)
        encoded = _is_encoded(root)
    if answer_xml.name_of(root) != "ListBucketResult" or root.nsmap.get(None, NAMESPACE) != NAMESPACE:
        raise ValueError(f"the root element is {answer_xml.name_of(root)[:60]!r}, not ListBucketResult")
    prefix = answer_xml.child_text(root, "Prefix") or ""
    truncated = answer_xml.child_text(root, "IsTruncated")
    if truncated not in ("true", "false"):
        raise ValueError(f"IsTruncated is {truncated!r}")
    count = answer_xml.child_text(root, "KeyCount")
    return RawPage(
        bucket=answer_xml.child_text(root, "Name"),
        prefix=answer_xml.key_text(prefix, encoded=encoded),
        truncated=truncated == "true",
        token=answer_xml.child_text(root, "NextContinuationToken") or None,
        key_count=int(count) if count is not None and count.isdigit() else None,
        rows=_batch(columns, folder, encoded=encoded),
    )


def _is_encoded(root: answer_xml.Element) -> bool:
    return answer_xml.child_text(root, "EncodingType") == "url"


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


# -- the fast way -------------------------------------------------------------------------------

_Columns = tuple[list[bytes], list[bytes], list[bytes], list[bytes], list[bytes] | None]


def _columns_by_pattern(body: bytes) -> tuple[_Columns, bytes] | None:
    """The columns and the page without its entries; None when the page is built in any other way."""
    start = body.find(_OPEN)
    end = body.rfind(_CLOSE) + len(_CLOSE)
    if start < 0 or end <= start or b"<!" in body[:start] or b"<!" in body[end:]:
        return None
    middle = body[start:end]
    if not _is_utf8(middle):
        return None
    columns = _matched(middle)
    if columns is None and b"<Checksum" in middle:
        columns = _matched(_OPTIONAL.sub(b"", middle))
    return None if columns is None else (columns, body[:start] + body[end:])


def _matched(middle: bytes) -> _Columns | None:
    """The columns of entries that all have the children of the first one, in its order."""
    children = _CHILD.findall(middle, len(_OPEN), middle.find(_CLOSE))
    names = tuple(name.decode() for name, _ in children)
    if len(set(names)) != len(names) or not set(_WANTED[:4]) <= set(names):
        return None
    first = {name.decode(): value for name, value in children}
    quote = next((one for one in _QUOTES if first["ETag"].startswith(one)), b"")
    widths = len(first["LastModified"]), len(first["ETag"]) - 2 * len(quote)
    storage_class = first.get("StorageClass")
    # Most pages are so even that only keys and sizes have to be looked for.
    return _tried(middle, _entry(names, quote, _Even(*widths, storage_class))) or _tried(
        middle, _entry(names, quote, None)
    )


@dataclass(frozen=True, slots=True)
class _Even:
    """What entries of an even page share: widths in bytes and the storage class."""

    time: int
    etag: int
    storage_class: bytes | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """How an entry looks: `wanted` names the groups, `fixed` is the width of all that is in no group."""

    pattern: "re.Pattern[bytes]"
    wanted: tuple[str, ...]
    fixed: int
    storage_class: bytes | None


@lru_cache(maxsize=64)
def _entry(names: tuple[str, ...], quote: bytes, even: _Even | None) -> _Entry:
    text = rb"[^<&\"]*"
    groups = {"Key": text, "LastModified": text, "ETag": text, "Size": rb"[0-9]{1,18}", "StorageClass": text}
    shared = None
    if even is not None:
        groups |= {"LastModified": b".{%d}" % even.time, "ETag": b".{%d}" % max(0, even.etag)}
        shared = even.storage_class
    parts, fixed = [re.escape(_OPEN)], len(_OPEN) + len(_CLOSE)
    for name in names:
        tag = name.encode()
        around = quote if name == "ETag" else b""
        group = b"(%b)" % groups.get(name, text)
        if name == "StorageClass" and shared is not None:
            group, fixed = re.escape(shared), fixed + len(shared)
        parts.append(b"<%b>%b%b%b</%b>" % (tag, around, group, around, tag))
        fixed += 2 * len(tag) + 5 + 2 * len(around)
    found = tuple(name for name in names if name != "StorageClass" or shared is None)
    return _Entry(re.compile(b"".join([*parts, _CLOSE]), re.DOTALL), found, fixed, shared)


def _tried(middle: bytes, entry: _Entry) -> _Columns | None:
    """The columns, when entries like this one cover `middle` to its last byte."""
    found = entry.pattern.findall(middle)
    if not found:
        return None
    columns = dict(zip(entry.wanted, map(list, zip(*found, strict=True)), strict=True))
    inside = [b"".join(values) for values in columns.values()]
    if sum(map(len, inside)) + len(found) * entry.fixed != len(middle):
        return None
    if any(b"<" in one or b"&" in one or b'"' in one for one in inside):
        return None
    shared = None if entry.storage_class is None else [entry.storage_class] * len(found)
    keys, times, etags, sizes = (columns[name] for name in _WANTED[:4])
    return keys, times, etags, sizes, columns.get("StorageClass", shared)


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


# -- the strict way -----------------------------------------------------------------------------


def _columns_by_tree(root: answer_xml.Element) -> _Columns:
    keys: list[bytes] = []
    times: list[bytes] = []
    etags: list[bytes] = []
    sizes: list[bytes] = []
    classes: list[bytes] = []
    for entry in root:
        if answer_xml.name_of(entry) != "Contents":
            continue
        values: dict[str, str] = {}
        for child in entry:
            name = answer_xml.name_of(child)
            if name in _WANTED:
                if name in values or len(child):
                    raise ValueError(f"an entry holds {name} twice or with elements inside")
                values[name] = child.text or ""
        missing = [name for name in ("Key", "LastModified", "Size") if name not in values]
        if missing:
            raise ValueError(f"an entry has no {missing[0]}")
        keys.append(values["Key"].encode())
        times.append(values["LastModified"].encode())
        etags.append(answer_xml.bare_etag(values.get("ETag", "")) or b"")
        sizes.append(values["Size"].strip().encode())
        classes.append(values.get("StorageClass", "").encode())
    return keys, times, etags, sizes, classes


# -- columns to Arrow ---------------------------------------------------------------------------


def _batch(columns: _Columns, folder: bytes, *, encoded: bool) -> pa.RecordBatch:
    keys, times, etags, sizes, classes = columns
    if encoded:
        joined = b"\n".join(keys)
        if b"%" in joined or b"+" in joined:
            keys = [_decoded(key) if b"%" in key or b"+" in key else key for key in keys]
    if folder:
        # In Python: pyarrow's binary_slice fails on some arrays ("Negative buffer resize", 26.0.1).
        if not all(key.startswith(folder) for key in keys):
            raise ValueError(f"a key does not start with {printable(folder)!r}")
        skip = len(folder)
        keys = [key[skip:] for key in keys]
    count = len(keys)
    if count and not b"".join(sizes).isdigit():  # the cast below would read 0x10 and -1 as well
        raise ValueError("an entry's size is not a number")
    try:
        size = pa.array(sizes, pa.string()).cast(pa.int64())
        stamp = pa.array(times, pa.string()).cast(_TIME)
    except pa.ArrowInvalid as problem:
        raise ValueError(f"an entry's size or time cannot be read: {problem}") from problem
    etag = pa.array(etags, pa.binary())
    kind = pa.nulls(count, pa.string()) if classes is None else _classes(classes)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(keys, pa.binary()),
            size,
            etag,
            stamp.cast(pa.int64()),
            pa.nulls(count, pa.int64()),
            pa.nulls(count, pa.int64()),
            kind,
        ],
        schema=LISTING,
    )


def _classes(classes: list[bytes]) -> pa.Array:
    count = len(classes)
    if not count or classes.count(classes[0]) == count:
        return pa.repeat(_text(classes[0]) if count else None, count).cast(pa.string())
    return pa.array([_text(one) for one in classes], pa.string())


def _text(storage_class: bytes) -> str | None:
    return storage_class.decode("utf-8", "replace") or None
