"""What a run asks, reckoned object by object."""

from collections import Counter

import pytest

from ferryline.model.action import Copy, Delete, Keep, Reason, Refuse, Same
from ferryline.model.digest import Evidence
from ferryline.model.entry import Entry, Token
from ferryline.model.span import GIB, MIB
from ferryline.plan.question import Side
from ferryline.plan.requests import Habits, Reckoning, Writes, pages_of
from ferryline.policy.options import Options, VerifyMode
from ferryline.storage.capabilities import AWS, Capabilities, Support

PLAIN, THREE_PARTS = b"0" * 32, b"0" * 32 + b"-3"
FILES = Capabilities(provider="file", hashes_locally=True, part_bytes_min=1)


def entry(size, etag=PLAIN, storage_class=None):
    return Entry(b"k", size, Token(etag, 1), storage_class)


def asked(action, habits=Habits(), side=None, listed=(0, 0)):
    reckoning = Reckoning(habits)
    reckoning.action(action)
    work = reckoning.work(*listed)
    total = Counter()
    for (at, operation, _), count in work.requests.items():
        if side in (None, at):
            total[operation] += count
    return dict(total)


def test_a_small_object_is_one_get_and_one_put():
    copy = Copy(entry(MIB), Reason.NEW)

    assert asked(copy, side=Side.SOURCE) == {"GetObject": 1}
    assert asked(copy, side=Side.DESTINATION) == {"PutObject": 1, "ListObjectsV2": 1}


def test_a_large_object_is_a_look_an_intent_an_upload_its_parts_and_a_look():
    copy = Copy(entry(30 * MIB, THREE_PARTS), Reason.NEW)

    assert asked(copy, side=Side.SOURCE) == {"HeadObject": 1, "GetObject": 3}
    assert asked(copy, side=Side.DESTINATION) == {
        "ListMultipartUploads": 2,
        "PutObject": 2,
        "CreateMultipartUpload": 1,
        "UploadPart": 3,
        "CompleteMultipartUpload": 1,
        "HeadObject": 1,
        "DeleteObject": 1,
        "ListObjectsV2": 1,
    }


@pytest.mark.parametrize(
    ("size", "etag", "parts"),
    [
        (0, PLAIN, 0),
        (64 * MIB, PLAIN, 0),
        (64 * MIB + 1, PLAIN, 5),
        (10 * MIB, THREE_PARTS, 3),
        (0, THREE_PARTS, 0),
        (300 * MIB, THREE_PARTS, 19),  # its own parts are larger than what is buffered
        (200 * GIB, PLAIN, 9_753),
        (70 * MIB, None, 5),
        (70 * MIB, b"odd", 5),
    ],
)
def test_an_object_is_cut_as_the_lanes_cut_it(size, etag, parts):
    assert Habits().parts(entry(size, etag)) == parts


def test_memory_bounds_what_goes_in_one_piece():
    habits = Habits.of(AWS, AWS, Options(), 16 * MIB, Writes())

    assert habits.parts(entry(20 * MIB)) == 2


def test_a_file_needs_no_request():
    to_file = Habits.of(AWS, FILES, Options(), GIB, Writes())
    from_file = Habits.of(FILES, AWS, Options(), GIB, Writes())

    assert asked(Copy(entry(5), Reason.NEW), to_file) == {"GetObject": 1}
    assert asked(Copy(entry(5, None), Reason.NEW), from_file, side=Side.SOURCE) == {}
    # Its ETag cannot be compared with a file's, so the listing is asked for it once more.
    assert asked(Copy(entry(5, None), Reason.NEW), from_file) == {"PutObject": 1, "ListObjectsV2": 2}


def test_a_delete_is_looked_at_once_more():
    assert asked(Delete(entry(5), Reason.GONE_AT_SOURCE)) == {
        "HeadObject": 1,
        "DeleteObject": 1,
        "ListObjectsV2": 1,
    }


@pytest.mark.parametrize(
    "action",
    [
        Keep(entry(5), Reason.KEPT_BY_PRESERVE),
        Refuse(entry(5), "archived", ""),
        Same(entry(5), entry(5), Evidence.LEDGER),
    ],
)
def test_what_is_not_done_asks_nothing(action):
    assert asked(action) == {"ListObjectsV2": 1}


def test_bytes_that_were_read_to_compare_are_read_and_not_written():
    reckoning = Reckoning(Habits())
    reckoning.action(Same(entry(7), entry(7), Evidence.READ_BACK))

    work = reckoning.work(1, 1)

    assert (work.read_bytes, work.again_bytes, work.back_bytes) == ({"STANDARD": 7}, 7, 7)


def test_overwrites_are_listed_again_by_the_page_and_never_more_than_one_each():
    reckoning = Reckoning(Habits())
    for _ in range(500):
        reckoning.action(Copy(entry(5), Reason.CONTENT, entry(5)))

    assert reckoning.work(5_000, 5_000).by_operation["ListObjectsV2"] == 1 + 5
    assert reckoning.work(900_000, 900_000).by_operation["ListObjectsV2"] == 1 + 500


