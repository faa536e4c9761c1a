"""Guards: refuse a plan that would destroy or send more than the person allowed.

`pipeline` calls them before deletes and while transfers are planned. Each raises `GuardRefused` with
the numbers, the field and the remedy; none softens a plan or performs anything.
"""

from dataclasses import dataclass
from typing import Protocol

from ferryline import errors
from ferryline.model.entry import Entry, Token
from ferryline.model.units import show_bytes
from ferryline.policy.values import MaxDelete

SHRUNKEN_ROWS_MIN = 100
"""Below this many remembered objects a source that lost half is everyday work, not an accident: a
folder of ten files loses six in an afternoon, a data set of a thousand does not."""

SHRUNKEN_SHARE = 0.5
"""A source with less than this share of what was proven last time was probably not listed whole."""


@dataclass(frozen=True, slots=True)
class DeleteGuard:
    """Caps the deletes of one destination and run. Reaching past either cap refuses all of them.

    The percentage is of what the ledger holds or, where there is no ledger, of what the destination's
    listing holds in scope. `approved` deletes were allowed by a person for this run alone.
    """

    max_count: int
    max_percent: float
    ledger_rows: int
    destination_listed: int = 0
    approved: int = 0

    @staticmethod
    def of(limit: MaxDelete, ledger_rows: int, destination_listed: int, approved: int = 0) -> "DeleteGuard":
        """The guard that a policy's `max_delete` asks for."""
        return DeleteGuard(limit.count, limit.percent, ledger_rows, destination_listed, approved)

    @property
    def basis(self) -> int:
        """What the percentage is of."""
        return self.ledger_rows or self.destination_listed

    def check(self, deletes: int, place: str = "") -> None:
        """Raise `GuardRefused` when `deletes` are too many."""
        if deletes <= self.approved:
            return
        where = f" at {place}" if place else ""
        if deletes > self.max_count:
            self._refuse(
                f"{deletes} objects would be deleted{where}, max_delete.count is {self.max_count}", place
            )
        # 100 is no cap: the ledger may hold less than the destination does.
        if self.max_percent < 100 and deletes * 100 > self.max_percent * self.basis:
            share = f"{100 * deletes / self.basis:.1f} %" if self.basis else "more than all"
            of = "the ledger holds" if self.ledger_rows else "the destination holds"
            self._refuse(
                f"{deletes} objects would be deleted{where}, {share} of the {self.basis} {of}; "
                f"max_delete.percent is {self.max_percent:g}",
                place,
            )

    def _refuse(self, message: str, place: str) -> None:
        raise errors.GuardRefused(
            message,
            advice="nothing was deleted; look at the plan, then raise max_delete if this is meant",
            place=place,
            kind="max-delete",
        )


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """How much a complete listing of the source showed, and how much there should be."""

    listed: int
    ledger_rows: int
    destination_listed: int


def check_source(facts: SourceFacts, place: str = "") -> None:
    """Raise `GuardRefused` for a source that is suddenly empty or shrunken. Call it when deletes are wanted.

    Empty: nothing is in scope while the ledger or the destination holds something. Shrunken: less
    than half of what the ledger holds, when it holds at least `SHRUNKEN_ROWS_MIN`.
    """
    where = f" {place}" if place else ""
    held = max(facts.ledger_rows, facts.destination_listed)
    if facts.listed == 0 and held:
        raise errors.GuardRefused(
            f"the source{where} is empty while {held} objects are held at the destination; "
            "preserve_deleted_files REMOVE would delete them all",
            advice="nothing was deleted; check that the source is the right one, or use "
            "preserve_deleted_files PRESERVE",
            place=place,
            kind="empty-source",
        )
    if facts.ledger_rows >= SHRUNKEN_ROWS_MIN and facts.listed < facts.ledger_rows * SHRUNKEN_SHARE:
        raise errors.GuardRefused(
            f"the source{where} lists {facts.listed} objects where {facts.ledger_rows} were proven before: "
            "it has lost more than half, and preserve_deleted_files is REMOVE",
            advice="nothing was deleted; check the source's listing, or use preserve_deleted_files "
            "PRESERVE for one run",
            place=place,
            kind="shrunken-source",
        )


class TransferGuard:
    """Caps the bytes that one run may send. Mutable: every copy is admitted before it starts."""

    def __init__(self, max_bytes: int | None) -> None:
        self._max_bytes = max_bytes
        self.admitted_bytes = 0

    def admit(self, size_bytes: int, place: str = "") -> None:
        """Count one copy; raise `GuardRefused`, without counting it, when it would pass the cap."""
        total = self.admitted_bytes + size_bytes
        if self._max_bytes is not None and total > self._max_bytes:
            raise errors.GuardRefused(
                f"{show_bytes(total)} ({total} bytes) would be sent, max_transfer.bytes is "
                f"{show_bytes(self._max_bytes)} ({self._max_bytes} bytes)",
                advice="raise max_transfer.bytes, or narrow the task with include and exclude",
                place=place,
                kind="max-transfer",
            )
        self.admitted_bytes = total


class Prices(Protocol):
    """What one more copy costs, as `cost.Marginal` tells."""

    def usd(self, entry: Entry) -> float | None:
        """Dollars for copying an object, None where a price is unknown."""
        ...

    def unknown(self, entry: Entry) -> str:
        """Which price is unknown, and where to declare it."""
        ...


class NoPrices:
    """For amounts that are admitted whole: no object is priced alone."""

    def usd(self, _: object) -> float | None:
        """Unknown."""
        return None

    def unknown(self, _: object) -> str:
        """Nothing to say."""
        return ""


class SpendGuard:
    """Caps the dollars that one run's copies may cost. Mutable: every copy is admitted before it starts.

    Of the same shape as `TransferGuard`. A price that nobody knows is refused at the first copy: a cap
    that cannot be kept is no cap.
    """

    def __init__(self, max_usd: float | None, prices: Prices) -> None:
        self._max_usd = max_usd
        self._prices = prices
        self.admitted_usd = 0.0

    def admit(self, size_bytes: int, place: str = "") -> None:
        """Count one copy of which the size is known; raise `GuardRefused` when it would pass the cap."""
        self.admit_entry(Entry(b"", size_bytes, Token(None, 0)), place)

    def admit_entry(self, entry: Entry, place: str = "") -> None:
        """The same for an object as it was listed: its parts and storage class are priced too."""
        if self._max_usd is None:
            return
        usd = self._prices.usd(entry)
        self.admit_usd(usd, place, self._prices.unknown(entry) if usd is None else "")

    def admit_usd(self, usd: float | None, place: str = "", unknown: str = "") -> None:
        """Count an amount (None: not known); raise `GuardRefused` when it would pass the cap."""
        if self._max_usd is None:
            return
        if usd is None:
            raise errors.GuardRefused(
                f"what it costs is not known, and max_transfer.usd is ${self._max_usd:,.2f}: {unknown}",
                advice="nothing more was sent; declare the price that is missing, or cap max_transfer.bytes",
                place=place,
                kind="max-transfer",
            )
        total = self.admitted_usd + usd
        if total > self._max_usd:
            raise errors.GuardRefused(
                f"an estimated ${total:,.4f} would be spent, max_transfer.usd is ${self._max_usd:,.2f}",
                advice="raise max_transfer.usd, or narrow the task with include and exclude",
                place=place,
                kind="max-transfer",
            )
        self.admitted_usd = total
