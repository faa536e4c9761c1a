"""The parts of one object: read by pinned ranges, hashed, sent, several at once within the budget.

Called by the part lane. Parts that are there already are read and hashed again and not sent. A part
that is larger than the buffer is streamed, where the destination can take it so.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from ferryline import crash, errors
from ferryline.model import span as spans
from ferryline.model.span import Span
from ferryline.storage.capabilities import Capabilities
from ferryline.storage.store import Part, Pin
from ferryline.transfer import digesting
from ferryline.transfer.digesting import Running, Sums
from ferryline.transfer.layouts import Shape
from ferryline.transfer.manner import StreamPart, stream_part_of
from ferryline.transfer.passage import Passage, Trip, changed, refused
from ferryline.transfer.uploads import Opened, UploadGone

PARTS_AT_ONCE = 16
"""Parts of one object under way at once, at most; the memory budget usually allows fewer."""
STREAM_BYTES = 4 * spans.MIB
"""What a streamed part is reckoned to hold in memory: a few chunks on either side."""
STREAM_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every part at the destination, in order, with what was computed over the bytes sent."""

    parts: tuple[Part, ...]
    sums: tuple[Sums, ...]


async def deliver(passage: Passage, trip: Trip, shape: Shape, opened: Opened) -> Delivered:
    """Bring every part there. Raises ObjectMissing and ObjectChanged for the source only, UploadGone
    for the upload, after the other parts under way were cancelled."""
    sender = _Sender(passage, trip, shape, opened)
    layout = opened.layout
    held = max(1, min(layout.part_bytes, layout.size_bytes))
    if held > passage.buffer_bytes_max and stream_part_of(passage.ends.destination) is not None:
        held = STREAM_BYTES
    at_once = max(1, min(layout.count, PARTS_AT_ONCE, passage.budget.total_bytes // held))
    numbers = layout.spans()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(sender.serve(numbers))
    except BaseExceptionGroup as several:
        raise worst(several) from several
    order = range(1, layout.count + 1)
    return Delivered(
        tuple(sender.parts[number] for number in order), tuple(sender.sums[number] for number in order)
    )


async def read_again(passage: Passage, trip: Trip, shape: Shape) -> tuple[Sums, ...]:
    """What every part hashes to when it is read once more; nothing is sent. For layouts whose parts fit the
    buffer. Raises ObjectMissing and ObjectChanged for the source."""
    source, entry, layout = passage.ends.source, trip.entry, shape.layout
    found: dict[int, Sums] = {}

    async def serve(numbers: Iterator[Span]) -> None:
        for span in numbers:
            async with passage.budget.take(span.size_bytes):
                received = await source.read(entry.key, Pin(shape.entry.token), span)
                trip.bytes_read += len(received.body)
                passage.motion.read(len(received.body))
                found[span.number] = await digesting.summed(received.body)

    numbers = layout.spans()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(layout.count, PARTS_AT_ONCE)):
                group.create_task(serve(numbers))
    except BaseExceptionGroup as several:
        raise worst(several) from several
    return tuple(found[number] for number in range(1, layout.count + 1))


class _Sender:
    def __init__(self, passage: Passage, trip: Trip, shape: Shape, opened: Opened) -> None:
        self._passage = passage
        self._trip = trip
        self._pin = Pin(shape.entry.token)
        self._opened = opened
        self._stream_part = stream_part_of(passage.ends.destination)
        self.parts: dict[int, Part] = {}
        self.sums: dict[int, Sums] = {}

    async def serve(self, numbers: Iterator[Span]) -> None:
        for span in numbers:
            streams = span.size_bytes > self._passage.buffer_bytes_max
            if streams and self._stream_part is not None:
                part, sums = await self._streamed(span, self._stream_part)
            else:
                part, sums = await self._buffered(span)
            self.parts[span.number], self.sums[span.number] = part, sums
            crash.point("part.sent")

    async def _buffered(self, span: Span) -> tuple[Part, Sums]:
        passage, trip, entry = self._passage, self._trip, self._trip.entry
        async with passage.budget.take(span.size_bytes):
            received = await passage.ends.source.read(entry.key, self._pin, span)
            if not received.shared:
                self._read(len(received.body))
            if len(received.body) != span.size_bytes:
                what = f"{len(received.body)} bytes came of a part of {span.size_bytes}"
                raise changed(entry, passage.ends.source.place, what)
            sums = await digesting.summed(received.body)
            there = self._opened.have.get(span.number)
            if there is not None and trusted(there, sums, passage.ends.destination.capabilities):
                return there, sums
            crash.point("part.sending")
            try:
                part = await passage.ends.destination.upload_part(
                    self._opened.upload, span, received.body, sums.md5
                )
            except errors.ObjectMissing as gone:
                raise UploadGone(gone.message, advice=gone.advice, key=trip.key, place=gone.place) from gone
            except errors.ObjectChanged as strange:
                raise refused(strange) from strange
        self._wrote(span.size_bytes)
        return part, sums

    async def _streamed(self, span: Span, stream_part: StreamPart) -> tuple[Part, Sums]:
        passage = self._passage
        reserve = min(STREAM_BYTES, passage.budget.total_bytes)
        for attempt in range(1, STREAM_ATTEMPTS + 1):
            running = Running()
            try:
                async with passage.budget.take(reserve):
                    part = await stream_part(self._opened.upload, span, self._chunks(span, running))
            except errors.ObjectMissing as gone:
                if gone.key != self._trip.key or gone.place != passage.ends.destination.place:
                    raise
                raise UploadGone(gone.message, advice=gone.advice, key=gone.key, place=gone.place) from gone
            except errors.RetryLater:
                # No wrapper can repeat a stream that was consumed; only here can it begin again.
                if attempt == STREAM_ATTEMPTS:
                    raise
                await passage.manner.clock.sleep(passage.manner.chance.uniform(0.0, 2.0**attempt))
            else:
                break
        self._wrote(span.size_bytes)
        return part, running.sums

    async def _chunks(self, span: Span, running: Running) -> AsyncIterator[bytes]:
        source, entry = self._passage.ends.source, self._trip.entry
        async with source.stream(entry.key, self._pin, span) as chunks:
            async for chunk in chunks:
                self._read(len(chunk))
                await running.take(chunk)
                yield chunk
        if running.sums.size_bytes != span.size_bytes:
            raise changed(entry, source.place, f"a part of {span.size_bytes} bytes did not come whole")

    def _read(self, size_bytes: int) -> None:
        self._trip.bytes_read += size_bytes
        self._passage.motion.read(size_bytes)

    def _wrote(self, size_bytes: int) -> None:
        self._trip.bytes_written += size_bytes
        self._passage.motion.wrote(size_bytes)


def trusted(there: Part, sums: Sums, known: Capabilities) -> bool:
    """Whether a part an earlier run left has the source's bytes: only by a digest that means something."""
    if there.size_bytes != sums.size_bytes:
        return False
    # A store on this machine keeps the MD5 that was given with the part, durable with its bytes.
    if (known.etag_is_md5.honoured or known.hashes_locally) and there.etag == sums.etag:
        return True
    return known.stored_checksum.honoured and there.crc64nvme == sums.crc64nvme


_SEVERITY = (
    errors.BrokenInvariant,
    errors.RunStopped,
    UploadGone,
    errors.ObjectMissing,
    errors.ObjectChanged,
    errors.ObjectFailed,
    errors.RetryLater,
)


def worst(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to act on; the others are its consequences or will show again."""
    for kind in _SEVERITY:
        for one in several.exceptions:
            if isinstance(one, kind):
                return one
    return several.exceptions[0]
