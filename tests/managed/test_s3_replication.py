"""A replica that S3 replication fills: its rule is looked for, what arrived is proven, what did not is named."""

from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ferryline.managed import s3_replication
from ferryline.managed.declared import Declared, End
from tests.managed.conftest import NAME

RULE = {
    "ID": "train",
    "Status": "Enabled",
    "Priority": 1,
    "Filter": {"Prefix": "data/"},
    "DeleteMarkerReplication": {"Status": "Disabled"},
    "Destination": {"Bucket": "arn:aws:s3:::far"},
}


@pytest.fixture
def s3(user, monkeypatch):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()  # it outlives its server
    endpoint = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    for bucket in ("near", "far"):
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(5):
        client.put_object(Bucket="near", Key=f"data/{number}", Body=b"%d" % number)
    client.endpoint_url = endpoint
    (user.folder / "ferryline.yaml").write_text(
        f"""version: 1
name: acme
regions: {{us-east-1: {{s3_endpoint_url: "{endpoint}"}}}}
locations:
  near: {{url: "s3://near", region: us-east-1}}
  far: {{url: "s3://far", region: us-east-1}}
datasets:
  {NAME}: {{source: near/data/, replicas: [{{name: far, to: far/data/, engine: s3-replication}}]}}
""",
        "utf-8",
    )
    yield client
    server.stop()


def attach(client, **changes):
    configuration = {"Role": "arn:aws:iam::111122223333:role/replicate", "Rules": [{**RULE, **changes}]}
    client.put_bucket_replication(Bucket="near", ReplicationConfiguration=configuration)


def replicate(client, *numbers):
    """What S3 does by itself once a rule is there; moto only keeps the rule."""
    for number in numbers:
        client.copy_object(Bucket="far", Key=f"data/{number}", CopySource=f"near/data/{number}")


def test_what_s3_brought_is_proven_and_published(s3, user):
    attach(s3)
    replicate(s3, *range(5))

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    there = said.document["runs"][0]["destinations"][0]
    assert there["engine"] == "s3-replication" and there["published"] and there["files_same"] == 5
    status = user.run("status", "--json")
    assert status.code == 0, status.err
    service = status.document["datasets"][0]["replicas"][0]["service"]
    assert service["rules"] == [{"id": "train", "status": "Enabled"}]


def test_what_has_not_arrived_is_named_with_what_may_be_the_cause(s3, user):
    attach(s3)
    replicate(s3, 0, 1, 2)

    said = user.run("sync", NAME, "--json")

    assert said.code == 1
    run = said.document["runs"][0]
    assert sorted(one["key"] for one in run["failures"]) == ["3", "4"]
    assert "Batch Replication" in run["failures"][0]["message"]
    assert not run["destinations"][0]["published"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (None, "no rule"),
        ({"Status": "Disabled"}, "only disabled rules"),
        ({"Destination": {"Bucket": "arn:aws:s3:::elsewhere"}}, "no rule"),
    ],
    ids=["none", "disabled", "another bucket"],
)
def test_without_a_rule_that_carries_all_of_it_nothing_is_done(s3, user, changes, what):
    if changes is not None:
        attach(s3, **changes)

    said = user.run("sync", NAME, "--json")

    assert said.code == 2
    stopped = said.document["runs"][0]["stopped"]
    assert stopped["kind"] == "not-deployed" and what in stopped["message"]


@pytest.mark.parametrize(
    ("changes", "carried"),
    [
        ({}, True),
        ({"Filter": {"Prefix": ""}}, True),
        ({"Filter": {}}, True),
        ({"Filter": {"And": {"Prefix": "da"}}}, True),
        ({"Filter": {"Prefix": "data/sub/"}}, False),
        ({"Filter": {"And": {"Prefix": "data/", "Tags": [{"Key": "a", "Value": "b"}]}}}, False),
        ({"Filter": {"Tag": {"Key": "a", "Value": "b"}}}, False),
        ({"Filter": {}, "Prefix": "other/"}, False),
        ({"Destination": {"Bucket": "arn:aws:s3:::near"}}, False),
    ],
)  # moto forgets a rule's filter, so that these are looked at alone
def test_a_rule_must_carry_the_whole_folder(changes, carried):
    ends = [End(("s3",), bucket, "data/", f"s3://{bucket}/data/") for bucket in ("near", "far")]
    declared = Declared("acme", NAME, "far", "us-east-1", *ends, identity=None, resolve=str)
    assert s3_replication.carries(declared, {**RULE, **changes}) is carried
