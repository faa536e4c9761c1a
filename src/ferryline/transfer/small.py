"""The small lane: one pinned GET, one PUT, no HEAD; the object is held in memory whole.

Called by `carry` for objects that fit the buffer and need no parts. Digests are computed in between,
over the bytes that are sent, unless the source's ETag can stand for them (`claims`).
"""

from ferryline import crash, errors
from ferryline.model import digest
from ferryline.model.digest import Evidence
from ferryline.model.entry import Entry
from ferryline.model.key import printable
from ferryline.model.outcome import Transferred
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import Pin, Received, Writing, Written
from ferryline.transfer import carried, digesting
from ferryline.transfer.claims import CLAIM_BYTES_MIN
from ferryline.transfer.digesting import Sums
from ferryline.transfer.passage import Passage, Trip, condition, digest_of, other_size, refused
from ferryline.transfer.settle import Found, Sent, settle

_PLAIN = (None, "AES256")
_MAY_TAKE_MD5 = (Support.HONOURED, Support.UNKNOWN)


async def send(passage: Passage, trip: Trip) -> Transferred:
    """Copy one object. Raises ObjectMissing and ObjectChanged for the source only."""
    async with passage.budget.take(trip.entry.size_bytes):
        received = await _read(passage, trip)
        if trip.entry.size_bytes >= CLAIM_BYTES_MIN:
            done, sums = await _send_on_claim(passage, trip, received)
            if done is not None:
                return done
            if sums is None:
                received = await _read(passage, trip)
                sums = await digesting.summed(received.body)
        else:
            sums = digesting.sums_of(received.body)
            passage.claims.saw(received.stat, sums.etag)
        if _contradicts(passage, received, sums):
            received, sums = await _read_again(passage, trip, sums)
        return await _write(passage, trip, received, sums)


async def _read(passage: Passage, trip: Trip) -> Received:
    entry, source = trip.entry, passage.ends.source
    received = await source.read(entry.key, Pin(entry.token))
    size_bytes = len(received.body)
    if not received.shared:
        trip.bytes_read += size_bytes
        passage.motion.read(size_bytes)
    if size_bytes != entry.size_bytes:
        raise other_size(entry, received.stat, source.place, size_bytes)
    return received


async def _send_on_claim(
    passage: Passage, trip: Trip, received: Received
) -> tuple[Transferred | None, Sums | None]:
    """The outcome where the source's ETag could stand for our MD5; else what we computed, or neither
    where the claim did not hold: then nothing is known of the bytes in hand."""
    async with passage.claims.claim(received.stat) as md5:
        if md5 is None:
            sums = await digesting.summed(received.body)
            passage.claims.saw(received.stat, sums.etag)
            return None, sums
    claimed = digesting.claimed(received.body, md5)
    try:
        done = await _write(passage, trip, received, claimed)
    except (errors.DigestMismatch, errors.RetryLater) as failure:
        if failure.kind != errors.DigestMismatch.kind:
            raise
    else:
        if done.proof is Evidence.ETAG_MD5:
            return done, None
        # Nobody compared yet: the answer did not tell the MD5, or was lost.
        if (await digesting.summed(received.body)).md5 == md5:
            return done, None
    passage.claims.failed()
    return None, None


def _contradicts(passage: Passage, received: Received, sums: Sums) -> bool:
    """Whether the source's ETag, which looks like an MD5, is not that of the bytes that came."""
    etag = received.stat.entry.token.etag
    return (
        etag is not None
        and etag != sums.etag
        and not passage.etags_are_opaque
        and passage.ends.source.capabilities.etag_is_md5 in _MAY_TAKE_MD5
        and received.stat.encryption in _PLAIN
        and digest.is_md5_form(etag)
    )


