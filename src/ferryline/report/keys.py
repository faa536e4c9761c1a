"""A key in a document: what a person reads, and the exact bytes wherever the two are not the same. Pure."""

import base64
from typing import Any

from ferryline.model.key import printable

_WHOLE = 1 << 20


def fields(key: bytes) -> dict[str, Any]:
    """`key` is one printable line and never cut; `key_base64` is there only where that text is not the key.

    So text that has no control character, no backslash and no invalid byte is the key itself.
    """
    shown = printable(key, _WHOLE)
    if shown.encode("utf-8") == key:
        return {"key": shown}
    return {"key": shown, "key_base64": base64.b64encode(key).decode("ascii")}


def key_of(document: dict[str, Any]) -> bytes:
    """The key that `fields` wrote."""
    exact = document.get("key_base64")
    return (
        base64.b64decode(exact, validate=True) if exact is not None else str(document["key"]).encode("utf-8")
    )
