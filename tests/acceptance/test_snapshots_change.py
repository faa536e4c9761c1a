"""`ferryline snapshots tag`, `untag`, `rollback` and `prune`: what changes, what refuses, what stays."""

import pytest

ONE = {b"a.tar": b"a", b"b.tar": b"bb"}
TWO = {b"a.tar": b"a", b"b.tar": b"changed"}
MORE = {**ONE, b"c.tar": b"c"}
WRITES = ("PutObject", "DeleteObject", "DeleteObjects", "CreateMultipartUpload")


def by_name(document):
    return {one["replica"]: one for one in document["replicas"]}


def listed(ground, dataset="images"):
    return by_name(ground.run("snapshots", dataset, "--json").document)


def locks(ground):
    left = [key for name in ("versioned", "plain") for key in ground.server.bucket(name).keys()]
    return [key for key in left if key.endswith(b"lock.json")] + list(ground.disk.rglob("lock.json"))


# -- tags


def test_a_tag_is_set_wherever_the_snapshot_is_and_names_it_from_then_on(ground):
    first = ground.publish(ONE)
    second = ground.publish(TWO, "versioned")

    said = ground.run("snapshots", "tag", "images", "v1", first[:8], "--json")

    assert said.code == 0, said.err
    assert all(one["changed"] for one in said.document["replicas"])
    assert by_name(said.document)["disk"]["fencing"] == "local"
    found = listed(ground)
    assert [one["tags"] for one in found["versioned"]["snapshots"]] == [[], ["v1"]]
    assert ground.run("snapshots", "diff", "images", "v1", second).code == 0
    assert not locks(ground)


def test_tagging_again_writes_nothing(ground):
    first = ground.publish(ONE)
    ground.run("snapshots", "tag", "images", "v1", first)
    ground.server.forget()

    said = ground.run("snapshots", "tag", "images", "v1", first, "--json")

    assert said.code == 0
    assert not any(one["changed"] for one in said.document["replicas"])
    assert ground.server.count(*WRITES) == 0


def test_a_replica_without_the_snapshot_is_told_and_left(ground):
    ground.publish(ONE, "plain")
    second = ground.publish(TWO, "versioned")

    said = ground.run("snapshots", "tag", "images", "v2", second, "--json")

    found = by_name(said.document)
    assert (found["versioned"]["changed"], found["plain"]["changed"]) == (True, False)
    assert "does not have" in found["plain"]["why_not"]


def test_a_tag_is_moved_only_when_that_is_asked_for(ground):
    first, second = ground.publish(ONE), ground.publish(TWO)
    ground.run("snapshots", "tag", "images", "v1", first)

    refused = ground.run("snapshots", "tag", "images", "v1", second)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert ground.run("snapshots", "tag", "images", "v1", second, "--force").code == 0

    assert listed(ground)["plain"]["snapshots"][0]["tags"] == ["v1"]


@pytest.mark.parametrize("name", ["latest", "abcd", "-x", "a b", ""])
def test_what_cannot_be_a_tag_is_refused_before_anything_is_written(ground, name):
    first = ground.publish(ONE)
    ground.server.forget()

    assert ground.run("snapshots", "tag", "images", "--", name, first).code == 2
    assert ground.server.count(*WRITES) == 0


def test_untag_removes_it_everywhere_and_names_the_others_where_it_is_not(ground):
    first = ground.publish(ONE)
    ground.run("snapshots", "tag", "images", "v1", first)

    assert "there are: v1" in ground.run("snapshots", "untag", "images", "v2").err
    assert ground.run("snapshots", "untag", "images", "v1").code == 0
    assert all(not one["tags"] for found in listed(ground).values() for one in found["snapshots"])


def test_a_replica_whose_lock_is_held_is_told_and_the_others_are_tagged(ground):
    first = ground.publish(ONE)
    ground.hold("plain")

    said = ground.run("snapshots", "tag", "images", "v1", first, "--json")

    assert said.code == 6
    found = by_name(said.document)
    assert (found["versioned"]["changed"], found["plain"]["changed"]) == (True, False)
    assert "somebody@elsewhere" in found["plain"]["problem"]["message"]


