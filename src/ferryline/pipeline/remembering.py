"""What was proven, turned into ledger rows and handed to the ledger in batches.

`copying` feeds it matches, same rows, forgotten keys and what was found bad. It writes nothing by
itself: the ledger decides when a checkpoint is durable.
"""

from typing import Protocol

import pyarrow as pa

from ferryline.model.digest import Evidence
from ferryline.model.entry import Token
from ferryline.model.finding import Match
from ferryline.model.page import DISTRUSTED, LEDGER
from ferryline.model.pair import Both

_BATCH_ROWS = 1024


class Update(Protocol):
    """A ledger's update in the making."""

    def put(self, rows: pa.RecordBatch) -> None:
        """LEDGER rows in any order; the last one of a key wins."""
        ...

    def forget(self, keys: pa.Array) -> None:
        """Binary keys whose rows prove nothing any more."""
        ...


class Remembering:
    """Collects rows and passes them on; `flush` at the end."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._matches: list[tuple[Match, str]] = []
        self._gone: list[bytes] = []

    def same(self, rows: pa.RecordBatch) -> None:
        """LEDGER rows of pairs that a page proved same."""
        if rows.num_rows:
            self._update.put(rows)

    def forgotten(self, keys: pa.Array) -> None:
        """Keys of ledger rows that lost a side."""
        if len(keys):
            self._update.forget(keys)

    def gone(self, key: bytes) -> None:
        """A key that was deleted at the destination."""
        self._gone.append(key)
        if len(self._gone) >= _BATCH_ROWS:
            self._flush_gone()

    def proven(self, match: Match) -> None:
        """A pair proven equal. The destination's token may lack its time (0) where only the write's answer
        told it: such a row is never same by itself, but keeps what the bytes hashed to."""
        if known(match.source.token) and (known(match.destination.token) or match.digest is not None):
            self._add(match, match.evidence.value)

    def distrusted(self, pair: Both) -> None:
        """A pair that a verification found bad: never same until it is proven again."""
        self._add(Match(pair.source, pair.destination, Evidence.READ_BACK), DISTRUSTED)

    def flush(self) -> None:
        """Hand over what waits."""
        if self._matches:
            self._update.put(ledger_rows(self._matches))
            self._matches = []
        self._flush_gone()

    def _add(self, match: Match, evidence: str) -> None:
        self._matches.append((match, evidence))
        if len(self._matches) >= _BATCH_ROWS:
            self._update.put(ledger_rows(self._matches))
            self._matches = []

    def _flush_gone(self) -> None:
        if self._gone:
            self._update.forget(pa.array(self._gone, pa.binary()))
            self._gone = []


def known(token: Token) -> bool:
    """Whether a token tells a state apart: a write's answer alone has no time and is not enough."""
    return token.modified_ns != 0


def ledger_rows(matches: list[tuple[Match, str]]) -> pa.RecordBatch:
    """LEDGER rows of proven (or, by the word, distrusted) pairs; keys are the source's."""
    sides = [[match.source.token for match, _ in matches], [match.destination.token for match, _ in matches]]
    columns = [
        pa.array([match.key for match, _ in matches], pa.binary()),
        pa.array([match.source.size_bytes for match, _ in matches], pa.int64()),
    ]
    for tokens in sides:
        columns += [
            pa.array([token.etag for token in tokens], pa.binary()),
            pa.array([token.modified_ns for token in tokens], pa.int64()),
            pa.array([token.change_ns for token in tokens], pa.int64()),
            pa.array([token.inode for token in tokens], pa.int64()),
        ]
    columns.append(
        pa.array([str(match.digest).encode() if match.digest else None for match, _ in matches], pa.binary())
    )
    columns.append(pa.array([evidence for _, evidence in matches], pa.string()))
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER)
