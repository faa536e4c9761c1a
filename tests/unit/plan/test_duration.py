"""How long it takes: by a stated rate, by the most alike run, or not known."""

import pytest

from ferryline.plan.duration import Load, Timed, estimate

MANY_SMALL = Timed("small", Load(1_000, 1_000_000, 1_000), 10.0)
FEW_LARGE = Timed("large", Load(10, 10_000_000_000, 10), 100.0)
QUIET = Timed("quiet", Load(0, 0, 1_000), 2.0)
RUNS = (QUIET, FEW_LARGE, MANY_SMALL)


def test_a_stated_rate_wins():
    told = estimate(Load(5, 1_000, 5), RUNS, 100, None)

    assert told.seconds == 10.0
    assert told.basis == "assumed: 100 bytes a second"


def test_a_limit_is_slower_than_what_is_stated_or_was_measured():
    assert estimate(Load(5, 1_000, 5), (), 100, 10).seconds == 100.0
    assert estimate(Load(10, 10_000_000_000, 10), RUNS, None, 10_000_000).seconds == 1000.0


def test_the_run_of_the_most_alike_objects_tells():
    small = estimate(Load(2_000, 2_000_000, 2_000), RUNS, None, None)
    large = estimate(Load(1, 1_000_000_000, 1), RUNS, None, None)

    assert small.seconds == pytest.approx(20.0)
    assert "run small" in small.basis
    assert large.seconds == pytest.approx(10.0)
    assert "run large" in large.basis


def test_the_slower_of_objects_and_bytes_counts():
    # A hundred times the size of the run's objects: the bytes take longer than the objects.
    assert estimate(Load(1_000, 100_000_000, 1_000), (MANY_SMALL,), None, None).seconds == pytest.approx(
        1000.0
    )


def test_a_run_that_copies_nothing_is_as_long_as_its_listings():
    assert estimate(Load(0, 0, 2_000), RUNS, None, None).seconds == 4.0


@pytest.mark.parametrize("runs", [(), (QUIET,)])
def test_without_a_measure_there_is_no_time_and_a_sentence(runs):
    told = estimate(Load(5, 5, 5), runs, None, None)

    assert told.seconds is None
    assert "--assume-bytes-per-second" in told.basis
    assert estimate(Load(0, 0, 5), (FEW_LARGE,), None, None).seconds is None


@pytest.mark.parametrize(
    "changes",
    [{"status": "ERROR"}, {"duration_seconds": 0}, {"files_transferred": None}, {"bytes_transferred": "x"}],
)
def test_a_run_that_measured_nothing_is_left_out(changes):
    whole = {
        "run_id": "r",
        "status": "SUCCESS",
        "duration_seconds": 2.0,
        "files_transferred": 4,
        "bytes_transferred": 8,
        "files_listed": 4,
    }

    assert Timed.of(whole) == Timed("r", Load(4, 8, 4), 2.0)
    assert Timed.of({**whole, **changes}) is None
    assert Timed.of({}) is None
