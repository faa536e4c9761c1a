"""The laws over whole runs, small and quick: each of them is what a saboteur must fail against."""

import collections
import json

import pytest

from ferryline.pipeline.tally import Tally
from ferryline.testing.strict import (
    BucketSettings,
    Encryption,
    Fault,
    Lie,
    Put,
    Settings,
    StrictServer,
    fault,
)
from tests.commanding import deletes, other_than_listings, url
from tests.laws.dying import Death, dying

PART = 5 * 1024 * 1024
LARGE = b"".join(bytes([number]) * PART for number in range(2)) + b"the rest"
REMOVE = ("--preserve-deleted-files", "REMOVE", "--max-delete-percent", "100")


@pytest.fixture
def server():
    """Pages of ten keys, so that listings have many."""
    with StrictServer("source", "destination", settings=Settings(page_keys=10)) as running:
        yield running


@pytest.fixture
def sides(server):
    return server.bucket("source"), server.bucket("destination")


def words(server, *more):
    return ("copy", url(server, "source"), url(server, "destination"), "--json", *more)


# -- 1: no loss -----------------------------------------------------------------------------------


def test_every_key_of_every_page_and_range_arrives(server, sides, user):
    sides[0].put_many({f"{number:04}": b"%d" % number for number in range(150)})

    said = user.run(*words(server))

    assert said.code == 0
    assert sides[1].contents() == sides[0].contents()


def test_equal_etags_of_unequal_sizes_are_not_equal(server, sides, user):
    etag = "0" * 32
    sides[0].put("a", b"longer than", Put(etag=etag))
    sides[1].put("a", b"short", Put(etag=etag))

    user.run(*words(server))

    assert sides[1].get("a") == b"longer than"


def test_an_answer_to_complete_proves_nothing(server, sides, user, hasty):
    sides[0].put("large", LARGE, Put(part_bytes=PART))
    etag = sides[0].version("large").etag
    answer = f'<CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Location>x</Location><Bucket>destination</Bucket><Key>large</Key><ETag>"{etag}"</ETag></CompleteMultipartUploadResult>'
    lie = server.arm(
        Fault(
            "CompleteMultipartUpload", fault.Page(answer.encode(), "application/xml"), key="large", times=None
        )
    )

    said = user.run(*words(server))

    assert lie.fired
    assert sides[1].get("large") is None
    assert said.code == 1


def test_bytes_that_differ_under_an_equal_size_are_sent_where_nothing_tells(server, sides, user):
    server.lie(Lie.ETAG_NOT_MD5, Lie.IGNORES_CHECKSUMS)
    sides[0].put("a", b"the new one")
    sides[1].put("a", b"the old one")

    assert user.run(*words(server)).code == 0

    assert sides[1].get("a") == b"the new one"


def test_a_source_that_is_replaced_between_two_ranges_is_never_mixed(server, sides, user):
    server.lie(Lie.IGNORES_READ_IF_MATCH)
    sides[0].put("large", LARGE, Put(part_bytes=PART))
    other = LARGE[::-1]
    replaced = server.arm(Fault("GetObject", fault.Overwrite(other), key="large", nth=3))

    said = user.run(*words(server))

    assert replaced.fired
    assert said.code == 0
    arrived = sides[1].get("large") == other  # a diff of megabytes would take minutes
    assert arrived


# -- 2: accounting --------------------------------------------------------------------------------


def test_every_listed_object_is_counted_once_whatever_became_of_it(server, sides, user):
    sides[0].put_many(
        {"new": b"new", "same": b"same", "gone": b"gone", "bad": b"bad", "x.tmp": b"", "a/.ferryline/b": b""}
    )
    sides[1].put("same", b"same")
    vanishes = server.arm(Fault("GetObject", fault.Remove(), key="gone"))
    refused = server.arm(Fault("GetObject", fault.Status("AccessDenied"), key="bad", times=None))

    told = user.run(*words(server, "--exclude", "*.tmp")).document

    assert vanishes.fired
    assert refused.fired
    names = ("listed", "transferred", "same", "kept", "excluded", "reserved", "vanished", "failed")
    assert {name: told[f"files_{name}"] for name in names} == dict(
        listed=6, transferred=1, same=1, kept=0, excluded=1, reserved=1, vanished=1, failed=1
    )


