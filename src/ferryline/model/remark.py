"""A remark: one thing that was found out about a place, as plain data. How bad it is stands beside it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a remark matters."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing need be done."""
    WARNING = "warning"
    """Runs work, and something that was promised or hoped for does not hold."""
    PROBLEM = "problem"
    """A run would be refused or fail."""


@dataclass(frozen=True, slots=True)
class Remark:
    """`about` is a stable word (`region`, `lifecycle`); `kind` an error's, where one was behind it.

    `exit_code` is that of a command which finds this, 0 for what is no problem.
    """

    level: Level
    about: str
    message: str
    advice: str = ""
    kind: str = ""
    exit_code: int = 0
