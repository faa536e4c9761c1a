"""Sorts a joined page by columns: what is proven same, what is invisible, what needs a decision.

`pipeline` calls it for every page. Rows that are equal never become Python objects; the others
come out as `Pair` values for `decide`. The order of sameness is the order of `decide`, which says
the same of one pair at a time. It asks nobody and performs nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ferryline.model.digest import Evidence
from ferryline.model.page import DISTRUSTED, LEDGER, JoinedPage
from ferryline.model.pair import Pair
from ferryline.model.run import Counts
from ferryline.plan import rows as joined_rows
from ferryline.plan.rules import Rules
from ferryline.policy.options import OverwriteMode, TransferMode

_TOKEN = ("etag", "modified_ns", "change_ns", "inode")
_ETAG_FORM = r"\A[0-9a-f]{32}(?:-[1-9][0-9]{0,4})?\z"
_RESERVED_FORM = r"(?:\A|/)\.ferryline(?:/|\z)"
_EMPTY_LEDGER = pa.RecordBatch.from_pylist([], schema=LEDGER)

Mask: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What one page adds to the counts of a destination. Source objects, but for the last two."""

    listed: int
    listed_bytes: int
    same: int
    evidence: Mapping[str, int]
    kept: int
    excluded: int
    reserved: int
    destination_listed: int
    kept_orphans: int

    def add_to(self, counts: Counts) -> None:
        """Fold this page into a destination's counts."""
        counts.listed += self.listed
        counts.same += self.same
        counts.evidence.update(self.evidence)
        counts.kept += self.kept
        counts.excluded += self.excluded
        counts.reserved += self.reserved
        counts.destination_listed += self.destination_listed
        counts.kept_orphans += self.kept_orphans


@dataclass(frozen=True, slots=True)
class Classified:
    """One page, sorted.

    `same_rows`: LEDGER rows of pairs proven same that the ledger does not hold so (new to it, or
    with other tokens). `undecided_rows`: JOINED rows that need a decision, in key order; `pairs`
    makes values of them. `kept_rows` and `orphan_rows`: JOINED rows that stay as they are because of
    OverwriteMode NEVER, and because of PreserveDeletedFiles PRESERVE. `forgotten`: visible keys of
    ledger rows whose object is gone on a side, so that the row proves nothing any more.
    """

    counts: PageCounts
    same_rows: pa.RecordBatch
    undecided_rows: pa.RecordBatch
    kept_rows: pa.RecordBatch
    orphan_rows: pa.RecordBatch
    forgotten: pa.Array

    def pairs(self) -> Iterator[Pair]:
        """The rows that need a decision, once each, in key order."""
        return joined_rows.pairs(self.undecided_rows)


def classify(page: JoinedPage, rules: Rules) -> Classified:
    """Sort one joined page. Filters apply to both sides; reserved keys are invisible on both."""
    rows, excluded, reserved = _visible(page.rows, rules)
    at_source, at_destination = rows.column("source_size"), rows.column("destination_size")
    listed = rows.num_rows - at_source.null_count
    destination_listed = rows.num_rows - at_destination.null_count
    here, there = _present(at_source), _present(at_destination)
    both = _both(here, there)
    remembered = rows.column("ledger_size")
    forgotten = _select(rows, _and_not(_present(remembered), both)).column("key")

    ledger, etag = _same(rows, both, rules)
    same = _either(ledger, etag)
    kept = _none(rows)
    undecided = here if same is None else pc.and_not(_spread(here, rows), same)
    if rules.overwrite_mode is OverwriteMode.NEVER:
        existing = _spread(both, rows)
        kept = existing if same is None else pc.and_not(existing, same)
        undecided = pc.and_not(_spread(undecided, rows), kept)
    orphans = _and_not(there, here)
    kept_orphans = 0
    orphan_rows = rows.slice(0, 0)
    if rules.removes:
        if orphans is not None:
            undecided = pc.or_(_spread(undecided, rows), orphans)
    else:
        orphan_rows = _select(rows, orphans)
        kept_orphans = orphan_rows.num_rows
    kept_rows = _select(rows, kept)
    evidence, same_rows = _evidence(rows, ledger, etag)
    counts = PageCounts(
        listed=listed + excluded + reserved,
        listed_bytes=pc.sum(at_source).as_py() or 0,
        same=sum(evidence.values()),
        evidence=evidence,
        kept=kept_rows.num_rows,
        excluded=excluded,
        reserved=reserved,
        destination_listed=destination_listed,
        kept_orphans=kept_orphans,
    )
    needing = rows if undecided is None else _select(rows, undecided)
    return Classified(counts, same_rows, needing, kept_rows, orphan_rows, forgotten)