def test_a_sum_that_does_not_hold_fails_the_run(server, sides, user, monkeypatch):
    sides[0].put("a", b"a")
    whole = Tally.transferred

    def twice(tally, done):
        whole(tally, done)
        tally.counts.transferred += 1

    monkeypatch.setattr(Tally, "transferred", twice)

    said = user.run(*words(server))

    assert said.code == 70
    assert "do not add up" in said.err


# -- 3: no destruction in doubt -------------------------------------------------------------------


def test_what_still_exists_is_never_deleted_however_a_listing_loses_it(server, sides, user):
    sides[0].put_many({f"{number:02}": b"%d" % number for number in range(8)})
    sides[1].put_many({f"{number:02}": b"%d" % number for number in range(8)})
    lost = server.arm(
        Fault("ListObjectsV2", fault.List(fault.Listing.KEYS_LOST), bucket="source", times=None)
    )

    assert user.run(*words(server, *REMOVE)).code == 0

    assert lost.fired
    assert deletes(server) == []


def test_more_deletes_than_the_cap_delete_nothing(server, sides, user):
    sides[0].put("a", b"a")
    sides[1].put_many({"a": b"a", "b": b"b", "c": b"c"})

    said = user.run(*words(server, *REMOVE, "--max-delete", "1"))

    assert (said.code, deletes(server)) == (3, [])


def test_an_empty_source_deletes_nothing(server, sides, user):
    sides[1].put_many({"a": b"a", "b": b"b"})

    said = user.run(*words(server, *REMOVE))

    assert (said.code, deletes(server)) == (3, [])


def test_an_excluded_key_is_invisible_and_stays(server, sides, user):
    sides[0].put("a", b"a")
    sides[1].put_many({"keep.tmp": b"", "gone": b""})

    user.run(*words(server, *REMOVE, "--exclude", "*.tmp"))

    assert sides[1].keys() == [b"a", b"keep.tmp"]


def test_somebody_elses_write_between_listing_and_ours_is_kept(server, sides, user):
    sides[0].put("a", b"ours")
    theirs = server.arm(Fault("PutObject", fault.Overwrite(b"theirs"), key="a", bucket="destination"))

    said = user.run(*words(server))

    assert theirs.fired
    assert sides[1].get("a") == b"theirs"
    assert (said.code, said.document["failures"][0]["kind"]) == (1, "destination-changed")


# -- 4: idempotence -------------------------------------------------------------------------------


def test_a_second_run_sends_nothing_where_only_the_ledger_tells(user):
    with StrictServer("source", BucketSettings("destination", encryption=Encryption.KMS)) as server:
        server.bucket("source").put_many({"a": b"a", "b": b"b"})
        assert user.run(*words(server)).code == 0
        server.forget()

        assert user.run(*words(server)).code == 0

        assert other_than_listings(server) == []


# -- 5 and 6: resume, no partial ------------------------------------------------------------------


def parts_sent(server):
    return collections.Counter(
        one.part_number for one in server.requests("UploadPart", "large") if one.status == 200
    )


def died(server, user, point, nth=1):
    with pytest.raises((Death, BaseExceptionGroup)), dying(point, nth) as passed:
        user.run(*words(server))
    assert point in passed


@pytest.mark.parametrize(("point", "nth"), [("part.sent", 2), ("upload.completing", 1)])
def test_parts_that_arrived_are_not_sent_again_after_death(server, sides, user, tmp_path, point, nth):
    sides[0].put("large", LARGE, Put(part_bytes=PART))
    died(server, user, point, nth)
    before = parts_sent(server)
    assert sum(before.values()) >= nth

    assert user.run(*words(server), state=tmp_path / "another host").code == 0

    arrived = sides[1].get("large") == LARGE
    assert arrived
    assert max(parts_sent(server).values()) == 1


