"""Which tags travel with an object, and what happens where an end has none.

Called by the lanes: `of` before a write, `written` around it, `settled` after a look at what was written.
One `Tagging` per call of `transfer`. A change of tags alone shows in no listing and is not found.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from ferryline import errors
from ferryline.model import event
from ferryline.model.entry import Stat
from ferryline.model.key import printable
from ferryline.storage.capabilities import Capabilities, Support
from ferryline.storage.store import Writing
from ferryline.transfer.manner import Ends, Manner, TagsKept, ask_tags_of, own_tags_of, set_tags_of

R = TypeVar("R")

_CANNOT = (Support.UNSUPPORTED, Support.IGNORED)
_REMEDY = "copy with object_tags NONE (--object-tags NONE)"
_NOTHING: Mapping[str, str] = {}


class Tagging:
    """The tags of the objects of one call."""

    def __init__(self, ends: Ends, manner: Manner) -> None:
        self._ends = ends
        self._manner = manner
        self._told = False

    async def of(self, key: bytes, stat: Stat) -> Mapping[str, str]:
        """The tags that the object's copy is given; asked for only where the source says that it has some.

        Raises ObjectFailed where they cannot be kept and must be, and AccessRefused.
        """
        if self._manner.tags is TagsKept.NO or not stat.tag_count:
            return _NOTHING
        known = self._ends.destination.capabilities
        ask = ask_tags_of(self._ends.source)
        if ask is None or _is_file_system(known):
            return _NOTHING
        if known.tagging in _CANNOT:
            why = "its endpoint forgets them" if known.tagging is Support.IGNORED else "its endpoint has none"
            self._lost(key, self._ends.destination.place, why)
            return _NOTHING
        try:
            return await ask(stat.entry.key, stat.entry.token.version_id)
        except errors.Unsupported as refusal:
            self._lost(key, self._ends.source.place, refusal.message)
            return _NOTHING
        except errors.AccessRefused as refusal:
            raise errors.AccessRefused(
                refusal.message,
                advice=f"{refusal.advice}, or {_REMEDY}",
                key=key,
                place=refusal.place,
                kind=refusal.kind,
            ) from refusal

    async def written(self, key: bytes, writing: Writing, write: Callable[[Writing], Awaitable[R]]) -> R:
        """What `write(writing)` gives; once more without its tags where the endpoint refuses them."""
        try:
            return await write(writing)
        except errors.Unsupported as refusal:
            if not writing.tags:
                raise
            self._lost(key, self._ends.destination.place, refusal.message)
        return await write(replace(writing, tags=_NOTHING))

    async def settled(self, key: bytes, writing: Writing, stat: Stat) -> None:
        """Give an object that was written its tags where its endpoint forgot them.

        radosgw 16 keeps those of a PUT, and none of CreateMultipartUpload and CopyObject.
        """
        destination = self._ends.destination
        set_tags = set_tags_of(destination)
        wanted = {**writing.tags, **own_tags_of(destination)}
        if set_tags is None or destination.capabilities.provider == "aws" or stat.tag_count == len(wanted):
            return
        try:
            await set_tags(key, writing.tags)
        except errors.Unsupported as refusal:
            self._lost(key, destination.place, refusal.message)

    def _lost(self, key: bytes, place: str, why: str) -> None:
        """Tags that cannot be kept: a failure where a person asked for them, else one warning a run."""
        if self._manner.tags is TagsKept.ALWAYS:
            raise errors.ObjectFailed(
                f"the tags of {printable(key)} cannot be kept: {place}: {why}",
                advice=_REMEDY,
                key=key,
                place=place,
                kind="tags-not-kept",
            )
        if not self._told:
            self._told = True
            self._manner.emit(
                event.Warned(
                    f"tags are not kept: {place}: {why}",
                    f"objects are copied without their tags; to say that this is meant, {_REMEDY}",
                )
            )


def _is_file_system(known: Capabilities) -> bool:
    """Files have no tags, which is no reason to say so of each run."""
    return known.hashes_locally and not known.etag_is_md5.honoured
