"""The exception tree, named by how far the damage reaches.

Whoever writes `except` should know the next move without opening the class::

    FerrylineError                  kind (stable, append-only), key?, place?, advice
    ├── RetryLater                  this ATTEMPT  -> repeat it (only storage.wrap.retry catches it)
    │   └── SlowDown                             ...and shrink the window
    ├── ObjectFailed                this OBJECT   -> record it, carry on (transfer, verify)
    │   ├── ObjectMissing  ObjectChanged  DigestMismatch  DestinationChanged
    │   └── AccessRefused  ObjectArchived  KeyRefused  Unsupported
    ├── RunStopped                  this RUN      -> stop, resumable (cli turns it into an exit code)
    │   ├── CredentialsRefused                        exit 5
    │   ├── EndpointFailed  ListingUnbelievable  ListingUnordered  DiskFailed   exit 4
    │   ├── LockHeld                                  exit 6
    │   ├── GuardRefused                              exit 3
    │   ├── SourceKeptChanging                        exit 7
    │   └── Interrupted                               exit 130 or 143
    ├── UserMistake (ValueError)    the PERSON    -> say what to change, and where: exit 2
    │   ├── BadPolicy  BadLocation  BadUsage
    └── BrokenInvariant             OUR BUG       -> report it

Every message says what happened, to which key, field or place; `advice` says what to do.
This module imports nothing.
"""

from dataclasses import dataclass


class FerrylineError(Exception):
    """Root of everything Ferryline raises on purpose.

    `kind` is a stable kebab-case word for machines; `key` (bytes, relative to its location) and
    `place` (a location as the user wrote it, without secrets) say where; `advice` is the remedy.
    """

    kind = "error"

    def __init__(
        self, message: str, *, advice: str = "", key: bytes | None = None, place: str = "", kind: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.key = key
        self.place = place
        if kind:
            self.kind = kind

    def __str__(self) -> str:
        return f"{self.message} ({self.advice})" if self.advice else self.message


class RetryLater(FerrylineError):
    """This attempt failed and a repetition may succeed.

    `effect_possible` is true when the request may have been carried out although no answer came
    (a lost reply): the caller of a write must then look before it decides.
    """

    kind = "transient"

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        key: bytes | None = None,
        place: str = "",
        kind: str = "",
        delay_seconds: float | None = None,
        effect_possible: bool = False,
    ) -> None:
        super().__init__(message, advice=advice, key=key, place=place, kind=kind)
        self.delay_seconds = delay_seconds
        self.effect_possible = effect_possible


class SlowDown(RetryLater):
    """The endpoint asks for fewer requests (503 SlowDown, 429); `delay_seconds` when it said how long."""

    kind = "throttled"


class ObjectFailed(FerrylineError):
    """This object cannot be done in this run; the others can."""

    kind = "object-failed"


class ObjectMissing(ObjectFailed):
    """The object is not there (404, or a delete marker)."""

    kind = "missing"


class ObjectChanged(ObjectFailed):
    """The source object is no longer the one that was listed (412, other ETag, other stat)."""

    kind = "source-changed"


class DigestMismatch(ObjectFailed):
    """Bytes arrived that do not hash to what was announced or sent."""

    kind = "digest-mismatch"


class DestinationChanged(ObjectFailed):
    """Somebody else wrote the destination key meanwhile; it was not overwritten."""

    kind = "destination-changed"


class AccessRefused(ObjectFailed):
    """403 for this key; the message names the permission that is probably missing."""

    kind = "access-refused"


class ObjectArchived(ObjectFailed):
    """The object lies in an archive class and must be restored first."""

    kind = "archived"


class KeyRefused(ObjectFailed):
    """The key cannot be represented at the destination without loss."""

    kind = "key-refused"


class Unsupported(ObjectFailed):
    """The endpoint answered that it does not implement what was asked (501 and kin)."""

    kind = "unsupported"


class RunStopped(FerrylineError):
    """The run cannot go on; nothing is lost and it can be run again."""

    kind = "stopped"


class CredentialsRefused(RunStopped):
    """No, wrong, expired or insufficient credentials for the whole location."""

    kind = "credentials"


class EndpointFailed(RunStopped):
    """The endpoint, the network, TLS, DNS or throttling made progress impossible."""

    kind = "endpoint"


class ListingUnbelievable(RunStopped):
    """A listing answered 200 and cannot be a listing of what was asked; nothing was deleted."""

    kind = "listing"


class ListingUnordered(ListingUnbelievable):
    """Keys came out of order: the store must be listed whole and sorted."""

    kind = "listing-unordered"


class DiskFailed(RunStopped):
    """The disk is full, over quota, read-only or failing, or a mount has changed its identity."""

    kind = "disk"


class LockHeld(RunStopped):
    """Another run holds the destination."""

    kind = "locked"


class GuardRefused(RunStopped):
    """A guard refused: delete cap, transfer cap, residency, empty or shrunken source."""

    kind = "guard"


class SourceKeptChanging(RunStopped):
    """The source changed faster than it could be copied, for every round allowed."""

    kind = "source-kept-changing"


class Interrupted(RunStopped):
    """A signal asked the run to stop; `signal_number` is 2 or 15."""

    kind = "interrupted"

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted", advice="run the same command again to carry on")
        self.signal_number = signal_number


@dataclass(frozen=True, slots=True)
class Where:
    """A position in a policy file: 1-based line and column, and the field's path (`datasets.a.source`)."""

    file: str
    line: int
    column: int
    field: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}"
        return f"{position}: {self.field}" if self.field else position


class UserMistake(FerrylineError, ValueError):
    """What the person wrote cannot be done; the message says what to change, and where."""

    kind = "mistake"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy file or a flag: where, what, and what to write instead."""

    where: Where | None
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}\n    {self.remedy}" if self.remedy else f"{place}{self.message}"


class BadPolicy(UserMistake):
    """The policy file is wrong; `problems` holds every one that was found, in file order."""

    kind = "bad-policy"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class BadLocation(UserMistake):
    """A location's URL or its settings cannot be used."""

    kind = "bad-location"


class BadUsage(UserMistake):
    """Flags or arguments contradict each other or need a part that is not there."""

    kind = "bad-usage"


class BrokenInvariant(FerrylineError):
    """Ferryline contradicted itself; nothing further was done."""

    kind = "bug"
