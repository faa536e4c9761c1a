"""XML as S3 writes and reads it: elements in order, times, URL encoding of keys, and small request documents.

Used by every verb. Writes strings (fast, and S3's own escapes for control characters); reads with lxml,
with no entity ever expanded.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from lxml import etree

from ferryline.testing.strict.refusal import Refusal

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_UNSAFE: Final = re.compile('[&<>"\\x00-\\x1f\\x7f\\ufffe\\uffff]')
_PLAIN: Final = re.compile(rb"[A-Za-z0-9._/-]*")
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def _reference(match: "re.Match[str]") -> str:
    found = match.group()
    return _NAMED.get(found) or f"&#x{ord(found):x};"


def escape(text: str) -> str:
    """Text for an element. Control characters become references, as S3 does, though XML 1.0 forbids them."""
    return _UNSAFE.sub(_reference, text)


def element(name: str, text: object) -> str:
    """`<name>text</name>`, escaped."""
    return f"<{name}>{escape(str(text))}</{name}>"


def optional(name: str, text: object | None) -> str:
    """An element, or nothing for None."""
    return "" if text is None else element(name, text)


def document(root: str, pieces: Iterable[str], *, namespace: bool = True) -> bytes:
    """A whole document from ready elements."""
    attribute = f' xmlns="{NAMESPACE}"' if namespace else ""
    body = "".join(pieces)
    return f"{_DECLARATION}<{root}{attribute}>{body}</{root}>".encode("utf-8", "surrogateescape")


def error(refusal: Refusal, resource: str, request_id: str) -> bytes:
    """S3's error document."""
    pieces = [element("Code", refusal.code), element("Message", refusal.message)]
    pieces += [element(name, value) for name, value in refusal.fields.items()]
    pieces += [element("Resource", resource), element("RequestId", request_id), element("HostId", "strict")]
    return document("Error", pieces, namespace=False)


def moment(seconds: float) -> str:
    """A time in a document: whole seconds, as S3 lists them."""
    return _moment(int(seconds))


@lru_cache(maxsize=4096)
def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def key_text(key: bytes, encoding: str | None) -> str:
    """A key in a listing: URL-encoded when asked for (`/` stays, a space becomes `+`), else as text."""
    if encoding != "url":
        return key.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(key):
        return key.decode("ascii")
    return quote(key, safe="/* ").replace("~", "%7E").replace(" ", "+")


def parse(body: bytes, root: str) -> etree._Element:
    """A request's document, or MalformedXML. `root` is the element it must have, namespace or not."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        tree = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as cause:
        raise Refusal("MalformedXML") from cause
    if etree.QName(tree).localname != root:
        raise Refusal("MalformedXML", f"Expected {root}, got {etree.QName(tree).localname}")
    return tree


def children(parent: etree._Element) -> list[tuple[str, etree._Element]]:
    """The child elements with their local names."""
    return [(etree.QName(child).localname, child) for child in parent if isinstance(child.tag, str)]


def text_of(parent: etree._Element, name: str) -> str | None:
    """The text of the first child of this name."""
    for found, child in children(parent):
        if found == name:
            return child.text or ""
    return None
