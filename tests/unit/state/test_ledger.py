"""What a ledger remembers, what it gives out by range, and what it does not touch."""

import pyarrow as pa
import pytest

from ferryline import errors
from ferryline.model.key import KeyRange
from ferryline.model.page import DISTRUSTED, LISTING
from ferryline.state import sealing, segment, update
from tests.unit.state.ground import batch, held, ledger_in, on_disk, opened, put, row


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sealing, "BLOCK_ROWS", 4)
    monkeypatch.setattr(update, "MERGE_ROWS_MIN", 8)


def keys(*numbers):
    return [b"k%03d" % number for number in numbers]


def test_a_ledger_nobody_wrote_is_empty_and_looking_makes_nothing(tmp_path):
    ledger = ledger_in(tmp_path / "state")
    with ledger.update() as change:
        change.forget(pa.array([b"never there"], pa.binary()))
        change.commit()
    assert held(ledger) == []
    assert (ledger.rows_count, ledger.hints(b"", 8)) == (0, [])
    assert on_disk(tmp_path / "state") == {}
    assert not ledger.folder.exists()


def test_rows_come_back_whole_in_key_order_however_they_were_put(tmp_path):
    ledger = ledger_in(tmp_path)
    rows = [
        row(key, index)
        for index, key in enumerate([b"", b"\xff\xff", b"a/b", b"a", b"\x00", b"A", "é".encode()])
    ]
    put(ledger, rows)
    expected = sorted(rows)
    assert held(ledger) == expected
    assert held(ledger_in(tmp_path)) == expected
    assert ledger.rows_count == 7


def test_the_last_put_of_a_key_wins_within_a_batch_and_across(tmp_path):
    ledger = ledger_in(tmp_path)
    with ledger.update() as change:
        change.put(batch([row(b"a", 1), row(b"b", 1), row(b"a", 2)]))
        change.forget(pa.array([b"b", b"c"], pa.binary()))
        change.put(batch([row(b"c", 3)]))
        change.put(batch([row(b"d", 4)]))
        change.forget(pa.array([b"d"], pa.binary()))
        change.commit()
    assert held(ledger) == [row(b"a", 2), row(b"c", 3)]


@pytest.mark.parametrize(
    ("keys_of", "expected"),
    [
        (KeyRange(), range(40)),
        (KeyRange(b"k005", b"k010"), range(6, 11)),
        (KeyRange(None, b"k000"), range(1)),
        (KeyRange(b"k039", None), []),
        (KeyRange(b"k0055", b"k0065"), [6]),
        (KeyRange(prefix=b"k01"), range(10, 20)),
        (KeyRange(b"k015", None, b"k01"), range(16, 20)),
        (KeyRange(b"a", b"k012", b"k01"), range(10, 13)),
        (KeyRange(b"k02", b"z", b"k01"), []),
        (KeyRange(prefix=b"\xff"), []),
        (KeyRange(b"k010", b"k010"), []),
    ],
)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_range_gives_its_own_keys_and_no_other(tmp_path, keys_of, expected, layers):
    ledger = ledger_in(tmp_path)
    for layer in range(layers):
        with ledger.update() as change:
            change.put(batch([row(key, layer) for key in keys(*range(layer, 40, layer + 1))]))
            change.checkpoint()
    ledger = ledger_in(tmp_path)
    assert [one[0] for one in held(ledger, keys_of)] == keys(*expected)


def test_a_range_reads_only_the_blocks_it_needs(tmp_path, monkeypatch):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key) for key in keys(*range(40))])
    read = []
    real = segment.Segment.read
    monkeypatch.setattr(
        segment.Segment, "read", lambda self, number: read.append(number) or real(self, number)
    )
    assert len(held(ledger, KeyRange(b"k017", b"k019"))) == 2
    assert read == [4]


def test_putting_what_is_held_writes_nothing_and_takes_no_lock(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key, index) for index, key in enumerate(keys(*range(20)))])
    before = on_disk(tmp_path)
    other = ledger_in(tmp_path)
    with ledger.update() as holding, other.update() as change:
        holding.put(batch([row(b"new")]))
        holding.checkpoint()  # takes the writer's lock
        after = on_disk(tmp_path)
        change.put(batch([row(key, index) for index, key in enumerate(keys(*range(20)))]))
        change.forget(pa.array([b"not there"], pa.binary()))
        change.commit()
        assert on_disk(tmp_path) == after
    assert after != before


