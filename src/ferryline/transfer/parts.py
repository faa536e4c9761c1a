"""The part lane: a large object in parts, without a disk in between, resumable on any host.

Called by `carry`. One look at the source, an intent, an upload, its parts, Complete, and a HEAD that
says what is there now.
"""

from dataclasses import replace

from ferryline import crash, errors
from ferryline.model import digest
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry
from ferryline.model.key import printable
from ferryline.model.outcome import Transferred
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Completion, Condition, Writing, Written
from ferryline.transfer import carried, digesting, layouts, sending, settle, uploads
from ferryline.transfer.layouts import Shape
from ferryline.transfer.passage import Passage, Trip, condition, refused
from ferryline.transfer.sending import Delivered
from ferryline.transfer.settle import Found, Sent
from ferryline.transfer.uploads import Opened, UploadGone

STARTS = 2
"""How often an object is begun whose upload disappears: lifecycle rules abort old ones once."""


async def send(passage: Passage, trip: Trip) -> Transferred:
    """Copy one object. Raises ObjectMissing and ObjectChanged for the source only."""
    shape = await layouts.learn(passage, trip)
    writing = Writing(
        metadata=carried.metadata(shape.stat, passage.ends, passage.manner),
        condition=_condition(passage, trip),
        modified_ns=carried.modified_ns(shape.stat, passage.manner),
        tags=await passage.tagging.of(trip.key, shape.stat),
    )
    for start in range(1, STARTS + 1):
        try:
            opened = await _open(passage, trip, shape, writing)
            return await _through(passage, trip, shape, opened, writing)
        except UploadGone:
            if start == STARTS:
                raise
    raise errors.BrokenInvariant("an upload was neither completed nor given up", key=trip.key)


async def _open(passage: Passage, trip: Trip, shape: Shape, writing: Writing) -> Opened:
    try:
        return await passage.tagging.written(
            trip.key, writing, lambda one: uploads.open_or_resume(passage, trip, shape, one)
        )
    except (errors.ObjectMissing, errors.ObjectChanged) as strange:
        raise refused(strange) from strange


async def _through(
    passage: Passage, trip: Trip, shape: Shape, opened: Opened, writing: Writing
) -> Transferred:
    """Parts, Complete, HEAD. The upload and its intent are gone afterwards, also after a failure."""
    try:
        delivered = await sending.deliver(passage, trip, shape, opened)
        sent = Sent(
            key=trip.key,
            size_bytes=shape.layout.size_bytes,
            metadata=writing.metadata,
            etag=digest.etag_of_parts(one.md5 for one in delivered.sums),
            crc64nvme=digesting.combined_crc(delivered.sums),
            replaces=trip.against.replaces,
        )
        _compare(passage, trip, shape, sent)
        await _doubt(passage, trip, shape, delivered, sent)
        written = await _complete(passage, opened, delivered, sent, writing)
        found = await _looked(passage, sent, written)
        await _tagged(passage, writing, found)
    except (errors.ObjectFailed, errors.RetryLater):
        await uploads.give_up(passage, opened)
        raise
    if isinstance(written, Found):
        # What was sent lies there, but perhaps another upload brought it: then ours is still open.
        await uploads.give_up(passage, opened)
    else:
        await uploads.finish(passage, opened)
    return Transferred(
        trip.copy,
        trip.source_seen(shape.entry),
        _digest(passage, shape, sent),
        etag=found.entry.token.etag,
        proof=found.proof,
        destination=found.entry,
        bytes_read=trip.bytes_read,
        bytes_written=trip.bytes_written,
        version_id=found.entry.token.version_id,
    )


def _digest(passage: Passage, shape: Shape, sent: Sent) -> Digest:
    """The digest of the source object, a function of it alone: its MD5 where its ETag is one, by what a
    look showed of its encryption, else its CRC64NVME."""
    etag = shape.entry.token.etag
    able = passage.ends.source.capabilities.etag_is_md5
    plain = shape.stat.encryption in (None, "AES256") and able in (Support.HONOURED, Support.UNKNOWN)
    if plain and etag is not None and digest.is_md5_form(etag):
        return Digest(Algorithm.MD5, bytes.fromhex(etag.decode()))
    return Digest(Algorithm.CRC64NVME, sent.crc64nvme)


