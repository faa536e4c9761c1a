"""Reads small XML answers safely: errors, results of Complete and Copy, parts, uploads, deletes.

Called by `translate` and the verbs. No entity is resolved, no DTD accepted, no network used, nothing
recovered. Listings of objects have a reader of their own (`listing_xml`).
"""

import re
from urllib.parse import unquote_to_bytes

from lxml import etree

Element = etree._Element

ERROR_BYTES_MAX = 64 * 1024
_UNCARRIED = re.compile(
    rb"&#0*([0-9]{1,5});|&#x0*([0-9a-fA-F]{1,4});|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]"
)
"""What may stand for a character that XML cannot carry."""
_UNSPEAKABLE = (*range(0x20), 0xFFFE, 0xFFFF)
_PLACE = 0x10FE00
"""The end of the last private plane, whose characters begin with F4 8F B8 in UTF-8."""
_MARK = "carried"


class NotXml(ValueError):
    """The text is not the XML it should be; the message says how."""


def parse(body: bytes) -> Element:
    """The root element. Raises NotXml for anything but one plain, whole document without a DTD."""
    if not body.strip():
        raise NotXml("the body is empty")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise NotXml("the body holds a document type, which no S3 answer has")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, recover=False, load_dtd=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise NotXml(f"the body is not well-formed XML: {problem}") from problem
    if root.getroottree().docinfo.internalDTD is not None:
        raise NotXml("the body holds a document type, which no S3 answer has")
    return root


def parse_carrying(body: bytes) -> Element:
    """The root element of an answer that may hold a key XML cannot carry; `key_of` reads such keys too.

    Servers write a control character of a key as it is, or as a reference such as `&#x1;`; XML 1.0
    forbids both. They are let through as characters that nobody uses.
    """
    try:
        return parse(body)
    except NotXml:
        carried = _UNCARRIED.sub(_carried, body)
        if carried == body or b"\xf4\x8f\xb8" in body:
            raise
        root = parse(carried)
        root.set(_MARK, "yes")
        return root


def _carried(match: "re.Match[bytes]") -> bytes:
    if match[1] is not None:
        value = int(match[1])
    elif match[2] is not None:
        value = int(match[2], 16)
    else:
        value = ord(match[0].decode())
    if value in (9, 10, 13) or 0x20 <= value < 0xFFFE or value > 0xFFFF:
        return match[0]
    return chr(_PLACE + _UNSPEAKABLE.index(value)).encode()


def key_of(element: Element, name: str, *, encoded: bool) -> bytes:
    """The key in the child with this name; empty when there is no such child."""
    text = child_text(element, name) or ""
    if element.getroottree().getroot().get(_MARK):
        text = text.translate({_PLACE + index: value for index, value in enumerate(_UNSPEAKABLE)})
    return key_text(text, encoded=encoded)


def name_of(element: Element) -> str:
    """The element's name without its namespace (some servers leave it out)."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child_text(element: Element, name: str) -> str | None:
    """The text of the first child with this name, or None when there is no such child."""
    for child in element:
        if name_of(child) == name:
            return child.text or ""
    return None


def children(element: Element, name: str) -> list[Element]:
    """All children with this name, in order."""
    return [child for child in element if name_of(child) == name]


def bare_etag(text: str | bytes | None) -> bytes | None:
    """An ETag without its quotes, as bytes; None stays None."""
    if text is None:
        return None
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return raw[1:-1] if len(raw) >= 2 and raw[:1] == raw[-1:] == b'"' else raw


def key_text(text: str, *, encoded: bool) -> bytes:
    """A key as a listing writes it. AWS writes a space as `+` and a plus as `%2B` under
    encoding-type=url, and botocore reads it so (unquote_plus); servers that write `%20` escape a
    plus too, so one rule reads both."""
    raw = text.encode("utf-8", "surrogateescape")
    return unquote_to_bytes(raw.replace(b"+", b" ")) if encoded else raw
