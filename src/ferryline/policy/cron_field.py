"""The six fields of a cron expression: their grammar and what days of a month they name.

`schedule` calls it. EventBridge's rules: `*`, lists, ranges and steps everywhere; names for months
and weekdays; `?`, `L`, `W` for days of the month; `?`, `L`, `#` for days of the week; SUN is 1;
exactly one of the two day fields is `?`.
"""

from dataclasses import dataclass

Numbers = tuple[int, ...]


class BadSchedule(ValueError):
    """An expression that is refused: `position` counts characters from 0."""

    def __init__(self, position: int, message: str, remedy: str) -> None:
        super().__init__(f"{message} (character {position + 1}); {remedy}")
        self.position = position
        self.message = f"{message} (character {position + 1})"
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the expression and where it starts."""

    text: str
    position: int

    def split(self, separator: str) -> "list[Piece]":
        """The parts between separators, each with its position."""
        parts: list[Piece] = []
        position = self.position
        for text in self.text.split(separator):
            parts.append(Piece(text, position))
            position += len(text) + len(separator)
        return parts


@dataclass(frozen=True, slots=True)
class Bounds:
    """What numbers a field takes and the names for them."""

    about: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def number(self, piece: Piece) -> int:
        """A number or name. Raises `BadSchedule`."""
        upper = piece.text.upper()
        if upper in self.names:
            return self.least + self.names.index(upper)
        if piece.text.isascii() and piece.text.isdigit() and len(piece.text) <= 4:
            value = int(piece.text)
            if self.least <= value <= self.most:
                return value
        names = f" or {self.names[0]}–{self.names[-1]}" if self.names else ""
        message = f"{piece.text[:40]!r} is not {self.about}"
        raise BadSchedule(piece.position, message, f"use {self.least}–{self.most}{names}")


_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MINUTES = Bounds("a minute", 0, 59)
HOURS = Bounds("an hour", 0, 23)
MONTH_DAYS = Bounds("a day of the month", 1, 31)
MONTHS = Bounds("a month", 1, 12, _MONTH_NAMES)
WEEK_DAYS = Bounds("a day of the week", 1, 7, _WEEKDAYS)
YEARS = Bounds("a year", 1970, 2199)


def numbers(piece: Piece, bounds: Bounds) -> Numbers:
    """The ascending numbers that a list of values, ranges and steps names. Raises `BadSchedule`."""
    found: set[int] = set()
    for one in piece.split(","):
        found.update(_span(one, bounds))
    return tuple(sorted(found))


def _span(piece: Piece, bounds: Bounds) -> range:
    whole, *steps = piece.split("/")
    if len(steps) > 1:
        raise BadSchedule(steps[1].position, "two steps in one value", "write one, as in 0/15")
    step = _step(steps[0], bounds) if steps else 1
    if whole.text == "*":
        return range(bounds.least, bounds.most + 1, step)
    if not whole.text:
        remedy = f"write */{steps[0].text}" if steps else "remove the comma, or write * for every value"
        raise BadSchedule(whole.position, f"a value is missing where {bounds.about} should stand", remedy)
    first, *rest = whole.split("-")
    if len(rest) > 1:
        raise BadSchedule(rest[1].position, "a range has two ends", "write it as 1-5")
    low = bounds.number(first)
    if rest:
        high = bounds.number(rest[0])
        if high < low:
            remedy = f"write {low}-{bounds.most},{bounds.least}-{high}"
            raise BadSchedule(first.position, f"the range {whole.text} runs backwards", remedy)
        return range(low, high + 1, step)
    return range(low, (bounds.most if steps else low) + 1, step)


def _step(piece: Piece, bounds: Bounds) -> int:
    if piece.text.isascii() and piece.text.isdigit() and len(piece.text) <= 4:
        step = int(piece.text)
        if 1 <= step <= bounds.most:
            return step
    raise BadSchedule(
        piece.position, f"{piece.text[:40]!r} is not a step", f"use 1–{bounds.most}, as in 0/15"
    )


@dataclass(frozen=True, slots=True)
class Days:
    """Which days of a month match. Exactly one of the rules is set; all others are empty.

    `month_days` numbers days from 1; `last` is L; `near` is the day of nW; `last_weekday` is LW.
    `week_days` counts from Sunday = 1; `last_of` is the 5 of 5L; `nth` is (weekday, which) of 3#2.
    """

    month_days: Numbers = ()
    last: bool = False
    near: Numbers = ()
    last_weekday: bool = False
    week_days: Numbers = ()
    last_of: int | None = None
    nth: tuple[int, int] | None = None

    def of_month(self, first_weekday: int, length: int) -> Numbers:
        """The matching days, ascending; `first_weekday` counts from Monday = 0, as `calendar` does."""

        def weekday(day: int) -> int:
            return (first_weekday + day) % 7 + 1  # Sunday = 1

        every = range(1, length + 1)
        if self.week_days:
            return tuple(day for day in every if weekday(day) in self.week_days)
        if self.last_of is not None:
            return tuple(day for day in every if day > length - 7 and weekday(day) == self.last_of)
        if self.nth is not None:
            wanted, which = self.nth
            return tuple(day for day in every if weekday(day) == wanted and (day - 1) // 7 + 1 == which)
        found = {day for day in self.month_days if day <= length}
        if self.last:
            found.add(length)
        found |= {_nearest_work_day(day, weekday(day), length) for day in self.near if day <= length}
        if self.last_weekday:
            found.add(_nearest_work_day(length, weekday(length), length))
        return tuple(sorted(found))


def _nearest_work_day(day: int, weekday: int, length: int) -> int:
    """Monday to Friday nearest to `day`, never in another month."""
    if weekday == 7:
        return day - 1 if day > 1 else day + 2
    if weekday == 1:
        return day + 1 if day < length else day - 2
    return day


def days(of_month: Piece, of_week: Piece) -> Days:
    """Read both day fields together. Raises `BadSchedule` unless exactly one is `?`."""
    if of_month.text == "?" and of_week.text == "?":
        raise BadSchedule(of_week.position, "both day fields are ?", "write * in one of them")
    if of_month.text != "?" and of_week.text != "?":
        message = "the day of the month and the day of the week are both set"
        raise BadSchedule(of_week.position, message, "write ? in the one that does not matter")
    return _week(of_week) if of_month.text == "?" else _month(of_month)


def _month(piece: Piece) -> Days:
    plain: set[int] = set()
    near: set[int] = set()
    last = last_weekday = False
    for one in piece.split(","):
        upper = one.text.upper()
        if upper == "L":
            last = True
        elif upper == "LW":
            last_weekday = True
        elif upper.endswith("W"):
            near.add(MONTH_DAYS.number(Piece(one.text[:-1], one.position)))
        else:
            plain.update(_span(one, MONTH_DAYS))
    return Days(tuple(sorted(plain)), last, tuple(sorted(near)), last_weekday)


def _week(piece: Piece) -> Days:
    alone = "write it alone, without a list"
    if "#" in piece.text:
        if "," in piece.text:
            raise BadSchedule(piece.position, "# does not go with a list", alone)
        day, which, *more = piece.split("#")
        if more or which.text not in {"1", "2", "3", "4", "5"}:
            raise BadSchedule(
                which.position, f"{which.text[:20]!r} is not a week of the month", "use 1–5, as in 3#2"
            )
        return Days(nth=(WEEK_DAYS.number(day), int(which.text)))
    upper = piece.text.upper()
    if upper == "L":
        return Days(week_days=(7,))
    if upper.endswith("L"):
        if "," in piece.text:
            raise BadSchedule(piece.position, "L does not go with a list", alone)
        return Days(last_of=WEEK_DAYS.number(Piece(piece.text[:-1], piece.position)))
    return Days(week_days=numbers(piece, WEEK_DAYS))