def _compare(passage: Passage, trip: Trip, shape: Shape, sent: Sent) -> None:
    """Raise DigestMismatch where the source keeps a checksum of the whole that the bytes read do not have."""
    source, told = passage.ends.source, shape.stat.stored_checksum
    whole = shape.stat.entry.size_bytes == shape.layout.size_bytes
    if told is None or not whole or not source.capabilities.stored_checksum.honoured:
        return
    if told.algorithm is Algorithm.CRC64NVME and told.value != sent.crc64nvme:
        raise errors.DigestMismatch(
            f"{printable(trip.entry.key)} came from {source.place} with bytes that do not have its checksum",
            advice="check the network, then run again: nothing was put in its place",
            key=trip.entry.key,
            place=source.place,
        )


async def _doubt(passage: Passage, trip: Trip, shape: Shape, delivered: Delivered, sent: Sent) -> None:
    """Read once more what, cut as the source was, does not have the source's ETag.

    Parts that differ were damaged on the way, this time or the first: DigestMismatch. Twice the same bytes
    are what the source keeps, and its ETags are opaque from then on: that costs one object of a run, as in
    the small lane. A layout that was only guessed shows nothing.
    """
    source = passage.ends.source
    if not shape.told or sent.etag == shape.entry.token.etag:
        return
    able = source.capabilities.etag_is_md5 in (Support.HONOURED, Support.UNKNOWN)
    if not able or shape.stat.encryption not in (None, "AES256"):
        return
    async with passage.doubting:
        if passage.part_etags_are_opaque:
            return
        again = await sending.read_again(passage, trip, shape)
        numbers = [
            str(number)
            for number, (one, other) in enumerate(zip(delivered.sums, again, strict=True), start=1)
            if one.md5 != other.md5
        ]
        if numbers:
            raise errors.DigestMismatch(
                f"{printable(trip.entry.key)} came from {source.place} twice, with other bytes each time "
                f"(part {', '.join(numbers[:5])} of {len(again)})",
                advice="check the network, then run again: nothing was put in its place",
                key=trip.entry.key,
                place=source.place,
            )
        passage.part_etags_are_opaque = True


def _condition(passage: Passage, trip: Trip) -> Condition:
    known = passage.ends.destination.capabilities
    return condition(trip.against, known.complete_if_none_match, known.complete_if_match)


async def _complete(
    passage: Passage, opened: Opened, delivered: Delivered, sent: Sent, writing: Writing
) -> Written | Found:
    """Complete: its answer, or what was found after an answer that left it open."""
    destination = passage.ends.destination
    known = destination.capabilities
    whole = replace(writing, crc64nvme=sent.crc64nvme if known.stored_checksum.honoured else None)
    await passage.manner.may_write()
    crash.point("upload.completing")
    try:
        return await destination.complete_upload(
            opened.upload, Completion(delivered.parts, sent.size_bytes, whole)
        )
    except (errors.RetryLater, errors.DestinationChanged) as cause:
        return await _settled(passage, sent, cause)
    except errors.ObjectMissing as gone:
        # Completed before with the answer lost, or aborted by somebody: only a look can tell.
        lost = UploadGone(gone.message, advice=gone.advice, key=sent.key, place=gone.place)
        return await _settled(passage, sent, lost)
    except errors.ObjectChanged as strange:
        raise refused(strange) from strange


async def _looked(passage: Passage, sent: Sent, written: Written | Found) -> Found:
    crash.point("upload.completed")
    if isinstance(written, Found):
        return written
    if written.token is not None:  # files: it was seen in place, and the answer is its whole token
        return Found(Entry(sent.key, sent.size_bytes, written.token), None)
    try:
        return await settle.look(passage.ends.destination, sent)
    except (errors.ObjectMissing, errors.ObjectChanged) as strange:
        raise refused(strange) from strange


async def _tagged(passage: Passage, writing: Writing, found: Found) -> None:
    """See that what was found has the tags that it was sent with."""
    if found.stat is not None:
        try:
            await passage.tagging.settled(found.entry.key, writing, found.stat)
        except (errors.ObjectMissing, errors.ObjectChanged) as strange:
            raise refused(strange) from strange


async def _settled(passage: Passage, sent: Sent, cause: errors.FerrylineError) -> Found:
    try:
        return await settle.settle(passage.ends.destination, sent, cause)
    except errors.RetryLater as failure:
        if failure.kind != "write-conflict":
            raise
        # S3 asks for a new upload after a conflict on Complete.
        raise UploadGone(failure.message, advice=failure.advice, key=sent.key, place=failure.place) from cause
