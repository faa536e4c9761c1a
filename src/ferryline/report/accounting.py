"""Law 2: listed = transferred + same + kept + excluded + reserved + vanished + failed, else it is a bug.

Whoever folds a run's counts calls `check` when nothing stopped the run: a run that was cut off has
listed objects to which nothing has happened yet.
"""

from ferryline import errors
from ferryline.model.key import one_line
from ferryline.model.run import Counts

_SUMMANDS = ("transferred", "same", "kept", "excluded", "reserved", "vanished", "failed")


def check(counts: Counts, place: str) -> None:
    """Raise BrokenInvariant, naming both sides of the sum, unless it holds for this destination."""
    if not counts.balanced or any(value < 0 for value in _values(counts)):
        raise broken(counts, place)


def broken(counts: Counts, place: str) -> errors.BrokenInvariant:
    """The error that names the sum."""
    named = zip(_SUMMANDS, _values(counts), strict=True)
    summands = " + ".join(f"{name} {value}" for name, value in named)
    return errors.BrokenInvariant(
        f"the counts of {one_line(place)} do not add up: listed {counts.listed}, but {summands} "
        f"= {counts.accounted}",
        advice="do not trust this run's counts; run again, and report this line",
        place=place,
    )


def _values(counts: Counts) -> tuple[int, ...]:
    source_failed = counts.source_failed
    return (
        counts.transferred,
        counts.same,
        counts.kept,
        counts.excluded,
        counts.reserved,
        counts.vanished,
        source_failed,
    )
