"""What travels with the bytes: the keys others read too, exact times, and nothing invented."""

import pytest

from ferryline.model.entry import Entry, Metadata, Stat, Token
from ferryline.policy.options import Mtime, ObjectMetadata
from ferryline.transfer import Ends, carried
from tests.unit.transfer.ground import Scripted, manner

FILE = Stat(Entry(b"f", 1, Token(None, 1_600_000_000_123_456_789, 2, 3)), Metadata())


def s3(**user):
    return Stat(Entry(b"o", 1, Token(b"e", 1_700_000_000_000_000_000)), Metadata(user=user))


ENDS = Ends(Scripted(), Scripted())


def test_a_files_time_goes_to_s3_in_nanoseconds_under_the_shared_key():
    assert carried.metadata(FILE, ENDS, manner()).user == {"file-mtime": "1600000000123456789ns"}


def test_no_time_is_kept_when_the_options_say_so():
    assert carried.metadata(FILE, ENDS, manner(mtime=Mtime.NONE)) == Metadata()
    assert carried.modified_ns(FILE, manner(mtime=Mtime.NONE)) is None


def test_between_files_nothing_but_the_time_is_carried():
    ends = Ends(Scripted(), Scripted().can(keeps_metadata=False))
    assert carried.metadata(FILE, ends, manner()) == Metadata()
    assert carried.modified_ns(FILE, manner()) == 1_600_000_000_123_456_789


def test_between_buckets_nothing_is_added():
    assert carried.metadata(s3(a="b"), ENDS, manner()).user == {"a": "b"}
    assert carried.metadata(s3(), ENDS, manner()) == Metadata(user={})
    assert carried.metadata(s3(a="b"), ENDS, manner(metadata=ObjectMetadata.NONE)) == Metadata()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("1600000000123456789ns", 1_600_000_000_123_456_789),
        ("1734968895000", 1_734_968_895_000_000_000),
        ("1734968895000ms", 1_734_968_895_000_000_000),
        ("-5ns", -5),
        ("yesterday", 1_700_000_000_000_000_000),
        ("99999999999999999999ns", 1_700_000_000_000_000_000),
        ("9999999999999999999", 1_700_000_000_000_000_000),
        ("", 1_700_000_000_000_000_000),
    ],
)
def test_a_file_gets_the_time_that_was_kept_else_when_the_object_was_written(told, expected):
    assert carried.modified_ns(s3(**{"file-mtime": told}), manner()) == expected


def test_a_default_content_type_is_no_difference():
    left = Metadata(system={"content-type": "binary/octet-stream"})
    assert carried.same(left, Metadata())
    assert not carried.same(Metadata(system={"content-type": "text/plain"}), Metadata())
    assert not carried.same(Metadata(user={"a": "b"}), Metadata())
