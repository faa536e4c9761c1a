"""What one object of a source shows of the digests its endpoint tells, by reading that object whole.

`pipeline` asks before it compares by what a source that may never be written to says of itself. A probe of
a destination sends wrong digests and sees them refused; here a right one is seen to be right, no more.
"""

import dataclasses
from collections.abc import Callable

from awscrt import checksums

from ferryline import errors
from ferryline.model.digest import Algorithm
from ferryline.model.entry import Entry
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import Pin, Store

SAMPLE_BYTES_MAX = 8 * 1024 * 1024


async def keeps_checksums(store: Store, sample: Entry) -> Capabilities:
    """The store's capabilities, `stored_checksum` HONOURED where HEAD tells the sample's CRC64NVME and the
    sample's bytes have it; as they were where nothing was seen. At most 8 MiB are read."""
    known = store.capabilities
    learn: Callable[[Capabilities], None] | None = getattr(store, "learn", None)
    if learn is None or known.stored_checksum is not Support.UNKNOWN or sample.size_bytes > SAMPLE_BYTES_MAX:
        return known
    asking = dataclasses.replace(known, stored_checksum=Support.HONOURED)
    learn(asking)
    try:
        stat = await store.head(sample.key)
        told = stat.stored_checksum if stat is not None else None
        if told is None or told.algorithm is not Algorithm.CRC64NVME:
            return known
        received = await store.read(sample.key, Pin(sample.token))
    except (errors.ObjectFailed, errors.RetryLater):
        return known
    finally:
        learn(known)
    right = checksums.crc64nvme(received.body).to_bytes(8, "big") == told.value
    return asking if right else dataclasses.replace(known, stored_checksum=Support.IGNORED)
