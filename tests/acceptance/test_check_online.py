"""`ferryline check --online`: what every place says of itself, told with a remedy, and nothing written."""

import os
from dataclasses import replace

import pytest

from ferryline.clock import SystemClock
from ferryline.pipeline import visiting
from ferryline.state import open_state
from ferryline.storage.s3 import address
from ferryline.testing.strict import Fault, StrictServer
from ferryline.testing.strict.access import Put
from ferryline.testing.strict.fault import Page, Stall
from ferryline.testing.strict.settings import ACCESS_KEY, BucketSettings, Credential, Refused
from tests.commanding import picture
from tests.conftest import free_port
from tests.datasets import writes
from tests.faults.test_s3_network import certificate

ONE = {b"a.tar": b"a", b"b.tar": b"bb"}


@pytest.fixture
def online(ground):
    """Run the command; the document's part. Whatever it says, nothing may have been written."""

    def run(*words, code=0):
        before = {one: ground.server.bucket(one).contents() for one in ("source", "versioned", "plain")}
        disk = picture(ground.disk) if ground.disk.exists() else None
        ground.server.forget()
        said = ground.run("check", "--online", *words, "--json")
        assert said.code == code, said.out + said.err
        assert said.document["exit_code"] == code
        assert writes(ground.server) == []
        assert before == {one: ground.server.bucket(one).contents() for one in before}
        assert disk == (picture(ground.disk) if ground.disk.exists() else None)
        return said.document["online"]

    return run


def location(online, name):
    return next(one for one in online["locations"] if one["location"] == name)


def place(online, dataset, replica=None, role="replica"):
    found = next(one for one in online["datasets"] if one["dataset"] == dataset)
    return next(one for one in found["places"] if (one["role"], one["replica"]) == (role, replica))


def about(one, word):
    """The remarks about something, the gravest first."""
    return [each for each in one["remarks"] if each["about"] == word]


def levels(online):
    """Every level above a note, with what it is about."""
    places = [one for dataset in online["datasets"] for one in (dataset, *dataset["places"])]
    return sorted(
        (each["level"], each["about"])
        for one in (*online["locations"], *places)
        for each in one["remarks"]
        if each["level"] in ("warning", "problem")
    )


def set_rules(ground, bucket, *rules):
    ground.server.bucket(bucket).set_lifecycle(*rules)


def refuse(ground, *operations):
    refused = tuple(Refused(one) for one in operations)
    ground.server.credential(ACCESS_KEY, Credential(refused=refused))


# -- what is in order


def test_every_place_is_asked_and_nothing_is_written(ground, online):
    ground.source(ONE)
    first = ground.publish(ONE)

    told = online()

    assert {one["location"] for one in told["locations"]} == {"here", "kept", "flat", "disk", "meta"}
    assert (told["problems"], levels(told)) == (0, [("warning", "versioning")] * 2)
    assert "permission to write" in told["notes"][0]
    kept = location(told, "kept")
    assert (kept["versioning"], kept["region_resolved"], kept["region_declared"]) == (True, None, "us-east-1")
    assert abs(kept["clock_ahead_seconds"]) < 60
    assert about(place(told, "images", role="source"), "read")[0]["level"] == "ok"
    for replica in ("versioned", "plain", "disk"):
        head = about(place(told, "images", replica), "head")[0]
        assert (head["level"], first[:12] in head["message"]) == ("ok", True)
    assert ground.server.count("GetBucketLifecycleConfiguration") == 4


def test_the_text_says_it_too(ground):
    ground.publish(ONE)

    said = ground.run("check", "--online")

    assert said.code == 0
    for words in (
        "location kept",
        "replica versioned",
        "versioning is off",
        "permission to write",
        "2 warnings",
    ):
        assert words in said.out


def test_without_the_flag_nothing_is_contacted(ground):
    said = ground.run("check", "--json")

    assert (said.code, said.document["online"], ground.server.seen) == (0, None, [])


