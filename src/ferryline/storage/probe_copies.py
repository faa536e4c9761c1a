"""The probe's trials of tags and of server-side copies, each on objects of its own.

Called by `probe`, which removes what they leave. A store without the verb leaves its field unknown.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from ferryline import errors
from ferryline.model.entry import Token
from ferryline.model.place import S3Location
from ferryline.storage import probe_ends as ends
from ferryline.storage.store import ALWAYS, Condition, CopySource, Store, Writing, Written

_TAGS = {"ferryline probe": "a+b"}
_ABSENT = Condition(absent=True)
_NO_SUCH = b"0" * 32

_Tags = Callable[[bytes], Awaitable[Mapping[str, str]]]
_CopyFrom = Callable[[bytes, CopySource, Writing], Awaitable[Written]]


class Bench(Protocol):
    """Where trials are made: a store, and keys that are removed afterwards."""

    store: Store

    def key(self, name: bytes) -> bytes:
        """The key of this name, which will be removed."""
        ...

    async def put(self, name: bytes, writing: Writing | None = None) -> bytes:
        """Write the trial object of this name; its key."""
        ...

    def note(self, key: bytes, version_id: str | None) -> None:
        """A write made this version, which will be removed."""
        ...


async def tagging(bench: Bench) -> bool:
    """Whether tags that came with a write are told afterwards."""
    ask: _Tags | None = getattr(bench.store, "tags", None)
    if ask is None:
        raise errors.ObjectFailed("the store has no tags")
    key = await bench.put(b"tags", Writing(tags=_TAGS))
    try:
        return dict(await ask(key)) == _TAGS
    except errors.RetryLater as strange:
        if strange.kind == "malformed-answer":
            return False  # an answer, though not to this question: `rclone serve s3` sends the object
        raise


async def source_if_match(bench: Bench) -> bool:
    """Whether a copy of another state of its source is refused, and of the right one is not."""
    source = await bench.put(b"copy-source")
    if not await _changed(_copied(bench, b"copied", source, _NO_SUCH)):
        return False
    if await _changed(_copied(bench, b"copied", source, await _etag(bench, source))):
        raise errors.Unsupported("the endpoint refuses every such copy, also of the state that is there")
    return True


async def if_none_match(bench: Bench) -> bool:
    """Whether a second first copy is refused, and a first one is not."""
    source = await bench.put(b"copy-none-source")
    await ends.must_pass(_copied(bench, b"copy-none", source, None, _ABSENT))
    return await ends.refused(_copied(bench, b"copy-none", source, None, _ABSENT))


async def if_match(bench: Bench) -> bool:
    """Whether a copy over another state is refused, and over the right one is not."""
    source, target = await bench.put(b"copy-match-source"), await bench.put(b"copy-match")
    if not await ends.refused(_copied(bench, b"copy-match", source, None, Condition(etag=_NO_SUCH))):
        return False
    right = Condition(etag=await _etag(bench, target))
    await ends.must_pass(_copied(bench, b"copy-match", source, None, right))
    return True


async def _copied(
    bench: Bench, name: bytes, source: bytes, etag: bytes | None, condition: Condition = ALWAYS
) -> None:
    """Copy `source` to the key of this name, with these preconditions on both ends."""
    copy_from: _CopyFrom | None = getattr(bench.store, "copy_from", None)
    where = getattr(bench.store, "location", None)
    if copy_from is None or not isinstance(where, S3Location):
        raise errors.ObjectFailed("the store copies nothing by itself")
    key = bench.key(name)
    named = CopySource(where.bucket, where.prefix + source, Token(etag, 0), size_bytes=0)
    written = await copy_from(key, named, Writing(condition=condition))
    bench.note(key, written.version_id)


async def _etag(bench: Bench, key: bytes) -> bytes | None:
    stat = await bench.store.head(key)
    return None if stat is None else stat.entry.token.etag


async def _changed(copy: Awaitable[None]) -> bool:
    """Whether a copy is refused because its source is another than the one named."""
    try:
        await copy
    except errors.ObjectChanged:
        return True
    return False
