"""Metrics as Prometheus reads them: form, escaping, ages, and what is said when nothing is known."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from ferryline.report import document, metrics
from ferryline.report.metrics import Series
from tests.unit.report import samples

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
THERE = "s3://there/prefix/"
GOOD = document.run_document(samples.run(samples.good()))
FAILED = document.run_document(samples.run())

SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'(?:\{(?P<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})?'
    r" (?P<value>[+-]Inf|NaN|-?[0-9.e+-]+)"
)


def read(text):
    """Samples by name and labels, from a strict reading of the form; fails for anything else."""
    assert text.endswith("\n")
    helped, typed, found, last = [], [], {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.append(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind == "gauge"
            assert helped[-1] == name, "HELP comes just before TYPE"
            typed.append(name)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample["name"] == typed[-1], "the samples of a metric stand together under its TYPE"
            labels = tuple(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', sample["labels"] or ""))
            assert (sample["name"], labels) not in found, "no sample twice"
            found[sample["name"], labels] = sample["value"]
            last = line
    assert last
    assert len(set(typed)) == len(typed), "no metric twice"
    return found


def at(when, found):
    """The document as of another time."""
    ended = when + timedelta(seconds=60)
    return {**found, "began_at": when.isoformat(), "ended_at": ended.isoformat()}


def one(found, name, **labels):
    return found[name, (("dataset", "images"), ("replica", "eu"), *labels.items())]


def rendered(*runs, url=THERE):
    return read(metrics.render([Series("images", "eu", url, runs)], NOW))


def test_a_good_run_says_how_far_behind_the_replica_is():
    found = rendered(at(NOW - timedelta(hours=2), GOOD))

    assert one(found, "ferryline_lag_seconds") == "7200"
    assert one(found, "ferryline_last_success_age_seconds") == "7140"
    assert one(found, "ferryline_last_success_timestamp_seconds") == str(int(NOW.timestamp()) - 7140)
    assert one(found, "ferryline_last_run_success") == "1"
    assert one(found, "ferryline_last_run_objects", outcome="transferred") == "12"
    assert one(found, "ferryline_last_run_objects", outcome="same") == "88"
    assert one(found, "ferryline_last_run_objects", outcome="failed") == "0"
    assert one(found, "ferryline_last_run_bytes", kind="transferred") == "3000000"
    assert found["ferryline_metrics_timestamp_seconds", ()] == str(int(NOW.timestamp()))


def test_a_failed_run_after_a_good_one_keeps_the_lag_of_the_good_one():
    runs = (at(NOW - timedelta(hours=1), FAILED), at(NOW - timedelta(hours=3), GOOD))

    for order in (runs, runs[::-1]):
        found = rendered(*order)
        assert one(found, "ferryline_lag_seconds") == str(3 * 3600)
        assert one(found, "ferryline_last_run_success") == "0"
        assert one(found, "ferryline_last_run_exit_code") == str(FAILED["exit_code"])
        assert one(found, "ferryline_last_run_failures", kind="digest-mismatch") == "3"


def test_without_a_success_the_lag_is_without_end_so_that_an_alert_fires():
    for runs in ((), (at(NOW - timedelta(hours=1), FAILED),)):
        found = rendered(*runs)
        assert one(found, "ferryline_lag_seconds") == "+Inf"
        assert one(found, "ferryline_last_success_age_seconds") == "+Inf"
        assert not any(name == "ferryline_last_success_timestamp_seconds" for name, _ in found)


def test_a_replica_gets_its_own_part_of_a_run_with_several():
    whole = at(
        NOW, document.run_document(samples.run(samples.destination(), samples.destination(url="s3://two/")))
    )
    part = {**whole["destinations"][1], "status": "SUCCESS", "files_transferred": 7}
    whole["destinations"][1] = part

    found = read(
        metrics.render(
            [Series("images", "eu", THERE, [whole]), Series("images", "two", "s3://two/", [whole])], NOW
        )
    )

    assert one(found, "ferryline_last_run_success") == "0"
    two = (("dataset", "images"), ("replica", "two"))
    assert found["ferryline_last_run_success", two] == "1"
    assert found["ferryline_last_run_objects", (*two, ("outcome", "transferred"))] == "7"


def test_runs_of_other_places_say_nothing():
    assert one(rendered(at(NOW, GOOD), url="s3://elsewhere/"), "ferryline_lag_seconds") == "+Inf"


@pytest.mark.parametrize(
    "broken", [{}, {"began_at": None}, {"ended_at": "yesterday"}, {"ended_at": "2026-03-01T00:00:00"}]
)
def test_a_document_of_another_version_is_left_out(broken):
    whole = {**GOOD, **broken} if broken else {}

    assert one(rendered(whole), "ferryline_lag_seconds") == "+Inf"


@pytest.mark.parametrize(
    ("name", "shown"),
    [('a"b', 'a\\"b'), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("ü", "ü"), ("\udcff", "\\\\udcff")],
)
def test_label_values_are_escaped(name, shown):
    text = metrics.render([Series(name, "eu", THERE, [])], NOW)

    assert f'ferryline_lag_seconds{{dataset="{shown}",replica="eu"}} +Inf' in text.split("\n")
    text.encode("utf-8")
    read(text)


def test_the_same_replica_twice_is_one_sample():
    series = Series("images", "eu", THERE, [at(NOW, GOOD)])

    assert read(metrics.render([series, series], NOW)) == read(metrics.render([series], NOW))


def test_a_clock_that_went_back_makes_no_negative_age():
    found = rendered(at(NOW + timedelta(hours=1), GOOD))

    assert one(found, "ferryline_lag_seconds") == "0"
    assert one(found, "ferryline_last_success_age_seconds") == "0"


def test_nothing_at_all_is_a_metrics_file_too():
    assert list(read(metrics.render([], NOW))) == [("ferryline_metrics_timestamp_seconds", ())]