async def _read_again(passage: Passage, trip: Trip, first: Sums) -> tuple[Received, Sums]:
    """Read once more what contradicted its ETag: damaged on the way, or an ETag that is no MD5 at all.

    A source is never written to, so mostly nothing has shown what its ETags mean. Twice the same bytes
    do: they are what the source keeps, and its ETags are opaque from then on. Bytes that differ, or a
    source whose ETags are known to be MD5s, are damage: DigestMismatch.
    """
    received = await _read(passage, trip)
    sums = await digesting.summed(received.body)
    if _contradicts(passage, received, sums):
        if passage.ends.source.capabilities.etag_is_md5.honoured or sums.md5 != first.md5:
            raise _damaged(passage, trip)
        passage.etags_are_opaque = True
    return received, sums


def _damaged(passage: Passage, trip: Trip) -> errors.DigestMismatch:
    place = passage.ends.source.place
    return errors.DigestMismatch(
        f"{printable(trip.entry.key)} came from {place} with bytes that are not those of its ETag, twice",
        advice="check the network and the source: either damages bytes, or the object is damaged there",
        key=trip.entry.key,
        place=place,
    )


async def _write(passage: Passage, trip: Trip, received: Received, sums: Sums) -> Transferred:
    destination, manner = passage.ends.destination, passage.manner
    known = destination.capabilities
    writing = Writing(
        metadata=carried.metadata(received.stat, passage.ends, manner),
        condition=condition(trip.against, known.write_if_none_match, known.write_if_match),
        md5=sums.md5 if known.content_md5 in _MAY_TAKE_MD5 else None,
        crc64nvme=sums.crc64nvme if known.stored_checksum.honoured else None,
        modified_ns=carried.modified_ns(received.stat, manner),
        tags=await passage.tagging.of(trip.key, received.stat),
    )
    found: Found | None = None
    written = Written(None)
    crash.point("object.writing")
    try:
        written = await passage.tagging.written(
            trip.key, writing, lambda one: destination.write(trip.key, received.body, one)
        )
    except (errors.RetryLater, errors.DestinationChanged) as cause:
        # The answer may be lost, or a repetition may have met the first attempt's own effect.
        sent = Sent(
            trip.key, sums.size_bytes, writing.metadata, sums.etag, sums.crc64nvme, trip.against.replaces
        )
        found = await settle(destination, sent, cause)
    except (errors.ObjectMissing, errors.ObjectChanged) as strange:
        raise refused(strange) from strange
    crash.point("object.written")
    trip.bytes_written += sums.size_bytes
    passage.motion.wrote(sums.size_bytes)
    source = trip.source_seen(received.stat.entry)
    if found is not None:
        return _settled(trip, source, sums, found)
    return Transferred(
        trip.copy,
        source,
        digest_of(source, sums),
        etag=written.etag,
        proof=_proof(written, sums, known),
        destination=_entry(trip, written, sums),
        bytes_read=trip.bytes_read,
        bytes_written=trip.bytes_written,
        version_id=written.version_id,
    )


def _settled(trip: Trip, source: Entry, sums: Sums, found: Found) -> Transferred:
    return Transferred(
        trip.copy,
        source,
        digest_of(source, sums),
        etag=found.entry.token.etag,
        proof=found.proof,
        destination=found.entry,
        bytes_read=trip.bytes_read,
        bytes_written=trip.bytes_written,
    )


def _proof(written: Written, sums: Sums, known: Capabilities) -> Evidence | None:
    """What the answer proves. An ETag that is not our MD5 disproves nothing (KMS)."""
    if written.etag is not None and known.etag_is_md5.honoured and written.etag == sums.etag:
        return Evidence.ETAG_MD5
    stored = written.stored_checksum
    if stored is not None and known.stored_checksum.honoured and stored.value == sums.crc64nvme:
        return Evidence.STORED_CHECKSUM
    return None


def _entry(trip: Trip, written: Written, sums: Sums) -> Entry | None:
    return None if written.token is None else Entry(trip.key, sums.size_bytes, written.token)
