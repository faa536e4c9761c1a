"""What an answer's headers say of time: how long to wait, and how far the clocks are apart.

`translate` asks it. A header that is no time says nothing.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ferryline.storage.s3.http_message import Answer

LONGEST_SECONDS = 3600.0


def delay(answer: Answer, now: datetime) -> float | None:
    """Seconds that Retry-After asks for, an hour at most; None where it asks for nothing."""
    text = (answer.text(b"retry-after") or "").strip()
    if text.isdigit():
        return min(float(text), LONGEST_SECONDS)
    try:
        return (
            max(0.0, min(LONGEST_SECONDS, (parsedate_to_datetime(text) - now).total_seconds()))
            if text
            else None
        )
    except (ValueError, TypeError):
        return None


def minutes_off(answer: Answer, now: datetime) -> int | None:
    """How far this host's clock is ahead of the endpoint's; None where the endpoint's is not told."""
    try:
        theirs = parsedate_to_datetime(answer.text(b"date") or "")
    except (ValueError, TypeError):
        return None
    return round((now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds() / 60)
