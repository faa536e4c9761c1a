"""`verify` finds what a listing does not show, repairs nothing, and the next copy sends that and nothing else."""

import os

import pytest

from tests.commanding import other_than_listings, url


@pytest.fixture
def pair(strict, user):
    strict.bucket("source").put_many({f"{number:02}": b"bytes of %02d" % number for number in range(20)})
    words = (url(strict, "source"), url(strict, "destination"))
    assert user.run("copy", *words).code == 0
    strict.forget()
    return words


def writes(server) -> list[tuple[str, bytes]]:
    return [(one.operation, one.key) for one in server.seen if one.method in {"PUT", "POST", "DELETE"}]


def troubles(said) -> set[tuple[str, str]]:
    return {(one["key"], one["trouble"]) for one in said.document["findings"]}


def test_equal_buckets_verify_by_listing_alone(strict, pair, user):
    said = user.run("verify", *pair, "--json")

    assert said.code == 0
    assert said.document["files_equal"] == 20
    assert other_than_listings(strict) == []


def test_an_object_of_the_same_size_put_behind_our_back_is_found_and_alone_repaired(strict, pair, user):
    strict.bucket("destination").put("07", b"other of 07")

    found = user.run("verify", *pair, "--json")

    assert found.code == 1
    assert {key for key, _ in troubles(found)} == {"07"}
    assert writes(strict) == [], "verify repairs nothing"
    assert user.run("copy", *pair).code == 0
    assert [one for one in writes(strict) if not one[1].startswith(b".ferryline/")] == [("PutObject", b"07")]
    assert user.run("verify", *pair).code == 0


def test_missing_and_additional_objects_are_found(strict, pair, user):
    strict.bucket("destination").delete("03")
    strict.bucket("destination").put("more", b"more")

    found = user.run("verify", *pair, "--json")

    assert found.code == 1
    assert {key for key, _ in troubles(found)} == {"03", "more"}


def test_bit_rot_is_found_only_by_reading_and_then_repaired_alone(strict, pair, user, hasty):
    strict.bucket("destination").corrupt("11")
    assert user.run("verify", *pair).code == 0, "no listing shows it"

    deep = user.run("verify", *pair, "--deep", "100", "--json")

    assert deep.code == 1
    assert {key for key, _ in troubles(deep)} == {"11"}
    assert deep.document["files_read"] == 20
    strict.forget()
    repaired = user.run("copy", *pair, "--json")
    assert repaired.document["files_transferred"] == 1
    assert [one.key for one in strict.requests("GetObject")] == [b"11"]
    assert strict.bucket("destination").contents() == strict.bucket("source").contents()
    assert user.run("verify", *pair, "--deep", "100").code == 0


def test_a_sample_reads_its_share_and_the_same_seed_reads_the_same_keys(strict, pair, user):
    user.run("verify", *pair, "--deep", "30", "--seed", "5", "--json")
    first = {one.key for one in strict.requests("GetObject")}
    strict.forget()

    said = user.run("verify", *pair, "--deep", "30", "--seed", "5", "--json")

    assert {one.key for one in strict.requests("GetObject")} == first
    assert 0 < len(first) < 20
    assert said.document["files_read"] == len(first)


def test_a_flipped_byte_in_a_file_with_size_and_time_kept_is_found_and_repaired_alone(
    strict, pair, user, tmp_path
):
    tree = tmp_path / "tree"
    down = (url(strict, "source"), str(tree))
    assert user.run("copy", *down).code == 0
    victim, before = tree / "12", (tree / "12").stat()
    with victim.open("r+b") as stream:
        stream.write(b"B")
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    strict.forget()

    found = user.run("verify", *down, "--json")

    assert found.code == 1
    assert {key for key, _ in troubles(found)} == {"12"}
    assert victim.read_bytes() == b"Bytes of 12"
    repaired = user.run("copy", *down, "--json")
    assert (repaired.code, repaired.document["files_transferred"]) == (0, 1)
    assert victim.read_bytes() == b"bytes of 12"
    assert user.run("verify", *down).code == 0


def test_a_filter_hides_keys_from_both_sides(strict, pair, user):
    strict.bucket("destination").put("more.tmp", b"x")
    strict.bucket("destination").delete("03")

    said = user.run("verify", *pair, "--exclude", "*.tmp", "--exclude", "/03", "--json")

    assert said.code == 0, said.out
