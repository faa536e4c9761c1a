"""Server-side copies: the endpoint copies by itself, and no byte comes here.

Called by `carry` before the ordinary lanes, where both ends are one endpoint's. A look at the source, the
copy, a look at the destination. What the endpoint refuses, and what a look cannot tell, is left to the
ordinary lanes (None). An ETag proves nothing here: some endpoints carry the source's along.
"""

from dataclasses import replace

from ferryline import crash, errors
from ferryline.model import digest
from ferryline.model.digest import Algorithm, Digest, Evidence
from ferryline.model.entry import Entry, Stat
from ferryline.model.outcome import Transferred
from ferryline.storage.capabilities import Support
from ferryline.storage.store import Writing, Written
from ferryline.transfer import carried, copied_parts, layouts
from ferryline.transfer.copied_parts import Errand
from ferryline.transfer.endpoint import asked
from ferryline.transfer.passage import Passage, Trip, condition

_PLAIN = (None, "AES256")
_MAY_BE_MD5 = (Support.HONOURED, Support.UNKNOWN)
_OF_THE_OBJECT = frozenset({"bad-metadata", "too-many-tags", "metadata-too-large", "too-large"})
"""Kinds of failures that the ordinary lanes would meet as well."""


async def send(passage: Passage, trip: Trip) -> Transferred | None:
    """Copy one object. None leaves it to the ordinary lanes. Raises ObjectMissing and ObjectChanged for
    the source only."""
    server_side, known = passage.server_side, passage.ends.destination.capabilities
    stat = await layouts.look(passage, trip.entry)
    entry = Entry(trip.entry.key, trip.entry.size_bytes, stat.entry.token, trip.entry.storage_class)
    source = server_side.source_of(entry, stat, known.copy_source_if_match)
    writing = Writing(
        metadata=carried.metadata(stat, passage.ends, passage.manner),
        tags=await passage.tagging.of(trip.key, stat),
    )
    errand = Errand(trip, stat, entry, source, writing)
    try:
        if entry.size_bytes > known.copy_bytes_max:
            there = await copied_parts.copied(passage, errand)
        else:
            there = await _copied(passage, errand)
        proof = None if there is None else _proof(passage, stat, there)
    except (errors.ObjectMissing, errors.ObjectChanged, errors.ObjectArchived, errors.KeyRefused):
        raise
    except (errors.ObjectFailed, errors.RetryLater) as failure:
        if failure.kind in _OF_THE_OBJECT:
            raise
        server_side.refused(failure)
        return None
    if there is None:
        return None
    await passage.tagging.settled(trip.key, writing, there)
    server_side.worked()
    return Transferred(
        trip.copy,
        trip.source_seen(entry),
        _digest(passage, stat),
        etag=there.entry.token.etag,
        proof=proof,
        destination=there.entry,
    )


async def _copied(passage: Passage, errand: Errand) -> Stat | None:
    """CopyObject and a look: what lies there now, or None where it cannot be told to be the copy."""
    destination, trip = passage.ends.destination, errand.trip
    known = destination.capabilities
    only = condition(trip.against, known.copy_if_none_match, known.copy_if_match)
    crash.point("object.copying")
    try:
        conditional = replace(errand.writing, condition=only)
        written = await asked(
            destination, lambda copies: copies.copy_from(trip.key, errand.source, conditional)
        )
    except (errors.RetryLater, errors.DestinationChanged) as cause:
        # The answer may be lost, or a repetition may have met the first attempt's own effect.
        there = await destination.head(trip.key)
        if there is not None and copied_parts.recognised(passage, errand, there, errand.entry.token.etag):
            return there
        if isinstance(cause, errors.RetryLater):
            raise
        return None
    crash.point("object.copied")
    there = await destination.head(trip.key)
    if there is None or there.entry.token.etag != written.etag:
        return None  # somebody else was there since, or its answers contradict each other
    # Whatever is found wrong from here on, the copy that lies there is ours to replace.
    trip.ours = there.entry
    if not _pinned(errand, written, known.copy_source_if_match):
        await layouts.look(passage, errand.entry)
    if there.entry.size_bytes != errand.entry.size_bytes:
        raise errors.DigestMismatch(
            f"its copy has {there.entry.size_bytes} bytes of {errand.entry.size_bytes}", key=trip.key
        )
    return there


def _pinned(errand: Errand, written: Written, honours: Support) -> bool:
    """Whether the endpoint can only have copied the state that was looked at."""
    token = errand.entry.token
    return honours.honoured or token.version_id is not None or written.etag == token.etag


def _proof(passage: Passage, stat: Stat, there: Stat) -> Evidence:
    """Equal checksums that the endpoint keeps of both, else its word. Raises DigestMismatch."""
    source, destination = passage.ends.source.capabilities, passage.ends.destination.capabilities
    mine, theirs = stat.stored_checksum, there.stored_checksum
    if mine is None or theirs is None or mine.algorithm is not theirs.algorithm:
        return Evidence.SERVER_COPY
    if not (source.stored_checksum.honoured and destination.stored_checksum.honoured):
        return Evidence.SERVER_COPY
    if mine.value != theirs.value:
        raise errors.DigestMismatch(
            f"its copy has the checksum {theirs} and the source {mine}", key=stat.entry.key
        )
    return Evidence.STORED_CHECKSUM


def _digest(passage: Passage, stat: Stat) -> Digest | None:
    """A function of the source object alone, as far as looks tell: no byte of it was read."""
    etag = stat.entry.token.etag
    supports = (
        passage.ends.source.capabilities.etag_is_md5,
        passage.ends.destination.capabilities.etag_is_md5,
    )
    believed = all(one in _MAY_BE_MD5 for one in supports) and not passage.etags_are_opaque
    if believed and etag is not None and stat.encryption in _PLAIN and digest.is_md5_form(etag):
        return Digest(Algorithm.MD5, bytes.fromhex(etag.decode()))
    stored = stat.stored_checksum
    if stored is not None and passage.ends.source.capabilities.stored_checksum.honoured:
        return stored
    return None
