"""A snapshot's identity is a function of its content and of nothing else; changes lose nothing."""

import asyncio
import struct
from zlib import crc32

import pyarrow as pa
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryline.model.digest import Algorithm, Digest
from ferryline.snapshot import canonical, cut, parquet, patch, rows
from ferryline.snapshot.build import build
from ferryline.snapshot.compare import Version, differences
from ferryline.snapshot.load import every_row
from ferryline.snapshot.shelf import Shelf
from ferryline.storage.memory import MemoryStore

digests = st.one_of(
    st.builds(Digest, st.just(Algorithm.MD5), st.binary(min_size=16, max_size=16)),
    st.builds(Digest, st.just(Algorithm.CRC64NVME), st.binary(min_size=8, max_size=8)),
)
contents = st.dictionaries(st.binary(max_size=12), st.tuples(st.integers(0, 2**63 - 1), digests), max_size=60)
SMALL_CHUNKS = 8


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    """Cut after every eighth key or so, at most after 24, so that a few dozen rows make many chunks."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(cut, "AVERAGE_ROWS", SMALL_CHUNKS)
        patching.setattr(cut, "MOST_ROWS", 3 * SMALL_CHUNKS)
        yield


def table(content) -> pa.RecordBatch:
    return rows.content_rows([(key, *content[key]) for key in sorted(content)])


async def batches(content, sizes):
    whole, start = table(content), 0
    for size in [*sizes, whole.num_rows + 1]:
        yield whole.slice(start, size)
        start = min(start + size, whole.num_rows)


def by_the_book(content) -> str:
    """The id, computed from the specification with nothing of ours."""
    chunks, held = [], []
    for key in sorted(content):
        size, digest = content[key]
        text = f"{digest.algorithm.value}:{digest.value.hex()}".encode()
        held.append(struct.pack("<I", len(key)) + key + struct.pack("<qI", size, len(text)) + text)
        if crc32(key) % SMALL_CHUNKS == 0 or len(held) == 3 * SMALL_CHUNKS:
            chunks.append(held)
            held = []
    raw = [
        blake3(b"ferryline rows 1\n" + b"".join(one)).digest() for one in [*chunks, *([held] if held else [])]
    ]
    return blake3(b"ferryline root of rows 1\n" + b"".join(raw)).hexdigest()


@given(contents, st.lists(st.integers(0, 40), max_size=6))
def test_the_id_is_that_of_the_specification_whatever_the_batches(content, sizes):
    built = asyncio.run(build(batches(content, sizes), Shelf(MemoryStore()), rows.CONTENT))

    assert built.index.root == by_the_book(content)


@settings(max_examples=150)
@given(st.lists(contents, min_size=2, max_size=4), st.data())
def test_the_id_does_not_depend_on_what_was_there_before(history, data):
    async def run():
        shelf, index = Shelf(MemoryStore()), None
        content = history[0]
        for change in history:
            # Mostly what was there before, with a few keys changed: so that changes are stored as changes.
            gone = data.draw(st.sets(st.sampled_from(sorted(content)), max_size=2)) if content else set()
            few = dict(list(change.items())[:3])
            content = {key: value for key, value in content.items() if key not in gone} | few
            built = await build(batches(content, [7]), shelf, rows.CONTENT, index)
            index = built.index
            assert index.root == by_the_book(content)
            read = [one async for one in every_row(shelf, index)]
            assert rows.joined([*read, table({})]).to_pylist() == table(content).to_pylist()

    asyncio.run(run())


@given(contents, contents)
def test_changes_between_two_states_lead_from_one_to_the_other(old, new):
    changes = patch.between(rows.CONTENT, table(old), table(new))

    assert patch.apply(rows.CONTENT, table(old), changes).equals(table(new))
    assert set(changes.column("key").to_pylist()) == {
        key for key in old | new if old.get(key) != new.get(key)
    }
    packed = parquet.unpack(parquet.pack(changes), rows.CONTENT.patch_schema, 1000)
    assert canonical.patch_id(rows.CONTENT, packed) == canonical.patch_id(rows.CONTENT, changes)


@given(contents, contents)
def test_two_contents_have_one_id_only_if_they_are_equal(left, right):
    assert (by_the_book(left) == by_the_book(right)) == (left == right)


@given(contents, contents)
def test_a_difference_is_that_of_the_two_dictionaries(old, new):
    async def run():
        left, right = Shelf(MemoryStore()), Shelf(MemoryStore())
        one = await build(batches(old, []), left, rows.CONTENT)
        two = await build(batches(new, [3]), right, rows.CONTENT)
        found = [batch async for batch in differences(Version(left, one.index), Version(right, two.index))]
        return [row for batch in found for row in batch.to_pylist()]

    seen = asyncio.run(run())

    def told(key):
        change = "added" if key not in old else "removed" if key not in new else "changed"
        sides = [
            (None, None) if key not in side else (side[key][0], str(side[key][1]).encode())
            for side in (old, new)
        ]
        return (key, change, *sides[0], *sides[1])

    assert [tuple(row.values()) for row in seen] == [
        told(key) for key in sorted(old | new) if old.get(key) != new.get(key)
    ]
