"""What is damaged at a replica is found, readers are barred from it, and sync sends only that again."""

import os

import pytest

from ferryline import errors
from ferryline.testing.strict import StrictServer
from tests.acceptance.test_sync import declare, fill
from tests.datasets import NAME, read_whole, s3, write_policy, writes


@pytest.fixture
def world(user):
    with StrictServer("source", "eu", "ap") as server:
        server.bucket("eu").set_versioning("Enabled")
        fill(server)
        declare(user, server)
        assert user.run("sync", NAME).code == 0
        server.forget()
        yield server


def test_a_replica_that_is_whole_is_said_to_be_and_nothing_is_written(world, user):
    said = user.run("verify", NAME, "--json", "--deep", "100")

    assert said.code == 0, said.err
    assert [one["files_equal"] for one in said.document["replicas"]] == [63, 63]
    assert [one["files_read"] for one in said.document["replicas"]] == [63, 63]
    assert writes(world) == []


@pytest.mark.parametrize("elsewhere", [False, True], ids=["this host", "another host"])
def test_a_put_of_the_same_size_is_found_and_repaired_with_only_that_object_moved(
    world, user, tmp_path, elsewhere
):
    world.bucket("ap").put("data/0007", b"8" * 50)

    found = user.run("verify", NAME, "--json")

    assert found.code == 1, found.err
    eu, ap = found.document["replicas"]
    assert (eu["exit_code"], ap["files_differing"], ap["withdrawn"]) == (0, 1, True)
    assert ap["findings"][0]["key"] == "0007"
    with pytest.raises(errors.ObjectChanged, match="verify found 1 object"):
        read_whole(world, "ap")
    world.forget()
    state = tmp_path / "other" if elsewhere else user.state
    repaired = user.run("sync", NAME, "--json", state=state)
    assert repaired.code == 0, repaired.err
    run = repaired.document["runs"][0]
    assert run["files_transferred"] == 1 and run["destinations"][1]["published"]
    assert len(read_whole(world, "ap")) == 63
    assert user.run("verify", NAME).code == 0


def test_rot_that_no_listing_shows_is_found_by_reading(world, user):
    world.bucket("ap").corrupt("data/0007")

    assert user.run("verify", NAME).code == 0, "its size, time and ETag are as they were"
    found = user.run("verify", NAME, "--json", "--deep", "100")

    assert found.code == 1
    assert found.document["replicas"][1]["findings"][0]["key"] == "0007"
    run = user.run("sync", NAME, "--json").document["runs"][0]
    assert (run["exit_code"], run["files_transferred"]) == (0, 1)
    assert user.run("verify", NAME, "--deep", "100").code == 0


@pytest.mark.parametrize("lost", ["receipts/", "chunks/"])
@pytest.mark.parametrize("suffix", [b".json", b".parquet"])
def test_a_lost_document_is_found_and_written_anew_without_an_object_moved(world, user, lost, suffix):
    bucket = world.bucket("ap")
    for key in bucket.keys():
        if lost.encode() in key and key.endswith(suffix):
            bucket.delete(key)

    found = user.run("verify", NAME, "--json", "--replica", "ap")

    assert found.code == 1, found.err
    with pytest.raises((errors.ObjectChanged, errors.ObjectMissing)):
        read_whole(world, "ap")
    run = user.run("sync", NAME, "--json").document["runs"][0]
    assert (run["exit_code"], run["files_transferred"]) == (0, 0)
    assert len(read_whole(world, "ap")) == 63
    assert user.run("verify", NAME).code == 0


def test_a_missing_object_is_found(world, user):
    world.bucket("ap").delete("data/0007")

    found = user.run("verify", NAME, "--json", "--replica", "ap")

    assert (found.code, found.document["replicas"][0]["files_missing"]) == (1, 1)


def test_a_flipped_byte_in_a_file_with_size_and_time_kept_is_found_and_repaired(user, tmp_path):
    with StrictServer("source", "eu", "ap") as server:
        fill(server)
        places = {
            "source": s3(server, "source"),
            "disk": {"url": f"file://{tmp_path}/disk", "region": "us-east-1"},
        }
        write_policy(user.folder, places, ["disk/data/"])
        assert user.run("sync", NAME).code == 0
        path = tmp_path / "disk/data/0007"
        before = path.stat()
        with path.open("r+b") as file:
            file.write(b"x")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

        found = user.run("verify", NAME, "--json")

        assert found.code == 1 and found.document["replicas"][0]["findings"][0]["key"] == "0007"
        run = user.run("sync", NAME, "--json").document["runs"][0]
        assert (run["exit_code"], run["files_transferred"]) == (0, 1)
        assert path.read_bytes() == b"7" * 50


def test_nothing_published_is_no_success(user):
    with StrictServer("source", "eu", "ap") as server:
        fill(server)
        declare(user, server)

        said = user.run("verify", NAME)

    assert said.code == 1 and "nothing is published" in said.out + said.err
