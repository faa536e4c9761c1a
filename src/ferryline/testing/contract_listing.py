"""The contract's chapter on listing: order, pages, ranges, and what is not there.

Inherited through `contract.StoreContract`; see there how to use it.
"""
# Tests by nature: they assert.
# ruff: noqa: S101

import pytest

from ferryline.model.key import EVERYTHING, KeyRange, cut
from ferryline.storage.store import Lists, Store
from ferryline.testing import contract_ground as ground
from ferryline.testing import hostile

ORDER = [b"a", b"a-b", b"a.b", b"a/b", b"a/b/c", b"a0", b"b", b"b/", b"b//c", b"ba"]
"""Sorted as bytes, which is not how a directory tree sorts."""


class ListingContract(ground.Ground):
    """`Lists`."""

    async def test_a_store_lists(self, store: Store) -> None:
        """A store lists."""
        assert isinstance(store, Lists)
        assert store.place

    async def test_an_empty_store_lists_one_empty_last_page(self, store: Store) -> None:
        """An empty store lists one empty last page."""
        pages = await ground.pages_of(store)
        assert [page.rows.num_rows for page in pages] == [0]

    async def test_keys_come_in_byte_order_however_they_were_written(self, store: Store) -> None:
        """Keys come in byte order however they were written."""
        await ground.put_all(store, sorted(ORDER, key=lambda key: key[::-1]))
        assert await ground.keys_of(store) == ORDER

    async def test_the_row_says_what_a_head_says(self, store: Store) -> None:
        """The row says what a head says."""
        await ground.put(store, b"one", b"12345")
        (page,) = await ground.pages_of(store)
        (row,) = page.rows.to_pylist()
        stat = await store.head(b"one")
        assert stat is not None
        token = stat.entry.token
        assert (row["size"], row["etag"]) == (5, token.etag)
        # A HEAD shows whole seconds where a listing may show milliseconds, and the other way round.
        assert row["modified_ns"] // 10**9 == token.modified_ns // 10**9
        assert (row["change_ns"], row["inode"]) == (token.change_ns, token.inode)

    async def test_a_deleted_object_is_listed_no_more(self, store: Store) -> None:
        """A deleted object is listed no more."""
        await ground.put_all(store, [b"kept", b"removed"])
        await store.delete(b"removed")
        assert await ground.keys_of(store) == [b"kept"]

    async def test_many_keys_come_once_each_over_all_pages(self, store: Store) -> None:
        """Many keys come once each over all pages."""
        keys = sorted(f"folder-{number % 7}/{number:04}".encode() for number in range(300))
        await ground.put_all(store, keys)
        assert await ground.keys_of(store) == keys

    @pytest.mark.parametrize(
        "keys",
        [
            pytest.param(KeyRange(after=b"a"), id="after-a-key-that-is-there"),
            pytest.param(KeyRange(after=b"a/a"), id="after-a-key-that-is-not-there"),
            pytest.param(KeyRange(after=b"a/b"), id="after-a-key-inside-a-folder"),
            pytest.param(KeyRange(after=b"a/"), id="after-a-folder-name"),
            pytest.param(KeyRange(after=b"zzz"), id="after-everything"),
            pytest.param(KeyRange(after=b""), id="after-the-empty-key"),
            pytest.param(KeyRange(upto=b"a/b"), id="upto-includes-its-key"),
            pytest.param(KeyRange(upto=b"a/a"), id="upto-a-key-that-is-not-there"),
            pytest.param(KeyRange(upto=b"a"), id="upto-a-file-beside-its-folder"),
            pytest.param(KeyRange(upto=b""), id="upto-the-empty-key"),
            pytest.param(KeyRange(b"a", b"a0"), id="between-two-keys"),
            pytest.param(KeyRange(b"a/b", b"a/b"), id="an-empty-range"),
            pytest.param(KeyRange(prefix=b"a"), id="prefix-that-is-a-key-and-a-folder"),
            pytest.param(KeyRange(prefix=b"a/"), id="prefix-that-is-a-folder"),
            pytest.param(KeyRange(prefix=b"a/b"), id="prefix-deeper-than-a-folder"),
            pytest.param(KeyRange(prefix=b"b/"), id="prefix-that-is-a-key"),
            pytest.param(KeyRange(prefix=b"b//"), id="prefix-of-two-slashes"),
            pytest.param(KeyRange(prefix=b"nothing/"), id="prefix-of-nothing"),
            pytest.param(KeyRange(after=b"a", prefix=b"b"), id="after-before-the-prefix"),
            pytest.param(KeyRange(after=b"b/", prefix=b"b"), id="after-inside-the-prefix"),
            pytest.param(KeyRange(upto=b"b/", prefix=b"b"), id="upto-inside-the-prefix"),
            pytest.param(KeyRange(after=b"c", prefix=b"b"), id="after-behind-the-prefix"),
            pytest.param(KeyRange(upto=b"a", prefix=b"b"), id="upto-before-the-prefix"),
        ],
    )
    async def test_a_range_shows_exactly_its_keys(self, store: Store, keys: KeyRange) -> None:
        """A range shows exactly its keys."""
        there = [key for key in (b"", *ORDER) if not self.refuses(store, key)]
        await ground.put_all(store, there)
        assert await ground.keys_of(store, keys) == [key for key in there if key in keys]

    async def test_the_empty_key_is_listed_first(self, store: Store) -> None:
        """The empty key is listed first."""
        if why := self.refuses(store, b""):
            pytest.skip(f"the store refuses the empty key: {why}")
        await ground.put_all(store, [b"a", b""])
        assert await ground.keys_of(store) == [b"", b"a"]

    @pytest.mark.parametrize("boundary", [b"", b"a", b"a-b", b"a/", b"a/b", b"a/b/", b"b//c", b"zz"])
    async def test_ranges_that_tile_show_every_key_once(self, store: Store, boundary: bytes) -> None:
        """Ranges that tile show every key once."""
        await ground.put_all(store, ORDER)
        shown = [key for keys in cut([boundary]) for key in await ground.keys_of(store, keys)]
        assert shown == ORDER

    async def test_a_listing_can_be_left_in_the_middle(self, store: Store) -> None:
        """A listing can be left in the middle."""
        await ground.put_all(store, ORDER)
        pages = store.pages(EVERYTHING)
        await anext(pages)
        await pages.aclose()  # type: ignore[attr-defined]  # every backend writes a generator
        assert await ground.keys_of(store) == ORDER

    async def test_hostile_keys_are_all_there_side_by_side(self, store: Store) -> None:
        """Hostile keys are all there side by side."""
        kept: list[bytes] = []
        for one in hostile.KEYS:
            if self.refuses(store, one.key):
                with pytest.raises(ground.REFUSED):
                    await ground.put(store, one.key)
                continue
            try:
                await ground.put(store, one.key, ground.body_of(one.key))
            except ground.REFUSED:  # a twin on a file system that folds names: refused, not merged
                assert one.key.startswith(b"twins/")
                continue
            kept.append(one.key)
        assert await ground.keys_of(store) == sorted(kept)
        for key in kept:
            assert await ground.get(store, key) == ground.body_of(key)
        for key in kept:
            await store.delete(key)
        assert await ground.keys_of(store) == []

    async def test_reserved_looking_keys_are_listed_like_any(self, store: Store) -> None:
        """Reserved looking keys are listed like any."""
        keys = sorted((*hostile.RESERVED_KEYS, *hostile.NEARLY_RESERVED_KEYS))
        await ground.put_all(store, keys)
        assert await ground.keys_of(store) == keys
