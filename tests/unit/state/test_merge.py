"""Sorting, merging and looking up rows as columns."""

import pytest

from ferryline.model.key import KeyRange
from ferryline.state import bounds, lookup, merge, sealing
from ferryline.state.bounds import Bounds
from tests.unit.state.ground import batch, row


def rows_of(found):
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def test_batches_whose_keys_do_not_overlap_are_only_put_in_order(monkeypatch):
    monkeypatch.setattr(merge.pc, "sort_indices", lambda *_: pytest.fail("sorted"))
    parts = [batch([row(b"m"), row(b"n")]), batch([row(b"a")]), batch([row(b"x")])]
    assert [one[0] for one in rows_of(merge.newest(parts))] == [b"a", b"m", b"n", b"x"]


def test_of_rows_that_share_a_key_the_last_one_stays():
    parts = [
        batch([row(b"b", 1), row(b"a", 1)]),
        batch([row(b"b", 2)]),
        batch([]),
        batch([row(b"b", 3), row(b"c", 3)]),
    ]
    assert rows_of(merge.newest(parts)) == [row(b"a", 1), row(b"b", 3), row(b"c", 3)]
    assert rows_of(merge.newest([])) == []


def test_runs_are_merged_a_batch_at_a_time_and_the_newest_wins():
    old = iter([batch([row(b"a", 1), row(b"c", 1)]), batch([row(b"e", 1), row(b"g", 1)])])
    new = iter([batch([]), batch([row(b"b", 2), row(b"c", 2), row(b"f", 2)]), batch([row(b"z", 2)])])
    found = [one for rows in merge.merged([old, new]) for one in rows_of(rows)]
    assert found == [
        row(b"a", 1),
        row(b"b", 2),
        row(b"c", 2),
        row(b"e", 1),
        row(b"f", 2),
        row(b"g", 1),
        row(b"z", 2),
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (KeyRange(), Bounds(b"", None)),
        (KeyRange(b"", None), Bounds(b"\0", None)),
        (KeyRange(b"a", b"b"), Bounds(b"a\0", b"b\0")),
        (KeyRange(prefix=b"a\xff"), Bounds(b"a\xff", b"b")),
        (KeyRange(prefix=b"\xff\xff"), Bounds(b"\xff\xff", None)),
        (KeyRange(b"ab", b"z", b"a"), Bounds(b"ab\0", b"b")),
    ],
)
def test_a_range_is_one_interval_of_bytes(keys, expected):
    assert bounds.bounds_of(keys) == expected


def test_blocks_are_filled_evenly_whatever_comes(monkeypatch):
    monkeypatch.setattr(sealing, "BLOCK_ROWS", 4)
    parts = [
        batch([row(b"%03d" % n) for n in range(start, end)])
        for start, end in [(0, 1), (1, 3), (3, 14), (14, 14), (14, 16)]
    ]
    blocks = list(sealing.evened(iter(parts)))
    assert [one.num_rows for one in blocks] == [4, 4, 4, 4]
    assert [one[0] for rows in blocks for one in rows_of(rows)] == [b"%03d" % n for n in range(16)]


def test_new_keys_in_the_gap_of_a_block_do_not_cost_its_reading():
    there = batch([row(key) for key in (b"a1", b"a2", b"z1", b"z2")]).column(0)
    assert not lookup._may_share(there, [b"b", b"c", b"y"])
    assert not lookup._may_share(there, [b"z3"])
    assert not lookup._may_share(there, [b"0", b"a11", b"zz"])
    assert lookup._may_share(there, [b"b", b"z2"])
    many = [b"a%02d" % number for number in range(0, 99, 2)]
    between = [b"a%02d" % number for number in range(1, 99, 2)]
    assert lookup._may_share(
        batch([row(key) for key in many]).column(0), between
    )  # gave up: the block is read
