"""What endpoints may refuse or change while `sync` works with them: listings, keys, holds, payers, versions."""

import json

import pytest

from ferryline.testing.strict import Lie, StrictServer
from ferryline.testing.strict.fault import Fault, Page, Remove, Status
from tests.datasets import NAME, own, read_whole, s3, write_policy, writes

pytestmark = pytest.mark.usefixtures("hasty")

REMOVE = {"preserve_deleted_files": "REMOVE"}
ARN = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab"


@pytest.fixture
def world():
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        server.bucket("source").put_many({f"data/{number:02}": b"%d" % number * 300 for number in range(20)})
        yield server


def declare(user, server, *replicas, source=(), **dataset):
    places = {name: s3(server, name) for name in ("eu", "ap")}
    places["source"] = s3(server, "source", **dict(source))
    return write_policy(user.folder, places, list(replicas or ("eu/data/", "ap/data/")), **dataset)


def head(server, bucket="eu"):
    body = server.bucket(bucket).get("data/.ferryline/head.json")
    return None if body is None else json.loads(body)


def destinations(said):
    return said.document["runs"][0]["destinations"]


# -- 10: a replica cannot be listed ------------------------------------------------------------------


@pytest.mark.parametrize("what", [Status("InternalError"), Page(), Status("AccessDenied")], ids=repr)
def test_a_replica_that_cannot_be_listed_is_left_alone_and_the_other_publishes(world, user, what):
    declare(user, world)
    assert user.run("sync", NAME).code == 0
    world.bucket("source").put("data/05", b"changed")
    before = world.bucket("ap").contents()
    fails = world.arm(Fault("ListObjectsV2", what, bucket="ap", times=None))
    world.forget()

    said = user.run("sync", NAME, "--json")

    assert fails.fired
    eu, ap = destinations(said)
    assert eu["published"] and ap["snapshot"] is None
    assert said.code == (5 if what == Status("AccessDenied") else 4), said.err
    assert "ListObjectsV2" in said.err and "s3://ap/data/" in said.err
    assert world.bucket("ap").contents() == before
    assert [
        one for one in world.seen if one.bucket == "ap" and one.operation.startswith(("Put", "Del"))
    ] == []
    world.disarm()
    assert user.run("sync", NAME).code == 0
    assert read_whole(world, "ap")[b"05"] == b"changed"


# -- 16: at the source the newest version is a delete marker ------------------------------------------


@pytest.mark.parametrize("rule", ["PRESERVE", "REMOVE"])
def test_a_delete_marker_at_the_source_is_a_delete(world, user, rule):
    world.bucket("source").set_versioning("Enabled")
    world.bucket("source").put("data/05", b"with a version")
    declare(user, world, "ap/data/", options={"preserve_deleted_files": rule})
    assert user.run("sync", NAME).code == 0
    world.bucket("source").delete("data/05")
    assert [one for one in world.bucket("source").versions("data/05") if one.content is None], (
        "it must be a marker"
    )

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert b"05" not in read_whole(world, "ap")
    assert (world.bucket("ap").get("data/05") is None) == (rule == "REMOVE")


def test_a_delete_marker_that_comes_between_listing_and_read_is_no_failure(world, user):
    world.bucket("source").set_versioning("Enabled")
    declare(user, world, "ap/data/")
    marked = world.arm(Fault("GetObject", Remove(), bucket="source", key="data/05", times=1))

    said = user.run("sync", NAME, "--json")

    assert marked.fired and said.code == 0, said.err
    assert said.document["runs"][0]["files_vanished"] == 1
    assert b"05" not in read_whole(world, "ap")


# -- 39: the KMS key is refused or switched off ------------------------------------------------------


REFUSED = {
    "not allowed": Status(
        "AccessDenied",
        message=f"User: arn:aws:iam::111122223333:user/train is not authorized to perform: kms:Decrypt on "
        f"resource: {ARN} because no identity-based policy allows the kms:Decrypt action",
    ),
    "switched off": Status("KMS.DisabledException", 400, message=f"{ARN} is disabled."),
}


@pytest.mark.parametrize("side", ["source", "ap"])
@pytest.mark.parametrize("what", REFUSED.values(), ids=REFUSED)
def test_a_kms_key_that_is_refused_fails_its_object_and_is_named(world, user, what, side):
    declare(user, world, "ap/data/")
    operation = "GetObject" if side == "source" else "PutObject"
    refused = world.arm(Fault(operation, what, bucket=side, key="data/05", times=None))

    said = user.run("sync", NAME, "--json")

    assert refused.fired == 1, "nothing else comes of asking again"
    assert said.code == 1, said.err
    (failure,) = said.document["runs"][0]["failures"]
    assert failure["key"] == "05" and ARN in failure["message"]
    assert "kms" in failure["advice"].lower()
    assert head(world, "ap") is None
    world.disarm()
    assert user.run("sync", NAME).code == 0


# -- 58: conditional writes are answered 501 ---------------------------------------------------------


