"""A server-side copy in parts, for what is larger than one CopyObject takes: resumable on any host.

Called by `server_side`. An intent, an upload, UploadPartCopy for each part, a look at the source,
Complete, a look at the destination. Parts that an earlier run left for the same source state are kept:
they were copied of that state, and nobody else knows the upload.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ferryline import crash, errors
from ferryline.model import digest, span
from ferryline.model.digest import Algorithm
from ferryline.model.entry import Entry, Stat
from ferryline.model.span import Layout, Span
from ferryline.storage.store import Completion, CopySource, Part, Writing
from ferryline.transfer import carried, layouts, sending, uploads
from ferryline.transfer.endpoint import asked
from ferryline.transfer.layouts import Limits, Shape
from ferryline.transfer.passage import Passage, Trip, condition, refused, same_state
from ferryline.transfer.uploads import Opened, UploadGone

PART_BYTES = 256 * span.MIB
"""Of one UploadPartCopy where the layout is ours to choose: an endpoint copies so much in seconds."""
PARTS_AT_ONCE = 16
STARTS = 2


@dataclass(frozen=True, slots=True)
class Errand:
    """One object for the endpoint to copy: what the look at its source said, and what the copy carries."""

    trip: Trip
    stat: Stat
    entry: Entry
    source: CopySource
    writing: Writing


async def copied(passage: Passage, errand: Errand) -> Stat | None:
    """What lies at the destination now, or None where it cannot be told to be the copy."""
    shape = Shape(errand.stat, errand.entry, await _layout(passage, errand.entry))
    for start in range(1, STARTS + 1):
        try:
            opened = await uploads.open_or_resume(passage, errand.trip, shape, errand.writing)
        except (errors.ObjectMissing, errors.ObjectChanged) as strange:
            raise refused(strange) from strange
        try:
            return await _through(passage, errand, opened)
        except UploadGone:
            if start == STARTS:
                raise
    raise errors.BrokenInvariant("an upload was neither completed nor given up", key=errand.trip.key)


async def _layout(passage: Passage, entry: Entry) -> Layout:
    """The source's own where it can be learned, because it keeps the ETag; else large parts."""
    known = passage.ends.destination.capabilities
    first = await layouts.first_part(passage, entry)
    limits = Limits(
        preferred_bytes=min(PART_BYTES, known.copy_bytes_max),
        part_bytes_min=known.part_bytes_min,
        buffer_bytes_max=known.copy_bytes_max,
        kept_bytes_max=known.copy_bytes_max,
    )
    first_part_bytes = None if first is None else first.entry.size_bytes
    return layouts.choose(entry.size_bytes, entry.token.etag, first_part_bytes, limits)


async def _through(passage: Passage, errand: Errand, opened: Opened) -> Stat | None:
    """Parts, Complete, HEAD. The upload and its intent are gone afterwards, also after a failure."""
    try:
        parts = await _parts(passage, errand, opened)
        known = passage.ends.destination.capabilities
        if not known.copy_source_if_match.honoured and errand.entry.token.version_id is None:
            await layouts.look(passage, errand.entry)
        there = await _completed(passage, errand, opened, parts)
    except (errors.ObjectFailed, errors.RetryLater):
        await uploads.give_up(passage, opened)
        raise
    if there is None:
        await uploads.give_up(passage, opened)
    else:
        await uploads.finish(passage, opened)
    return there


async def _parts(passage: Passage, errand: Errand, opened: Opened) -> tuple[Part, ...]:
    """Every part at the destination, in order; several are copied at once."""
    parts = dict(opened.have)
    waiting = iter([one for one in opened.layout.spans() if one.number not in parts])

    async def serve(spans: Iterator[Span]) -> None:
        for one in spans:
            parts[one.number] = await _part(passage, errand, opened, one)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(PARTS_AT_ONCE, opened.layout.count)):
                group.create_task(serve(waiting))
    except BaseExceptionGroup as several:
        raise sending.worst(several) from several
    return tuple(parts[number] for number in range(1, opened.layout.count + 1))


async def _part(passage: Passage, errand: Errand, opened: Opened, one: Span) -> Part:
    crash.point("part.copying")
    try:
        part = await asked(
            passage.ends.destination,
            lambda copies: copies.copy_part_from(opened.upload, one, errand.source),
        )
    except errors.ObjectMissing as gone:
        if gone.kind != UploadGone.kind:
            raise  # the source
        raise UploadGone(gone.message, advice=gone.advice, key=gone.key, place=gone.place) from gone
    crash.point("part.copied")
    return part


async def _completed(
    passage: Passage, errand: Errand, opened: Opened, parts: tuple[Part, ...]
) -> Stat | None:
    destination, trip = passage.ends.destination, errand.trip
    known, stored = destination.capabilities, errand.stat.stored_checksum
    believed = (
        stored is not None
        and stored.algorithm is Algorithm.CRC64NVME
        and known.stored_checksum.honoured
        and passage.ends.source.capabilities.stored_checksum.honoured
    )
    whole = replace(
        errand.writing,
        condition=condition(trip.against, known.complete_if_none_match, known.complete_if_match),
        crc64nvme=stored.value if stored is not None and believed else None,
    )
    await passage.manner.may_write()
    crash.point("upload.completing")
    lost: errors.FerrylineError | None = None
    try:
        await destination.complete_upload(opened.upload, Completion(parts, errand.entry.size_bytes, whole))
    except (errors.RetryLater, errors.DestinationChanged) as cause:
        lost = cause
    except errors.ObjectMissing as gone:
        # Completed before with the answer lost, or aborted by somebody: only a look can tell.
        lost = UploadGone(gone.message, advice=gone.advice, key=trip.key, place=gone.place)
    except errors.ObjectChanged as strange:
        raise refused(strange) from strange
    crash.point("upload.completed")
    there = await destination.head(trip.key)
    if lost is None:
        same_size = there is not None and there.entry.size_bytes == errand.entry.size_bytes
        return there if same_size else None
    if there is not None and recognised(passage, errand, there, _etag(parts)):
        return there
    if isinstance(lost, errors.DestinationChanged):
        return None
    raise lost


def _etag(parts: tuple[Part, ...]) -> bytes | None:
    """What an honest store calls an object of these parts, where their ETags are MD5s."""
    if not all(digest.is_md5_form(one.etag) for one in parts):
        return None
    return digest.etag_of_parts(bytes.fromhex(one.etag.decode()) for one in parts)


def recognised(passage: Passage, errand: Errand, there: Stat, etag: bytes | None) -> bool:
    """Whether what lies there after a copy whose outcome is open is that copy, by all that can be told:
    its size and metadata, and the source's checksum or the ETag that a copy has."""
    replaces = errand.trip.against.replaces
    if there.entry.size_bytes != errand.entry.size_bytes:
        return False
    if replaces is not None and same_state(replaces.token, there.entry.token):
        return False
    known = passage.ends.destination.capabilities
    if known.keeps_metadata and not carried.same(errand.writing.metadata, there.metadata):
        return False
    mine, theirs = errand.stat.stored_checksum, there.stored_checksum
    if mine is not None and theirs is not None and mine.algorithm is theirs.algorithm:
        return mine.value == theirs.value
    return etag is not None and etag == there.entry.token.etag and known.etag_is_md5.honoured