@pytest.mark.parametrize("point", ["upload.created", "upload.noted", "part.sent"])
def test_nothing_of_a_dead_run_is_left_when_its_object_is_not_wanted_any_more(server, sides, user, point):
    sides[0].put("large", LARGE, Put(part_bytes=PART))
    theirs = {sides[1].open_upload("large", b"x" * PART, initiated=1.0), sides[1].open_upload("large")}
    died(server, user, point)
    assert len(sides[1].uploads()) == 3
    sides[0].delete("large")
    sides[0].put("a", b"a")

    assert user.run(*words(server)).code == 0

    assert sides[1].keys() == [b"a"]
    assert {one.upload_id for one in sides[1].uploads()} == theirs


# -- 7: bounded -----------------------------------------------------------------------------------


def test_a_document_names_a_thousand_failures_and_counts_the_rest(server, sides, user, monkeypatch):
    monkeypatch.setattr("ferryline.pipeline.tally.FAILURES_MAX", 3)
    sides[0].put_many({f"{number}": b"x" for number in range(5)} | {"fine": b""})
    closed = server.arm(Fault("GetObject", fault.Status("AccessDenied"), key="[0-9]", times=None))

    told = user.run(*words(server)).document

    assert closed.fired
    assert (len(told["failures"]), told["failures_total"]) == (3, 5)


# -- 11: secrets ----------------------------------------------------------------------------------

SECRET, ID = "a-secret-that-nobody-may-see", "AKTHEID"

POLICY = """
version: 1
locations:
  us: {{url: "s3://source", endpoint_url: "{url}", access_key_id: "${{env:K}}", secret_access_key: "${{env:S}}"}}
  eu: {{url: "s3://destination", endpoint_url: "{url}", access_key_id: "${{env:K}}", secret_access_key: "${{env:S}}"}}
"""


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
def test_no_secret_reaches_a_document_a_log_an_event_or_the_state(server, sides, user, monkeypatch, wrong):
    from ferryline.testing.strict import Credential

    server.credential(ID, Credential("another one" if wrong else SECRET))
    monkeypatch.setenv("K", ID)
    monkeypatch.setenv("S", SECRET)
    (user.folder / "ferryline.yaml").write_text(POLICY.format(url=server.endpoint_url), "utf-8")
    sides[0].put("a", b"a")

    said = user.run(
        "copy", "us/", "eu/", "--json", "--events", str(user.folder / "events"), "--log-level", "TRANSFER"
    )

    assert said.code == (5 if wrong else 0)
    assert SECRET not in said.out + said.err
    for path in user.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_keys_to_sign_with_do_not_show_themselves():
    from ferryline.storage.s3.sign import Keys

    keys = Keys(ID, SECRET, "a-token-that-nobody-may-see")

    assert SECRET not in repr(keys)
    assert "a-token" not in f"{keys} {json.dumps(str(keys))}"


# -- 12: byte-exact keys --------------------------------------------------------------------------

KEYS = (
    "a b", "a+b", "a%20b", "100%", "a//b", "./a", "a/./b", "..", "a/../b", "Case", "case", "tab\tkey", "line\nkey",
    "cr\rkey", "\x01", "é", "e\u0301", "名", "\U0001f600", "a&b<c>'\"", "a=b?c#d", "x" * 1024,
)  # fmt: skip


def test_every_key_arrives_byte_for_byte(server, sides, user):
    bodies = {key: b"the bytes of " + key.encode() for key in KEYS}
    sides[0].put_many(bodies)

    assert user.run(*words(server)).code == 0

    assert sides[1].contents() == {key.encode(): body for key, body in bodies.items()}


@pytest.mark.parametrize(
    "key", ["esc\x1b[2J", "line\nkey", "bidi\u202ekey", "tab\tkey", "cr\rkey", "\x9b31m"]
)
def test_no_key_can_break_out_of_its_line(server, sides, user, key):
    sides[0].put_many({key: b"a", "fine": b""})
    refused = server.arm(Fault("GetObject", fault.Status("AccessDenied"), key=key, times=None))

    said = user.run("copy", url(server, "source"), url(server, "destination"))

    assert refused.fired
    assert key not in said.out + said.err
    assert not {"\x1b", "\u202e", "\x9b"} & set(said.out)
