"""A listing that cannot be believed stops the run with 4 and nothing is deleted, on whichever side it lies."""

import pytest

from ferryline.testing.strict import Fault, Lie, Listing, Settings, StrictServer, fault
from tests.commanding import deletes, url

pytestmark = pytest.mark.usefixtures("hasty")
HERE, THERE = "source", "destination"
COUNT = 60
CUT = fault.Truncate(keep_percent=60)


@pytest.fixture
def paged():
    """Listings of ten keys a page, and two keys that only the destination has."""
    with StrictServer(HERE, THERE, settings=Settings(page_keys=10)) as server:
        server.bucket(HERE).put_many({f"{number:03}": b"bytes %d" % number for number in range(COUNT)})
        server.bucket(THERE).put_many({f"{number:03}": b"bytes %d" % number for number in range(COUNT)})
        server.bucket(THERE).put_many({"017-old": b"old", "044-old": b"old"})
        yield server


def mirrors(server, user, *more):
    return user.run(
        "copy", url(server, HERE), url(server, THERE), "--json", "--preserve-deleted-files", "REMOVE", *more
    )


def test_without_a_fault_the_mirror_deletes_what_is_gone(paged, user):
    said = mirrors(paged, user)

    assert said.code == 0
    assert sorted(deletes(paged)) == [b"017-old", b"044-old"]


LIES = {
    "an HTML page": fault.Page(),
    "an empty body": fault.Page(b""),
    "cut XML": CUT,
    "another bucket's": fault.List(Listing.OTHER_BUCKET),
    "another prefix's": fault.List(Listing.OTHER_PREFIX),
    "truncated without a token": fault.List(Listing.NO_TOKEN),
    "a token loop": fault.List(Listing.TOKEN_LOOP),
    "an error document with 200": fault.Status("InternalError", status=200),
}


@pytest.mark.parametrize("side", [HERE, THERE])
@pytest.mark.parametrize("what", LIES.values(), ids=LIES)
def test_a_listing_that_lies_stops_the_run_and_nothing_is_deleted(paged, user, what, side):
    lie = paged.arm(Fault("ListObjectsV2", what, bucket=side, times=None))
    held = paged.bucket(THERE).contents()

    said = mirrors(paged, user)

    assert lie.fired
    assert said.code == 4, said.out + said.err
    assert deletes(paged) == []
    assert paged.bucket(THERE).contents() == held
    assert said.document["stopped"]["message"]
    assert "Traceback" not in said.err


MIDDLE = {
    "an HTML page": fault.Page(),
    "an empty body": fault.Page(b""),
    "cut XML": CUT,
    "another bucket's": fault.List(Listing.OTHER_BUCKET),
    "no token": fault.List(Listing.NO_TOKEN),
    "a repeated page": fault.List(Listing.PAGE_REPEATED),
    "a token loop": fault.List(Listing.TOKEN_LOOP),
}
REQUESTS = range(2, 14, 2)
"""Which of a run's listing requests is the first to be hit: those that look for ranges come among them."""


@pytest.mark.parametrize("side", [HERE, THERE])
@pytest.mark.parametrize("what", MIDDLE.values(), ids=MIDDLE)
def test_a_lie_in_the_middle_of_a_listing_stops_it_too(paged, user, what, side):
    codes = set()
    for first in REQUESTS:
        lie = paged.arm(Fault("ListObjectsV2", what, bucket=side, nth=first, times=None))
        said = mirrors(paged, user)
        # 3: another page's empty tail is a listing that can be true, and then a guard refuses.
        assert said.code in {3, 4} or not lie.fired, f"from request {first} on: {said.out}"
        assert set(deletes(paged)) <= {b"017-old", b"044-old"}
        assert said.code == 0 or not deletes(paged)
        codes.add(said.code)
        paged.disarm(lie)
        paged.forget()
        paged.bucket(THERE).put_many({"017-old": b"old", "044-old": b"old"})

    assert 4 in codes


@pytest.mark.parametrize("side", [HERE, THERE])
def test_a_cut_answer_that_comes_whole_the_next_time_costs_nothing(paged, user, side):
    cut = paged.arm(Fault("ListObjectsV2", CUT, bucket=side, nth=2, times=1))

    said = mirrors(paged, user)

    assert cut.fired
    assert said.code == 0
    assert sorted(deletes(paged)) == [b"017-old", b"044-old"]


