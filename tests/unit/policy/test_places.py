"""Declared locations as values: references resolved on use, secrets left as references."""

import pytest

from ferryline import errors, policy
from ferryline.model import place
from ferryline.policy import interpolation, places, values
from tests.unit.policy.marked import LOCATIONS, dataset, location

NOTHING = interpolation.Sources({})


def of(text, folder="a/", environment=None):
    name, _, path = folder.partition("/")
    sources = interpolation.Sources(environment or {})
    return places.of_folder(policy.parse(text, "/etc/team/f.yaml"), values.Folder(name, path), sources)


def test_a_folder_is_the_locations_prefix_and_the_path():
    read = policy.parse(dataset(""))
    there = places.of_folder(read, read.datasets["d"].replicas[0].to, NOTHING)
    assert (there.bucket, there.prefix, there.name) == ("acme-train-eu", b"prod/a/", "eu")
    assert there.access.region == "eu-central-1"
    on_disk = places.of_folder(read, values.Folder("disk", "x/y/"), NOTHING)
    assert on_disk == place.FileLocation("/mnt/train/x/y", None, "disk")


def test_references_are_resolved_but_secrets_stay_references():
    text = (
        location('url: "s3://${env:B}/p", profile: "${env:P:-fallback}", limits: {connections: 7}')
        + "  b: {url: 's3://abc', access_key_id: '${env:K}', secret_access_key: '${file:keys/s}'}\n"
    )
    there = of(text, "a/x/", {"B": "bucket-one"})
    assert (there.bucket, there.prefix, there.access.profile) == ("bucket-one", b"p/x/", "fallback")
    assert there.connections_max == 7
    signed = of(text, "b/", {"K": "AKIAFAKE"})
    assert signed.access.access_key_id == "${env:K}"
    assert signed.access.secret_access_key == "${file:/etc/team/keys/s}", "anchored at the policy's folder"
    assert "AKIAFAKE" not in repr(signed)


def test_a_region_gives_its_endpoint_and_keys_to_locations_that_have_none():
    text = (
        "version: 1\nregions:\n  us-east-1: {s3_endpoint_url: 'http://127.0.0.1:9001', access_key_id: '${env:K}',"
        " secret_access_key: '${env:S}', ca_bundle: ca.pem}\n"
        "locations:\n  a: {url: 's3://abc', region: us-east-1}\n"
        "  b: {url: 's3://abc', region: us-east-1, endpoint_url: 'http://127.0.0.1:9002', profile: p}\n"
        "  c: {url: 's3://abc', region: us-east-1, anonymous: true}\n"
    )
    a, b, c = of(text, "a/"), of(text, "b/"), of(text, "c/")
    assert (a.access.endpoint_url, a.access.access_key_id) == ("http://127.0.0.1:9001", "${env:K}")
    assert a.access.ca_bundle == "/etc/team/ca.pem"
    assert (b.access.endpoint_url, b.access.access_key_id, b.access.profile) == (
        "http://127.0.0.1:9002",
        None,
        "p",
    )
    assert (c.access.anonymous, c.access.access_key_id) == (True, None)


@pytest.mark.parametrize(
    ("body", "environment", "field", "said"),
    [
        ('url: "s3://${env:B}"', {}, "url", "B is not set"),
        ('url: "s3://${env:B}"', {"B": ""}, "url", "B is not set"),
        ('url: "s3://${env:B}"', {"B": "Not A Bucket"}, "url", "once resolved"),
        ('url: "s3://${env:B}"', {"B": "abc?region=us-east-1"}, "url", "options"),
        (
            'url: "s3://abc", endpoint_url: "${env:E}"',
            {"E": "http://169.254.169.254"},
            "endpoint_url",
            "no endpoint",
        ),
        ('url: "s3://abc", ca_bundle: "${file:no/such}"', {}, "ca_bundle", "cannot be read"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_at_its_field(body, environment, field, said):
    with pytest.raises(errors.BadPolicy, match=said) as caught:
        of(location(body), "a/", environment)
    (problem,) = caught.value.problems
    assert (problem.where.field, problem.where.file, problem.where.line) == (
        f"locations.a.{field}",
        "/etc/team/f.yaml",
        3,
    )
    for value in environment.values():
        assert not value or value not in str(caught.value), "a resolved value is never shown"


def test_a_replica_overrides_storage_class_and_tags():
    read = policy.parse(dataset("", replica="{to: eu/a, storage_class: STANDARD_IA, tags: {team: ml}}"))
    there = places.of_replica(read, read.datasets["d"].replicas[0], NOTHING)
    assert (there.writing.storage_class, there.writing.tags) == ("STANDARD_IA", {"team": "ml"})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("us", "s3://acme-train/"),
        ("us/a/b", "s3://acme-train/a/b/"),
        ("us/a/b/", "s3://acme-train/a/b/"),
        ("s3://direct/x", "s3://direct/x/"),
        ("/mnt/x", "file:///mnt/x/"),
    ],
)
def test_a_person_names_locations_by_name_url_or_path(text, url):
    assert places.find(text, policy.parse(LOCATIONS), NOTHING).url == url


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("nowhere/x", True, "the policy declares us, eu, lab, disk"),
        ("us/x", False, "starts with / or ./"),
        ("us/../x", True, "segment"),
        ("", True, "no location"),
    ],
)
def test_a_name_that_is_not_declared_is_refused_with_a_remedy(text, given, said):
    with pytest.raises(errors.BadLocation, match=said):
        places.find(text, policy.parse(LOCATIONS) if given else None, NOTHING)