def test_only_rows_that_differ_are_written(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key, 1) for key in keys(*range(1000))])
    with ledger.update() as change:
        change.put(batch([row(key, 2 if key == b"k500" else 1) for key in keys(*range(1000))]))
        change.checkpoint()
        assert [one.rows for one in change.version.segments] == [1000, 1]
        change.commit()
    assert held(ledger)[500] == row(b"k500", 2)


def test_null_and_value_are_not_the_same(tmp_path):
    ledger = ledger_in(tmp_path)
    without = row(b"a", 1)
    put(ledger, [without])
    changed = (*without[:4], 5, *without[5:])
    put(ledger, [changed])
    assert held(ledger) == [changed]
    put(ledger, [without])
    assert held(ledger) == [without]


def test_the_count_is_exact_while_changes_lie_beside_the_base(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key) for key in keys(*range(900))])
    put(ledger, [row(b"k000", 9), row(b"x"), row(b"y")], forget=[b"k001", b"k002", b"k002", b"nothing"])
    assert len(list(ledger.folder.glob("*.segment"))) == 2
    assert ledger.rows_count == 900 + 2 - 2 == len(held(ledger))
    put(ledger, [row(b"k001")], forget=[b"x"])
    assert ledger.rows_count == 900 == len(held(ledger)) == ledger_in(tmp_path).rows_count


def test_grown_changes_are_merged_and_nothing_else_stays_in_the_folder(tmp_path):
    ledger = ledger_in(tmp_path)
    for start in range(0, 100, 10):
        put(ledger, [row(key, start) for key in keys(*range(start, start + 15))])
    assert len(list(ledger.folder.glob("*.segment"))) <= 3
    put(ledger, [row(key, 1) for key in keys(*range(100))])
    assert len(list(ledger.folder.glob("*.segment"))) == 1
    assert sorted(path.name for path in ledger.folder.iterdir() if path.suffix != ".segment") == [
        "current.json",
        "identity.json",
        "writer.lock",
    ]


def test_forgetting_everything_leaves_an_empty_ledger(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key) for key in keys(*range(20))])
    put(ledger, [], forget=keys(*range(20)))
    assert (held(ledger), ledger.rows_count) == ([], 0)
    put(ledger, [row(b"again")])
    assert held(ledger_in(tmp_path)) == [row(b"again")]


def test_an_abandoned_update_keeps_its_checkpoints_and_drops_the_rest(tmp_path):
    ledger = ledger_in(tmp_path)
    with pytest.raises(RuntimeError), ledger.update() as change:
        change.put(batch([row(b"a")]))
        change.checkpoint()
        change.put(batch([row(b"b")]))
        raise RuntimeError
    assert held(ledger_in(tmp_path)) == [row(b"a")]
    put(ledger, [row(b"c")])
    assert held(ledger) == [row(b"a"), row(b"c")]


def test_rows_are_checkpointed_by_themselves_when_many_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(update, "CHECKPOINT_ROWS", 10)
    monkeypatch.setattr(update, "SEGMENTS_MAX", 3)
    ledger = ledger_in(tmp_path)
    with ledger.update() as change:
        for number in range(95):
            change.put(batch([row(b"k%03d" % number)]))
        assert len(held(ledger_in(tmp_path))) == 90
        assert len(change.version.segments) <= 3
        change.commit()
    assert len(held(ledger)) == 95


def test_bytes_that_wait_are_bounded_too(tmp_path, monkeypatch):
    monkeypatch.setattr(update, "CHECKPOINT_BYTES", 1000)
    with ledger_in(tmp_path).update() as change:
        change.put(batch([row(b"k" * 2000)]))
        assert len(change.version.segments) == 1


def test_what_is_being_read_stays_one_version_while_an_update_is_written(tmp_path):
    ledger = ledger_in(tmp_path)
    old = [row(key, 1) for key in keys(*range(40))]
    put(ledger, old)
    reading = ledger.rows()
    first = next(reading)
    put(ledger, [row(key, 2) for key in keys(*range(0, 40, 2))], forget=keys(*range(1, 40, 2)))
    rest = [
        one for rows in reading for one in zip(*(column.to_pylist() for column in rows.columns), strict=True)
    ]
    assert [*zip(*(column.to_pylist() for column in first.columns), strict=True), *rest] == old
    assert len(held(ledger)) == 20


