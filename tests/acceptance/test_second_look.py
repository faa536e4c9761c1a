"""What a second look at sync found: each was a snapshot that said more than was proven."""

import pytest

from ferryline.testing.strict import StrictServer
from ferryline.testing.strict.fault import Fault, Remove
from tests.acceptance.test_sync import declare, fill
from tests.datasets import NAME, read_whole


@pytest.fixture
def world():
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        yield server


def test_altered_chunks_are_written_anew(world, user):
    fill(world)
    declare(user, world, "ap/data/")
    assert user.run("sync", NAME).code == 0
    for key in world.bucket("ap").keys():
        if b"/chunks/" in key and key.endswith(b".parquet"):
            body = bytearray(world.bucket("ap").get(key))
            body[len(body) // 2] ^= 0xFF
            world.bucket("ap").put(key, bytes(body))
    assert user.run("verify", NAME).code == 1

    assert user.run("sync", NAME).code == 0

    assert user.run("verify", NAME).code == 0
    assert len(read_whole(world, "ap")) == 63


def test_an_object_that_vanishes_before_it_is_written_over_is_no_bug(world, user):
    fill(world)
    declare(user, world, "eu/data/")
    assert user.run("sync", NAME).code == 0
    world.bucket("source").put("data/0003", b"changed")
    gone = world.arm(Fault("GetObject", Remove(), bucket="source", key="data/0003", times=1))

    said = user.run("sync", NAME, "--json")

    assert gone.fired and said.code == 0, said.err
    assert said.document["runs"][0]["files_vanished"] == 1
    assert b"0003" not in read_whole(world, "eu")
