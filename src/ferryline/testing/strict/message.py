"""One request and one answer as values: parsed from the wire, and not yet on it again.

Made and consumed by `wire`, read and written by the verbs. Header names are lower case; header text is
Latin-1, so that every byte survives. Paths and queries are decoded once, and never normalised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from ferryline.testing.strict.content import Buffer, Content

REASONS: Final[Mapping[int, str]] = {
    200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified",
    307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 412: "Precondition Failed",
    416: "Requested Range Not Satisfiable", 429: "Too Many Requests", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


class Malformed(Exception):
    """Bytes that are not an HTTP/1.1 request."""


@dataclass(slots=True)
class Request:
    """A request. `bucket` is empty for the service itself, `key` for the bucket itself."""

    method: str
    target: bytes
    path: bytes
    query: list[tuple[str, str]]
    headers: dict[str, str]
    head_bytes: int
    bucket: str = ""
    key: bytes = b""
    body: Buffer = b""
    trailers: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int | None:
        """The announced Content-Length."""
        text = self.headers.get("content-length")
        if text is None:
            return None
        if not text.isascii() or not text.isdigit():
            raise Malformed(f"Content-Length {text!r}")
        return int(text)

    @property
    def chunked(self) -> bool:
        """Whether the body comes in HTTP chunks."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection stays open afterwards."""
        return self.headers.get("connection", "").lower() != "close"


def text_of(raw: bytes) -> str:
    """Bytes of a path or query as text that gives the same bytes again (surrogate escapes)."""
    return raw.decode("utf-8", "surrogateescape")


def parse(head: bytes) -> Request:
    """A request's head, up to and without the empty line."""
    lines = head.split(b"\r\n")
    try:
        method, target, version = lines[0].split(b" ")
    except ValueError:
        raise Malformed(f"request line {lines[0][:80]!r}") from None
    if not version.startswith(b"HTTP/1."):
        raise Malformed(f"version {version!r}")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        raw_name, colon, value = line.partition(b":")
        if not colon or not raw_name or raw_name != raw_name.strip():
            raise Malformed(f"header line {line[:80]!r}")
        name = raw_name.decode("latin-1").lower()
        text = value.strip(b" \t").decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    path, mark, query = target.partition(b"?")
    if path.startswith((b"http://", b"https://")):
        path = b"/" + path.split(b"/", 3)[3] if path.count(b"/") > 2 else b"/"
    request = Request(
        method.decode("latin-1"), target, path, _pairs(query) if mark else [], headers, len(head)
    )
    request.params = dict(request.query)
    bucket, _, key = unquote_to_bytes(path[1:]).partition(b"/")
    request.bucket, request.key = text_of(bucket), key
    return request


def _pairs(query: bytes) -> list[tuple[str, str]]:
    pairs = []
    for piece in query.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((_form(name), _form(value)))
    return pairs


def _form(piece: bytes) -> str:
    if b"%" in piece or b"+" in piece:
        piece = unquote_to_bytes(piece.replace(b"+", b" "))
    return text_of(piece)


@dataclass(slots=True)
class Answer:
    """An answer. `content` is the body; a HEAD's has `length` and sends none of it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: Content = Content((), 0)
    length: int | None = None
    """The Content-Length to announce; None: the content's."""

    @classmethod
    def of(cls, body: bytes, content_type: str = "application/xml", status: int = 200) -> "Answer":
        """An answer with a small body."""
        return cls(status, {"Content-Type": content_type}, Content((body,), len(body)))

    def head(self, server_headers: bytes) -> bytes:
        """The status line and headers as they go on the wire, with the empty line."""
        length = self.content.size if self.length is None else self.length
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        if self.status not in (204, 304) and length >= 0:
            lines.append(f"Content-Length: {length}\r\n")
        return "".join(lines).encode("latin-1", "replace") + server_headers + b"\r\n"


UNANNOUNCED: Final = -1
"""An `Answer.length` that sends no Content-Length: the end of the connection ends the body."""