def test_a_ledger_value_moves_on_at_commit_and_not_at_checkpoints(tmp_path):
    ledger = ledger_in(tmp_path)
    with ledger.update() as change:
        change.put(batch([row(b"a")]))
        change.checkpoint()
        assert (held(ledger), ledger.rows_count) == ([], 0)
        change.commit()
        assert (held(ledger), ledger.rows_count) == ([row(b"a")], 1)


def test_two_updates_at_once_of_one_ledger_are_refused(tmp_path):
    first, second = ledger_in(tmp_path), ledger_in(tmp_path)
    with first.update() as one, second.update() as two:
        one.put(batch([row(b"a")]))
        one.checkpoint()
        two.put(batch([row(b"b")]))
        with pytest.raises(errors.LockHeld, match="the ledger of s3://b/"):
            two.checkpoint()
    put(second, [row(b"b")])
    assert held(second) == [row(b"a"), row(b"b")]


def test_distrusted_rows_keep_their_tokens_and_lose_their_evidence(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key, 3) for key in keys(*range(20))])
    assert ledger.distrust([b"k003", b"k011", b"k003", b"unknown"]) == 2
    found = {one[0]: one for one in held(ledger)}
    assert found[b"k003"] == (*row(b"k003", 3)[:-1], DISTRUSTED)
    assert found[b"k011"][-1] == DISTRUSTED
    assert found[b"k004"] == row(b"k004", 3)
    assert ledger_in(tmp_path).distrust([b"unknown"]) == 0
    assert held(ledger_in(tmp_path)) == list(found.values())


def test_hints_cut_the_rows_evenly(tmp_path):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key) for key in keys(*range(400))])
    put(ledger, [row(b"k1%02dx" % number) for number in range(30)])
    hints = ledger.hints(b"", 8)
    assert len(hints) == 7
    assert hints == sorted(set(hints))
    edges = [None, *hints, None]
    sizes = [len(held(ledger, KeyRange(after, upto))) for after, upto in zip(edges, edges[1:], strict=False)]
    assert max(sizes) <= 1.4 * 430 / 8
    inside = ledger.hints(b"k2", 4)
    assert len(inside) == 3
    assert all(hint.startswith(b"k2") for hint in inside)
    assert ledger.hints(b"nothing", 4) == []
    assert ledger.hints(b"", 1) == []


def test_hints_of_a_long_ledger_read_no_block(tmp_path, monkeypatch):
    ledger = ledger_in(tmp_path)
    put(ledger, [row(key) for key in keys(*range(400))])
    monkeypatch.setattr(segment.Segment, "read", lambda *_: pytest.fail("a block was read"))
    assert len(ledger.hints(b"", 4)) == 3


def test_rows_of_another_schema_are_our_bug(tmp_path):
    with ledger_in(tmp_path).update() as change, pytest.raises(errors.BrokenInvariant):
        change.put(pa.RecordBatch.from_pylist([], schema=LISTING))


def test_a_person_can_see_which_pair_a_ledger_is_of_and_look_inside(tmp_path):
    ledger = opened(tmp_path).ledger("file:///a\udcff/", "s3://b/")
    put(ledger, [row(b"a", 1)])
    told = (ledger.folder / "identity.json").read_text("ascii")
    assert "s3://b/" in told
    assert r"file:///a\\xff/" in told
    (found,) = ledger.folder.glob("*.segment")
    with pa.OSFile(str(found), "rb") as file:
        assert pa.ipc.open_stream(file).read_all().to_pylist()[0]["key"] == b"a"


def test_pairs_have_ledgers_of_their_own(tmp_path):
    state = opened(tmp_path)
    put(state.ledger("a", "b"), [row(b"ab")])
    put(state.ledger("b", "a"), [row(b"ba")])
    assert held(state.ledger("a", "b")) == [row(b"ab")]
    assert held(state.ledger("a", "c")) == []


@pytest.mark.parametrize(
    ("rows", "start"),
    [
        ([], -1),
        ([5], 0),
        ([1_000_000, 5_000], 1),
        ([1_000_000, 125_000], 0),
        ([1_000_000, 60_000, 60_000, 5_000], 0),
        ([10_000_000, 200_000, 5_000, 5_000], 2),
        ([10_000_000, 200_000, 20_000, 5_000], 1),
        ([4_000, 3_000], 0),
        ([10_000_000, 20, 10], 1),
    ],
)
def test_what_is_merged_is_what_has_grown(rows, start):
    assert update.merge_from(rows) == start
