"""Whether an ETag of the source may stand for an MD5 that we would have computed ourselves.

The small lane asks for every larger object: MD5 is most of what copying costs a client. It may where the
destination refuses a wrong Content-MD5 and answers with true MD5s, so that a claim which does not hold is
found out before anything is stored, and where the source's ETags were seen to be MD5s: by one object that
we did hash. The first claim that fails ends them all. It moves no bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto

from ferryline.model import digest
from ferryline.model.entry import Stat
from ferryline.storage.store import Store

CLAIM_BYTES_MIN = 64 * 1024
"""Below this an MD5 costs less than the request around it."""

_PLAIN = (None, "AES256")


class Seen(Enum):
    """What the source's ETags of MD5 form were seen to be."""

    NOTHING = auto()
    MD5 = auto()
    SOMETHING_ELSE = auto()


class Claims:
    """The claims of one call of `transfer`."""

    def __init__(self, destination: Store) -> None:
        self._destination = destination
        self._seen = Seen.NOTHING
        self._learning = asyncio.Lock()

    @asynccontextmanager
    async def claim(self, stat: Stat) -> AsyncIterator[bytes | None]:
        """The MD5 that the object claims to have, or None: then hash it inside, and tell `saw`.

        While nothing is known yet, one object at a time is hashed and the others wait for what it shows.
        """
        etag = stat.entry.token.etag
        if etag is None or not _may_be_md5(stat, etag) or not self._finds_out():
            yield None
            return
        if self._seen is Seen.NOTHING:
            async with self._learning:
                if self._seen is Seen.NOTHING:
                    yield None
                    return
        yield bytes.fromhex(etag.decode()) if self._seen is Seen.MD5 else None

    def _finds_out(self) -> bool:
        """Asked each time: the destination is probed only when the first object is about to be copied."""
        known = self._destination.capabilities
        return known.content_md5.honoured and known.etag_is_md5.honoured

    def saw(self, stat: Stat, etag: bytes) -> None:
        """An object with this state was hashed: `etag` is its MD5. An unequal one ends all claims."""
        said = stat.entry.token.etag
        if said is None or not _may_be_md5(stat, said):
            return
        if said != etag:
            self._seen = Seen.SOMETHING_ELSE
        elif self._seen is Seen.NOTHING:
            self._seen = Seen.MD5

    def failed(self) -> None:
        """A claim did not hold, for whatever reason."""
        self._seen = Seen.SOMETHING_ELSE


def _may_be_md5(stat: Stat, etag: bytes) -> bool:
    return stat.encryption in _PLAIN and digest.is_md5_form(etag)
