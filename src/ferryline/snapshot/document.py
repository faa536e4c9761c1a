"""Sealed JSON: how manifests, receipts and heads are written, and why an altered one is noticed.

A document names its schema and carries a check over all its other fields, so that one that was cut,
mixed up or edited by hand is a named error and never half believed. The check guards against
accident, not forgery.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from ferryline import errors
from ferryline.model.key import printable

BYTES_MOST = 256 * 1024 * 1024
"""No document is larger: a manifest of 100,000,000 keys has 8 MB."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document was read: for messages."""

    key: bytes
    place: str


def seal(schema: str, fields: Mapping[str, Any], indent: int | None = None) -> bytes:
    """The document's bytes. `indent` is for documents that people look at."""
    document = {**fields, "schema": schema}
    document["check"] = _check(document)
    text = json.dumps(document, sort_keys=True, indent=indent, separators=None if indent else (",", ":"))
    return text.encode("ascii") + b"\n"


def unseal(body: bytes, schema: str, origin: Origin) -> dict[str, Any]:
    """The document's fields.

    Raises `BadUsage` (kind `newer-schema`) for one that a newer Ferryline wrote, `DigestMismatch`
    (kind `document-altered`) for whatever else is not a whole document of this schema.
    """
    if len(body) > BYTES_MOST:
        raise altered(origin, f"it has {len(body)} bytes")
    try:
        document = json.loads(body.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise altered(origin, f"it is no whole JSON document ({error})") from error
    if not isinstance(document, dict):
        raise altered(origin, "it is no JSON object")
    _compare_schema(document.get("schema"), schema, origin)
    if document.pop("check", None) != _check(document):
        raise altered(origin, "its check does not fit its content: it was edited or mixed up")
    return document


def _compare_schema(found: Any, wanted: str, origin: Origin) -> None:
    name, _, version = wanted.partition("/")
    found_name, _, found_version = str(found).partition("/")
    if found_name == name and found_version.isdigit() and int(found_version) > int(version):
        raise errors.BadUsage(
            f"{printable(origin.key)} in {origin.place} was written by a newer Ferryline: "
            f"it is {found_name}/{found_version}, this one knows {wanted}",
            advice="use the newer Ferryline here too",
            key=origin.key,
            place=origin.place,
            kind="newer-schema",
        )
    if found != wanted:
        raise altered(origin, f"it says it is {printable(str(found).encode())}, not {wanted}")


def altered(origin: Origin, why: str) -> errors.DigestMismatch:
    """The error of a document that cannot be believed."""
    return errors.DigestMismatch(
        f"{printable(origin.key)} in {origin.place} cannot be believed: {why}",
        advice="restore it from another replica's or from a version of the object, "
        "or remove it and run sync, which publishes again",
        key=origin.key,
        place=origin.place,
        kind="document-altered",
    )


def _check(document: Mapping[str, Any]) -> str:
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return blake3(b"ferryline document 1\n" + plain.encode("ascii")).hexdigest()
