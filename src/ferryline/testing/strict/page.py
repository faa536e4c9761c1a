"""One page of a listing: what is asked for, and the walk over a bucket's keys that finds it.

Asked by `listing`, which words it, and by `listing_fault`, which spoils it. Decides nothing else.
"""

import bisect
from dataclasses import dataclass

from ferryline.testing.strict.shelf import Bucket, Version


@dataclass(frozen=True, slots=True)
class Query:
    """What a listing asks for. `after` is exclusive; it may be a rolled-up folder of the page before."""

    prefix: bytes
    delimiter: bytes
    after: bytes
    most: int
    encoding: str | None


@dataclass(slots=True)
class Page:
    """One page: versions and folders, and where the next one starts."""

    versions: list[Version]
    folders: list[bytes]
    truncated: bool = False
    last: bytes = b""


def page_of(bucket: Bucket, query: Query) -> Page:
    """The page of visible keys that a query asks for."""
    page = Page([], [])
    keys = bucket.keys
    after = query.after
    rolled = query.delimiter and after.endswith(query.delimiter) and after.startswith(query.prefix)
    if rolled and after != query.prefix:
        at = bisect.bisect_left(keys, _beyond(after))
    else:
        at = bisect.bisect_right(keys, after) if after else 0
    at = max(at, bisect.bisect_left(keys, query.prefix))
    if query.most == 0:
        return page
    filled = 0
    while at < len(keys):
        key = keys[at]
        if not key.startswith(query.prefix):
            break
        version = bucket.visible(key)
        if version is None:
            at += 1
            continue
        if filled == query.most:
            page.truncated = True
            break
        filled += 1
        cut = key.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if cut >= 0:
            folder = key[: cut + len(query.delimiter)]
            page.folders.append(folder)
            page.last = folder
            at = bisect.bisect_left(keys, _beyond(folder), at)
        else:
            page.versions.append(version)
            page.last = key
            at += 1
    return page


def _beyond(folder: bytes) -> bytes:
    """The least bytes above everything that starts with `folder`."""
    trimmed = folder.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1])
