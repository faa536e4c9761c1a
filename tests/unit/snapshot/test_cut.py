"""Cuts depend on keys alone."""

from zlib import crc32

import pytest

from ferryline.snapshot import cut, rows
from ferryline.snapshot.cut import MOST_ROWS, Cutter, ends_chunk

from .made import batch, numbered

COUNT = 20_000


def cuts(table, size):
    cutter = Cutter(rows.CONTENT)
    chunks = []
    for start in range(0, table.num_rows, size):
        chunks += cutter.take(table.slice(start, size))
    return [(one.num_rows, one.column("key")[-1].as_py()) for one in chunks + cutter.finish()]


@pytest.mark.parametrize("size", [1, 7, 1000, 4096, COUNT])
def test_the_size_of_batches_does_not_move_a_cut(size):
    table = batch(numbered(COUNT if size > 1 else 3000))

    assert cuts(table, size) == cuts(table, table.num_rows)


def test_a_chunk_ends_after_every_key_whose_hash_says_so():
    wanted = numbered(COUNT)
    ends = [key for _, key in cuts(batch(wanted), 1000)]

    assert [key for key in wanted if ends_chunk(key)] == ends[: len(ends) - (not ends_chunk(ends[-1]))]
    assert len(ends) > 3
    assert all(crc32(key) & 0xFFF == 0 for key in ends[:-1])


def test_an_inserted_key_moves_no_other_cut():
    wanted = numbered(COUNT)
    before = {key for _, key in cuts(batch(wanted), 1000)}
    wanted[b"data/0010000.tar.extra"] = next(iter(wanted.values()))
    after = {key for _, key in cuts(batch(wanted), 1000)}

    assert before <= after
    assert len(after - before) <= 1


@pytest.mark.parametrize("size", [1, 500, 3000])
def test_keys_that_never_cut_are_cut_at_the_limit(monkeypatch, size):
    monkeypatch.setattr(cut, "crc32", lambda key: 1)
    monkeypatch.setattr(cut, "MOST_ROWS", 1000)
    table = batch(numbered(2500))

    assert [count for count, _ in cuts(table, size)] == [1000, 1000, 500]


def test_a_key_that_cuts_just_at_the_limit_cuts_once(monkeypatch):
    monkeypatch.setattr(cut, "crc32", lambda key: 0 if key == b"data/0000999.tar" else 1)
    monkeypatch.setattr(cut, "MOST_ROWS", 1000)

    assert [count for count, _ in cuts(batch(numbered(1500)), 300)] == [1000, 500]


def test_no_rows_make_no_chunk():
    cutter = Cutter(rows.CONTENT)
    assert cutter.take(batch({})) == []
    assert cutter.finish() == []
    assert MOST_ROWS == 32_768
