"""What the chapters of the store contract stand on: writing, listing and refusing, in one line each.

Used by the `contract_…` modules only. Holds no test.
"""
# These helpers are parts of tests, so they assert.
# ruff: noqa: S101

from collections.abc import Awaitable, Callable

import pytest

from ferryline import errors
from ferryline.model.entry import Metadata, Token
from ferryline.model.key import EVERYTHING, KeyRange
from ferryline.model.page import LISTING, Page
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Pin, Store, Writing

Reopen = Callable[[], Awaitable[Store]]
"""Opens a second store object on the place of the first; the fixture closes it."""

MODIFIED_NS = 1_600_000_000_123_456_700
"""A time that every file system keeps: far from now, no finer than 100 ns."""


class Ground:
    """Helpers of the chapters; a backend's test class overrides `refuses` if it must."""

    def refuses(self, store: Store, key: bytes) -> str:
        """Why this store refuses `key` for good, or an empty string."""
        ask = getattr(store, "refuses", None)
        return str(ask(key) or "") if ask is not None else ""


async def pages_of(store: Store, keys: KeyRange = EVERYTHING) -> list[Page]:
    """All pages of a range, each checked for schema, order, and how far it proves."""
    found: list[Page] = []
    last: bytes | None = keys.after
    async for page in store.pages(keys):
        assert not found or found[-1].upto is not None, "a page came after the last one"
        assert page.rows.schema == LISTING
        for key in page.rows.column("key").to_pylist():
            assert last is None or key > last, f"{key!r} came after {last!r}"
            assert key in keys, f"{key!r} is not in {keys}"
            last = key
        if page.upto is not None:
            assert last is None or page.upto >= last, "a page proves less than it shows"
            last = page.upto
        found.append(page)
    assert found, "a listing has at least one page"
    assert found[-1].upto is None, "the last page says so"
    return found


async def keys_of(store: Store, keys: KeyRange = EVERYTHING) -> list[bytes]:
    """The keys of a range as listed."""
    return [key for page in await pages_of(store, keys) for key in page.rows.column("key").to_pylist()]


async def put(store: Store, key: bytes, body: bytes = b"body", writing: Writing | None = None) -> None:
    """Write one object."""
    await store.write(key, body, writing or Writing())


async def put_all(store: Store, keys: list[bytes]) -> None:
    """Write an object per key whose body names the key."""
    for key in keys:
        await put(store, key, body_of(key))


def body_of(key: bytes) -> bytes:
    """A body no other key of a test has."""
    return b"the bytes of " + key


async def token_of(store: Store, key: bytes) -> Token:
    """The token a HEAD shows."""
    stat = await store.head(key)
    assert stat is not None, f"{key!r} is not there"
    return stat.entry.token


async def get(store: Store, key: bytes) -> bytes:
    """The bytes of the state a HEAD shows."""
    return bytes((await store.read(key, Pin(await token_of(store, key)))).body)


def need(support: Support, what: str) -> None:
    """Skip, by name, a test of something this store does not honour."""
    if not support.honoured:
        pytest.skip(f"the store's capabilities say {support.value} of {what}")


def metadata() -> Metadata:
    """Metadata that every store which keeps any can keep."""
    return Metadata(
        user={"origin": "camera 7", "mixed": "a+b=c"},
        system={"content-type": "image/jpeg", "cache-control": "max-age=60"},
    )


REFUSED = errors.KeyRefused
"""What a store raises for a key it cannot hold."""
