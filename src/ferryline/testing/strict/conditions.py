"""Preconditions: on reads, writes, deletes and copies. Raises what S3 answers; returns when they hold.

Called by the verbs with the version they are about. RFC 9110 decides between date and ETag conditions.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.shelf import Version


class NotModified(Exception):
    """304: a read whose condition says that the caller has it already."""


def _names(header: str, etag: str) -> bool:
    wanted = [one.strip().removeprefix("W/").strip('"') for one in header.split(",")]
    return "*" in wanted or etag in wanted


def _since(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError):
        return None


def _failed(condition: str) -> Refusal:
    return Refusal("PreconditionFailed", fields={"Condition": condition})


def read(headers: Mapping[str, str], version: Version, *, prefix: str = "", if_match: bool = True) -> None:
    """GET and HEAD (`prefix` ""), or a copy's source (`prefix` "x-amz-copy-source-").

    A copy answers 412 where a read answers 304. `if_match` False ignores If-Match.
    """
    copying = bool(prefix)
    modified = int(version.modified)
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    unmodified_since = _since(headers.get(f"{prefix}if-unmodified-since"))
    modified_since = _since(headers.get(f"{prefix}if-modified-since"))
    if match is not None:
        if if_match and not _names(match, version.etag):
            raise _failed("If-Match")
    elif unmodified_since is not None and modified > unmodified_since:
        raise _failed("If-Unmodified-Since")
    if none_match is not None:
        if _names(none_match, version.etag):
            raise _failed("If-None-Match") if copying else NotModified
    elif modified_since is not None and modified <= modified_since:
        raise _failed("If-Modified-Since") if copying else NotModified


def write(headers: Mapping[str, str], current: Version | None) -> None:
    """PUT, CopyObject and CompleteMultipartUpload: If-None-Match `*` and If-Match with an ETag."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise Refusal(
            "NotImplemented", "If-Match and If-None-Match together", fields={"Header": "If-None-Match"}
        )
    if none_match is not None:
        if none_match.strip() != "*":
            raise Refusal("NotImplemented", "If-None-Match takes only *", fields={"Header": "If-None-Match"})
        if current is not None:
            raise _failed("If-None-Match")
    if match is not None:
        if current is None:
            raise Refusal("NoSuchKey")
        if not _names(match, current.etag):
            raise _failed("If-Match")


def delete(current: Version | None, etag: str | None, *directory_only: str | None) -> None:
    """DELETE, and one entry of DeleteObjects. Times and sizes are for directory buckets only.

    For an absent object `*` is a failed precondition, and an ETag finds no key, as S3 documents.
    """
    if any(one is not None for one in directory_only):
        raise Refusal("NotImplemented", "Last-modified time and size are compared by directory buckets only")
    if etag is None:
        return
    if current is None:
        raise _failed("If-Match") if etag.strip() == "*" else Refusal("NoSuchKey")
    if not _names(etag, current.etag):
        raise _failed("If-Match")
