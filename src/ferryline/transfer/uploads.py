"""Opening, resuming and ending an upload, with its intent before and after: every durable step in order.

Called by the part lane. The order is what lets any host go on after a crash at any point:
intent, Create, id noted, parts, Complete, intent removed; or abort, then intent removed.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ferryline import crash, errors
from ferryline.model import event
from ferryline.model.key import printable
from ferryline.model.span import Layout
from ferryline.storage.store import Part, Store, Upload, Writing
from ferryline.transfer import digesting, intents
from ferryline.transfer.intents import Intent
from ferryline.transfer.layouts import Shape
from ferryline.transfer.leftovers import Leftover
from ferryline.transfer.passage import Passage, Trip


class UploadGone(errors.ObjectFailed):
    """The upload is not there any more (a lifecycle rule, or somebody, aborted it), or nobody told its id:
    start again."""

    kind = "upload-missing"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open upload with its intent; `have` are the parts an earlier run left, by number."""

    intent: Intent
    upload: Upload
    layout: Layout
    have: Mapping[int, Part] = field(default_factory=dict)


async def open_or_resume(passage: Passage, trip: Trip, shape: Shape, writing: Writing) -> Opened:
    """Go on with what a dead run left for the same source state, or open a new upload.

    Whatever else was left for this key is ended: another state of the source, another layout, other
    metadata, or an upload that is gone.
    """
    wanted = _intent(passage, trip, shape, writing)
    resumed: Opened | None = None
    for leftover in passage.leftovers.claim(trip.key):
        if resumed is None:
            resumed = await _resumed(passage, leftover, wanted, shape.layout)
            if resumed is not None:
                continue
        await passage.leftovers.end(leftover)
    return resumed if resumed is not None else await _open(passage, wanted, shape.layout, writing)


async def finish(passage: Passage, opened: Opened) -> None:
    """The object is in place: remove the intent. Failing to is a warning, never the object's failure."""
    await passage.leftovers.end(Leftover(replace(opened.intent, upload_id=None, before=None), 0))


async def give_up(passage: Passage, opened: Opened) -> None:
    """Abort the upload, then remove its intent; what cannot be aborted keeps its intent for the next run."""
    await passage.leftovers.end(Leftover(opened.intent, 0))


def _intent(passage: Passage, trip: Trip, shape: Shape, writing: Writing) -> Intent:
    manner = passage.manner
    return Intent(
        name=f"{manner.chance.getrandbits(128):032x}",
        run_id=manner.run_id,
        source=passage.ends.source.place,
        key=trip.key,
        entry=intents.state_of(trip.entry),
        part_bytes=shape.layout.part_bytes,
        carries=intents.carries(writing.metadata, writing.tags),
        written_at=manner.clock.now(),
    )


async def _resumed(passage: Passage, leftover: Leftover, wanted: Intent, layout: Layout) -> Opened | None:
    upload = leftover.intent.upload
    if upload is None or not leftover.intent.speaks_of(wanted):
        return None
    try:
        parts = await passage.ends.destination.uploaded_parts(upload)
    except errors.ObjectFailed:  # gone, or not readable as ours: begin anew
        return None
    fitting = {
        part.number: part
        for part in parts
        if part.number <= layout.count and part.size_bytes == layout.span(part.number).size_bytes
    }
    return Opened(leftover.intent, upload, layout, fitting)


async def _open(passage: Passage, wanted: Intent, layout: Layout, writing: Writing) -> Opened:
    destination = passage.ends.destination
    try:
        open_now = await destination.open_uploads(wanted.key)
        wanted = replace(wanted, before=tuple(one.upload_id for one in open_now if one.key == wanted.key))
    except errors.Unsupported:
        pass  # `before` stays unknown, and an upload that was not noted is left to lifecycle rules
    crash.point("upload.intending")
    try:
        await _note(passage, wanted)
        crash.point("upload.intended")
        upload = await destination.create_upload(wanted.key, layout, writing)
        crash.point("upload.created")
    except (errors.ObjectFailed, errors.RetryLater) as failure:
        await _undo(passage, wanted)
        if isinstance(failure, errors.RetryLater) and failure.effect_possible:
            raise UploadGone(
                failure.message, advice=failure.advice, key=wanted.key, place=failure.place, kind=failure.kind
            ) from failure
        raise
    noted = replace(wanted, upload_id=upload.upload_id)
    opened = Opened(noted, upload, layout)
    try:
        await _note(passage, noted)
    except (errors.ObjectFailed, errors.RetryLater):
        await give_up(passage, opened)
        raise
    crash.point("upload.noted")
    if noted.before is not None and not destination.capabilities.hashes_locally:
        try:
            await _end_strays(destination, noted.before, upload)
        except (errors.ObjectFailed, errors.RetryLater) as failure:
            passage.manner.emit(
                event.Warned(
                    f"whether opening an upload of {printable(upload.key)} in {destination.place} left "
                    f"another one behind could not be seen: {failure}",
                    "a lifecycle rule that aborts uploads after some days is wise",
                )
            )
    return opened


async def _end_strays(destination: Store, before: tuple[str, ...], upload: Upload) -> None:
    """Abort what earlier attempts of this Create opened: a wrapper may have repeated it after a lost reply.

    Of this key, not there before, begun no later than the upload we know, and without a part.
    """
    known = {*before, upload.upload_id}
    open_now = [one for one in await destination.open_uploads(upload.key) if one.key == upload.key]
    ours = next((one.initiated for one in open_now if one.upload_id == upload.upload_id), None)
    for one in open_now:
        if one.upload_id in known or ours is None or one.initiated is None or one.initiated > ours:
            continue
        with contextlib.suppress(errors.ObjectMissing):
            if not await destination.uploaded_parts(one):
                await destination.abort_upload(one)


async def _note(passage: Passage, intent: Intent) -> None:
    destination = passage.ends.destination
    body = intent.document()
    sums = digesting.sums_of(body)
    await destination.write(intent.place, body, Writing(md5=sums.md5))


async def _undo(passage: Passage, intent: Intent) -> None:
    """End an intent whose upload was perhaps opened without an answer.

    The store's own clock tells which uploads are newer, so the intent is looked at first. Where it
    cannot be, it stays as it is, and the next run does this.
    """
    destination = passage.ends.destination
    try:
        stat = await destination.head(intent.place)
    except (errors.ObjectFailed, errors.RetryLater) as failure:
        passage.manner.emit(
            event.Warned(
                f"whether an upload of {printable(intent.key)} in {destination.place} was opened "
                f"could not be seen: {failure}",
                "the next run looks again",
            )
        )
        return
    if stat is not None:
        await passage.leftovers.end(Leftover(intent, stat.entry.token.modified_ns))
