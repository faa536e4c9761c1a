"""After a write: what the destination holds now, and whether that is what was sent.

Called by the lanes, after every completed upload and whenever a write's answer is lost or says that
somebody else was there. Right size, digest and metadata is success, whoever wrote it; it writes nothing.
"""

from dataclasses import dataclass

from ferryline import errors
from ferryline.model.digest import Algorithm, Evidence, evidence_of_etag
from ferryline.model.entry import Entry, Metadata, Stat
from ferryline.model.key import printable
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Pin, Store
from ferryline.transfer import carried
from ferryline.transfer.digesting import Running
from ferryline.transfer.passage import same_state


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and what it replaced; `etag` is what an honest store calls it."""

    key: bytes
    size_bytes: int
    metadata: Metadata
    etag: bytes
    crc64nvme: bytes
    replaces: Entry | None


@dataclass(frozen=True, slots=True)
class Found:
    """The destination's object, and why it is believed to be what was sent, if something tells."""

    entry: Entry
    proof: Evidence | None
    stat: Stat | None = None
    """What the look said beside."""


def proof_of(stat: Stat, sent: Sent, known: Capabilities) -> Evidence | None:
    """What a HEAD alone proves."""
    etag = stat.entry.token.etag
    if etag is not None and etag == sent.etag and known.etag_is_md5.honoured:
        return evidence_of_etag(etag)
    stored = stat.stored_checksum
    if known.stored_checksum.honoured and stored is not None and stored.value == sent.crc64nvme:
        return Evidence.STORED_CHECKSUM
    return None


def contradicts(stat: Stat, sent: Sent, known: Capabilities) -> bool:
    """Whether a HEAD alone shows that these are other bytes. An unequal ETag does not (KMS)."""
    if stat.entry.size_bytes != sent.size_bytes:
        return True
    stored = stat.stored_checksum
    return (
        known.stored_checksum.honoured
        and stored is not None
        and stored.algorithm is Algorithm.CRC64NVME
        and stored.value != sent.crc64nvme
    )


async def look(destination: Store, sent: Sent) -> Found:
    """After a write that was answered: HEAD, because no answer to Complete proves an identity.

    Raises DestinationChanged where something else lies there. `proof` is None where a HEAD tells
    too little: whoever verifies reads back.
    """
    stat = await destination.head(sent.key)
    if stat is None or contradicts(stat, sent, destination.capabilities):
        raise _replaced(destination, sent)
    return Found(stat.entry, proof_of(stat, sent, destination.capabilities), stat)


async def settle(destination: Store, sent: Sent, cause: errors.FerrylineError) -> Found:
    """After a write whose outcome is open: success if what was sent lies there, else raises.

    Raises `cause` when nothing was written or it cannot be seen, DestinationChanged when
    something else lies there.
    """
    try:
        stat = await destination.head(sent.key)
    except (errors.ObjectFailed, errors.RetryLater) as blind:
        raise cause from blind
    if stat is None:
        raise cause
    known = destination.capabilities
    right_metadata = not known.keeps_metadata or carried.same(sent.metadata, stat.metadata)
    possible = right_metadata and not contradicts(stat, sent, known)
    proof = proof_of(stat, sent, known) if possible else None
    if proof is not None:
        return Found(stat.entry, proof, stat)
    if sent.replaces is not None and same_state(sent.replaces.token, stat.entry.token):
        raise cause
    if not possible or not await _reads_the_same(destination, stat.entry, sent):
        raise _replaced(destination, sent) from cause
    return Found(stat.entry, Evidence.READ_BACK, stat)


async def _reads_the_same(destination: Store, entry: Entry, sent: Sent) -> bool:
    running = Running()
    try:
        async with destination.stream(sent.key, Pin(entry.token)) as chunks:
            async for chunk in chunks:
                await running.take(chunk)
    except (errors.ObjectMissing, errors.ObjectChanged):
        return False
    sums = running.sums
    return sums.size_bytes == sent.size_bytes and sums.crc64nvme == sent.crc64nvme


def _replaced(destination: Store, sent: Sent) -> errors.DestinationChanged:
    return errors.DestinationChanged(
        f"{printable(sent.key)} in {destination.place} is not what was written: somebody else wrote it",
        advice="it was left as it is; run again to compare",
        key=sent.key,
        place=destination.place,
    )