# -- rollback


def test_a_versioned_replica_goes_back_to_an_older_snapshot_without_copying(ground):
    first = ground.publish(ONE, "versioned")
    ground.publish(TWO, "versioned")
    ground.server.forget()

    said = ground.run("snapshots", "rollback", "images", first[:8], "--replica", "versioned", "--json")

    assert said.code == 0, said.err
    answer = by_name(said.document)["versioned"]
    assert (answer["changed"], answer["current"], answer["checked"], answer["missing"]) == (True, first, 2, 0)
    written = {one.key for one in ground.server.seen if one.operation in WRITES}
    assert written <= {b"images/.ferryline/head.json", b"images/.ferryline/lock.json"}
    assert not locks(ground)


def test_a_version_that_is_gone_refuses_and_names_its_key(ground):
    first = ground.publish(ONE, "versioned")
    ground.publish(TWO, "versioned")
    bucket = ground.server.bucket("versioned")
    bucket.delete(b"images/b.tar", bucket.versions(b"images/b.tar")[-1].version_id)

    said = ground.run("snapshots", "rollback", "images", first, "--json")

    assert said.code == 3
    answer = by_name(said.document)["versioned"]
    assert (answer["changed"], answer["missing"], [one["key"] for one in answer["keys"]]) == (
        False,
        1,
        ["b.tar"],
    )
    assert listed(ground)["versioned"]["current"] != first
    assert "b.tar" in ground.run("snapshots", "rollback", "images", first).out


@pytest.mark.parametrize("replica", ["plain", "disk"])
def test_without_versions_the_listing_tells_whether_it_is_all_there(ground, replica):
    first = ground.publish(ONE, replica)
    ground.publish(MORE, replica)  # only adds: nothing of the first was touched

    said = ground.run("snapshots", "rollback", "images", first, "--json")

    assert said.code == 0, said.out
    found = listed(ground)[replica]
    assert found["current"] == first
    assert [one["eligible"] for one in found["snapshots"]] == [True, True]


@pytest.mark.parametrize("replica", ["plain", "disk"])
def test_without_versions_what_was_written_over_cannot_come_back(ground, replica):
    first = ground.publish(ONE, replica)
    second = ground.publish(TWO, replica)

    said = ground.run("snapshots", "rollback", "images", first, "--json")

    assert said.code == 3
    answer = by_name(said.document)[replica]
    assert (answer["missing"], answer["changed_objects"]) == (0, 1)
    assert [one["key"] for one in answer["keys"]] == ["b.tar"]
    assert listed(ground)[replica]["current"] == second


def test_one_replica_that_lacks_objects_keeps_all_of_them_as_they_are(ground):
    first = ground.publish(ONE, "versioned", "plain")
    second = ground.publish(TWO, "versioned", "plain")

    said = ground.run("snapshots", "rollback", "images", first, "--json")

    assert said.code == 3
    found = listed(ground)
    assert {found["versioned"]["current"], found["plain"]["current"]} == {second}
    assert "nothing was changed" in by_name(said.document)["versioned"]["why_not"]


def test_a_snapshot_whose_receipt_was_withdrawn_is_not_made_current(ground):
    first = ground.publish(ONE, "versioned")
    ground.publish(TWO, "versioned")
    ground.withdraw_receipt("versioned", first, "a bit flipped")

    said = ground.run("snapshots", "rollback", "images", first, "--json")

    assert said.code == 3
    assert "a bit flipped" in by_name(said.document)["versioned"]["why_not"]


def test_a_rollback_waits_for_nobody(ground):
    first = ground.publish(ONE, "versioned")
    second = ground.publish(TWO, "versioned")
    ground.hold("versioned")

    said = ground.run("snapshots", "rollback", "images", first)

    assert said.code == 6
    assert "somebody@elsewhere" in said.err
    assert listed(ground)["versioned"]["current"] == second


# -- prune


def prunable(key):
    return b"/chunks/" in key or b"/receipts/" in key


