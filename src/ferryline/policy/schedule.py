"""When a task runs: `cron(…)` and `rate(…)` in the grammar of EventBridge and DataSync, always UTC.

Pure: the moment is an argument and nothing waits. The policy file's reader, the scheduler and
DataSync's driver call it. Months and days are computed, never searched minute by minute.
"""

import re
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ferryline.policy import cron_field
from ferryline.policy.cron_field import BadSchedule, Days, Numbers, Piece

EXPRESSION_CHARACTERS_MAX = 256
FIRST_YEAR, LAST_YEAR = 1970, 2199
ACCEPTED = (
    "write cron(minutes hours day-of-month month day-of-week year), as in cron(0 0 * * ? *), "
    "or rate(10 minutes)"
)

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


SPELLED_OUT = {"digest": False}
"""Marks fields that only spell out the expression."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Every `interval_seconds` after the run before."""

    expression: str
    interval_seconds: int

    @property
    def shortest_gap_seconds(self) -> int:
        """The least time between two runs."""
        return self.interval_seconds

    def next_after(self, at: datetime) -> datetime | None:
        """The moment one interval after `at`, the start of the run before; None past the year 2199."""
        at = _utc(at)
        limit = datetime(LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC)
        gap = timedelta(seconds=self.interval_seconds)
        return at + gap if limit - at >= gap else None


@dataclass(frozen=True, slots=True)
class Cron:
    """At every minute that all six fields name; they ascend."""

    expression: str
    minutes: Numbers = field(repr=False, metadata=SPELLED_OUT)
    hours: Numbers = field(repr=False, metadata=SPELLED_OUT)
    days: Days = field(repr=False, metadata=SPELLED_OUT)
    months: Numbers = field(repr=False, metadata=SPELLED_OUT)
    years: Numbers = field(repr=False, metadata=SPELLED_OUT)

    @property
    def shortest_gap_seconds(self) -> int:
        """A lower bound of the time between two runs, exact where hours follow each other."""
        minutes = self.minutes
        if len(minutes) > 1:
            return 60 * min(later - earlier for earlier, later in pairwise(minutes))
        hours = self.hours
        around = [*hours, hours[0] + 24]
        return 3600 * min(later - earlier for earlier, later in pairwise(around))

    def next_after(self, at: datetime) -> datetime | None:
        """The first matching minute strictly after `at` (aware; read in UTC), or None when there is none."""
        at = _utc(at)
        if at.year > LAST_YEAR:
            return None
        start = max(
            at.replace(second=0, microsecond=0), datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - timedelta(minutes=1)
        )
        start += timedelta(minutes=1)
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                found = self._in_month(year, month, start)
                if found is not None:
                    return found
        return None

    def _in_month(self, year: int, month: int, start: datetime) -> datetime | None:
        first_weekday, length = monthrange(year, month)
        for day in self.days.of_month(first_weekday, length):
            if (year, month, day) < (start.year, start.month, start.day):
                continue
            today = (year, month, day) == (start.year, start.month, start.day)
            for hour in self.hours:
                if today and hour < start.hour:
                    continue
                for minute in self.minutes:
                    if not (today and hour == start.hour and minute < start.minute):
                        return datetime(year, month, day, hour, minute, tzinfo=UTC)
        return None


Schedule = Cron | Rate


def parse(expression: str) -> Schedule:
    """Read an expression. Raises `BadSchedule` with the position of what is wrong and a remedy."""
    if len(expression) > EXPRESSION_CHARACTERS_MAX:
        message = (
            f"a schedule of {len(expression)} characters; at most {EXPRESSION_CHARACTERS_MAX} are allowed"
        )
        raise BadSchedule(EXPRESSION_CHARACTERS_MAX, message, ACCEPTED)
    if match := re.fullmatch(r"rate\((.*)\)", expression, re.DOTALL):
        return _rate(expression, match[1])
    if match := re.fullmatch(r"cron\((.*)\)", expression, re.DOTALL):
        return _cron(expression, match[1])
    raise BadSchedule(0, f"{expression[:60]!r} is neither cron(…) nor rate(…)", ACCEPTED)


def _rate(expression: str, inner: str) -> Rate:
    match = re.fullmatch(r"\s*([0-9]+)\s+(minute|hour|day)(s?)\s*", inner)
    if not match:
        remedy = "write rate(1 hour), rate(10 minutes) or rate(7 days)"
        raise BadSchedule(5, f"{inner[:60]!r} is not a number and minutes, hours or days", remedy)
    count, unit, plural = int(match[1][:12]), match[2], match[3]
    if not 1 <= count <= 1_000_000:
        raise BadSchedule(
            5 + match.start(1), f"the value {match[1][:20]} is out of range", "use 1 to 1000000"
        )
    if (count == 1) == bool(plural):
        right = f"rate({count} {unit}{'' if count == 1 else 's'})"
        raise BadSchedule(5 + match.start(2), f"{unit}{plural} does not go with {count}", f"write {right}")
    return Rate(expression, count * _UNITS[unit])


def _cron(expression: str, inner: str) -> Cron:
    pieces = [Piece(match[0], 5 + match.start()) for match in re.finditer(r"[^ \t]+", inner)]
    if len(pieces) != 6:
        remedy = "write six: minutes hours day-of-month month day-of-week year, as in cron(0 0 * * ? *)"
        raise BadSchedule(5, f"cron takes six fields, found {len(pieces)}", remedy)
    cron = Cron(
        expression,
        minutes=cron_field.numbers(pieces[0], cron_field.MINUTES),
        hours=cron_field.numbers(pieces[1], cron_field.HOURS),
        months=cron_field.numbers(pieces[3], cron_field.MONTHS),
        days=cron_field.days(pieces[2], pieces[4]),
        years=cron_field.numbers(pieces[5], cron_field.YEARS),
    )
    if cron.next_after(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)) is None:
        remedy = "name a day that the month has"
        raise BadSchedule(pieces[2].position, "no date ever matches this expression", remedy)
    return cron


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a schedule needs an aware datetime")
    return at.astimezone(UTC)
