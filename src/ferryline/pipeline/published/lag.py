"""How far a replica is behind its source: by the newest run that confirmed it, or by listing the source.

`status` calls it. Without a listing the answer is an upper bound: whatever the source became since the
listing of that run began is not there, and nothing older is missing.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.model.key import KeyRange
from ferryline.model.page import Page
from ferryline.pipeline import ends
from ferryline.pipeline.published.errand import Errand, Looked
from ferryline.policy.filters import Filters
from ferryline.snapshot import freshness, opening, rollback
from ferryline.snapshot.freshness import Changes
from ferryline.snapshot.head import Head
from ferryline.storage.location import Side
from ferryline.storage.wrap.stack import DressedStore

_RESERVED = r"(^|/)\.ferryline(/|$)"


class Basis(StrEnum):
    """What a lag was measured by."""

    LISTING = "listing"
    """The source was listed and compared: exact but for removals."""
    LAST_RUN = "last-run"
    """Since the newest run that confirmed the snapshot began to list: an upper bound."""
    NONE = "none"
    """No run that is remembered confirmed what can be read there."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind: `seconds` None is not known. `bound` says that it may be less."""

    seconds: float | None
    basis: Basis
    bound: bool = False
    published_at: str | None = None
    changes: Changes | None = None
    note: str = ""
    """Why it was not measured as asked, where it was not."""


UNKNOWN = Lag(None, Basis.NONE)


def readable(head: Head | None) -> frozenset[str]:
    """What a reader gets at a replica: the current snapshot, else whatever else can be read there."""
    if head is None:
        return frozenset()
    eligible = frozenset(one.snapshot for one in head.readable)
    return frozenset({head.current}) if head.current in eligible else eligible


def by_last_run(
    replica: str, snapshots: frozenset[str], documents: Iterable[Mapping[str, Any]], now: datetime
) -> Lag:
    """Since the newest run that published or confirmed one of `snapshots` there began to list.

    `documents` are newest first. What is no run's document, or lacks these fields, is passed over.
    """
    for document in documents:
        for one in destinations_of(document):
            if one.get("replica") != replica or one.get("snapshot") not in snapshots:
                continue
            began = moment(document.get("listed_at"))
            if began is not None:
                seconds = max(0.0, (now - began).total_seconds())
                published_at = one.get("published_at")
                return Lag(
                    seconds,
                    Basis.LAST_RUN,
                    bound=True,
                    published_at=str(published_at) if published_at else None,
                )
    return UNKNOWN


def destinations_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The destinations of a run's document; none for what is no such list."""
    told = document.get("destinations")
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def moment(text: object) -> datetime | None:
    """A time out of a document, or None for what is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def by_listing(bound: Lag, changes: Changes, now: datetime) -> Lag:
    """The age of the oldest change that is not there. It began after the run that confirmed the rest.

    Removals have no time: where nothing else changed, the bound of that run stands.
    """
    if not changes.any:
        return Lag(0.0, Basis.LISTING, published_at=bound.published_at, changes=changes)
    if changes.oldest_ns is None:
        return Lag(bound.seconds, Basis.LISTING, bound=True, published_at=bound.published_at, changes=changes)
    seconds = max(0.0, now.timestamp() - changes.oldest_ns / 1e9)
    if bound.seconds is not None:
        seconds = min(seconds, bound.seconds)
    return Lag(seconds, Basis.LISTING, published_at=bound.published_at, changes=changes)


async def source_changes(
    errand: Errand, found: Iterable[Looked]
) -> dict[str, Changes | errors.FerrylineError]:
    """What changed at the source since each replica's snapshot was proven, by the replica's name.

    Replicas that were proven against the same state share one listing. Raises what makes the source
    unreadable; what makes one replica's receipt unreadable is its answer.
    """
    answers: dict[str, Changes | errors.FerrylineError] = {}
    known: dict[tuple[str, str], Changes] = {}
    async with contextlib.AsyncExitStack() as closing:
        source = await ends.opened_store(errand.task.source, Side.SOURCE, errand.opening, closing)
        for one in found:
            snapshots = readable(one.head)
            if one.head is None or not snapshots:
                continue
            newest = next(each.snapshot for each in one.head.snapshots if each.snapshot in snapshots)
            shelf = one.there.shelf
            try:
                manifest = await opening.read_manifest(shelf, newest)
                receipt = await opening.read_source_receipt(shelf, newest)
            except (errors.ObjectMissing, errors.DigestMismatch) as problem:
                answers[one.replica.name] = problem
                continue
            name = (newest, receipt.index.root)
            if name not in known:
                proven = rollback.expected(shelf, manifest, receipt)
                async with contextlib.aclosing(_pages(errand, source)) as pages:
                    known[name] = await freshness.changes(proven, pages, _selecting(errand.task.filters))
            answers[one.replica.name] = known[name]
    return answers


async def _pages(errand: Errand, source: DressedStore) -> AsyncGenerator[Page, None]:
    """The source's listing, in key order, of all that the filters may select."""
    for prefix in errand.task.filters.include_prefixes() or (b"",):
        async with contextlib.aclosing(ends.listed(source, errand.opening, KeyRange(prefix=prefix))) as pages:
            async for page in pages:
                yield page


def _selecting(filters: Filters) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """What leaves of listed rows those that belong to the dataset: selected, and not our own."""

    def select(rows: pa.RecordBatch) -> pa.RecordBatch:
        keys = rows.column("key")
        ours = pc.match_substring_regex(keys, pattern=_RESERVED)
        return rows.filter(pc.and_(filters.selected(keys), pc.invert(ours)))

    return select