@pytest.mark.parametrize(
    "how", [Listing.PAGE_LOST, Listing.KEYS_LOST, Listing.ENDED_EARLY, Listing.REORDERED]
)
def test_keys_that_a_listing_of_the_source_loses_are_not_deleted(paged, user, how):
    """Whichever request it is: what still exists is never deleted, because it is looked at a second time."""
    fired = 0
    for first in range(1, 16):
        lost = paged.arm(Fault("ListObjectsV2", fault.List(how), bucket=HERE, nth=first, times=3))
        mirrors(paged, user, "--max-delete-percent", "100")
        fired += lost.fired
        paged.disarm(lost)

        assert set(deletes(paged)) <= {b"017-old", b"044-old"}, f"what still exists was deleted ({first})"
        assert {b"%03d" % number for number in range(COUNT)} <= set(paged.bucket(THERE).keys())

    assert fired


def test_keys_that_a_listing_of_the_destination_loses_are_sent_again_and_not_deleted(paged, user):
    lost = paged.arm(Fault("ListObjectsV2", fault.List(Listing.PAGE_LOST), bucket=THERE, nth=1, times=3))

    said = mirrors(paged, user)

    assert lost.fired
    assert said.code in {0, 1}
    assert {b"%03d" % number for number in range(COUNT)} <= set(paged.bucket(THERE).keys())


def test_an_emptied_source_is_refused_with_3(paged, user):
    assert mirrors(paged, user).code == 0
    paged.bucket(HERE).clear()
    paged.forget()

    said = mirrors(paged, user)

    assert said.code == 3
    assert said.document["stopped"]["kind"] == "empty-source"
    assert deletes(paged) == []
    assert len(paged.bucket(THERE).keys()) == COUNT


def test_a_valid_listing_without_any_key_is_refused_with_3(paged, user):
    lie = paged.arm(Fault("ListObjectsV2", fault.List(Listing.EMPTY), bucket=HERE, times=None))

    said = mirrors(paged, user, "--max-delete-percent", "100")

    assert lie.fired
    assert said.code == 3
    assert deletes(paged) == []


def test_a_source_that_lost_more_than_half_is_refused_with_3(strict, user):
    bodies = {f"{number:03}": b"%d" % number for number in range(120)}
    strict.bucket(HERE).put_many(bodies)
    assert mirrors(strict, user).code == mirrors(strict, user).code == 0
    for key in list(bodies)[:70]:
        strict.bucket(HERE).delete(key)

    said = mirrors(strict, user, "--max-delete-percent", "100")

    assert said.code == 3
    assert said.document["stopped"]["kind"] == "shrunken-source"
    assert deletes(strict) == []


@pytest.mark.parametrize(
    "cap", [("--max-delete", "1", "--max-delete-percent", "100"), ("--max-delete-percent", "3")], ids=" ".join
)
def test_more_deletes_than_the_cap_are_refused_altogether_with_3(paged, user, cap):
    said = mirrors(paged, user, *cap)

    assert said.code == 3
    assert said.document["stopped"]["kind"] == "max-delete"
    assert deletes(paged) == []


@pytest.mark.parametrize("side", [HERE, THERE])
def test_a_store_that_lists_out_of_order_is_sorted_and_works(user, side):
    with (
        StrictServer(HERE, settings=Settings(page_keys=10)) as one,
        StrictServer(THERE, settings=Settings(page_keys=10)) as two,
    ):
        (one if side == HERE else two).lie(Lie.LISTS_UNORDERED)
        one.bucket(HERE).put_many({f"{number:03}": b"bytes %d" % number for number in range(COUNT)})
        two.bucket(THERE).put_many({f"{number:03}": b"bytes %d" % number for number in range(0, COUNT, 2)})
        two.bucket(THERE).put_many({"017-old": b"old", "044-old": b"old"})
        words = ("copy", url(one, HERE), url(two, THERE), "--json", "--preserve-deleted-files", "REMOVE")

        said = user.run(*words)

        assert said.code == 0, said.err
        assert two.bucket(THERE).contents() == one.bucket(HERE).contents()
        assert sorted(deletes(two)) == [b"017-old", b"044-old"]
        two.forget()
        assert user.run(*words).code == 0
        assert [one for one in two.seen if one.method != "GET"] == []


def test_an_object_that_comes_back_before_the_second_look_is_spared(paged, user):
    paged.before("HeadObject", lambda exchange: paged.bucket(HERE).put("017-old", b"back again"))

    said = mirrors(paged, user)

    assert said.code == 0
    assert b"017-old" not in deletes(paged)
    assert paged.bucket(THERE).get("017-old") == b"old"


def test_an_object_that_is_written_at_the_destination_meanwhile_is_not_deleted(paged, user):
    assert mirrors(paged, user).code == 0
    paged.bucket(HERE).delete("021")
    paged.before("HeadObject", lambda exchange: paged.bucket(THERE).put("021", b"somebody else's"))

    said = mirrors(paged, user, "--max-delete-percent", "100")

    # A run that writes nothing probes nothing, so only an endpoint that is known to honour it is asked so.
    assert said.code == 0
    assert paged.bucket(THERE).get("021") in {b"somebody else's", None}
