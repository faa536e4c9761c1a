"""Into which parts a large object is cut: the source's own layout where it can be learned, else ours.

Called by the part lane. Keeping the layout keeps the ETag, and an equal ETag is what makes the next
comparison free. A guess does no harm: the object's ETag afterwards shows whether it was right.
"""

from dataclasses import dataclass

from ferryline import errors
from ferryline.model import digest, fingerprint, span
from ferryline.model.entry import Entry, Stat
from ferryline.model.key import printable
from ferryline.model.span import Layout
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Pin
from ferryline.transfer.manner import head_part_of, stream_part_of
from ferryline.transfer.passage import Passage, Trip, changed, same_state

_NO_PART_NUMBER = (Support.UNSUPPORTED, Support.IGNORED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What parts may be: `preferred_bytes` where the layout is ours to choose.

    `part_bytes_min` of 1 means a store without S3's rules for parts (files, memory).
    """

    preferred_bytes: int
    part_bytes_min: int
    buffer_bytes_max: int
    kept_bytes_max: int = span.PART_BUDGET_BYTES
    """The largest part of somebody else's layout that is kept."""

    @property
    def bound_by_s3(self) -> bool:
        """Whether there may be 10,000 parts at most, and none but the last below 5 MiB."""
        return self.part_bytes_min > 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A large source object as it will be read: what the look said, the state it saw, and the layout.

    `stat` may be of the first part only, so its size is not the object's; `entry` is the whole. `told` says
    that the layout is the source's own by its word: then its ETag can be computed from what is read.
    """

    stat: Stat
    entry: Entry
    layout: Layout
    told: bool = False


def choose(size_bytes: int, etag: bytes | None, first_part_bytes: int | None, limits: Limits) -> Layout:
    """The layout for an object. `first_part_bytes` is what a store told of the first part.

    Raises ObjectFailed for an object that no legal layout can hold.
    """
    count = digest.part_count(etag) if etag is not None else None
    if count is not None and size_bytes > 0:
        if first_part_bytes is not None:
            told = Layout(size_bytes, first_part_bytes) if first_part_bytes > 0 else None
            if told is not None and told.count == count and _fits(told, limits):
                return told
        else:
            for guess in fingerprint.layouts(etag, size_bytes):
                if _fits(guess, limits):
                    return guess
    return _ours(size_bytes, limits)


def _fits(layout: Layout, limits: Limits) -> bool:
    if layout.part_bytes > min(limits.kept_bytes_max, limits.buffer_bytes_max):
        return False
    return layout.count == 1 or (
        layout.part_bytes >= limits.part_bytes_min
        and (layout.count <= span.PART_COUNT_MAX or not limits.bound_by_s3)
    )


def _ours(size_bytes: int, limits: Limits) -> Layout:
    preferred = max(1, min(limits.preferred_bytes, limits.buffer_bytes_max))
    if not limits.bound_by_s3:
        return Layout(size_bytes, preferred)
    return span.our_layout(size_bytes, max(preferred, limits.part_bytes_min))


async def learn(passage: Passage, trip: Trip) -> Shape:
    """Look at the source once, and choose. Raises ObjectMissing and ObjectChanged for the source.

    What comes with the look (metadata, version id) belongs to the state that is then read.
    """
    entry = trip.entry
    stat = await first_part(passage, entry)
    first_part_bytes = stat.entry.size_bytes if stat is not None else None
    if stat is None:
        stat = await look(passage, entry)
    else:
        _check_state(passage, entry, stat)
    layout = choose(entry.size_bytes, entry.token.etag, first_part_bytes, limits_of(passage))
    _refuse_unbuffered(passage, trip, layout)
    whole = Entry(entry.key, entry.size_bytes, stat.entry.token, entry.storage_class)
    told = first_part_bytes == layout.part_bytes and layout.count == digest.part_count(
        entry.token.etag or b""
    )
    return Shape(stat, whole, layout, told=told)


async def first_part(passage: Passage, entry: Entry) -> Stat | None:
    """A look at the first part of an object that was uploaded in several; None where that tells nothing."""
    source, etag = passage.ends.source, entry.token.etag
    head_part = head_part_of(source)
    if (
        head_part is None
        or etag is None
        or digest.part_count(etag) is None
        or source.capabilities.part_number in _NO_PART_NUMBER
    ):
        return None
    try:
        return await head_part(entry.key, Pin(entry.token), 1)
    except errors.ObjectFailed:
        # Servers treat partNumber in odd ways (one compares If-Match with the part's own ETag):
        # what is true of the object is asked for elsewhere.
        return None


async def look(passage: Passage, entry: Entry) -> Stat:
    """HEAD of the source. Raises ObjectMissing and ObjectChanged where it is not the state of `entry`."""
    source = passage.ends.source
    stat = await source.head(entry.key, entry.token.version_id)
    if stat is None:
        raise errors.ObjectMissing(
            f"{printable(entry.key)} is no longer in {source.place}", key=entry.key, place=source.place
        )
    if stat.entry.size_bytes != entry.size_bytes:
        raise changed(entry, source.place, f"it has {stat.entry.size_bytes} bytes now")
    _check_state(passage, entry, stat)
    return stat


def _check_state(passage: Passage, entry: Entry, stat: Stat) -> None:
    source, etag, seen = passage.ends.source, entry.token.etag, stat.entry.token
    if seen.etag != etag or (etag is None and not same_state(entry.token, seen)):
        raise changed(entry, source.place, "it was replaced since it was listed")
    if stat.archived:
        raise errors.ObjectArchived(
            f"{printable(entry.key)} in {source.place} lies in an archive",
            advice="restore the object first, or exclude it",
            key=entry.key,
            place=source.place,
        )


def limits_of(passage: Passage) -> Limits:
    """The limits of one passage's destination."""
    destination = passage.ends.destination
    return Limits(
        preferred_bytes=passage.manner.part_bytes,
        part_bytes_min=destination.capabilities.part_bytes_min,
        buffer_bytes_max=passage.buffer_bytes_max,
    )


def _refuse_unbuffered(passage: Passage, trip: Trip, layout: Layout) -> None:
    part_bytes = min(layout.part_bytes, layout.size_bytes)
    if part_bytes <= passage.budget.total_bytes or stream_part_of(passage.ends.destination) is not None:
        return
    raise errors.ObjectFailed(
        f"{printable(trip.key)} needs parts of {part_bytes} bytes, more than the memory of "
        f"{passage.budget.total_bytes} bytes that transfers may use",
        advice="allow more memory for transfers",
        key=trip.key,
        place=passage.ends.destination.place,
        kind="memory-too-small",
    )
