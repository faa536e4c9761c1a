"""One pair and the rules to one action, or to the question that must be answered first.

`examine.resolve` calls it; `classify` applies the same order of sameness to columns. Pure: it looks
at nothing but its arguments. Unknown is never equal: it leads to what `on_unknown` says.
"""

from ferryline import errors
from ferryline.model import action, digest
from ferryline.model.action import Action, Copy, Delete, Keep, Reason, Refuse, Same
from ferryline.model.digest import Comparison, Digest, Evidence
from ferryline.model.entry import Entry
from ferryline.model.pair import Both, OnlyDestination, OnlySource, Pair
from ferryline.plan.question import (
    Answer,
    Compared,
    CompareMetadata,
    HashLocal,
    HeadBoth,
    Moved,
    Question,
    ReadBack,
    Side,
    Unanswered,
)
from ferryline.plan.rules import ARCHIVED_CLASSES, Rules
from ferryline.policy.options import OverwriteMode, TransferMode
from ferryline.policy.values import OnUnknown


def decide(pair: Pair, rules: Rules, answer: Answer | None = None) -> Action | Question:
    """The action for `pair`, or the next question. `answer` is to the question that came before."""
    if isinstance(pair, OnlySource):
        return copied(pair.source, Reason.NEW, None, rules)
    if isinstance(pair, OnlyDestination):
        if rules.removes:
            return Delete(pair.destination, Reason.GONE_AT_SOURCE)
        return Keep(pair.destination, Reason.KEPT_BY_PRESERVE)
    if answer is not None:
        return _answered(pair, rules, answer)
    return _both(pair, rules)


def copied(source: Entry, reason: Reason, replaces: Entry | None, rules: Rules) -> Copy | Refuse:
    """A copy, or the refusal of an object that cannot be copied."""
    if source.storage_class in ARCHIVED_CLASSES:
        return Refuse(
            source,
            errors.ObjectArchived.kind,
            f"it lies in {source.storage_class}: restore it at the source, then run again",
        )
    largest = rules.destination.object_bytes_max
    if largest is not None and source.size_bytes > largest:
        advice = f"{source.size_bytes} bytes are more than the {largest} the destination can hold: split it"
        return Refuse(source, "too-large", advice)
    return Copy(source, reason, replaces)


def _both(pair: Both, rules: Rules) -> Action | Question:
    source, destination, remembered = pair.source, pair.destination, pair.remembered
    if rules.transfer_mode is TransferMode.ALL:
        return _replaced(pair, Reason.TRANSFER_ALL, rules)
    if remembered is not None and remembered.distrusted:
        if rules.rereads_distrusted and source.size_bytes == destination.size_bytes:
            return ReadBack(pair)
        return _replaced(pair, Reason.DISTRUSTED, rules)
    if source.size_bytes != destination.size_bytes:
        return _replaced(pair, Reason.SIZE, rules)
    if remembered is not None and remembered.source_stands and remembered.destination_stands:
        return Same(source, destination, Evidence.LEDGER)
    etags = source.token.etag, destination.token.etag
    if rules.compares_etags and digest.compare_etags(*etags) is Comparison.EQUAL:
        return _equal(pair, digest.evidence_of_etag(etags[0] or b""), rules)
    if rules.overwrite_mode is OverwriteMode.NEVER:
        return _kept(pair)
    if rules.source.hashes_locally or rules.destination.hashes_locally:
        return HashLocal(pair)
    if rules.compares_checksums:
        return HeadBoth(pair)
    return _unknown(pair, rules)


def _answered(pair: Both, rules: Rules, answer: Answer) -> Action | Question:
    if isinstance(answer, Unanswered):
        if pair.remembered is not None and pair.remembered.distrusted:
            return _replaced(pair, Reason.DISTRUSTED, rules)  # bad, and not to be read either
        return Refuse(pair.source, answer.kind, answer.advice)
    if isinstance(answer, Moved):
        if answer.side is Side.DESTINATION and answer.gone:
            return copied(pair.source, Reason.NEW, None, rules)
        return _replaced(pair, Reason.CONTENT, rules)
    return _compared(pair, rules, answer)


def _compared(pair: Both, rules: Rules, answer: Compared) -> Action | Question:
    metadata = isinstance(answer.question, CompareMetadata)
    if answer.comparison is Comparison.DIFFERENT:
        return _replaced(pair, Reason.METADATA if metadata else Reason.CONTENT, rules)
    if answer.comparison is Comparison.EQUAL and answer.evidence is not None:
        if metadata:
            return Same(pair.source, pair.destination, answer.evidence, answer.digest)
        return _equal(pair, answer.evidence, rules, answer.digest)
    if metadata:
        return _replaced(pair, Reason.METADATA, rules)
    if isinstance(answer.question, ReadBack):
        return _replaced(pair, Reason.UNKNOWN, rules)
    return _unknown(pair, rules)


def _equal(pair: Both, evidence: Evidence, rules: Rules, found: Digest | None = None) -> Action | Question:
    """The bytes are equal; a source that was touched since the ledger's row may have new metadata."""
    remembered = pair.remembered
    touched = remembered is not None and not remembered.source_stands
    if found is None and remembered is not None and not touched:
        found = remembered.digest  # of the very state of the source that is there
    if touched and rules.keeps_metadata:
        return CompareMetadata(pair, evidence, found)
    return Same(pair.source, pair.destination, evidence, found)


def _unknown(pair: Both, rules: Rules) -> Action | Question:
    if rules.overwrite_mode is OverwriteMode.NEVER:
        return _kept(pair)
    if rules.on_unknown is OnUnknown.READ_BACK and pair.source.storage_class not in ARCHIVED_CLASSES:
        return ReadBack(pair)
    if rules.on_unknown is OnUnknown.REFUSE:
        return Refuse(
            pair.source,
            action.Reason.REFUSED_UNKNOWN.value,
            "nothing tells whether the destination's object is equal: set on_unknown to copy or read_back",
        )
    return _replaced(pair, Reason.UNKNOWN, rules)


def _replaced(pair: Both, reason: Reason, rules: Rules) -> Action:
    if rules.overwrite_mode is OverwriteMode.NEVER:
        return _kept(pair)
    return copied(pair.source, reason, pair.destination, rules)


def _kept(pair: Both) -> Keep:
    return Keep(pair.destination, Reason.KEPT_BY_OVERWRITE_NEVER)
