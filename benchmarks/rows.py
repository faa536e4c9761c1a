"""The rows of the table: what each one does, its size, its goals, and what must be true of the result.

Used by `run`. A row is a frozen value; it runs nothing by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

Counters = Mapping[str, int]
WRITES = (
    "writes",
    "put_object",
    "upload_part",
    "create_upload",
    "complete_upload",
    "delete_object",
    "delete_many",
)
MB = 1_000_000


class Ground(Enum):
    """Which endpoints a row needs."""

    LISTINGS = "listings"
    OBJECTS = "objects"


class Memory(Enum):
    """What the state folder holds when a measured run begins."""

    NOTHING = "nothing"
    LAST_RUN = "last-run"
    SEEDED = "seeded"


class Figure(Enum):
    """What a goal is about."""

    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure` at most `factor` times the peer's (or another row's), or at most `bytes_max`."""

    figure: Figure
    factor: float | None = None
    of_row: str | None = None
    bytes_max: int | None = None

    def __str__(self) -> str:
        if self.bytes_max is not None:
            return f"{self.figure.value} ≤ {self.bytes_max / MB:.0f} MB"
        other = "rclone's" if self.of_row is None else f"that of `{self.of_row}`"
        return f"{self.figure.value} ≤ {self.factor:g} × {other}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `count` are keys a side, or objects of `object_bytes`."""

    name: str
    title: str
    ground: Ground
    count: int
    goals: tuple[Goal, ...]
    object_bytes: int = 0
    destination_etags: str = "md5"
    memory: Memory = Memory.NOTHING
    peer_flags: tuple[str, ...] | None = ()
    """None: the peer does not take part."""
    aws: bool = False
    """Whether the AWS CLI can do the same, where it is asked for."""

    @property
    def judges_cpu(self) -> bool:
        """Whether a goal needs runs whose CPU time is taken with care."""
        return any(goal.figure is Figure.CPU for goal in self.goals)

    def quick(self) -> "Row":
        """The same on a scale that shows only that the machinery works; nothing is to be reached."""
        count = 3000 if self.ground is Ground.LISTINGS else min(self.count, 20)
        size = min(self.object_bytes, 20 * 1024**2)
        return replace(self, count=count, object_bytes=size, goals=(), title=f"{self.title} (only {count:,})")

    def wrong_requests(self, counters: Counters) -> list[str]:
        """What the servers saw of our run that it must not have done."""
        if self.ground is not Ground.LISTINGS:
            return []
        forbidden = ("head_object", "get_object", "refused", *WRITES)
        return [f"{counters[kind]} × {kind}" for kind in forbidden if counters.get(kind)]


_CHECKSUM = ("--checksum",)
_NO_CHANGE = (
    Goal(Figure.WALL, 0.5),
    Goal(Figure.CPU, 0.5),
    Goal(Figure.MEMORY, bytes_max=400 * MB),
)

ROWS = (
    Row("no-change", "no change, 1,000,000 keys a side, equal ETags, no state folder",
        Ground.LISTINGS, 1_000_000, _NO_CHANGE, peer_flags=_CHECKSUM, aws=True),
    Row("no-change-again", "the same, state folder of the run before",
        Ground.LISTINGS, 1_000_000, _NO_CHANGE, peer_flags=_CHECKSUM, memory=Memory.LAST_RUN),
    Row("no-change-ledger", "the same with a ledger and unequal ETags",
        Ground.LISTINGS, 1_000_000, (Goal(Figure.WALL, 1.6, "no-change"),),
        destination_etags="parts", memory=Memory.SEEDED, peer_flags=None),
    Row("no-change-3m", "no change, 3,000,000 keys a side, equal ETags, no state folder",
        Ground.LISTINGS, 3_000_000, (Goal(Figure.MEMORY, 1.1, "no-change"),), peer_flags=None),
    Row("small", "5,000 objects of 16 KiB, S3 → S3",
        Ground.OBJECTS, 5000, (Goal(Figure.CPU, 1.0), Goal(Figure.WALL, 1.0)), object_bytes=16 * 1024),
    Row("medium", "64 objects of 8 MiB, S3 → S3",
        Ground.OBJECTS, 64, (Goal(Figure.CPU, 1.5), Goal(Figure.WALL, 1.0)), object_bytes=8 * 1024**2),
    Row("large", "one object of 2 GiB, S3 → S3",
        Ground.OBJECTS, 1, (Goal(Figure.MEMORY, bytes_max=300 * MB),), object_bytes=2 * 1024**3),
)  # fmt: skip


def chosen(names: str) -> tuple[Row, ...]:
    """The rows named, separated by commas; all for an empty text. Raises SystemExit for an unknown one."""
    if not names:
        return ROWS
    by_name = {row.name: row for row in ROWS}
    unknown = [name for name in names.split(",") if name not in by_name]
    if unknown:
        raise SystemExit(f"no row {unknown[0]!r}; there are {', '.join(by_name)}")
    wanted = set(names.split(","))
    for row in ROWS:  # a goal that compares with another row needs that row
        wanted |= {goal.of_row for goal in row.goals if row.name in wanted and goal.of_row}
    return tuple(row for row in ROWS if row.name in wanted)
