"""Answers S3 requests over a shelf: which verb a request is, what it does, and what is said of it.

Used by `object_server` only; it opens no socket. It covers what copying tools ask for; anything else
is refused with 501 and counted as refused, so that a row can see it.
"""

import hashlib
import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

from benchmarks.list_pages import parse_query
from benchmarks.shelf import Shelf, Stored

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_KEPT = (
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "cache-control",
    "expires",
)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_PART_NUMBER = re.compile(rb"<PartNumber>\s*(\d+)\s*</PartNumber>")


@dataclass(frozen=True, slots=True)
class Request:
    """A request's line and headers; names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body in pieces, headers beside the length."""

    status: int
    pieces: tuple[bytes | memoryview, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    length_bytes: int | None = None


class Endpoint:
    """One bucket behind S3's verbs, and the count of what was asked."""

    def __init__(self, bucket: str, shelf: Shelf) -> None:
        self._bucket = bucket
        self._shelf = shelf
        self._counts: Counter[str] = Counter()

    def count(self, kind: str, amount: int = 1) -> None:
        """Count `amount` more."""
        self._counts[kind] += amount

    def answer(self, request: Request, body: bytearray) -> Answer:
        """The answer to one request. `body` is handed over."""
        path, _, query_text = request.target.partition("?")
        if path.startswith("/-/"):
            return self._admin(request.method, path)
        self.count("requests")
        name, _, raw_key = path[1:].partition("/")
        if name != self._bucket:
            return self._refused(404, "NoSuchBucket")
        query = parse_query(query_text)
        if not raw_key:
            return self._on_bucket(request, query, body)
        if "x-amz-copy-source" in request.headers or "transfer-encoding" in request.headers:
            return self._refused(501, "NotImplemented")
        if request.method in ("PUT", "POST"):
            self.count("bytes_in", len(body))
            body = _unchunked(request.headers, body)
            self._md5 = hashlib.md5(body)  # once, as a real server does: it is the ETag and the check
            said = request.headers.get("content-md5")
            if said is not None and said != b64encode(self._md5.digest()).decode():
                return self._refused(400, "BadDigest")
        kind = _kind(request.method, query)
        verb: Callable[[bytes, Request, dict[str, str], bytearray], Answer] | None
        verb = getattr(self, f"_{kind}", None) if kind else None
        if verb is None:
            return self._refused(501, "NotImplemented")
        self.count(kind)
        answer: Answer = verb(unquote_to_bytes(raw_key), request, query, body)
        return answer

    # -- the bucket -------------------------------------------------------------------------------

    def _on_bucket(self, request: Request, query: dict[str, str], body: bytearray) -> Answer:
        if request.method == "HEAD":
            self.count("head_bucket")
            return Answer(200, headers={"x-amz-bucket-region": "us-east-1"})
        if request.method == "PUT":
            self.count("create_bucket")
            return Answer(200)
        if request.method == "POST" and "delete" in query:
            self.count("delete_many")
            for key in re.findall(rb"<Key>([^<]*)</Key>", bytes(body)):
                self._shelf.remove(key)
            return _xml(f"<DeleteResult {_NAMESPACE}/>")
        if request.method != "GET":
            return self._refused(501, "NotImplemented")
        if "uploads" in query:
            self.count("list_uploads")
            return _xml(self._uploads(query.get("prefix", "")))
        for name in ("location", "versioning"):
            if name in query:
                self.count("bucket_settings")
                root = "LocationConstraint" if name == "location" else "VersioningConfiguration"
                return _xml(f"<{root} {_NAMESPACE}/>")
        if query.get("list-type") != "2":
            return self._refused(501, "NotImplemented")
        self.count("list_pages")
        return _xml(self._page(query))

    def _uploads(self, prefix: str) -> str:
        rows = "".join(
            f"<Upload><Key>{escape(upload.key.decode())}</Key><UploadId>{name}</UploadId>"
            f"<Initiated>{upload.begun}</Initiated></Upload>"
            for name, upload in self._shelf.uploads.items()
            if upload.key.startswith(prefix.encode())
        )
        return (
            f"<ListMultipartUploadsResult {_NAMESPACE}><Bucket>{self._bucket}</Bucket>"
            f"<IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>"
        )

    def _page(self, query: dict[str, str]) -> str:
        prefix, delimiter = query.get("prefix", "").encode(), query.get("delimiter", "").encode()
        token, after = query.get("continuation-token"), query.get("start-after", "").encode()
        limit = min(1000, int(query.get("max-keys") or 1000))
        start, stop = self._shelf.between(prefix, urlsafe_b64decode(token) if token else after)
        keys, rows, shown = self._shelf.keys(), [], 0
        group = b""
        index, last = start, b""
        while index < stop and shown < limit:
            key = keys[index]
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                group = key[: cut + len(delimiter)]
                rows.append(f"<CommonPrefixes><Prefix>{_name(group, query)}</Prefix></CommonPrefixes>")
                last = group + b"\xff\xff\xff\xff"
                index = self._shelf.between(prefix, last)[0]
            else:
                rows.append(_row(_name(key, query), self._shelf.objects[key]))
                last, index = key, index + 1
            shown += 1
        more = ""
        if index < stop:
            more = f"<NextContinuationToken>{urlsafe_b64encode(last).decode()}</NextContinuationToken>"
        encoding = "<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else ""
        self.count("list_keys", shown)
        return (
            f"<ListBucketResult {_NAMESPACE}><Name>{self._bucket}</Name><Prefix>{_name(prefix, query)}</Prefix>"
            f"{more}<KeyCount>{shown}</KeyCount><MaxKeys>{limit}</MaxKeys>{encoding}"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{''.join(rows)}</ListBucketResult>"
        )

    # -- objects ----------------------------------------------------------------------------------

    def _get_object(self, key: bytes, request: Request, query: dict[str, str], _: bytearray) -> Answer:
        stored = self._shelf.objects.get(key)
        if stored is None:
            return self._refused(404, "NoSuchKey")
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted.strip('"') not in (stored.etag, "*"):
            return self._refused(412, "PreconditionFailed")
        headers = {
            **stored.headers,
            "ETag": f'"{stored.etag}"',
            "Last-Modified": stored.modified,
            "Accept-Ranges": "bytes",
        }
        size, status = stored.size_bytes, 200
        span: tuple[int, int] | None = (0, size)
        if "partNumber" in query:
            status, span = 206, stored.part_span(int(query["partNumber"]))
            if stored.parts:
                headers["x-amz-mp-parts-count"] = str(stored.parts)
        elif "range" in request.headers:
            status, span = 206, _span(request.headers["range"], size)
        if span is None:
            return self._refused(416, "InvalidRange")
        start, stop = span
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        if request.method == "HEAD":
            return Answer(status, (), headers, stop - start)
        self.count("bytes_out", stop - start)
        return Answer(status, tuple(stored.slices(start, stop)), headers)

    _head_object = _get_object

    def _put_object(self, key: bytes, request: Request, _: dict[str, str], body: bytearray) -> Answer:
        there = self._shelf.objects.get(key)
        if request.headers.get("if-none-match") == "*" and there is not None:
            return self._refused(412, "PreconditionFailed")
        wanted = request.headers.get("if-match")
        if wanted is not None and (there is None or wanted.strip('"') != there.etag):
            return self._refused(412 if there else 404, "PreconditionFailed" if there else "NoSuchKey")
        stored = self._shelf.put(key, body, self._md5.hexdigest(), _kept(request.headers))
        return Answer(200, headers={"ETag": f'"{stored.etag}"'})

    def _delete_object(self, key: bytes, _request: Request, _query: dict[str, str], _: bytearray) -> Answer:
        self._shelf.remove(key)
        return Answer(204)

    def _create_upload(self, key: bytes, request: Request, _query: dict[str, str], _: bytearray) -> Answer:
        name = self._shelf.open_upload(key, _kept(request.headers))
        return _xml(
            f"<InitiateMultipartUploadResult {_NAMESPACE}><Bucket>{self._bucket}</Bucket>"
            f"<Key>{escape(key.decode())}</Key><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
        )

    def _upload_part(self, _key: bytes, _request: Request, query: dict[str, str], body: bytearray) -> Answer:
        upload = self._shelf.uploads.get(query["uploadId"])
        if upload is None:
            return self._refused(404, "NoSuchUpload")
        etag = self._md5.hexdigest()
        upload.parts[int(query["partNumber"])] = (body, etag)
        return Answer(200, headers={"ETag": f'"{etag}"'})

    def _list_parts(self, key: bytes, _request: Request, query: dict[str, str], _: bytearray) -> Answer:
        upload = self._shelf.uploads.get(query["uploadId"])
        if upload is None:
            return self._refused(404, "NoSuchUpload")
        rows = "".join(
            f"<Part><PartNumber>{number}</PartNumber><LastModified>{upload.begun}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(piece)}</Size></Part>"
            for number, (piece, etag) in sorted(upload.parts.items())
        )
        return _xml(
            f"<ListPartsResult {_NAMESPACE}><Bucket>{self._bucket}</Bucket><Key>{escape(key.decode())}</Key>"
            f"<UploadId>{query['uploadId']}</UploadId><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>"
        )

    def _complete_upload(
        self, key: bytes, _request: Request, query: dict[str, str], body: bytearray
    ) -> Answer:
        numbers = [int(number) for number in _PART_NUMBER.findall(body)]
        if query["uploadId"] not in self._shelf.uploads:
            return self._refused(404, "NoSuchUpload")
        try:
            stored = self._shelf.complete(query["uploadId"], numbers)
        except KeyError:
            return self._refused(400, "InvalidPart")
        return _xml(
            f"<CompleteMultipartUploadResult {_NAMESPACE}><Bucket>{self._bucket}</Bucket>"
            f"<Key>{escape(key.decode())}</Key><ETag>&quot;{stored.etag}&quot;</ETag></CompleteMultipartUploadResult>"
        )

    def _abort_upload(self, _key: bytes, _request: Request, query: dict[str, str], _: bytearray) -> Answer:
        if self._shelf.uploads.pop(query["uploadId"], None) is None:
            return self._refused(404, "NoSuchUpload")
        return Answer(204)

    # -- beside S3 --------------------------------------------------------------------------------

    def _admin(self, method: str, path: str) -> Answer:
        if method == "POST":
            self._counts.clear()
            if path == "/-/empty":
                self._shelf.empty()
            return Answer(204)
        told: object = dict(self._counts)
        if path == "/-/objects":
            told = {
                key.decode(): [one.size_bytes, one.etag, one.digest()]
                for key, one in self._shelf.objects.items()
            }
        return Answer(200, (json.dumps(told).encode(),), {"Content-Type": "application/json"})

    def _refused(self, status: int, code: str) -> Answer:
        self.count("refused")
        self.count(f"refused_{code}")
        return Answer(
            status, (f"{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(),),
            {"Content-Type": "application/xml"},
        )  # fmt: skip


def _kind(method: str, query: Mapping[str, str]) -> str:
    if "uploadId" in query:
        return {
            "PUT": "upload_part", "POST": "complete_upload", "GET": "list_parts", "DELETE": "abort_upload"
        }.get(method, "")  # fmt: skip
    if method == "POST":
        return "create_upload" if "uploads" in query else ""
    known = {"GET": "get_object", "HEAD": "head_object", "PUT": "put_object", "DELETE": "delete_object"}
    return known.get(method, "") if not set(query) & {"acl", "tagging", "uploads"} else ""


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name in _KEPT or name.startswith("x-amz-meta-")}
    encoding = kept.get("content-encoding", "")
    if encoding.startswith("aws-chunked"):
        kept["content-encoding"] = encoding.removeprefix("aws-chunked").lstrip(", ")
        if not kept["content-encoding"]:
            del kept["content-encoding"]
    return kept


def _unchunked(headers: Mapping[str, str], body: bytearray) -> bytearray:
    """The payload of an aws-chunked body; any other body as it is."""
    if not headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        return body
    found, place = bytearray(), 0
    while True:
        end = body.index(b"\r\n", place)
        size = int(body[place:end].split(b";")[0], 16)
        if not size:
            return found
        found += memoryview(body)[end + 2 : end + 2 + size]
        place = end + 2 + size + 2


def _span(text: str, size: int) -> tuple[int, int] | None:
    """Where a Range header points, or None when it points nowhere."""
    found = _RANGE.match(text)
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if last and size else None
    start, stop = int(first), min(size, int(last) + 1 if last else size)
    return (start, stop) if start < stop else None


def _row(name: str, stored: Stored) -> str:
    return (
        f"<Contents><Key>{name}</Key><LastModified>{stored.listed_time}</LastModified>"
        f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.size_bytes}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def _name(key: bytes, query: Mapping[str, str]) -> str:
    return quote(key, safe="/") if query.get("encoding-type") == "url" else escape(key.decode())


def _xml(text: str) -> Answer:
    return Answer(200, (f"{_XML}{text}".encode(),), {"Content-Type": "application/xml"})
