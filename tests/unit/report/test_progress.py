"""Events fold into a picture; rates are those of the last seconds."""

import pytest

from ferryline.model import event
from ferryline.model.run import Phase
from ferryline.report import progress
from tests.unit.report.test_lines import EVENTS


class Hands:
    def __init__(self):
        self.seconds = 1_000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def hands():
    return Hands()


def told(hands, *facts):
    found = progress.Progress(hands)
    for fact in facts:
        found.hear(fact)
    return found


def sent(count):
    return [event.ObjectTransferred(b"k%d" % number, "s3://b/", 5, None) for number in range(count)]


def test_a_picture_counts_what_was_heard(hands):
    picture = told(hands, *EVENTS).picture()

    assert (picture.listed, picture.same, picture.transferred, picture.verified, picture.deleted) == (
        1000,
        999,
        1,
        1,
        1,
    )
    assert (
        picture.vanished,
        picture.failed,
        picture.requests,
        picture.bytes_read,
        picture.bytes_written,
    ) == (1, 1, 1, 1, 2)
    assert picture.phase is Phase.PREPARING


def test_a_picture_before_anything_happened_is_empty(hands):
    picture = told(hands).picture()

    assert picture == progress.Picture(None, 0.0)
    assert progress.line(picture) == "starting 0.0 s"


def test_a_second_listing_is_no_longer_list(hands):
    picture = told(
        hands,
        event.PhaseEntered(Phase.PREPARING),
        event.PageCompared(10, 10),
        event.PhaseEntered(Phase.VERIFYING),
        event.PageCompared(10, 10),
    ).picture()

    assert (picture.listed, picture.compared) == (10, 10)


def test_rates_follow_the_last_seconds(hands):
    found = told(hands, event.PhaseEntered(Phase.TRANSFERRING), event.PageCompared(1_000, 0))
    for _ in range(60):
        hands.seconds += 1
        found.hear(event.BytesMoved(0, 1_000_000))
        found.picture()
    assert found.picture().bytes_per_second == pytest.approx(1_000_000)

    for _ in range(40):
        hands.seconds += 1
        found.hear(event.BytesMoved(0, 2_000))
        found.picture()
    assert found.picture().bytes_per_second == pytest.approx(2_000)


def test_the_time_to_go_is_that_of_what_is_listed_and_not_yet_there(hands):
    found = told(hands, event.PhaseEntered(Phase.TRANSFERRING), event.PageCompared(100, 40), *sent(20))
    hands.seconds += 10
    picture = found.picture()

    assert picture.pending == 40
    assert picture.eta_seconds == pytest.approx(20)


def test_nothing_is_promised_while_no_rate_is_known(hands):
    assert (
        told(hands, event.PhaseEntered(Phase.TRANSFERRING), event.PageCompared(100, 0)).picture().eta_seconds
        is None
    )


def test_samples_do_not_pile_up(hands):
    found = told(hands)
    for _ in range(10_000):
        hands.seconds += 0.1
        found.picture()

    assert len(found._samples) <= progress.WINDOW_SECONDS * 2 + 3


def test_a_line_is_plain_words(hands):
    found = told(
        hands, event.PhaseEntered(Phase.TRANSFERRING), event.PageCompared(12_345, 12_000), *sent(3), event.BytesMoved(5_000_000, 5_000_000),
        event.ObjectFailedEvent(b"k", "s3://b/", "x", "x", "x", "transfer"),
    )  # fmt: skip
    hands.seconds += 10

    assert progress.line(found.picture()) == (
        "transferring 10.0 s · 12,345 listed, 12,000 same · 3 sent, 4.77 MiB at 488 KiB/s · 1 FAILED"
        " · at most 14 min 12 s to go for what is listed"
    )
