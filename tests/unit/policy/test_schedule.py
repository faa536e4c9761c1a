"""Schedules: EventBridge's grammar, by table, and that time only moves on."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ferryline.policy import cron_field, schedule

AT = datetime(2026, 11, 24, 2, 30, 15, tzinfo=UTC)  # a Tuesday


def runs(expression, count, at=AT):
    found, when = [], schedule.parse(expression)
    for _ in range(count):
        at = when.next_after(at)
        if at is None:
            break
        found.append(at.strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 0 * * ? *)", ["2026-11-25 00:00", "2026-11-26 00:00"]),
        ("cron(0 10 * * ? *)", ["2026-11-24 10:00", "2026-11-25 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-11-24 12:15", "2026-11-25 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-24 18:00", "2026-11-25 18:00", "2026-11-26 18:00", "2026-11-27 18:00", "2026-11-30 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-12-01 08:00", "2027-01-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-11-24 02:45", "2026-11-24 03:00", "2026-11-24 03:15"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-11-24 02:40", "2026-11-24 02:50"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-11-24 08:00", "2026-11-24 08:05"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", None),
        ("cron(*/20 * * * ? *)", ["2026-11-24 02:40", "2026-11-24 03:00", "2026-11-24 03:20"]),
        ("cron(10-20/5 3 * * ? *)", ["2026-11-24 03:10", "2026-11-24 03:15", "2026-11-24 03:20", "2026-11-25 03:10"]),
        ("cron(5,35,35 2 * * ? *)", ["2026-11-24 02:35", "2026-11-25 02:05"]),
        ("cron(30 2 * * ? *)", ["2026-11-25 02:30"]),
        ("cron(31 2 * * ? *)", ["2026-11-24 02:31"]),
        ("cron(0 8 ? * 4#1 *)", ["2026-12-02 08:00", "2027-01-06 08:00"]),
        ("cron(0 8 ? * WED#1 *)", ["2026-12-02 08:00"]),
        ("cron(0 0 ? * 2#5 *)", ["2026-11-30 00:00", "2027-03-29 00:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-11-27 10:15", "2026-12-25 10:15", "2027-01-29 10:15"]),
        ("cron(0 0 ? * FRIL *)", ["2026-11-27 00:00"]),
        ("cron(0 0 ? * L *)", ["2026-11-28 00:00", "2026-12-05 00:00"]),
        ("cron(0 0 L * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00", "2027-02-28 00:00"]),
        ("cron(0 0 15,L * ? *)", ["2026-11-30 00:00", "2026-12-15 00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-12-01 00:00", "2027-01-01 00:00", "2027-02-01 00:00"]),
        ("cron(0 0 1W 8 ? 2027)", ["2027-08-02 00:00"]),
        ("cron(0 0 1W 5 ? 2027)", ["2027-05-03 00:00"]),
        ("cron(0 0 15W 11 ? 2026-2027)", ["2027-11-15 00:00"]),
        ("cron(0 0 31W * ? *)", ["2026-12-31 00:00", "2027-01-29 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 29 FEB ? 2100)", None),
        ("cron(0 0 31 * ? *)", ["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 ? JAN,mar-MAY sun *)", ["2027-01-03 00:00", "2027-01-10 00:00"]),
        ("cron(0 0 1 1 ? 2199)", ["2199-01-01 00:00"]),
        ("cron(0 0 1 1 ? 2020)", []),
        ("cron(0 0 1 1 ? 2020/4)", ["2028-01-01 00:00"]),
        ("cron( 0  0 * * ? * )", ["2026-11-25 00:00"]),
        ("rate(1 minute)", ["2026-11-24 02:31", "2026-11-24 02:32"]),
        ("rate(10 minutes)", ["2026-11-24 02:40", "2026-11-24 02:50"]),
        ("rate(61 minutes)", ["2026-11-24 03:31"]),
        ("rate(1 hour)", ["2026-11-24 03:30"]),
        ("rate(12 hours)", ["2026-11-24 14:30"]),
        ("rate(1 day)", ["2026-11-25 02:30"]),
    ],
)  # fmt: skip
def test_next_runs(expression, expected):
    if expected is None:
        with pytest.raises(schedule.BadSchedule):
            schedule.parse(expression)
    else:
        assert runs(expression, max(1, len(expected))) == expected


@pytest.mark.parametrize(
    ("expression", "said", "remedy"),
    [
        ("* * 31 2 *", "neither", "cron("),
        ("cron(* * 31 2 *)", "six fields, found 5", "cron(0 0 * * ? *)"),
        ("cron(0 8 * * 3#1)", "six fields", "cron("),
        ("cron(* * 31 2 ? *)", "no date ever matches", "month"),
        ("cron(0 0 30 2 ? *)", "no date ever matches", "month"),
        ("cron(0 0 31 4,6,9,11 ? *)", "no date ever matches", "month"),
        ("cron(61 * * * ? *)", "'61' is not a minute (character 6)", "0–59"),
        ("cron(0 24 * * ? *)", "'24' is not an hour (character 8)", "0–23"),
        ("cron(0 0 0 * ? *)", "'0' is not a day of the month", "1–31"),
        ("cron(0 0 * 13 ? *)", "'13' is not a month", "JAN–DEC"),
        ("cron(0 0 ? * 0 *)", "'0' is not a day of the week", "1–7 or SUN–SAT"),
        ("cron(0 0 ? * 8 *)", "'8' is not a day of the week", "SUN–SAT"),
        ("cron(0 0 * * ? 1969)", "'1969' is not a year", "1970–2199"),
        ("cron(0 0 * * ? 2200)", "'2200' is not a year", "1970–2199"),
        ("cron(0 0 * * * *)", "both set", "write ?"),
        ("cron(0 0 1 * MON *)", "both set", "write ?"),
        ("cron(0 0 ? * ? *)", "both day fields are ?", "write *"),
        ("cron(0 0 * * * *)", "both set", "write ?"),
        ("cron(0 ? * * ? *)", "'?' is not an hour", "0–23"),
        ("cron(0 0 ? * FRI-MON *)", "runs backwards", "6-7,1-2"),
        ("cron(0 22-2 * * ? *)", "runs backwards", "22-23,0-2"),
        ("cron(0 0 ? * 2#6 *)", "week of the month", "1–5"),
        ("cron(0 0 ? * 2#1,3#1 *)", "list", "alone"),
        ("cron(0 0 ? * 2L,3L *)", "list", "alone"),
        ("cron(0 0 32W * ? *)", "'32' is not a day", "1–31"),
        ("cron(0 0 ? * 2W *)", "'2W' is not a day", "1–7"),
        ("cron(0/0 0 * * ? *)", "'0' is not a step", "1–59"),
        ("cron(0/x 0 * * ? *)", "'x' is not a step", "1–59"),
        ("cron(1/2/3 0 * * ? *)", "two steps", "0/15"),
        ("cron(1-2-3 0 * * ? *)", "two ends", "1-5"),
        ("cron(/5 0 * * ? *)", "missing", "*/5"),
        ("cron(1,,2 0 * * ? *)", "missing", "comma"),
        ("cron(-5 0 * * ? *)", "'' is not a minute", "0–59"),
        ("cron(5- 0 * * ? *)", "'' is not a minute", "0–59"),
        ("cron(MON 0 * * ? *)", "'MON' is not a minute", "0–59"),
        ("cron(0 0 * * ? *", "neither", "cron("),
        ("CRON(0 0 * * ? *)", "neither", "cron("),
        ("cron(0\n0 * * ? *)", "six fields", "cron("),
        ("cron(٣ 0 * * ? *)", "is not a minute", "0–59"),
        ("cron()", "six fields, found 0", "cron("),
        ("", "neither", "cron("),
        ("rate(0 minutes)", "out of range", "1 to"),
        ("rate(1 minutes)", "does not go with 1", "rate(1 minute)"),
        ("rate(5 minute)", "does not go with 5", "rate(5 minutes)"),
        ("rate(5)", "not a number and", "rate(1 hour)"),
        ("rate(-5 minutes)", "not a number and", "rate(1 hour)"),
        ("rate(1.5 hours)", "not a number and", "rate(1 hour)"),
        ("rate(5 weeks)", "not a number and", "rate(1 hour)"),
        ("rate(5 Hours)", "not a number and", "rate(1 hour)"),
        ("rate(" + "9" * 100 + " days)", "out of range", "1 to"),
        ("cron(" + "0," * 5000 + "0 * * * ? *)", "at most 256", "cron("),
        ("x" * 10_000, "at most 256", "cron("),
    ],
)  # fmt: skip
def test_expressions_that_are_refused(expression, said, remedy):
    with pytest.raises(cron_field.BadSchedule) as caught:
        schedule.parse(expression)
    assert said in caught.value.message
    assert re.search(r"\(character \d+\)", caught.value.message)
    assert remedy in caught.value.remedy
    assert 0 <= caught.value.position <= 256


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(10 minutes)", 600), ("cron(0 * * * ? *)", 3600), ("cron(0/30 * * * ? *)", 1800), ("cron(0,50 1 * * ? *)", 3000),
        ("cron(5 0/6 * * ? *)", 21600), ("cron(0 23,0 * * ? *)", 3600), ("cron(0 0 1 1 ? *)", 86400),
    ],
)  # fmt: skip
def test_the_shortest_gap_between_runs(expression, seconds):
    assert schedule.parse(expression).shortest_gap_seconds == seconds


def test_other_time_zones_are_read_as_utc_and_naive_times_refused():
    paris = datetime(2026, 11, 24, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert schedule.parse("cron(0 0 * * ? *)").next_after(paris) == datetime(2026, 11, 24, tzinfo=UTC)
    with pytest.raises(ValueError, match="aware"):
        schedule.parse("rate(1 hour)").next_after(datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_end_of_time_is_none_and_the_beginning_is_1970():
    every = schedule.parse("cron(* * * * ? *)")
    assert every.next_after(datetime(2199, 12, 31, 23, 59, tzinfo=UTC)) is None
    assert every.next_after(datetime(9999, 12, 31, tzinfo=UTC)) is None
    assert every.next_after(datetime(1, 1, 1, tzinfo=UTC)) == datetime(1970, 1, 1, tzinfo=UTC)
    assert schedule.parse("rate(1 day)").next_after(datetime(2199, 12, 31, 1, tzinfo=UTC)) is None


def _numbers(low, high):
    number = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(
        lambda pair: f"{min(pair)}-{max(pair)}"
    )
    step = st.tuples(number, st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.one_of(
        st.just("*"), st.lists(st.one_of(number, span, step), min_size=1, max_size=3).map(",".join)
    )


_DAYS = st.one_of(
    st.tuples(st.one_of(_numbers(1, 31), st.sampled_from(["L", "LW", "15W", "1W", "31W"])), st.just("?")),
    st.tuples(
        st.just("?"), st.one_of(_numbers(1, 7), st.sampled_from(["L", "6L", "2#5", "SUN#1", "MON-FRI"]))
    ),
)
_CRONS = st.tuples(_numbers(0, 59), _numbers(0, 23), _DAYS, _numbers(1, 12), _numbers(2020, 2040)).map(
    lambda all_: f"cron({all_[0]} {all_[1]} {all_[2][0]} {all_[3]} {all_[2][1]} {all_[4]})"
)
_MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2041, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(_CRONS, _MOMENTS)
def test_the_next_run_is_later_matches_and_is_the_first(expression, at):
    try:
        when = schedule.parse(expression)
    except schedule.BadSchedule as error:
        assume("no date" not in error.message)
        raise
    found = when.next_after(at)
    if found is None:
        return
    assert found > at
    assert (found.second, found.microsecond) == (0, 0)
    assert found.minute in when.minutes
    assert found.hour in when.hours
    assert found.month in when.months
    assert found.year in when.years
    assert when.next_after(found - timedelta(seconds=1)) == found
    between = at + (found - at) / 2
    assert when.next_after(between) == found, "nothing lies between"


@given(st.integers(2, 1000), st.sampled_from(["minutes", "hours", "days"]), _MOMENTS)
def test_a_rate_always_moves_on(count, unit, at):
    when = schedule.parse(f"rate({count} {unit})")
    assert when.next_after(at) - at == timedelta(seconds=when.interval_seconds)
