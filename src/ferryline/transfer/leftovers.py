"""What runs that died left at the destination: found once, offered to whoever copies the same key, ended.

`sweep` is called by `pipeline` when the destination is going to be written; it costs one listing of
`.ferryline/uploads/`. The part lane claims the intents of its key; `Leftovers.clear` ends those that
nobody claimed. An upload without an intent of ours is never touched.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from ferryline import crash, errors
from ferryline.model import event
from ferryline.model.entry import Entry, Token
from ferryline.model.key import KeyRange, printable
from ferryline.storage.store import Pin, Store, Upload
from ferryline.transfer import intents
from ferryline.transfer.crew import crew
from ferryline.transfer.intents import Intent
from ferryline.transfer.manner import Manner, sweep_temporaries_of

_AT_ONCE = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leftover:
    """One intent that was found, and when the store says it was last written (the store's own clock)."""

    intent: Intent
    modified_ns: int


class Leftovers:
    """Intents of dead runs by destination key, each handed out once."""

    def __init__(self, destination: Store, manner: Manner, found: Iterable[Leftover] = ()) -> None:
        self._destination = destination
        self._manner = manner
        self._by_key: dict[bytes, list[Leftover]] = {}
        for one in sorted(found, key=_age):
            self._by_key.setdefault(one.intent.key, []).append(one)

    def __len__(self) -> int:
        return sum(len(some) for some in self._by_key.values())

    def claim(self, key: bytes) -> list[Leftover]:
        """The intents of one destination key, the newest first: the caller resumes or ends them, in this
        order, because what a newer one ends is one candidate less for an older one."""
        return self._by_key.pop(key, [])

    async def end(self, leftover: Leftover) -> None:
        """Abort what it speaks of, then remove it. What fails stays for the next run, with a warning."""
        try:
            await self._end(leftover)
        except (errors.ObjectFailed, errors.RetryLater) as failure:
            self._manner.emit(
                event.Warned(
                    f"an unfinished upload of {printable(leftover.intent.key)} in "
                    f"{self._destination.place} could not be ended: {failure}",
                    "the next run tries again; a lifecycle rule that aborts uploads after some days is wise",
                )
            )

    async def clear(self) -> None:
        """End every intent that nobody claimed. Called when all copies of the run are done."""
        left = list(self._by_key.values())
        self._by_key.clear()
        async with aclosing(crew(_each(left), self._end_all, _AT_ONCE)) as ended:
            async for _ in ended:
                pass

    async def _end_all(self, of_one_key: list[Leftover]) -> None:
        for one in of_one_key:
            await self.end(one)

    async def _end(self, leftover: Leftover) -> None:
        intent = leftover.intent
        upload = intent.upload or await self._unnoted(leftover)
        await self._manner.may_write()
        if upload is not None:
            crash.point("upload.aborting")
            await self._destination.abort_upload(upload)
            crash.point("upload.aborted")
        crash.point("intent.removing")
        await self._destination.delete(intent.place)
        crash.point("intent.removed")

    async def _unnoted(self, leftover: Leftover) -> Upload | None:
        """The upload that was opened for an intent but not noted in it, if one can be told for certain.

        Of that key, not there before, begun after the intent was written, without any part, and the
        only such one: anything else may be somebody else's.
        """
        before = leftover.intent.before
        if before is None:
            return None
        try:
            open_now = await self._destination.open_uploads(leftover.intent.key)
        except errors.Unsupported:
            return None
        second = 1_000_000_000
        candidates: list[Upload] = []
        for upload in open_now:
            if upload.key != leftover.intent.key or upload.upload_id in before or upload.initiated is None:
                continue
            if int(upload.initiated.timestamp()) < leftover.modified_ns // second:
                continue
            if not await self._has_parts(upload):
                candidates.append(upload)
        return candidates[0] if len(candidates) == 1 else None

    async def _has_parts(self, upload: Upload) -> bool:
        try:
            return bool(await self._destination.uploaded_parts(upload))
        except errors.ObjectMissing:
            return True  # gone meanwhile: nothing to end


def _age(one: Leftover) -> tuple[int, int]:
    """The newest first; of one moment, the one that saw more uploads before its own."""
    return -one.modified_ns, -len(one.intent.before or ())


async def sweep(destination: Store, manner: Manner) -> Leftovers:
    """Find the intents of dead runs and remove temporary files of ours that belong to none.

    Call it when the destination is going to be written and its lock is held, before the first write;
    hand the result to `transfer`, and `clear` it when all copies are done.
    """
    listed = [entry async for entry in _listed(destination)]

    async def read(entry: Entry) -> Leftover | None:
        return await _read(destination, manner, entry)

    async with aclosing(crew(_each(listed), read, _AT_ONCE)) as leftovers:
        found = [one async for one in leftovers if one is not None]
    sweep_temporaries = sweep_temporaries_of(destination)
    if sweep_temporaries is not None:
        keep = {one.intent.upload_id for one in found if one.intent.upload_id is not None}
        await sweep_temporaries(keep)
    return Leftovers(destination, manner, found)


async def _listed(destination: Store) -> AsyncIterator[Entry]:
    async for page in destination.pages(KeyRange(prefix=intents.FOLDER)):
        columns = ("key", "size", "etag", "modified_ns", "change_ns", "inode")
        for key, size_bytes, *token in zip(
            *(page.rows.column(name).to_pylist() for name in columns), strict=True
        ):
            name = key[len(intents.FOLDER) :].decode("ascii", "replace")
            if intents.is_name(name) and size_bytes <= intents.DOCUMENT_BYTES_MAX:
                yield Entry(key, size_bytes, Token(*token))


async def _read(destination: Store, manner: Manner, entry: Entry) -> Leftover | None:
    try:
        received = await destination.read(entry.key, Pin(entry.token))
    except (errors.ObjectMissing, errors.ObjectChanged):
        return None  # another run is at work on it
    name = entry.key[len(intents.FOLDER) :].decode()
    intent = intents.parse(name, bytes(received.body))
    if intent is None:
        manner.emit(
            event.Warned(
                f"{printable(entry.key)} in {destination.place} is not an upload's intent of ours",
                "it was left alone; remove it if nobody knows it",
            )
        )
        return None
    return Leftover(intent, entry.token.modified_ns)


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for one in items:
        yield one
