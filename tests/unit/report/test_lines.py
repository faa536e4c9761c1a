"""Events as JSON lines, the report folder by level, and keys that nothing can break."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryline.model import event
from ferryline.model.run import Phase
from ferryline.policy.options import LogLevel
from ferryline.report import folder, keys, lines
from tests.unit.report import samples

KEY = b"a\nb\xff"
EVENTS = [
    event.RunStarted("id", "s3://a/", ("s3://b/", "s3://c/")),
    event.PhaseEntered(Phase.PREPARING),
    event.RangeListed("(start, end]", 1, 2),
    event.PageCompared(1000, 999),
    event.ObjectTransferred(KEY, "s3://b/", 3, None),
    event.ObjectVerified(KEY, "s3://b/", "etag-md5"),
    event.ObjectDeleted(KEY, "s3://b/"),
    event.ObjectSpared(KEY, "s3://b/", "it is back"),
    event.ObjectVanished(KEY, "s3://b/"),
    event.ObjectFailedEvent(KEY, "s3://b/", "access-refused", "403\n", "grant it", "transfer"),
    event.BytesMoved(1, 2),
    event.RequestMade("s3://b/", "PutObject", 200, 0.25),
    event.WindowChanged("s3://b/", "data", 8, "throttled"),
    event.ExecutionSeen("s3://b/", "arn:aws:datasync:…", "TRANSFERRING", 1, None, 2, 3),
    event.Warned("odd\x1b[2J", "look"),
    event.RunEnded("id", "SUCCESS", 0),
]


def test_every_kind_of_event_is_tried_here():
    assert {type(one) for one in EVENTS} == set(event.Event.__args__)


@pytest.mark.parametrize("fact", EVENTS, ids=lambda one: one.kind)
def test_an_event_is_one_line_of_json_with_all_its_fields(fact):
    text = lines.line(fact)
    found = json.loads(text)

    assert text.isprintable()
    assert found["event"] == fact.kind
    assert {one.name for one in dataclasses.fields(fact)} <= set(found)
    if "key" in found:
        assert keys.key_of(found) == KEY


def test_a_time_is_written_where_it_is_given():
    assert json.loads(lines.line(EVENTS[0], samples.BEGAN))["time"] == "2026-03-01T12:00:00.250Z"


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_key_survives_a_line_and_cannot_break_it(key):
    text = lines.line(event.ObjectDeleted(key, "s3://b/"))

    assert text.isprintable()
    text.encode("utf-8")
    assert keys.key_of(json.loads(text)) == key


@given(st.text(max_size=80))
def test_any_message_stays_on_its_line(message):
    text = lines.line(event.Warned(message, message))

    assert text.isprintable()
    text.encode("utf-8")


def test_a_key_that_is_text_is_written_as_it_is_and_never_cut():
    assert keys.fields("é/🚢 x".encode()) == {"key": "é/🚢 x"}
    assert keys.fields(b"x" * 1024) == {"key": "x" * 1024}


WRITTEN = {
    LogLevel.OFF: set(),
    LogLevel.BASIC: {"failed.jsonl", "warnings.jsonl"},
    LogLevel.TRANSFER: {
        "failed.jsonl", "warnings.jsonl", "transferred.jsonl", "verified.jsonl", "deleted.jsonl", "spared.jsonl", "vanished.jsonl",
    },
}  # fmt: skip


@pytest.mark.parametrize("level", list(LogLevel))
def test_the_report_folder_holds_what_its_level_says(level):
    placed = [one for one in (folder.line(fact, level) for fact in EVENTS) if one is not None]

    assert {name for name, _ in placed} == WRITTEN[level]
    for _, text in placed:
        assert json.loads(text)["event"]
