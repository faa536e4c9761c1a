"""When a task runs, as DataSync allows it, and after how long without success somebody must be told.

`pairing` and `watching` call it. Pure: no clock is read; a schedule is followed from a fixed day.
"""

import math
from datetime import UTC, datetime, timedelta

from ferryline.deploy.refusals import Refusals
from ferryline.policy import cron_field, schedule

HOUR_SECONDS = 3600
ALARM_HOURS_MAX = 168
"""CloudWatch looks back seven days at most, in periods of an hour."""

_STEPS = 200
"""Runs that are followed to find the longest gap: four years of a weekly schedule."""


def read(expression: str, refusals: Refusals) -> schedule.Schedule | None:
    """The schedule, or None with a refusal: a text that is none, or runs closer than DataSync's hour."""
    try:
        found = schedule.parse(expression)
    except cron_field.BadSchedule as error:
        refusals.add("schedule", error.message, error.remedy)
        return None
    if found.shortest_gap_seconds < HOUR_SECONDS:
        remedy = (
            "run it once an hour or less often, as in rate(1 hour); for less lag use engine: ferryline, "
            "which has no floor, or engine: s3-replication, which copies as objects arrive"
        )
        refusals.add("schedule", f"{expression}: DataSync runs a task at most once an hour", remedy)
        return None
    return found


def longest_gap_hours(found: schedule.Schedule) -> float:
    """The longest time between two runs, over the next two hundred from the start of 2025."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    longest = timedelta(0)
    before = found.next_after(at)
    for _ in range(_STEPS):
        after = found.next_after(before) if before is not None else None
        if before is None or after is None:
            break
        longest = max(longest, after - before)
        before = after
    return longest / timedelta(hours=1)


def alarm_hours(found: schedule.Schedule) -> int | None:
    """Hours without a success after which a run was missed: a whole gap, and half of one to finish in.

    At least two hours. None where that is longer than CloudWatch can look back.
    """
    hours = max(2, math.ceil(longest_gap_hours(found) * 1.5))
    if hours <= ALARM_HOURS_MAX:
        return hours
    return ALARM_HOURS_MAX if longest_gap_hours(found) < ALARM_HOURS_MAX else None
