"""The contract's chapter on tags: kept with the object where a store has any, and told when asked for.

Inherited through `contract.StoreContract`; see there how to use it.
"""
# Tests by nature: they assert.
# ruff: noqa: S101

import pytest

from ferryline import errors
from ferryline.model.span import Layout
from ferryline.storage.store import Completion, Store, Tags, Writing
from ferryline.testing import contract_ground as ground

TAGS = {
    "team": "ml",
    "owner/name": "Jos\u00e9 \u4e2d\u6587",
    "a b": "c+d=e:f/g@h",
    "empty": "",
    "-._:/=+@": "-._:/=+@",
}
"""Every character that S3 documents for tags, and some that only an encoding carries."""


class TagContract(ground.Ground):
    """`Tags`, and the tags of a `Writing`."""

    async def test_tags_are_kept_told_and_counted(self, store: Store) -> None:
        """Tags are kept, told and counted."""
        asks = _needed(store)
        await ground.put(store, b"tagged", writing=Writing(metadata=ground.metadata(), tags=TAGS))
        await ground.put(store, b"plain")
        assert dict(await asks.tags(b"tagged")) == TAGS
        assert dict(await asks.tags(b"plain")) == {}
        counts = [stat.tag_count for key in (b"tagged", b"plain") if (stat := await store.head(key))]
        assert counts == [len(TAGS), 0]

    async def test_ten_tags_are_kept(self, store: Store) -> None:
        """Ten tags are kept."""
        asks = _needed(store)
        ten = {f"name {number}": f"value {number}" for number in range(10)}
        await ground.put(store, b"tagged", writing=Writing(tags=ten))
        assert dict(await asks.tags(b"tagged")) == ten

    async def test_an_overwrite_brings_its_own_tags(self, store: Store) -> None:
        """An overwrite brings its own tags."""
        asks = _needed(store)
        await ground.put(store, b"key", writing=Writing(tags={"old": "1", "both": "1"}))
        await ground.put(store, b"key", writing=Writing(tags={"both": "2"}))
        assert dict(await asks.tags(b"key")) == {"both": "2"}
        await ground.put(store, b"key")
        assert dict(await asks.tags(b"key")) == {}

    async def test_tags_travel_with_parts(self, store: Store) -> None:
        """Tags travel with parts."""
        asks = _needed(store)
        layout, writing = Layout(10, max(store.capabilities.part_bytes_min, 10)), Writing(tags=TAGS)
        upload = await store.create_upload(b"large", layout, writing)
        part = await store.upload_part(upload, layout.span(1), b"0123456789")
        await store.complete_upload(upload, Completion((part,), 10, writing))
        assert dict(await asks.tags(b"large")) == TAGS

    async def test_tags_are_replaced_under_an_object_that_stays(self, store: Store) -> None:
        """Tags are replaced under an object that stays."""
        asks = _needed(store)
        await ground.put(store, b"key", writing=Writing(metadata=ground.metadata(), tags={"old": "1"}))
        before = await ground.token_of(store, b"key")
        await asks.set_tags(b"key", TAGS)
        assert dict(await asks.tags(b"key")) == TAGS
        assert await ground.token_of(store, b"key") == before

    async def test_all_tags_can_be_taken_away(self, store: Store) -> None:
        """All tags can be taken away."""
        asks = _needed(store)
        await ground.put(store, b"key", writing=Writing(metadata=ground.metadata(), tags={"old": "1"}))
        await asks.set_tags(b"key", {})
        stat = await store.head(b"key")
        assert stat is not None
        assert stat.tag_count == 0
        assert dict(stat.metadata.user) == dict(ground.metadata().user)

    async def test_tags_of_what_is_not_there_are_missing(self, store: Store) -> None:
        """Tags of what is not there are missing."""
        asks = _needed(store)
        with pytest.raises(errors.ObjectMissing):
            await asks.tags(b"nothing")


def _needed(store: Store) -> Tags:
    """The store as one that tells tags; the test is skipped where it keeps none."""
    ground.need(store.capabilities.tagging, "tags")
    assert isinstance(store, Tags)
    return store
