"""Which exit code an error becomes: one table, in DESIGN's order. Nothing else lives here."""

import signal
from collections.abc import Iterable

from ferryline import errors

DONE = 0
OBJECTS_FAILED = 1
WRONG_USAGE = 2
GUARD = 3
ENDPOINT = 4
CREDENTIALS = 5
LOCKED = 6
SOURCE_CHANGING = 7
CHANGES_PLANNED = 8
BUG = 70
"""sysexits' EX_SOFTWARE: Ferryline contradicted itself; please report it."""


def of_error(error: errors.FerrylineError) -> int:
    """The exit code of an error that ended a command."""
    if isinstance(error, errors.Interrupted):
        return 128 + error.signal_number
    table: tuple[tuple[type[errors.FerrylineError], int], ...] = (
        (errors.UserMistake, WRONG_USAGE),
        (errors.CredentialsRefused, CREDENTIALS),
        (errors.AccessRefused, CREDENTIALS),
        (errors.LockHeld, LOCKED),
        (errors.GuardRefused, GUARD),
        (errors.SourceKeptChanging, SOURCE_CHANGING),
        (errors.RunStopped, ENDPOINT),
        (errors.RetryLater, ENDPOINT),
        (errors.ObjectFailed, OBJECTS_FAILED),
        (errors.BrokenInvariant, BUG),
    )
    for kind, code in table:
        if isinstance(error, kind):
            return code
    return BUG


_ORDER = (WRONG_USAGE, CREDENTIALS, ENDPOINT, LOCKED, GUARD, SOURCE_CHANGING, OBJECTS_FAILED)


def first(codes: Iterable[int]) -> int:
    """The one exit code of a command that came to several: the first that applies, in DESIGN's order."""
    found = set(codes) - {DONE}
    beyond = next(iter(sorted(found, reverse=True)), DONE)
    return next((one for one in _ORDER if one in found), beyond)


SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a run in order: work stops, what was done stays resumable."""
