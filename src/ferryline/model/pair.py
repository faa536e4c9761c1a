"""A key seen on both sides, or on one: the three things a plan can meet."""

from dataclasses import dataclass

from ferryline.model.digest import Digest
from ferryline.model.entry import Entry


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger holds for a key: a digest and whether both tokens still stand."""

    digest: Digest | None
    source_stands: bool
    destination_stands: bool
    distrusted: bool = False


@dataclass(frozen=True, slots=True)
class OnlySource:
    """The key is at the source and not at the destination."""

    source: Entry


@dataclass(frozen=True, slots=True)
class OnlyDestination:
    """The key is at the destination and not at the source."""

    destination: Entry


@dataclass(frozen=True, slots=True)
class Both:
    """The key is on both sides; `remembered` is the ledger's row for it, if it has one."""

    source: Entry
    destination: Entry
    remembered: Remembered | None = None


Pair = OnlySource | OnlyDestination | Both
