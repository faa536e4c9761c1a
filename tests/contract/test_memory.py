"""The memory store keeps the contract."""

from datetime import UTC, datetime

import pytest

from ferryline.storage import memory
from ferryline.testing.contract import StoreContract
from ferryline.testing.contract_ground import keys_of, pages_of, put_all


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return memory.MemoryStore(memory.Bucket(), page_rows=7)

    @pytest.fixture
    def reopened(self, store):
        async def reopen():
            return memory.MemoryStore(store.held)

        return reopen

    async def test_pages_have_the_size_asked_for(self, store):
        await put_all(store, [b"%03d" % number for number in range(20)])
        assert [page.rows.num_rows for page in await pages_of(store)] == [7, 7, 6]


class StoppedClock:
    def now(self):
        return datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        raise AssertionError("a store does not sleep")


async def test_times_are_whole_seconds_as_on_s3():
    store = memory.MemoryStore(time=StoppedClock())
    await put_all(store, [b"one"])
    assert (await store.head(b"one")).entry.token.modified_ns == 1772366400 * 10**9


async def test_stores_of_one_label_share_and_others_do_not():
    shared = memory.MemoryStore(memory.bucket("shared"))
    await put_all(shared, [b"one"])
    assert await keys_of(memory.MemoryStore(memory.bucket("shared"))) == [b"one"]
    assert await keys_of(memory.MemoryStore(memory.bucket("other"))) == []
    memory.forget("shared")
    memory.forget("other")
    assert await keys_of(memory.MemoryStore(memory.bucket("shared"))) == []
    memory.forget("shared")
