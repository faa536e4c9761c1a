"""Differences between two snapshots."""

import pytest

from ferryline.snapshot.compare import Version, differences
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

from .made import content, md5, numbered, stored


class Reading(MemoryStore):
    def __init__(self):
        super().__init__()
        self.reads = 0

    async def read(self, key, pin, span=None):
        self.reads += 1
        return await super().read(key, pin, span)


async def found(old, new) -> dict[bytes, tuple]:
    result = {}
    last = b""
    async for batch in differences(old, new):
        for row in batch.to_pylist():
            assert row["key"] > last
            last = row.pop("key")
            result[last] = tuple(row.values())
    return result


async def test_keys_are_added_removed_and_changed():
    shelf = Shelf(MemoryStore())
    before, after = numbered(20_000), numbered(20_000, {5, 15_000})
    del after[b"data/0000777.tar"]
    after[b"zz"] = (3, md5(b"new"))
    old = await stored(before, shelf)
    new = await stored(after, shelf, old.index)

    changes = await found(Version(shelf, old.index), Version(shelf, new.index))

    def text(digest):
        return str(digest).encode()

    assert changes == {
        b"data/0000005.tar": ("changed", 1, text(md5(b"5")), 2, text(md5(b"5'"))),
        b"data/0000777.tar": ("removed", 3, text(md5(b"777")), None, None),
        b"data/0015000.tar": ("changed", 5, text(md5(b"15000")), 6, text(md5(b"15000'"))),
        b"zz": ("added", None, None, 3, text(md5(b"new"))),
    }


async def test_what_both_have_is_not_read():
    store = Reading()
    shelf = Shelf(store)
    old = await stored(numbered(60_000), shelf)
    new = await stored(numbered(60_000, {30_000}), shelf, old.index)
    store.reads = 0

    assert len(await found(Version(shelf, old.index), Version(shelf, new.index))) == 1
    assert 0 < store.reads <= 3 < len(old.index.chunks)
    store.reads = 0
    assert not await found(Version(shelf, old.index), Version(shelf, old.index))
    assert store.reads == 0


@pytest.mark.parametrize(
    ("before", "after"), [({}, {b"a": b"1"}), ({b"a": b"1"}, {}), ({}, {}), ({b"a": b"1"}, {b"b": b"1"})]
)
async def test_small_and_empty_snapshots(before, after):
    left, right = Shelf(MemoryStore()), Shelf(MemoryStore())
    old, new = await stored(content(before), left), await stored(content(after), right)

    changes = await found(Version(left, old.index), Version(right, new.index))

    assert set(changes) == set(before) ^ set(after)