def test_only_the_named_datasets_are_looked_at(ground, online):
    told = online("apart")

    assert [one["dataset"] for one in told["datasets"]] == ["apart"]
    assert "disk" not in {one["location"] for one in told["locations"]}
    assert place(told, "apart", role="metadata")["url"].endswith("metadata/all/")
    assert about(place(told, "apart", "one"), "head")[0]["message"] == "nothing is published here yet"


def test_names_without_online_and_unknown_names_are_wrong_usage(ground):
    assert ground.run("check", "images").code == 2
    unknown = ground.run("check", "--online", "nothing")
    assert (unknown.code, "images" in unknown.err) == (2, True)


# -- endpoints


def test_a_wrong_key_is_named_once_for_each_location(ground, online, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    told = online("images", code=5)

    reach = about(location(told, "kept"), "reach")
    assert [(one["level"], one["kind"]) for one in reach] == [("problem", "credentials")]
    assert "secret" in reach[0]["advice"]
    assert about(place(told, "images", "versioned"), "list") == []
    assert about(place(told, "images", "disk"), "folder")


def test_a_missing_bucket_is_named_and_the_others_are_told(ground, online):
    ground.write_policy(**{'"s3://plain"': '"s3://planes"'})

    told = online("images", code=4)

    reach = about(location(told, "flat"), "reach")[0]
    assert (reach["kind"], "planes" in reach["message"]) == ("no-bucket", True)
    assert about(location(told, "kept"), "reach")[0]["level"] == "ok"
    assert "not looked at: see location flat" in ground.run("check", "--online").out


@pytest.mark.usefixtures("hasty")
def test_a_port_where_nobody_listens(ground, online):
    there = f'{{url: "s3://plain", endpoint_url: "{ground.server.endpoint_url}"'
    ground.write_policy(**{there: there.replace(str(ground.server.port), str(free_port()))})

    told = online("images", code=4)

    reach = about(location(told, "flat"), "reach")[0]
    assert (reach["level"], reach["kind"]) == ("problem", "connection-refused")
    assert "start the server" in reach["advice"]


@pytest.mark.usefixtures("hasty")
def test_a_name_that_nobody_knows(ground, online):
    there = f'{{url: "s3://plain", endpoint_url: "{ground.server.endpoint_url}"'
    nowhere = there.replace("127.0.0.1", "no-such-host.invalid")
    ground.write_policy(**{there: nowhere})

    reach = about(location(online("images", code=4), "flat"), "reach")[0]

    assert (reach["kind"], "name service" in reach["advice"]) == ("dns", True)


def test_a_certificate_that_proves_nothing(ground, online, tmp_path):
    _, context = certificate(tmp_path)
    with StrictServer("plain", tls=context) as secure:
        there = f'{{url: "s3://plain", endpoint_url: "{ground.server.endpoint_url}"'
        ground.write_policy(**{there: there.replace(ground.server.endpoint_url, secure.endpoint_url)})

        reach = about(location(online("images", code=4), "flat"), "reach")[0]

        assert secure.seen == []
    assert (reach["kind"], "ca_bundle" in reach["advice"]) == ("tls", True)


@pytest.mark.usefixtures("hasty")
def test_a_page_of_somebody_else_is_no_endpoint(ground, online):
    fault = ground.server.arm(Fault("ListObjectsV2", Page(), bucket="plain", times=None))

    reach = about(location(online("images", code=4), "flat"), "reach")[0]

    assert fault.fired
    assert (reach["kind"], "no S3 endpoint" in reach["advice"]) == ("malformed-answer", True)


def test_an_endpoint_that_says_nothing_is_left_in_time(ground, online, monkeypatch):
    monkeypatch.setattr(visiting, "LIMIT_SECONDS", 2.0)
    fault = ground.server.arm(Fault("ListObjectsV2", Stall(), bucket="plain", times=None))

    told = online("images", code=4)

    assert fault.fired
    assert about(location(told, "flat"), "reach")[0]["kind"] == "too-slow"
    assert about(location(told, "kept"), "reach")[0]["level"] == "ok"


def test_a_reference_that_leads_nowhere_is_a_mistake_in_the_policy(ground, online, monkeypatch):
    ground.write_policy(
        **{'"s3://plain",': '"s3://plain", access_key_id: "${env:NOT_SET}", secret_access_key: "${env:NO}",'}
    )

    reach = about(location(online("images", code=2), "flat"), "reach")[0]

    assert "NOT_SET" in reach["message"]


# -- permissions


def test_who_may_not_see_lifecycle_rules_is_warned_and_nothing_fails(ground, online):
    refuse(ground, "GetBucketLifecycleConfiguration")

    told = online("images")

    warned = about(location(told, "kept"), "lifecycle")[0]
    assert (warned["level"], warned["kind"]) == ("warning", "access-refused")
    assert "s3:GetLifecycleConfiguration" in warned["advice"]
    assert about(place(told, "images", "versioned"), "lifecycle") == []
    assert about(location(told, "here"), "lifecycle")[0]["level"] == "note", "only sources are there"


@pytest.mark.parametrize(
    ("operation", "word", "permission"),
    [
        ("ListObjectsV2", "list", "s3:ListBucket"),
        ("GetObject", "read", "s3:GetObject"),
        ("HeadObject", "read", "s3:GetObject"),
    ],
)
def test_a_permission_that_is_missing_is_named_where_it_is_needed(
    ground, online, operation, word, permission
):
    ground.source(ONE)
    refuse(ground, operation)

    source = place(online("images", code=5), "images", role="source")

    assert (about(source, word)[0]["level"], permission in about(source, word)[0]["advice"]) == (
        "problem",
        True,
    )


def test_who_may_not_see_versioning_is_warned_that_runs_take_it_as_off(ground, online):
    refuse(ground, "GetBucketVersioning")

    told = online("images")

    said = about(location(told, "kept"), "versioning")[0]
    assert (said["level"], "s3:GetBucketVersioning" in said["advice"]) == ("warning", True)
    assert about(location(told, "here"), "versioning") == []
    assert location(told, "kept")["versioning"] is None


def test_an_archived_object_is_a_warning(ground, online):
    ground.server.bucket("source").put(b"images/cold", b"x", Put(storage_class="GLACIER"))

    read = about(place(online("images"), "images", role="source"), "read")[0]

    assert (read["level"], read["kind"]) == ("warning", "archived")


# -- versions and lifecycle rules

EXPIRES_OLD = {
    "ID": "old",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
}
ABORTS = {
    "ID": "abort",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


def test_versioning_on_and_off_is_told_with_what_it_means(ground, online):
    before = online("images")
    ground.server.bucket("versioned").set_versioning("Suspended")
    after = online("images")

    assert about(place(before, "images", "versioned"), "versioning")[0]["level"] == "ok"
    assert about(place(before, "images", "plain"), "versioning")[0]["level"] == "warning"
    assert about(place(after, "images", "versioned"), "versioning")[0]["level"] == "warning"
    assert about(place(after, "images", "disk"), "versioning")[0]["level"] == "note"


def test_a_rule_shorter_than_keep_snapshots_is_named_with_both_numbers(ground, online):
    ground.write_policy(**{"{count: 1, days: 0}": "{count: 3, days: 30}"})
    set_rules(ground, "versioned", EXPIRES_OLD, ABORTS)
    set_rules(ground, "plain", EXPIRES_OLD, ABORTS)

    told = online("images")

    said = about(place(told, "images", "versioned"), "lifecycle")
    assert [one["level"] for one in said] == ["warning"]
    for words in ("'old'", "7 days", "30 days", "keep_snapshots.days"):
        assert words in said[0]["message"]
    assert about(place(told, "images", "plain"), "lifecycle")[0]["level"] == "ok", "it keeps no versions"


def test_rules_that_take_the_data_or_the_snapshots_away(ground, online):
    def expiring(name, prefix, **more):
        return {
            "ID": name,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": 3},
            **more,
        }

    set_rules(
        ground,
        "versioned",
        expiring("all", ""),
        expiring("data", "images/tmp/"),
        expiring("shelf", "images/.ferryline/"),
        expiring("other", "elsewhere/"),
        expiring("off", "", Status="Disabled"),
    )

    told = online("images")

    said = [one["message"] for one in about(place(told, "images", "versioned"), "lifecycle")]
    warned = [one for one in said if "expires" in one]
    assert [one.split("'")[1] for one in warned] == ["all", "data", "shelf"]
    assert ".ferryline/" in warned[0]
    assert "images/tmp/" in warned[1]
    assert "snapshot files" in warned[2]


def test_rules_that_archive(ground, online):
    set_rules(
        ground,
        "versioned",
        {
            "ID": "cold",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "images/", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [
                {"Days": 30, "StorageClass": "STANDARD_IA"},
                {"Days": 90, "StorageClass": "GLACIER"},
            ],
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "DEEP_ARCHIVE"}],
        },
    )
    set_rules(
        ground,
        "source",
        {
            "ID": "src",
            "Status": "Enabled",
            "Prefix": "",
            "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
        },
    )

    told = online("images")

    said = [
        one for one in about(place(told, "images", "versioned"), "lifecycle") if one["level"] == "warning"
    ]
    assert ["GLACIER after 90" in said[0]["message"], "DEEP_ARCHIVE" in said[1]["message"]] == [True, True]
    assert "tags or sizes" in said[0]["message"]
    assert about(place(told, "images", role="source"), "lifecycle")[0]["level"] == "warning"


