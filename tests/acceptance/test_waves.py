"""Replicas that keep no versions are not all written over at once: readers always have one of them."""

import json

import pytest

from ferryline.testing.strict import StrictServer
from ferryline.testing.strict.fault import Fault, Status
from tests.datasets import NAME, own, read_whole, s3, write_policy


@pytest.fixture
def world(user):
    with StrictServer("source", "one", "two") as server:
        server.bucket("source").put_many({f"data/{number}": b"old %d" % number for number in range(30)})
        places = {name: s3(server, name) for name in ("source", "one", "two")}
        write_policy(user.folder, places, ["one/data/", "two/data/"])
        assert user.run("sync", NAME).code == 0
        server.bucket("source").put("data/7", b"new")
        server.forget()
        yield server


def heads(server):
    return {name: json.loads(server.bucket(name).get("data/.ferryline/head.json")) for name in ("one", "two")}


def test_the_second_is_written_over_when_the_first_has_published(world, user):
    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    writes = [
        (one.bucket, one.key)
        for one in world.seen
        if one.operation == "PutObject" and (not own(one.key) or one.key.endswith(b"head.json"))
    ]
    first = [index for index, (bucket, _) in enumerate(writes) if bucket == "one"]
    second = [index for index, (bucket, _) in enumerate(writes) if bucket == "two"]
    assert [key.rpartition(b"/")[2] for _, key in writes] == [b"head.json", b"7", b"head.json"] * 2
    assert max(first) < min(second), "withdrawn, written over and published, before the other begins"
    assert len(read_whole(world, "one")) == len(read_whole(world, "two")) == 30


def test_where_the_first_fails_the_last_one_stays_as_it_is(world, user, hasty):
    before = heads(world)["two"]
    fault = world.arm(Fault("PutObject", Status("AccessDenied", 403), bucket="one", key="data/7", times=None))

    said = user.run("sync", NAME, "--json")

    assert fault.fired and said.code == 3, said.err
    one, two = said.document["runs"][0]["destinations"]
    assert one["snapshot"] is None and two["stopped"]["kind"] == "last-eligible"
    assert heads(world)["two"] == before
    assert read_whole(world, "two")[b"7"] == b"old 7"

    alone = user.run("sync", NAME, "--json", "--replica", "two")

    assert alone.code == 0, "a person may say so"
    assert read_whole(world, "two")[b"7"] == b"new"
