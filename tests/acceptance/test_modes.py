"""Modes and filters as a user asks for them: what they promise is checked at the servers."""

import itertools
import os

import pytest

import ferryline
from ferryline.testing.strict import Fault, StrictServer, fault


@pytest.fixture
def pair(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", StrictServer.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", StrictServer.secret_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with StrictServer("source") as first, StrictServer("destination") as second:
        yield first, second


def places(pair):
    first, second = pair
    return (
        f"s3://source?endpoint_url={first.endpoint_url}",
        f"s3://destination?endpoint_url={second.endpoint_url}",
    )


def fill(pair, count=20):
    pair[0].bucket("source").put_many({f"k/{number:03}": os.urandom(500 + number) for number in range(count)})


def equal(pair) -> bool:
    return pair[0].bucket("source").contents() == pair[1].bucket("destination").contents()


def test_point_in_time_lists_twice_and_says_so(pair, tmp_path):
    fill(pair)

    document = ferryline.copy(*places(pair), state=str(tmp_path), verify_mode="POINT_IN_TIME_CONSISTENT")

    assert (document["status"], document["consistency"]) == ("SUCCESS", "point-in-time")
    assert document["files_listed"] == 20
    assert equal(pair)


def test_a_source_that_changes_once_is_copied_again_and_then_consistent(pair, tmp_path):
    fill(pair)
    changing = pair[0].arm(
        Fault(
            "GetObject", fault.Overwrite(b"changed while it was copied"), key="k/007", phase=fault.Phase.AFTER
        )
    )

    document = ferryline.copy(*places(pair), state=str(tmp_path), verify_mode="POINT_IN_TIME_CONSISTENT")

    assert changing.fired
    assert (document["status"], document["consistency"]) == ("SUCCESS", "point-in-time")
    assert equal(pair)


def test_a_source_that_never_rests_ends_with_7_and_loses_nothing(pair, tmp_path):
    fill(pair)
    changes = itertools.count()

    def changing(_):
        pair[0].bucket("source").put("k/000", f"state {next(changes):06}".encode())

    pair[0].before("ListObjectsV2", changing)

    document = ferryline.copy(*places(pair), state=str(tmp_path), verify_mode="POINT_IN_TIME_CONSISTENT")

    assert (document["exit_code"], document["consistency"]) == (7, "per-object")
    assert next(changes) > 3
    assert document["stopped"]["advice"]
    assert pair[1].bucket("destination").keys() == pair[0].bucket("source").keys()


def test_verify_mode_none_proves_nothing_and_says_so(pair, tmp_path):
    fill(pair)

    document = ferryline.copy(*places(pair), state=str(tmp_path), verify_mode="NONE")

    assert (document["status"], document["files_transferred"], document["files_verified"]) == (
        "SUCCESS",
        20,
        0,
    )
    assert document["evidence"] == {}
    assert equal(pair)


def test_remove_deletes_what_the_source_lacks_and_nothing_that_is_excluded(pair, tmp_path):
    fill(pair)
    there = pair[1].bucket("destination")
    there.put("k/gone", b"to be deleted")
    there.put("k/kept.tmp", b"excluded on both sides")
    there.put(".ferryline/theirs", b"reserved")

    document = ferryline.copy(
        *places(pair),
        state=str(tmp_path),
        preserve_deleted_files="REMOVE",
        exclude=("*.tmp",),
        max_delete_percent=100.0,
    )

    assert (document["status"], document["files_deleted"]) == ("SUCCESS", 1)
    assert b"k/gone" not in there.keys()
    assert {b"k/kept.tmp", b".ferryline/theirs"} <= set(there.keys())
    assert len(pair[0].requests("HeadObject", "k/gone")) == 1, "the second look"


def test_the_second_look_saves_a_key_that_a_listing_lost(pair, tmp_path):
    fill(pair)
    ferryline.copy(*places(pair), state=str(tmp_path))
    lost = pair[0].arm(Fault("ListObjectsV2", fault.List(fault.Listing.KEYS_LOST), times=None))

    document = ferryline.copy(
        *places(pair), state=str(tmp_path), preserve_deleted_files="REMOVE", max_delete_percent=100.0
    )

    assert lost.fired
    assert document["files_deleted"] == 0
    pair[0].disarm()
    assert equal(pair)


def test_overwrite_never_keeps_what_is_there(pair, tmp_path):
    fill(pair, 3)
    pair[1].bucket("destination").put("k/001", b"older, and not to be touched")

    document = ferryline.copy(*places(pair), state=str(tmp_path), overwrite_mode="NEVER")

    assert (document["files_transferred"], document["files_kept"]) == (2, 1)
    assert pair[1].bucket("destination").get("k/001") == b"older, and not to be touched"


def test_transfer_mode_all_sends_everything_again(pair, tmp_path):
    fill(pair, 5)
    ferryline.copy(*places(pair), state=str(tmp_path))

    document = ferryline.copy(*places(pair), state=str(tmp_path), transfer_mode="ALL")

    assert document["files_transferred"] == 5


def test_include_narrows_the_listing_itself(pair, tmp_path):
    fill(pair)
    pair[0].bucket("source").put("other/x", b"outside")

    document = ferryline.copy(*places(pair), state=str(tmp_path), include=("/k*",), exclude=("*/001",))

    assert (document["files_listed"], document["files_transferred"], document["files_excluded"]) == (
        20,
        19,
        1,
    )
    assert all(one.params.get("prefix", "").startswith("k") for one in pair[0].requests("ListObjectsV2"))


def test_a_single_object_goes_under_another_key_and_is_silent_the_second_time(pair, tmp_path):
    fill(pair, 2)
    first, second = places(pair)
    words = (
        first.replace("source?", "source/k/001?"),
        second.replace("destination?", "destination/renamed/one?"),
    )

    document = ferryline.copy(*words, state=str(tmp_path), single_object=True)
    again = ferryline.copy(*words, state=str(tmp_path), single_object=True)

    assert (document["status"], document["files_transferred"]) == ("SUCCESS", 1)
    assert pair[1].bucket("destination").contents() == {b"renamed/one": pair[0].bucket("source").get("k/001")}
    assert (again["files_transferred"], again["files_same"]) == (0, 1)


def test_the_transfer_cap_refuses_before_it_is_passed(pair, tmp_path):
    fill(pair, 20)

    document = ferryline.copy(*places(pair), state=str(tmp_path), max_transfer="2000")

    assert document["exit_code"] == 3
    assert document["bytes_transferred"] <= 2000