def _visible(rows: pa.RecordBatch, rules: Rules) -> tuple[pa.RecordBatch, int, int]:
    """The rows that rules may see, and how many source objects are excluded and reserved."""
    keys = rows.column("key")
    excluded = reserved = 0
    hidden: Mask | None = None
    ours = pc.match_substring(keys, pattern=".ferryline")
    if ours.true_count:
        ours = pc.match_substring_regex(keys, pattern=_RESERVED_FORM)
        hidden = ours
    if rules.filters.everything:
        if hidden is None:
            return rows, 0, 0
        reserved = _count_source(rows, hidden)
        return rows.filter(pc.invert(hidden)), 0, reserved
    scope, selected = rules.filters.in_scope(keys), rules.filters.selected(keys)
    if hidden is not None:
        reserved = _count_source(rows, pc.and_(scope, hidden))
        selected = pc.and_not(selected, hidden)
        scope = pc.and_not(scope, hidden)
    excluded = _count_source(rows, pc.and_not(scope, selected))
    return rows.filter(selected), excluded, reserved


def _count_source(rows: pa.RecordBatch, mask: Mask) -> int:
    return int(pc.and_(mask, pc.is_valid(rows.column("source_size"))).true_count)


def _same(rows: pa.RecordBatch, both: Mask | None, rules: Rules) -> tuple[Mask, Mask]:
    """Which rows are same by the ledger, and which others by their ETags. Unknown is never same."""
    nothing = _none(rows)
    if rules.transfer_mode is TransferMode.ALL or not rows.num_rows:
        return nothing, nothing
    size = rows.column("source_size")
    candidates = pc.and_(_spread(both, rows), _equal(size, rows.column("destination_size")))
    if not candidates.true_count:
        return nothing, nothing
    ledger = touched = nothing
    remembered = rows.column("ledger_size")
    if remembered.null_count < len(remembered):
        known = pc.is_valid(remembered)
        distrusted = pc.fill_null(pc.equal(rows.column("ledger_evidence"), DISTRUSTED), fill_value=False)
        candidates = pc.and_not(candidates, distrusted)
        source_stands = _stands(rows, "source")
        ledger = pc.and_(candidates, pc.and_(source_stands, _stands(rows, "destination")))
        touched = pc.and_not(known, source_stands)
    if not rules.compares_etags or ledger.true_count == candidates.true_count:
        return ledger, nothing
    left = rows.column("source_etag")
    etag = pc.and_not(pc.and_(candidates, _equal_known(left, rows.column("destination_etag"))), ledger)
    if rules.keeps_metadata:
        etag = pc.and_not(etag, touched)
    if etag.true_count:
        form = pc.fill_null(pc.match_substring_regex(left, pattern=_ETAG_FORM), fill_value=False)
        etag = pc.and_(etag, form)
    return ledger, etag


def _stands(rows: pa.RecordBatch, side: str) -> Mask:
    """Whether a side's token and size are as the ledger recorded them; false where it has no row."""
    held = _equal(rows.column(f"{side}_size"), rows.column("ledger_size"))
    held = pc.and_(held, pc.is_valid(rows.column("ledger_size")))
    for part in _TOKEN:
        held = pc.and_(held, _equal(rows.column(f"{side}_{part}"), rows.column(f"ledger_{side}_{part}")))
    return held