def test_prune_removes_what_no_kept_snapshot_needs_and_a_reader_still_reads(ground):
    first, second = ground.publish(ONE), ground.publish(TWO)
    before = set(ground.server.bucket("versioned").keys())

    said = ground.run("snapshots", "prune", "images", "--older-than", "0s", "--json")

    assert said.code == 0, said.out
    for replica, answer in by_name(said.document).items():
        assert (answer["kept"], answer["dropped"]) == ([second], [first]), replica
        assert answer["files"] > 0
    assert [one["snapshot"] for one in listed(ground)["plain"]["snapshots"]] == [second]
    versioned = ground.server.bucket("versioned")
    gone = before - set(versioned.keys())
    assert gone and all(prunable(key) for key in gone)
    assert [key for key in gone if versioned.versions(key)] == [], "no version of what was pruned is kept"
    left = [key for key in ground.server.bucket("plain").keys() if prunable(key)]
    assert not [key for key in left if first.encode() in key]
    assert ground.run("snapshots", "show", "images", second, "--keys").out.count("\t") == 4
    assert {b"images/a.tar", b"images/b.tar"} <= set(ground.server.bucket("plain").keys())
    assert not locks(ground)


def test_a_dry_run_says_the_same_and_writes_nothing(ground):
    first, _ = ground.publish(ONE), ground.publish(TWO)
    ground.server.forget()

    dry = ground.run("snapshots", "prune", "images", "--older-than", "0s", "--dry-run", "--json")

    assert dry.code == 0
    assert ground.server.count(*WRITES) == 0
    answer = by_name(dry.document)["plain"]
    assert answer["dropped"] == [first]
    done = ground.run("snapshots", "prune", "images", "--older-than", "0s", "--json")
    assert by_name(done.document)["plain"]["files"] == answer["files"]


def test_young_files_stay_and_tagged_snapshots_stay(ground):
    first, second = ground.publish(ONE), ground.publish(TWO)
    ground.run("snapshots", "tag", "images", "keep", first)

    said = ground.run("snapshots", "prune", "images", "--older-than", "0s", "--json")
    assert set(by_name(said.document)["versioned"]["kept"]) == {first, second}
    ground.run("snapshots", "untag", "images", "keep")
    young = ground.run("snapshots", "prune", "images", "--json")

    answer = by_name(young.document)["versioned"]
    assert (answer["dropped"], answer["files"]) == ([first], 0)


def test_pruning_again_takes_no_lock(ground):
    ground.publish(ONE), ground.publish(TWO)
    ground.run("snapshots", "prune", "images", "--older-than", "0s")
    ground.server.forget()

    assert ground.run("snapshots", "prune", "images", "--older-than", "0s").code == 0
    assert ground.server.count(*WRITES) == 0


def test_nothing_goes_where_a_kept_snapshots_document_cannot_be_read(ground):
    _, second = ground.publish(ONE), ground.publish(TWO)
    bucket = ground.server.bucket("plain")
    key = f"images/.ferryline/chunks/{second}.manifest.json".encode()
    bucket.put(key, (bucket.get(key) or b"").replace(b"rows", b"rowz"))
    before = bucket.keys()

    said = ground.run("snapshots", "prune", "images", "--replica", "plain", "--older-than", "0s", "--json")

    assert said.code == 1
    assert by_name(said.document)["plain"]["problem"]["kind"] == "document-altered"
    assert bucket.keys() == before


def test_a_prune_with_metadata_apart_touches_its_own_folder_only(ground):
    first, second = ground.publish(ONE, dataset="apart"), ground.publish(TWO, dataset="apart")

    said = ground.run("snapshots", "prune", "apart", "--replica", "two", "--older-than", "0s", "--json")

    assert by_name(said.document)["two"]["dropped"] == [first]
    assert [one["snapshot"] for one in listed(ground, "apart")["one"]["snapshots"]] == [second, first]
    assert ground.run("snapshots", "show", "apart", first, "--keys").code == 0


def test_a_duration_that_cannot_be_read_names_its_flag(ground):
    assert "--older-than" in ground.run("snapshots", "prune", "images", "--older-than", "soon").err
