"""One request on its way through the server, and the world it acts on. Values only; `service` moves them on.

A verb is a function `(World, Exchange) -> Answer`. It finds the request, the caller and the bucket here,
and for bodies the `Intake`; what faults asked of it lies in `script`.
"""

import time
from dataclasses import dataclass, field, replace

from ferryline.testing.strict.checksum import Stored
from ferryline.testing.strict.content import Content
from ferryline.testing.strict.fault import Close, Fault, Listing, PartsRemain, Reset
from ferryline.testing.strict.message import Request
from ferryline.testing.strict.refusal import Refusal
from ferryline.testing.strict.seen import Log, Seen
from ferryline.testing.strict.settings import Lie, Settings
from ferryline.testing.strict.shelf import Bucket
from ferryline.testing.strict.signature import Caller

FOR_EVER = float("inf")


class World:
    """Everything the server holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.buckets: dict[str, Bucket] = {}
        self.faults: list[Fault] = []
        self.log = Log()
        self.broken: list[Exception] = []
        """Mistakes of the server itself; leaving `with StrictServer()` raises the first."""
        self.admin = False
        """Whether the admin path answers."""

    def now(self) -> float:
        """Seconds since 1970 by this server's clock."""
        return time.time() + self.settings.clock_offset_seconds

    def tell(self, lies: frozenset[Lie]) -> None:
        """Tell exactly these lies from now on."""
        self.settings = replace(self.settings, lies=lies)

    def lies(self, lie: Lie) -> bool:
        """Whether this lie is told."""
        return lie in self.settings.lies


@dataclass(frozen=True, slots=True)
class Intake:
    """A request's body, measured and compared with what was announced about it."""

    content: Content
    md5: bytes
    crc64nvme: bytes
    checksum: Stored | None
    """The announced checksum, found true (or only echoed, by a server that lies)."""


@dataclass(slots=True)
class Script:
    """What armed faults ask of the wire and of a verb, for this one exchange."""

    wait_seconds: float = 0.0
    """Before the verb acts; infinite: until the client gives up."""
    wait_after_seconds: float = 0.0
    """Between the effect and the answer."""
    intake_end: Close | Reset | None = None
    intake_stall: tuple[int, float] | None = None
    """(bytes of the request's body, seconds)."""
    hang_up: Close | Reset | None = None
    """In place of the answer."""
    body_end: Close | Reset | None = None
    body_stall: tuple[int, float] | None = None
    bytes_per_second: int | None = None
    listing: Listing | None = None
    range_shift: int = 0
    keep_parts: bool = False
    clock_offset_seconds: float = 0.0


@dataclass(slots=True)
class Exchange:
    """One request under way."""

    request: Request
    operation: str
    seen: Seen
    now: float
    request_id: str = ""
    faults: list[Fault] = field(default_factory=list)
    script: Script = field(default_factory=Script)
    caller: Caller = field(default_factory=Caller)
    refusal: Refusal | None = None
    """What the look at the head (or at the body) already refused."""
    found: Bucket | None = None
    intake: Intake | None = None

    @property
    def bucket(self) -> Bucket:
        """The bucket that is asked; it is there by the time a verb runs."""
        if self.found is None:
            raise Refusal("NoSuchBucket", fields={"BucketName": self.request.bucket})
        return self.found

    @property
    def body(self) -> Intake:
        """The body, measured."""
        if self.intake is None:
            raise Refusal("InternalError", "the body was not measured")
        return self.intake

    def keeps_parts(self) -> bool:
        """Whether a fault says that this abort (or part) has no effect; it fires."""
        for fault in self.faults:
            if isinstance(fault.what, PartsRemain) and self.script.keep_parts:
                self.fire(fault)
        return self.script.keep_parts

    def fire(self, fault: Fault) -> None:
        """A fault acted."""
        fault.fired += 1
        self.seen.faults.append(fault.name)