def _equal(left: pa.Array, right: pa.Array) -> Mask:
    """Null-safe equality: null equals null and nothing else."""
    rows = len(left)
    left_nulls, right_nulls = left.null_count, right.null_count
    if left_nulls == rows and right_nulls == rows:
        return _constant(rows, value=True)
    compared = pc.equal(left, right)
    if not left_nulls and not right_nulls:
        return compared
    return pc.coalesce(compared, pc.and_(pc.is_null(left), pc.is_null(right)))


def _equal_known(left: pa.Array, right: pa.Array) -> Mask:
    """Equality that null never satisfies."""
    return pc.fill_null(pc.equal(left, right), fill_value=False)


def _evidence(rows: pa.RecordBatch, ledger: Mask, etag: Mask) -> tuple[dict[str, int], pa.RecordBatch]:
    """The count of same pairs by evidence, and the LEDGER rows of those that the ledger lacks."""
    counts: dict[str, int] = {}
    if ledger.true_count:
        counts[Evidence.LEDGER.value] = ledger.true_count
    if not etag.true_count:
        return counts, _EMPTY_LEDGER
    proven = _select(rows, etag)
    etags = proven.column("source_etag")
    whole = pc.equal(pc.binary_length(etags), 32)
    if whole.true_count:
        counts[Evidence.ETAG_MD5.value] = whole.true_count
    if whole.false_count:
        counts[Evidence.ETAG_PARTS.value] = whole.false_count
    names = pc.if_else(whole, Evidence.ETAG_MD5.value, Evidence.ETAG_PARTS.value)
    arrays = [proven.column("key"), proven.column("source_size")]
    arrays += [proven.column(f"{side}_{part}") for side in ("source", "destination") for part in _TOKEN]
    arrays += [_carried(proven), names]
    return counts, pa.RecordBatch.from_arrays(arrays, schema=LEDGER)


def _carried(rows: pa.RecordBatch) -> pa.Array:
    """The digest that the ledger holds of the same state of the source, else null: an ETag that a listing
    shows may be a KMS one, which looks like MD5 and is not."""
    digests, nothing = rows.column("ledger_digest"), pa.nulls(rows.num_rows, pa.binary())
    if digests.null_count == rows.num_rows:
        return nothing
    # No scalar: beside a slice, pyarrow 19 makes offsets of it that are out of bounds.
    return pc.if_else(_stands(rows, "source"), digests, nothing)


# -- masks: None stands for "every row", so that the usual page costs nothing -----------------------


def _present(column: pa.Array) -> Mask | None:
    return pc.is_valid(column) if column.null_count else None


def _both(left: Mask | None, right: Mask | None) -> Mask | None:
    if left is None or right is None:
        return right if left is None else left
    return pc.and_(left, right)


def _and_not(left: Mask | None, right: Mask | None) -> Mask:
    """Rows of `left` that are not in `right`; always a mask unless both are every row."""
    if right is None:
        return None
    return pc.invert(right) if left is None else pc.and_not(left, right)


def _either(left: Mask, right: Mask) -> Mask:
    if not right.true_count:
        return left
    return pc.or_(left, right) if left.true_count else right


def _spread(mask: Mask | None, rows: pa.RecordBatch) -> Mask:
    return _constant(rows.num_rows, value=True) if mask is None else mask


def _none(rows: pa.RecordBatch) -> Mask:
    return _constant(rows.num_rows, value=False)


_TRUE, _FALSE = pa.array([True] * 8192), pa.array([False] * 8192)


def _constant(rows: int, *, value: bool) -> Mask:
    if rows <= len(_TRUE):
        return (_TRUE if value else _FALSE).slice(0, rows)
    return pa.repeat(pa.scalar(value), rows)


def _select(rows: pa.RecordBatch, mask: Mask | None) -> pa.RecordBatch:
    """The rows of a mask; none for None, which here means that nothing was singled out."""
    if mask is None:
        return rows.slice(0, 0)
    count = mask.true_count
    if count == rows.num_rows:
        return rows
    return rows.filter(mask) if count else rows.slice(0, 0)