def test_a_missing_rule_for_unfinished_uploads_is_a_hint(ground, online):
    without = about(place(online("images"), "images", "versioned"), "lifecycle")
    set_rules(ground, "versioned", ABORTS)
    with_it = about(place(online("images"), "images", "versioned"), "lifecycle")

    assert [one["level"] for one in without] == ["note", "ok"]
    assert "AbortIncompleteMultipartUpload" in without[0]["advice"]
    assert [one["level"] for one in with_it] == ["ok"]


# -- the clock


@pytest.mark.parametrize(("seconds", "level"), [(60, "ok"), (-600, "warning"), (600, "warning")])
def test_a_clock_that_is_off_is_told_before_requests_are_refused(ground, online, seconds, level):
    ground.server.settings = replace(ground.server.settings, clock_offset_seconds=seconds)

    kept = location(online("images"), "kept")

    assert about(kept, "clock")[0]["level"] == level
    assert kept["clock_ahead_seconds"] == pytest.approx(-seconds, abs=30)


def test_a_clock_beyond_fifteen_minutes_is_why_nothing_answers(ground, online):
    ground.server.settings = replace(ground.server.settings, clock_offset_seconds=3600)

    reach = about(location(online("images", code=4), "kept"), "reach")[0]

    assert (reach["kind"], "60 minutes behind" in reach["message"]) == ("clock-skew", True)


