"""What the workers of one call of `transfer` share, and what each carries with one object.

Made by `carry`; the lanes get it. Only counters change in a `Passage` and a `Trip`.
"""

import asyncio
import re
from dataclasses import dataclass, field, replace

from ferryline import errors
from ferryline.model import digest, span
from ferryline.model.action import Copy
from ferryline.model.digest import Algorithm, Digest
from ferryline.model.entry import Entry, Stat, Token
from ferryline.model.key import printable
from ferryline.storage.capabilities import Support
from ferryline.storage.store import ALWAYS, Condition
from ferryline.transfer.budget import Budget
from ferryline.transfer.claims import Claims
from ferryline.transfer.digesting import Sums
from ferryline.transfer.endpoint import ServerSide
from ferryline.transfer.leftovers import Leftovers
from ferryline.transfer.manner import Ends, Manner
from ferryline.transfer.motion import Motion
from ferryline.transfer.refusals import Refusals
from ferryline.transfer.tagging import Tagging

_SECOND = 1_000_000_000
_COMPRESSED = {"gzip", "x-gzip", "br", "deflate", "zstd"}


@dataclass(slots=True)
class Passage:
    """One call of `transfer`: both ends, the manner, and what all its objects share."""

    ends: Ends
    manner: Manner
    budget: Budget
    motion: Motion
    refusals: Refusals
    leftovers: Leftovers
    buffer_bytes_max: int = field(init=False)
    """The largest piece of an object that is held in memory whole."""
    claims: Claims = field(init=False)
    tagging: Tagging = field(init=False)
    server_side: ServerSide = field(init=False)
    etags_are_opaque: bool = field(init=False, default=False)
    """An object read twice alike was not what its ETag says: the source's ETags of MD5 form are none."""
    part_etags_are_opaque: bool = field(init=False, default=False)
    """The same of its ETags of the form that uploads in parts have."""
    doubting: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """Large objects are read a second time one after the other: the first may spare the others that."""

    def __post_init__(self) -> None:
        self.claims = Claims(self.ends.destination)
        self.tagging = Tagging(self.ends, self.manner)
        self.server_side = ServerSide(self.ends, self.manner)
        self.buffer_bytes_max = min(span.PART_BUDGET_BYTES, self.budget.total_bytes)


@dataclass(slots=True)
class Trip:
    """One object on its way: `entry` is the source state that is copied now, `key` is where it goes."""

    copy: Copy
    key: bytes
    entry: Entry
    bytes_read: int = 0
    bytes_written: int = 0
    ours: Entry | None = None
    """What an attempt of ours put there that turned out wrong: the next one replaces that."""

    @property
    def against(self) -> Copy:
        """The copy as it must be done now: `replaces` is what lies there by now."""
        return self.copy if self.ours is None else replace(self.copy, replaces=self.ours)

    def source_seen(self, seen: Entry) -> Entry:
        """The source entry to record: the listed one while it names the same state, because a listing
        may tell times more finely than a HEAD, and the next listing is compared with it."""
        return self.copy.source if same_state(self.copy.source.token, seen.token) else seen


def same_state(listed: Token, seen: Token) -> bool:
    """Whether two looks saw one state; with ETags, times are compared in whole seconds (HTTP dates)."""
    if listed.etag is not None or seen.etag is not None:
        return listed.etag == seen.etag and listed.modified_ns // _SECOND == seen.modified_ns // _SECOND
    mine = listed.modified_ns, listed.change_ns, listed.inode
    return mine == (seen.modified_ns, seen.change_ns, seen.inode)


def digest_of(source: Entry, sums: Sums) -> Digest:
    """The digest of a whole object that was hashed in one piece: a function of the source object alone.

    MD5; CRC64NVME for what was uploaded in parts, so that it does not matter which lane it took.
    """
    if source.token.etag is not None and digest.part_count(source.token.etag) is not None:
        return Digest(Algorithm.CRC64NVME, sums.crc64nvme)
    return Digest(Algorithm.MD5, sums.md5)


def condition(copy: Copy, absent: Support, match: Support) -> Condition:
    """The precondition of a write, as far as the endpoint honours it for this verb."""
    if copy.replaces is None:
        return Condition(absent=True) if absent.honoured else ALWAYS
    etag = copy.replaces.token.etag
    return Condition(etag=etag) if etag is not None and match.honoured else ALWAYS


def changed(entry: Entry, place: str, why: str) -> errors.ObjectChanged:
    """The source object is not what was listed, as this room saw it."""
    return errors.ObjectChanged(
        f"{printable(entry.key)} in {place} changed: {why}",
        advice="it is looked at again",
        key=entry.key,
        place=place,
    )


def other_size(entry: Entry, stat: Stat, place: str, size_bytes: int) -> errors.FerrylineError:
    """Not as many bytes came as were listed: the object changed, unless the answer names the very state that
    was listed. What makes such an answer smaller is a proxy that compresses, and it will do so again."""
    etag, encoding = entry.token.etag, ""
    if stat.metadata is not None:
        encoding = stat.metadata.system.get("content-encoding", "").lower()
    why = f"{size_bytes} bytes came of {entry.size_bytes}"
    if (
        etag is None
        or stat.entry.token.etag != etag
        or not _COMPRESSED & set(re.findall(r"[\w-]+", encoding))
    ):
        return changed(entry, place, why)
    return errors.EndpointFailed(
        f"{printable(entry.key)} in {place} came compressed ({encoding}) although nobody asked for it: {why}",
        advice="a proxy on the way compresses answers: turn that off for S3, or go around it",
        key=entry.key,
        place=place,
        kind="transparent-compression",
    )


def refused(error: errors.FerrylineError) -> errors.ObjectFailed:
    """A destination's error that must not be mistaken for one of the source's."""
    return errors.ObjectFailed(
        error.message, advice=error.advice, key=error.key, place=error.place, kind=error.kind
    )
