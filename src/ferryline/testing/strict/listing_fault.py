"""What armed faults do to a listing's page, between the walk and the words. Called only by `listing`.

Each function passes through what it is given unless this exchange's script asks for a lie of its kind.
"""

from collections.abc import Callable
from dataclasses import replace

from ferryline.testing.strict.exchange import Exchange
from ferryline.testing.strict.fault import List, Listing
from ferryline.testing.strict.page import Page, Query, page_of


def page(exchange: Exchange, query: Query) -> Page:
    """The page that is served."""
    bucket, how = exchange.bucket, exchange.script.listing
    remembered = f"{query.prefix!r}{query.delimiter!r}"
    found = page_of(bucket, query)
    if how is Listing.PAGE_REPEATED and remembered in bucket.page_starts:
        _fire(exchange)
        return page_of(bucket, replace(query, after=bucket.page_starts[remembered]))
    bucket.page_starts[remembered] = query.after
    if how is Listing.PAGE_LOST and found.truncated:
        _fire(exchange)
        return page_of(bucket, replace(query, after=found.last))
    if how is Listing.REORDERED and len(found.versions) > 1:
        _fire(exchange)
        found.versions.reverse()
    elif how is Listing.ENDED_EARLY and found.versions:
        _fire(exchange)
        found.versions = found.versions[: len(found.versions) // 2]
        found.truncated = False
    elif how is Listing.KEYS_LOST and len(found.versions) > 1:
        _fire(exchange)
        found.versions = found.versions[::2]
    elif how is Listing.EMPTY:
        _fire(exchange)
        found.versions, found.folders, found.truncated = [], [], False
    elif how in (Listing.NO_TOKEN, Listing.TOKEN_LOOP):
        _fire(exchange)
        found.truncated = True
    return found


def names(exchange: Exchange, bucket_name: str, prefix: bytes) -> tuple[str, bytes]:
    """The bucket's name and the prefix that the answer claims."""
    how = exchange.script.listing
    if how is Listing.OTHER_BUCKET:
        _fire(exchange)
        return f"{bucket_name}-other", prefix
    if how is Listing.OTHER_PREFIX:
        _fire(exchange)
        return bucket_name, prefix + b"other/"
    return bucket_name, prefix


def token(exchange: Exchange, truncated: bool, given: str | None, make: Callable[[], str]) -> str | None:  # noqa: FBT001
    """The next token that the answer tells."""
    how = exchange.script.listing
    if how is Listing.NO_TOKEN:
        return None
    if how is Listing.TOKEN_LOOP and given is not None:
        return given
    return make() if truncated else None


def count(exchange: Exchange, true_count: int) -> int:
    """The KeyCount that the answer tells."""
    if exchange.script.listing is Listing.COUNT_LIES:
        _fire(exchange)
        return true_count + 1
    return true_count


def _fire(exchange: Exchange) -> None:
    for fault in exchange.faults:
        if isinstance(fault.what, List):
            exchange.fire(fault)
            return