def test_a_point_in_time_lists_both_sides_twice():
    habits = Habits.of(AWS, AWS, Options(verify_mode=VerifyMode.POINT_IN_TIME_CONSISTENT), GIB, Writes())
    reckoning = Reckoning(habits)
    reckoning.asked(Side.SOURCE, "ListObjectsV2", 3, 1000)
    reckoning.asked(Side.DESTINATION, "ListObjectsV2", 3, 800)

    work = reckoning.work(2_500, 2_500)

    assert work.by_operation["ListObjectsV2"] == 2 * 6 + 1
    assert work.listing_bytes == {Side.SOURCE: 2000, Side.DESTINATION: 1600}


def test_an_endpoint_that_nobody_probed_is_probed_before_the_first_write_and_only_then():
    unknown = Habits.of(Capabilities(), Capabilities(), Options(), GIB, Writes())

    assert asked(Copy(entry(5), Reason.NEW), unknown)["AbortMultipartUpload"] == 7
    assert asked(Delete(entry(5), Reason.GONE_AT_SOURCE), unknown).get("AbortMultipartUpload") is None
    assert (
        asked(Copy(entry(5), Reason.NEW), Habits.of(AWS, AWS, Options(), GIB, Writes())).get("GetObject") == 1
    )


def test_where_nothing_proves_the_bytes_they_are_read_back():
    blind = Capabilities(etag_is_md5=Support.IGNORED, stored_checksum=Support.IGNORED)
    reckoning = Reckoning(Habits.of(AWS, blind, Options(), GIB, Writes()))
    reckoning.action(Copy(entry(500), Reason.NEW))

    assert reckoning.copies().back_bytes == 500
    assert reckoning.copies().requests[Side.DESTINATION, "GetObject", "STANDARD"] == 1

    unproven = Reckoning(Habits.of(AWS, blind, Options(verify_mode=VerifyMode.NONE), GIB, Writes()))
    unproven.action(Copy(entry(500), Reason.NEW))
    assert unproven.copies().back_bytes == 0


def test_requests_are_billed_by_the_storage_class_of_each_side():
    reckoning = Reckoning(Habits.of(AWS, AWS, Options(), GIB, Writes("STANDARD_IA")))
    reckoning.action(Copy(entry(5, storage_class="GLACIER_IR"), Reason.NEW))

    assert reckoning.copies().requests == {
        (Side.SOURCE, "GetObject", "GLACIER_IR"): 1,
        (Side.DESTINATION, "PutObject", "STANDARD_IA"): 1,
    }
    assert reckoning.copies().read_bytes == {"GLACIER_IR": 5}


@pytest.mark.parametrize(("objects", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (1_000_000, 1000)])
def test_pages_of_a_listing(objects, pages):
    assert pages_of(objects) == pages


DOUBTED = (entry(30 * MIB, THREE_PARTS, "STANDARD_IA"), entry(5 * MIB, PLAIN))


@pytest.mark.parametrize(
    ("habits", "files", "size", "back"),
    [
        (Habits(), 1, 30 * MIB, 30 * MIB),
        (Habits(etags_travel=False), 2, 35 * MIB, 35 * MIB),
        (Habits(source_etags_told=False), 2, 35 * MIB, 35 * MIB),
        (Habits(destination_asks=False), 1, 30 * MIB, 0),
    ],
)
def test_what_a_service_brings_in_parts_or_under_a_key_may_be_read_on_both_sides(habits, files, size, back):
    reckoning = Reckoning(habits)
    for one in DOUBTED:
        reckoning.action(Copy(one, Reason.NEW))

    doubted, work = reckoning.doubt()

    assert doubted == files
    assert (sum(work.read_bytes.values()), work.again_bytes, work.back_bytes) == (size, size, back)
    assert work.read_bytes["STANDARD_IA"] == 30 * MIB
    assert work.requests[Side.SOURCE, "GetObject", "STANDARD_IA"] == 1
    assert work.by_operation == {"GetObject": files * (2 if back else 1)}


@pytest.mark.parametrize(
    ("etag", "reason", "doubted"),
    [(PLAIN, Reason.NEW, 0), (b"0x8DA", Reason.NEW, 1), (PLAIN, Reason.DISTRUSTED, 1)],
)
def test_an_etag_of_another_form_and_what_was_found_bad_may_be_read(etag, reason, doubted):
    reckoning = Reckoning(Habits())
    reckoning.action(Copy(entry(MIB, etag), reason))

    assert reckoning.doubt()[0] == doubted


@pytest.mark.parametrize(
    ("source", "writing"),
    [(Capabilities(etag_is_md5=Support.IGNORED), Writes()), (AWS, Writes(source_encrypted=True))],
)
def test_a_source_whose_etags_are_no_digests_is_one_of_doubt(source, writing):
    assert not Habits.of(source, AWS, Options(), GIB, writing).source_etags_told
    assert Habits.of(AWS, AWS, Options(), GIB, Writes()).source_etags_told
