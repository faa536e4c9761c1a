"""Scripted faults as data: on which requests, at which moment, what happens, and how often it did.

Made by tests (or from JSON by the admin path), armed on a server, matched by `faulting`. Nothing here
acts. Names of operations are S3's API names; both globs match case-sensitively.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final


class Phase(StrEnum):
    """When a fault strikes."""

    BEFORE = "before"
    """Before the effect: the verb does nothing."""
    AFTER = "after"
    """After the effect: only the answer is hit."""
    BODY = "body"
    """While bytes are on their way: the request's where it carries some, else the answer's."""


class Listing(StrEnum):
    """What a listing may get wrong."""

    PAGE_LOST = "page-lost"
    """The page asked for is skipped; the next one comes in its place."""
    PAGE_REPEATED = "page-repeated"
    """The page before comes once more, its token included."""
    REORDERED = "reordered"
    ENDED_EARLY = "ended-early"
    """Half a page, and no more is said to follow."""
    KEYS_LOST = "keys-lost"
    """Every second key is missing; all else is right."""
    OTHER_BUCKET = "other-bucket"
    OTHER_PREFIX = "other-prefix"
    NO_TOKEN = "no-token"  # noqa: S105
    """IsTruncated true, and no token."""
    TOKEN_LOOP = "token-loop"  # noqa: S105
    """The next token leads to the same page again."""
    COUNT_LIES = "count-lies"
    """KeyCount is one too many."""
    EMPTY = "empty"
    """A valid listing without any key."""


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with S3's error document. Status 200 with a code is S3's late error."""

    code: str = "SlowDown"
    status: int = 0
    """0: the code's own."""
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Answer with these bytes in place of what belongs there: an HTML page, nothing, anything."""

    body: bytes = b"<html><head><title>Sign in</title></head><body>Sign in to the network</body></html>"
    content_type: str = "text/html"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection; after the effect this is a lost reply. `after_bytes` counts in the body."""

    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection (RST). `after_bytes` counts in the body."""

    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """Say nothing for so long (None: until the client gives up), then carry on."""

    seconds: float | None = None
    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trickle:
    """Send the body so slowly."""

    bytes_per_second: int = 1


@dataclass(frozen=True, slots=True)
class Short:
    """Send fewer bytes of the body than there are. Announced: Content-Length says all of them, and the
    connection ends early; not announced: no Content-Length at all."""

    keep_bytes: int = 0
    announced: bool = True


@dataclass(frozen=True, slots=True)
class Truncate:
    """Send the first part of the answer's document, with a Content-Length that fits it."""

    keep_percent: int = 50


@dataclass(frozen=True, slots=True)
class Extra:
    """Send more bytes than the object has, all of them announced."""

    body: bytes = b"extra"


@dataclass(frozen=True, slots=True)
class Flip:
    """Flip one bit of the answer's body (negative: from its end). With `checksum` off, no checksum
    header comes along, so that only the client's own digest can notice."""

    at: int = 0
    checksum: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """Set a header of the answer, or take it away (None)."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Answer a range with Content-Range (and bytes) of another place, `shift` bytes further."""

    shift: int = 1


@dataclass(frozen=True, slots=True)
class Replace:
    """Old bytes of the answer's document become others (lengths are mended)."""

    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class List:
    """A listing lies."""

    how: Listing


@dataclass(frozen=True, slots=True)
class Overwrite:
    """The key is overwritten behind the client's back before the verb acts (AFTER: when it has acted)."""

    body: bytes = b"overwritten"


@dataclass(frozen=True, slots=True)
class Remove:
    """The key is deleted behind the client's back before the verb acts (AFTER: when it has acted)."""


@dataclass(frozen=True, slots=True)
class UploadVanishes:
    """The upload is gone before the verb acts (AFTER: when it has acted), as a lifecycle rule would do."""


@dataclass(frozen=True, slots=True)
class PartsRemain:
    """Abort answers 204 and the upload stays. On UploadPart: 200, and the part is not kept."""


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Redirect. An empty location is the request's own URL: a loop when it strikes for ever."""

    location: str = ""
    status: int = 307
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """This request is answered by a clock that is so far off: the Date header and the skew check."""

    offset_seconds: float


What = (
    Status | Page | Close | Reset | Stall | Trickle | Short | Truncate | Extra | Flip | Header | Range
    | Replace | List | Overwrite | Remove | UploadVanishes | PartsRemain | RedirectTo | Clock
)  # fmt: skip

_KINDS: Final[Mapping[str, type]] = {kind.__name__: kind for kind in What.__args__}


@dataclass(slots=True)
class Fault:
    """`what` happens on the `nth` matching request (1-based) and on the `times - 1` after it.

    `times` None strikes for ever. `fired` counts; a test asserts it. One armed fault belongs to one
    server.
    """

    operation: str
    what: What
    key: str = "*"
    bucket: str = "*"
    nth: int = 1
    times: int | None = 1
    phase: Phase = Phase.BEFORE
    fired: int = 0
    matched: int = 0

    def strikes(self, operation: str, bucket: str, key: bytes) -> bool:
        """Count a request, and say whether this one is hit."""
        if not fnmatchcase(operation, self.operation) or not fnmatchcase(bucket, self.bucket):
            return False
        if self.key != "*" and not fnmatchcase(key.decode("utf-8", "surrogateescape"), self.key):
            return False
        self.matched += 1
        return self.matched >= self.nth and (self.times is None or self.matched < self.nth + self.times)

    @property
    def name(self) -> str:
        """As the request log names it."""
        return type(self.what).__name__

    def document(self) -> dict[str, Any]:
        """For JSON."""
        what = {"kind": self.name} | {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in asdict(self.what).items()
        }
        return {
            name: what if name == "what" else getattr(self, name)
            for name in (one.name for one in fields(self))
        }


def from_document(document: Mapping[str, Any]) -> Fault:
    """The inverse of `Fault.document`; ValueError names what is wrong."""
    given = dict(document)
    what = dict(given.pop("what", {}))
    kind = _KINDS.get(str(what.pop("kind", "")))
    if kind is None:
        raise ValueError(f"what.kind is one of {', '.join(_KINDS)}")
    for one in fields(kind):
        if one.name in what and one.type in (bytes, "bytes"):
            what[one.name] = str(what[one.name]).encode("latin-1")
    if kind is List:
        what["how"] = Listing(what["how"])
    if "phase" in given:
        given["phase"] = Phase(given["phase"])
    try:
        return Fault(what=kind(**what), **given)
    except TypeError as cause:
        raise ValueError(str(cause)) from cause
