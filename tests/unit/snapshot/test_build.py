"""Storing a table: what is written, what is reused, what is believed when it is read again."""

import random

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.snapshot import parquet, rows
from ferryline.snapshot.build import build
from ferryline.snapshot.load import every_row
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

from .made import batch, feed, numbered, stored

COUNT = 20_000


class Counting(MemoryStore):
    """Counts what is written and read."""

    def __init__(self):
        super().__init__()
        self.writes, self.reads = [], []

    async def write(self, key, body, writing):
        self.writes.append((key, len(body)))
        return await super().write(key, body, writing)

    async def read(self, key, pin, span=None):
        self.reads.append(key)
        return await super().read(key, pin, span)


async def everything(shelf, index) -> pa.Table:
    return pa.Table.from_batches([one async for one in every_row(shelf, index)], schema=index.shape.schema)


async def test_what_was_stored_is_read_back():
    shelf = Shelf(MemoryStore())
    table = batch(numbered(COUNT))

    built = await build(feed(table), shelf, rows.CONTENT)

    assert (await everything(shelf, built.index)).equals(pa.Table.from_batches([table]).combine_chunks())
    assert built.index.rows == COUNT
    assert built.index.size_bytes == sum(size for size, _ in numbered(COUNT).values())
    assert built.files_written == len(built.index.chunks) == len(shelf.store.held.objects)


async def test_the_same_rows_again_are_neither_written_nor_read():
    store = Counting()
    first = await stored(numbered(COUNT), Shelf(store))
    store.writes.clear()
    store.reads.clear()

    again = await stored(numbered(COUNT), Shelf(store), first.index, size=77)

    assert again.index == first.index
    assert (store.writes, store.reads) == ([], [])


async def test_few_scattered_changes_write_few_rows():
    store = Counting()
    first = await stored(numbered(COUNT), Shelf(store))
    store.writes.clear()
    changed = numbered(COUNT, set(random.Random(1).sample(range(COUNT), 30)))

    second = await stored(changed, Shelf(store), first.index)

    alone = await stored(changed, Shelf(MemoryStore()))
    assert second.index.root == alone.index.root
    assert [key for key, _ in store.writes if not key.endswith(b".patch.parquet")] == []
    assert second.bytes_written < first.bytes_written * 0.02
    assert (await everything(Shelf(store), second.index)).equals(
        pa.Table.from_batches([batch(changed)]).combine_chunks()
    )


async def test_night_after_night_of_changes_layers_stay_few_and_right():
    store, chance = Counting(), random.Random(3)
    current: set[int] = set()
    built = await stored(numbered(COUNT), Shelf(store))
    deepest = 0
    for night in range(20):
        current ^= set(chance.sample(range(COUNT), 10))
        wanted = numbered(COUNT, current)
        if night % 10 == 9:
            del wanted[chance.choice(list(wanted))]
        built = await stored(wanted, Shelf(store), built.index)
        deepest = max(deepest, *(len(one.layers) for one in built.index.chunks))
        alone = await stored(wanted, Shelf(MemoryStore()))
        assert built.index.root == alone.index.root

    assert (await everything(Shelf(store), built.index)).equals(
        pa.Table.from_batches([batch(wanted)]).combine_chunks()
    )
    assert 2 <= deepest <= 8


async def test_many_changes_are_stored_whole():
    store = Counting()
    first = await stored(numbered(COUNT), Shelf(store))
    second = await stored(numbered(COUNT, set(range(0, COUNT, 3))), Shelf(store), first.index)

    assert not any(one.layers for one in second.index.chunks)


async def test_a_removed_boundary_joins_two_chunks():
    wanted = numbered(COUNT)
    shelf = Shelf(MemoryStore())
    first = await stored(wanted, shelf)
    del wanted[first.index.chunks[1].upto]

    second = await stored(wanted, shelf, first.index)

    assert len(second.index.chunks) == len(first.index.chunks) - 1
    assert (await everything(shelf, second.index)).num_rows == COUNT - 1


async def test_a_chunk_stored_as_changes_is_not_taken_over_into_another_span():
    wanted = numbered(COUNT)
    shelf = Shelf(MemoryStore())
    first = await stored(wanted, shelf)
    second_chunk = first.index.chunks[1]
    inside = [key for key in wanted if first.index.chunks[0].upto < key <= second_chunk.upto]
    for key in (inside[5], next(iter(wanted))):  # both chunks' changes are in one file
        wanted[key] = (99, wanted[key][1])
    patched = await stored(wanted, shelf, first.index)
    assert patched.index.chunks[1].layers
    for key in [one for one in wanted if one <= first.index.chunks[0].upto]:
        del wanted[key]

    third = await stored(wanted, shelf, patched.index)

    assert third.index.chunks[0].id == patched.index.chunks[1].id
    assert (await everything(shelf, third.index)).num_rows == len(wanted)


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "other rows"])
async def test_a_damaged_chunk_is_a_named_error(damage):
    store = MemoryStore()
    built = await stored(numbered(COUNT), Shelf(store))
    key = Shelf(store).chunk_key(rows.CONTENT, built.index.chunks[1].base)
    body = store.held.objects[key].body
    if damage == "gone":
        del store.held.objects[key]
    else:
        worse = {
            "cut": body[:-9],
            "flipped": body[:700] + bytes([body[700] ^ 1]) + body[701:],
            "other rows": parquet.pack(batch(numbered(5))),
        }[damage]
        await Shelf(store).put(key, worse)

    with pytest.raises(errors.ObjectMissing if damage == "gone" else errors.DigestMismatch) as caught:
        await everything(Shelf(store), built.index)

    assert caught.value.key == key


async def test_a_damaged_file_of_changes_is_a_named_error_and_heals_with_the_next_snapshot():
    store = MemoryStore()
    shelf = Shelf(store)
    first = await stored(numbered(COUNT), shelf)
    second = await stored(numbered(COUNT, {5}), shelf, first.index)
    (name,) = second.index.patches
    await shelf.put(shelf.patch_key(rows.CONTENT, name), b"PAR1 nonsense")

    with pytest.raises(errors.DigestMismatch):
        await everything(shelf, second.index)
    third = await stored(numbered(COUNT, {5, 6}), shelf, second.index)

    assert (await everything(shelf, third.index)).num_rows == COUNT


async def test_a_damaged_file_of_the_right_name_is_written_again():
    store = MemoryStore()
    shelf = Shelf(store)
    first = await stored(numbered(COUNT), shelf)
    await shelf.put(shelf.chunk_key(rows.CONTENT, first.index.chunks[0].id), b"")

    again = await stored(numbered(COUNT), shelf)

    assert again.files_written == 1
    assert (await everything(shelf, again.index)).num_rows == COUNT


async def test_a_failed_write_is_raised_and_leaves_no_task():
    class Full(MemoryStore):
        async def write(self, key, body, writing):
            raise errors.DiskFailed("the disk is full")

    with pytest.raises(errors.DiskFailed):
        await stored(numbered(COUNT), Shelf(Full()))


async def test_a_bound_on_rows_is_checked_before_reading():
    with pytest.raises(ValueError, match="at most 3"):
        parquet.unpack(parquet.pack(batch(numbered(4))), rows.CONTENT.schema, 3)
    with pytest.raises(ValueError, match="columns"):
        body = parquet.pack(batch(numbered(4)).append_column("more", pa.array([1] * 4)))
        parquet.unpack(body, rows.CONTENT.schema, 9)
