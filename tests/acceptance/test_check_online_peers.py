"""`check --online` on servers that others wrote: their rules are read, and what they lack is no failure."""

import json

import pytest

POLICY = """version: 1
name: acme
locations:
  here: {{url: "s3://{source}", endpoint_url: "{url}", region: us-east-1}}
  there: {{url: "s3://{target}", endpoint_url: "{url}", region: us-east-1}}
datasets:
  images: {{source: here/a/, replicas: [there/a/]}}
"""
RULES = [
    {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "tagged",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}},
        "Expiration": {"Days": 3},
    },
    {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
]


@pytest.fixture
def look(user, monkeypatch):
    """Make two buckets on a peer and check them; the answer, by what the replica was remarked on."""

    def run(peer, rules, versions=True):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", peer.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", peer.secret_key)
        client, names = peer.client(), {"source": "online-source", "target": "online-target"}
        for name in names.values():
            client.create_bucket(Bucket=name)
        client.put_object(Bucket=names["source"], Key="a/x", Body=b"x")
        if versions:
            on = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=names["target"], VersioningConfiguration=on)
        if rules:
            client.put_bucket_lifecycle_configuration(
                Bucket=names["target"], LifecycleConfiguration={"Rules": rules}
            )
        text = POLICY.format(url=peer.endpoint_url, **names)
        (user.folder / "ferryline.yaml").write_text(text, "utf-8")
        said = user.run("check", "--online", "--json")
        assert said.code == 0, said.out + said.err
        return json.loads(said.out)["online"]

    return run


def warned(online):
    replica = online["datasets"][0]["places"][1]
    return sorted(
        one["message"].split("'")[1]
        for one in replica["remarks"]
        if (one["level"], one["about"]) == ("warning", "lifecycle")
    )


@pytest.mark.radosgw
def test_radosgw_tells_rules_and_versions(look, radosgw):
    told = look(radosgw, RULES)

    assert warned(told) == ["old", "tagged"]
    assert [one["versioning"] for one in told["locations"]] == [None, True]


def test_moto_tells_rules_and_versions(look, moto):
    told = look(moto, RULES)

    assert warned(told) == ["old", "tagged"]
    assert [one["versioning"] for one in told["locations"]] == [None, True]


def test_rclone_has_neither_and_that_is_a_note(look, rclone_s3):
    told = look(rclone_s3, [], versions=False)

    there = told["locations"][1]
    about = {one["about"]: one["level"] for one in there["remarks"]}
    assert (about["lifecycle"], there["versioning"], told["problems"]) == ("note", False, 0)
