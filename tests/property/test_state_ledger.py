"""The ledger against a dict: whatever is put, forgotten, checkpointed, abandoned, distrusted and reopened."""

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ferryline.model.key import KeyRange
from ferryline.model.page import DISTRUSTED
from ferryline.state import sealing, update
from tests.unit.state.ground import batch, held, ledger_in, on_disk, row

KEYS = st.binary(max_size=3) | st.sampled_from([b"a", b"a/b", b"a/", b"b\xff", b"\xff\xff", b"a\x00"])
ROWS = st.lists(st.tuples(KEYS, st.integers(0, 5)).map(lambda pair: row(*pair)), max_size=12)
EDGE = st.none() | KEYS


class LedgerMachine(RuleBasedStateMachine):
    """`durable` is what the disk must hold, `put_so_far` what the open update would add to it."""

    def __init__(self):
        super().__init__()
        self.saved = sealing.BLOCK_ROWS, update.MERGE_ROWS_MIN, update.SEGMENTS_MAX, update.CHECKPOINT_ROWS
        sealing.BLOCK_ROWS, update.MERGE_ROWS_MIN, update.SEGMENTS_MAX, update.CHECKPOINT_ROWS = 3, 4, 3, 25
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.ledger = ledger_in(self.folder)
        self.seen = {}  # what the ledger value shows: the last commit, or what was durable when it was opened
        self.durable = {}
        self.wanted = {}
        self.change = None

    def teardown(self):
        if self.change is not None:
            self.change.__exit__(None, None, None)
        sealing.BLOCK_ROWS, update.MERGE_ROWS_MIN, update.SEGMENTS_MAX, update.CHECKPOINT_ROWS = self.saved
        shutil.rmtree(self.folder)

    def _open(self):
        if self.change is None:
            self.change = self.ledger.update().__enter__()
            self.wanted = dict(self.durable)
        return self.change

    def _settle(self):
        """After a step the disk may hold what waits, when that was much."""
        if not self.change._waiting:
            self.durable = dict(self.wanted)

    @rule(rows=ROWS)
    def put(self, rows):
        self._open().put(batch(rows))
        self.wanted.update({one[0]: one for one in rows})
        self._settle()

    @rule(rows=ROWS)
    def put_sorted(self, rows):
        rows = sorted({one[0]: one for one in rows}.values())
        self.put(rows)

    @rule(keys=st.lists(KEYS, max_size=6))
    def forget(self, keys):
        self._open().forget(pa.array(keys, pa.binary()))
        for key in keys:
            self.wanted.pop(key, None)
        self._settle()

    @precondition(lambda self: self.durable)
    @rule(chance=st.randoms(use_true_random=False))
    def put_what_is_held(self, chance):
        if self.wanted == self.durable or self.change is None:
            rows = chance.sample(sorted(self.durable.values()), chance.randint(1, len(self.durable)))
            before = on_disk(self.folder)
            self._open().put(batch(rows))
            self.change.checkpoint()
            self.durable = dict(self.wanted)
            if not self.change._locked:
                assert on_disk(self.folder) == before

    @rule()
    def checkpoint(self):
        self._open().checkpoint()
        self.durable = dict(self.wanted)

    @rule()
    def commit(self):
        change = self._open()
        before = on_disk(self.folder)
        nothing = self.wanted == self.durable and not change._wrote
        change.commit()
        self.durable = dict(self.wanted)
        self.seen = dict(self.durable)
        if nothing:
            assert on_disk(self.folder) == before

    @rule()
    def leave(self):
        """The end of the `with`: what was not checkpointed is dropped."""
        if self.change is not None:
            self.change.__exit__(None, None, None)
            self.change = None

    @rule()
    def reopen(self):
        self.leave()
        self.ledger = ledger_in(self.folder)
        self.seen = dict(self.durable)

    @rule(keys=st.lists(KEYS, max_size=4))
    def distrust(self, keys):
        self.leave()
        there = [key for key in set(keys) if key in self.durable]
        assert self.ledger.distrust(keys) == len(there)
        for key in there:
            self.durable[key] = (*self.durable[key][:-1], DISTRUSTED)
        self.seen = dict(self.durable)

    @rule(after=EDGE, upto=EDGE, prefix=st.just(b"") | KEYS)
    def read_a_range(self, after, upto, prefix):
        keys = KeyRange(after, upto, prefix)
        assert held(self.ledger, keys) == [self.seen[key] for key in sorted(self.seen) if key in keys]

    @rule(prefix=st.just(b"") | KEYS, count=st.integers(1, 6))
    def hint(self, prefix, count):
        hints = self.ledger.hints(prefix, count)
        assert hints == sorted(set(hints))
        assert len(hints) < count
        assert all(hint.startswith(prefix) for hint in hints)

    @invariant()
    def the_ledger_shows_its_version_and_the_disk_what_is_durable(self):
        assert held(self.ledger) == [self.seen[key] for key in sorted(self.seen)]
        assert self.ledger.rows_count == len(self.seen)
        other = ledger_in(self.folder)
        assert held(other) == [self.durable[key] for key in sorted(self.durable)]
        assert other.rows_count == len(self.durable)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLedger = LedgerMachine.TestCase
