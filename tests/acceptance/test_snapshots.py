"""`ferryline snapshots`: list, show, diff, as a person and as a script meet them."""

import pytest

from ferryline.testing.strict import Fault
from ferryline.testing.strict.fault import Status

ONE = {b"a.tar": b"a", b"b.tar": b"bb", b"c/d.tar": b"ddd"}
TWO = {b"a.tar": b"a", b"b.tar": b"changed", b"e.tar": b"e"}


def by_name(document):
    return {one["replica"]: one for one in document["replicas"]}


def test_the_list_tells_what_is_published_where_and_what_can_be_read(ground):
    first, second = ground.publish(ONE), ground.publish(TWO, "versioned", "plain")

    said = ground.run("snapshots", "images", "--json")

    assert said.code == 0, said.err
    found = by_name(said.document)
    assert [one["current"] for one in found.values()] == [second, second, first]
    kept, flat = found["versioned"]["snapshots"], found["plain"]["snapshots"]
    assert [(one["snapshot"], one["eligible"], one["current"]) for one in kept] == [
        (second, True, True),
        (first, True, False),
    ]
    assert [one["eligible"] for one in flat] == [True, False]
    assert "written over" in flat[1]["why_not"]
    assert (kept[0]["rows"], kept[0]["bytes"], kept[0]["sequence"]) == (3, 9, 2)


def test_the_list_for_people_marks_the_current_one_and_says_why_one_cannot_be_read(ground):
    first, second = ground.publish(ONE), ground.publish(TWO, "plain")

    said = ground.run("snapshots", "list", "images", "--replica", "plain")

    lines = said.out.splitlines()
    assert lines[0].startswith("plain  s3://plain/images/")
    assert lines[1].startswith(f"  *  {second[:12]}")
    assert lines[1].endswith("eligible")
    assert first[:12] in lines[2]
    assert "not eligible" in lines[2]


def test_with_a_metadata_location_the_heads_lie_there(ground):
    snapshot = ground.publish(ONE, dataset="apart")

    found = by_name(ground.run("snapshots", "apart", "--json").document)

    assert {one["current"] for one in found.values()} == {snapshot}
    assert found["two"]["metadata"] == "s3://metadata/all/.ferryline/two/"
    assert not [key for key in ground.server.bucket("plain").keys() if b".ferryline" in key]


def test_where_nothing_is_published_the_list_says_so_and_writes_nothing(ground):
    said = ground.run("snapshots", "images")

    assert said.code == 0
    assert said.out.count("nothing is published here") == 3
    assert not ground.disk.exists()
    assert not ground.user.state.exists(), "looking makes no state"
    assert {one.operation for one in ground.server.seen} <= {"HeadObject", "GetObject"}


def test_a_replica_that_does_not_answer_is_reported_and_the_others_are_shown(ground, hasty):
    snapshot = ground.publish(ONE)
    fault = ground.server.arm(Fault("HeadObject", Status("ServiceUnavailable"), bucket="plain", times=None))

    said = ground.run("snapshots", "images", "--json")

    assert fault.fired
    assert said.code == 4
    found = by_name(said.document)
    assert found["plain"]["problem"]["message"]
    assert (found["versioned"]["current"], found["disk"]["current"]) == (snapshot, snapshot)


def test_a_head_of_another_policy_is_not_taken_for_ours(ground):
    ground.publish(ONE, "plain")
    ground.write_policy(**{"name: acme\n": "name: other\n"})

    said = ground.run("snapshots", "images", "--replica", "plain", "--json")

    assert said.code == 2
    assert by_name(said.document)["plain"]["problem"]["kind"] == "other-head"


def test_a_snapshot_is_shown_with_its_totals_and_each_replicas_evidence(ground):
    snapshot = ground.publish(ONE)

    document = ground.run("snapshots", "show", "images", snapshot[:6], "--json").document

    assert (document["snapshot"], document["rows"], document["bytes"]) == (snapshot, 3, 6)
    assert by_name(document)["plain"]["evidence"] == {"etag-md5": 3}
    assert all(one["current"] for one in document["replicas"])
    text = ground.run("snapshots", "show", "images", snapshot[:6]).out
    assert snapshot in text
    assert "3 etag-md5" in text


def test_keys_are_streamed_one_line_each_and_nothing_else_on_stdout(ground):
    odd = {**ONE, b"tab\there": b"x"}
    snapshot = ground.publish(odd, "versioned")

    said = ground.run("snapshots", "show", "images", snapshot, "--keys")

    rows = [line.split("\t") for line in said.out.splitlines()]
    assert [(key, int(size)) for key, size, _ in rows] == [
        ("a.tar", 1), ("b.tar", 2), ("c/d.tar", 3), ("tab\\x09here", 1),
    ]  # fmt: skip
    assert all(digest.startswith("md5:") for _, _, digest in rows)
    assert ground.run("snapshots", "show", "images", snapshot, "--keys", "--json").code == 2


def test_a_snapshot_whose_manifest_is_gone_at_one_replica_is_read_at_another(ground):
    snapshot = ground.publish(ONE)
    ground.server.bucket("versioned").delete(f"images/.ferryline/chunks/{snapshot}.manifest.json")

    assert ground.run("snapshots", "show", "images", snapshot).code == 0


def test_the_difference_counts_and_names_keys(ground):
    first, second = ground.publish(ONE), ground.publish(TWO)

    said = ground.run("snapshots", "diff", "images", first[:8], second[:8], "--json")

    assert said.code == 0
    document = said.document
    assert (document["added"], document["removed"], document["changed"]) == (1, 1, 1)
    assert [(one["key"], one["change"]) for one in document["keys"]] == [
        ("b.tar", "changed"),
        ("c/d.tar", "removed"),
        ("e.tar", "added"),
    ]
    text = ground.run("snapshots", "diff", "images", first[:8], second[:8]).out
    assert "+ e.tar" in text
    assert "- c/d.tar" in text
    assert "no difference" in ground.run("snapshots", "diff", "images", first, first).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("snapshots", "show", "images", "ffff"), "there are:"),
        (("snapshots", "show", "images", "ab"), "no snapshot is called 'ab'"),
        (("snapshots", "nothing"), "the policy declares: images, apart"),
        (("snapshots", "images", "--replica", "moon"), "it has: versioned, plain, disk"),
        (("snapshots", "diff", "images", "ffff"), "Missing argument"),
    ],
)
def test_mistakes_are_named_with_what_there_is(ground, words, said):
    ground.publish(ONE)

    done = ground.run(*words)

    assert done.code == 2
    assert said in done.err