def test_where_conditions_are_refused_a_lock_and_epochs_must_do_and_the_document_says_so(world, user):
    world.lie(Lie.REFUSES_WRITE_PRECONDITIONS)
    declare(user, world, "ap/data/")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    run = said.document["runs"][0]
    assert run["fencing"] == "local" and run["destinations"][0]["published"]
    refused = [one for one in world.seen if one.status == 501 and not own(one.key)]
    assert refused == [], "what the probe saw refused is not tried on objects"
    assert read_whole(world, "ap")[b"05"] == b"5" * 300
    world.forget()
    assert user.run("sync", NAME).code == 0
    assert writes(world) == []


# -- 72: the source's requesters pay -----------------------------------------------------------------


def test_a_bucket_whose_requesters_pay_is_refused_with_the_field_to_set_and_read_once_it_is(world, user):
    bucket = world.bucket("source")
    bucket.change(requester_pays=True)
    declare(user, world)
    world.forget()

    said = user.run("sync", NAME, "--json")

    assert said.code == 5, said.err
    assert "request_payer: requester" in said.err
    assert writes(world) == []
    declare(user, world, source={"request_payer": "requester"})
    assert user.run("sync", NAME).code == 0
    assert len(read_whole(world, "eu")) == 20


# -- 74: objects under a legal hold at a replica -----------------------------------------------------


HELD = Status("AccessDenied", message="Access Denied because object protected by object lock.")


def test_what_a_hold_keeps_from_being_deleted_fails_once_by_name_and_the_rest_goes(world, user):
    declare(user, world, "ap/data/", options=REMOVE)
    assert user.run("sync", NAME).code == 0
    for number in range(5):
        world.bucket("source").delete(f"data/{number:02}")
    held = world.arm(Fault("DeleteObject", HELD, bucket="ap", key="data/03", times=None))

    said = user.run("sync", NAME, "--json", "--approve-deletes", "5")

    assert held.fired == 1, "no storm of repetitions"
    assert said.code == 1, said.err
    run = said.document["runs"][0]
    (failure,) = run["failures"]
    assert failure["key"] == "03" and "object lock" in failure["message"]
    assert run["files_deleted"] == 4
    assert b"data/03" in world.bucket("ap").keys()
    assert b"03" not in read_whole(world, "ap"), "what is published never held it"


def test_a_hold_that_refuses_an_overwrite_fails_once_by_name_and_nothing_is_published(world, user):
    declare(user, world, "ap/data/")
    assert user.run("sync", NAME).code == 0
    current = head(world, "ap")["current"]
    world.bucket("source").put_many({"data/03": b"changed", "data/04": b"changed"})
    held = world.arm(Fault("PutObject", HELD, bucket="ap", key="data/03", times=None))

    said = user.run("sync", NAME, "--json")

    assert held.fired == 1
    assert said.code == 1, said.err
    (failure,) = said.document["runs"][0]["failures"]
    assert failure["key"] == "03" and "object lock" in failure["message"]
    assert head(world, "ap")["current"] == current
    assert world.bucket("ap").get("data/04") == b"changed"


def test_versions_under_a_hold_stay_below_what_is_written_over_and_hidden(world, user):
    declare(user, world, "eu/data/", options=REMOVE)
    assert user.run("sync", NAME).code == 0
    bucket = world.bucket("eu")
    for key in ("data/03", "data/04"):
        bucket.version(key).legal_hold = True
    world.bucket("source").put("data/03", b"changed")
    world.bucket("source").delete("data/04")

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert read_whole(world, "eu")[b"03"] == b"changed"
    assert b"04" not in read_whole(world, "eu")
    for key, body in (("data/03", b"3" * 300), ("data/04", b"4" * 300)):
        assert [one for one in bucket.versions(key) if one.legal_hold], "the version that is held stays"


# -- 75: a replica's versioning is suspended in the middle of a run ----------------------------------


def test_versioning_that_is_suspended_meanwhile_is_told_and_no_version_is_promised(world, user):
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    before = read_whole(world, "eu")
    world.bucket("source").put_many({f"data/{number:02}": b"second" for number in range(10)})
    suspended = []

    def suspend(exchange):
        if not own(exchange.request.key) and exchange.request.bucket == "eu" and not suspended:
            suspended.append(exchange.request.key)
            exchange.bucket.versioning = "Suspended"

    world.after("PutObject", suspend)

    said = user.run("sync", NAME, "--json")

    assert suspended and said.code == 0, said.err
    assert "versions" in said.err and "s3://eu/data/" in said.err
    entries = {one["snapshot"]: one for one in head(world)["snapshots"]}
    assert entries[head(world)["current"]]["keeping"] == "latest"
    assert read_whole(world, "eu") == before | {b"%02d" % number: b"second" for number in range(10)}
    world.bucket("source").put("data/01", b"third")
    again = user.run("sync", NAME, "--json")
    assert again.code == 0, again.err
    assert read_whole(world, "eu")[b"01"] == b"third"
