"""Folds events into a frozen picture of how far a run has come. No terminal codes, no time of its own.

`cli` hears every event through it and draws pictures as often as it likes; `line` is the picture in
plain words. A picture is an impression: the documents are the truth.
"""

from collections import deque
from dataclasses import dataclass

from ferryline.clock import Clock
from ferryline.model import event, units
from ferryline.model.run import Phase

WINDOW_SECONDS = 15.0
"""Rates are those of the last seconds, so that they follow what happens now."""
_SAMPLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Picture:
    """How far a run has come. Counts are objects.

    `listed` is what the comparison has seen of the source in the first pass; `compared` counts the
    source objects of VERIFYING. `pending` is how many listed objects nothing is known of yet: at most
    so many are still to be sent. Rates are per second over the last seconds. `eta_seconds` is None
    while it cannot be told.
    """

    phase: Phase | None
    seconds: float
    listed: int = 0
    same: int = 0
    compared: int = 0
    transferred: int = 0
    verified: int = 0
    deleted: int = 0
    vanished: int = 0
    failed: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    requests: int = 0
    bytes_per_second: float = 0.0
    objects_per_second: float = 0.0
    pending: int = 0
    eta_seconds: float | None = None
    services: tuple[event.ExecutionSeen, ...] = ()
    """The newest word of every service that moves bytes in Ferryline's stead."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    bytes_written: int
    objects: int


class Progress:
    """The ear of a display. `hear` every event of one run; `picture` at any time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._phase: Phase | None = None
        self._counts = dict.fromkeys(_COUNTED.values(), 0)
        self._listed = self._same = self._compared = 0
        self._bytes_read = self._bytes_written = self._requests = 0
        self._services: dict[str, event.ExecutionSeen] = {}
        self._samples: deque[_Sample] = deque([_Sample(self._began, 0, 0)])

    def hear(self, fact: event.Event) -> None:
        """Take one event; events that change no picture are ignored."""
        counted = _COUNTED.get(type(fact))
        if counted is not None:
            self._counts[counted] += 1
        elif isinstance(fact, event.RequestMade):
            self._requests += 1
        elif isinstance(fact, event.BytesMoved):
            self._bytes_read += fact.read
            self._bytes_written += fact.written
        elif isinstance(fact, event.PageCompared):
            self._hear_page(fact)
        elif isinstance(fact, event.PhaseEntered):
            self._phase = fact.phase
        elif isinstance(fact, event.ExecutionSeen):
            self._services[fact.destination] = fact

    def picture(self) -> Picture:
        """How far the run has come by now."""
        now = self._clock.monotonic()
        counts = self._counts
        moved = counts["transferred"] + counts["vanished"] + counts["failed"]
        bytes_rate, objects_rate = self._rates(now, moved)
        pending = max(0, self._listed - self._same - moved)
        sending = self._phase is Phase.TRANSFERRING and pending > 0 and objects_rate > 0
        return Picture(
            phase=self._phase,
            seconds=now - self._began,
            listed=self._listed,
            same=self._same,
            compared=self._compared,
            bytes_read=self._bytes_read,
            bytes_written=self._bytes_written,
            requests=self._requests,
            bytes_per_second=bytes_rate,
            objects_per_second=objects_rate,
            pending=pending,
            eta_seconds=pending / objects_rate if sending else None,
            services=tuple(self._services.values()),
            **counts,
        )

    def _hear_page(self, fact: event.PageCompared) -> None:
        if self._phase is Phase.VERIFYING:
            self._compared += fact.source_objects
        else:
            self._listed += fact.source_objects
            self._same += fact.same

    def _rates(self, now: float, objects: int) -> tuple[float, float]:
        samples = self._samples
        if now - samples[-1].at >= _SAMPLE_SECONDS:
            samples.append(_Sample(now, self._bytes_written, objects))
        while len(samples) > 2 and now - samples[1].at >= WINDOW_SECONDS:
            samples.popleft()
        first = samples[0]
        elapsed = now - first.at
        if elapsed <= 0:
            return 0.0, 0.0
        return (self._bytes_written - first.bytes_written) / elapsed, (objects - first.objects) / elapsed


_COUNTED: dict[type[event.Event], str] = {
    event.ObjectTransferred: "transferred",
    event.ObjectVerified: "verified",
    event.ObjectDeleted: "deleted",
    event.ObjectVanished: "vanished",
    event.ObjectFailedEvent: "failed",
}


def line(picture: Picture) -> str:
    """The picture as one plain line."""
    phase = picture.phase.value.lower() if picture.phase is not None else "starting"
    parts = [f"{phase} {units.show_seconds(picture.seconds)}"]
    if picture.listed:
        parts.append(f"{picture.listed:,} listed, {picture.same:,} same")
    if picture.compared:
        parts.append(f"{picture.compared:,} compared")
    if picture.transferred or picture.bytes_written:
        sent = f"{picture.transferred:,} sent, {units.show_bytes(picture.bytes_written)}"
        parts.append(f"{sent} at {units.show_bytes(round(picture.bytes_per_second))}/s")
    if picture.verified:
        parts.append(f"{picture.verified:,} proven")
    for count, word in (
        (picture.deleted, "deleted"),
        (picture.vanished, "vanished"),
        (picture.failed, "FAILED"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    parts += [_service(one) for one in picture.services]
    if picture.eta_seconds is not None:
        parts.append(f"at most {units.show_seconds(picture.eta_seconds)} to go for what is listed")
    return " · ".join(parts)


def _service(seen: event.ExecutionSeen) -> str:
    """How far a service has come, by what it counts."""
    files = f"{seen.files_transferred:,}"
    if seen.files_estimated is not None:
        files += f" of {seen.files_estimated:,}"
    size = units.show_bytes(seen.bytes_transferred)
    if seen.bytes_estimated is not None:
        size += f" of {units.show_bytes(seen.bytes_estimated)}"
    return f"{seen.status.lower()} in {seen.execution.rpartition('/')[2]}: {files} files, {size}"