# -- heads and locks


def test_a_head_of_another_policy_is_refused_before_a_run_does(ground, online):
    ground.publish(ONE)
    ground.write_policy(**{"name: acme\n": "name: other\n"})

    head = about(place(online("images", code=2), "images", "versioned"), "head")[0]

    assert (head["level"], head["kind"]) == ("problem", "other-head")
    assert "'acme'" in head["message"]


def test_a_damaged_head_is_a_problem(ground, online):
    ground.server.bucket("plain").put(b"images/.ferryline/head.json", b"{}")

    assert about(place(online("images", code=1), "images", "plain"), "head")[0]["level"] == "problem"


def test_a_lock_is_told_and_is_no_failure(ground, online):
    ground.hold("versioned")
    ground.hold("plain", seconds=-60)
    ground.hold("two", "apart")

    told = online()

    held = place(told, "images", "versioned")
    assert (held["lock"]["holder"], held["lock"]["counts"]) == ("somebody@elsewhere", True)
    assert "somebody@elsewhere holds it" in about(held, "lock")[0]["message"]
    assert "no longer counts" in about(place(told, "images", "plain"), "lock")[0]["message"]
    assert place(told, "apart", "two")["lock"]["counts"]
    assert place(told, "images", "disk")["lock"] is None


def test_a_lock_that_cannot_be_read_is_a_warning(ground, online):
    ground.server.bucket("plain").put(b"images/.ferryline/lock.json", b"{}")

    assert about(place(online("images"), "images", "plain"), "lock")[0]["level"] == "warning"


# -- regions (the strict server stands for AWS)


@pytest.fixture
def aws(ground, monkeypatch):
    monkeypatch.setattr(address, "is_aws", lambda location: True)
    ground.server.bucket("plain").settings = BucketSettings("plain", region="eu-central-1")


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_lies_elsewhere_than_declared_is_a_mistake_in_the_policy(ground, online):
    told = online("images", code=2)

    flat = location(told, "flat")
    assert (flat["region_declared"], flat["region_resolved"]) == ("us-east-1", "eu-central-1")
    said = about(flat, "region")[0]
    assert (said["level"], "region: eu-central-1" in said["advice"]) == ("problem", True)
    assert about(location(told, "kept"), "region")[0]["level"] == "ok"
    assert about(place(told, "images", "plain"), "list")[0]["level"] == "ok"


@pytest.mark.usefixtures("aws")
def test_residency_is_decided_again_by_the_region_that_was_resolved(ground, online):
    ground.write_policy(
        **{"    source: here/images/\n": "    source: here/images/\n    residency: {allow: [US]}\n"}
    )
    assert ground.run("check").code == 0

    told = online("images", code=3)

    images = told["datasets"][0]
    assert [(one["level"], one["kind"]) for one in about(images, "residency")] == [("problem", "residency")]
    assert "eu-central-1" in about(images, "residency")[0]["message"]


# -- folders of a file system


def with_disk_as_source(ground):
    ground.write_policy(**{"    source: here/images/\n": "    source: disk/raw/\n"})


def test_a_source_folder_that_is_not_there(ground, online):
    with_disk_as_source(ground)

    said = about(place(online("images", code=4), "images", role="source"), "folder")[0]

    assert (said["kind"], "mount it" in said["advice"]) == ("disk", True)


def test_a_replica_folder_that_is_not_there_yet_is_made_by_the_first_run(ground, online):
    said = place(online("images"), "images", "disk")

    assert about(said, "folder")[0]["level"] == "note"
    assert str(ground.disk.parent) in about(said, "folder")[0]["message"]
    assert "free" in about(said, "space")[0]["message"]


def test_a_file_where_a_folder_should_be(ground, online):
    ground.disk.mkdir()
    (ground.disk / "images").write_text("x")

    assert about(place(online("images", code=4), "images", "disk"), "folder")[0]["level"] == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(ground, online):
    ground.disk.mkdir()
    ground.disk.chmod(0o500)

    assert about(place(online("images", code=5), "images", "disk"), "folder")[0]["kind"] == "access-refused"


def test_a_source_on_another_file_system_than_in_the_last_run(ground, online):
    with_disk_as_source(ground)
    raw = ground.disk / "raw"
    raw.mkdir(parents=True)
    with open_state(ground.user.state, SystemClock()) as state:
        state.remember_mount(f"file://{raw}/", "filesystem 0000000000000001 inode 2")

    said = place(online("images", code=4), "images", role="source")

    assert (about(said, "mount")[0]["kind"], "--accept-new-mount" in about(said, "mount")[0]["advice"]) == (
        "mount-changed",
        True,
    )


def test_a_replica_on_its_sources_file_system_is_noted(ground, online):
    with_disk_as_source(ground)
    (ground.disk / "raw").mkdir(parents=True)

    told = online("images")

    assert "source's file system" in about(place(told, "images", "disk"), "mount")[0]["message"]
    assert "no run from this host" in about(place(told, "images", role="source"), "mount")[0]["message"]
