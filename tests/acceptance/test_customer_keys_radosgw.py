"""Customer keys (SSE-C) on a real radosgw: failed by name without one, proven with one, under keys at both ends."""

import base64

import pytest

from tests.datasets import NAME, s3, write_policy

pytestmark = pytest.mark.radosgw

MIB = 1024 * 1024
KEY = b"an obviously fake customer key.."
TEXT = base64.b64encode(KEY).decode()
WITH_KEY = {"sse_customer_key": "${env:CUSTOMER_KEY}"}
COPY = ("copy", "source/data/", "there/data/", "--json")
BODIES = {"data/a": b"a" * 5000, "data/b": b"b" * 100_000, "data/large": b"x" * (11 * MIB)}


class Ground:
    """Two buckets, and objects under a customer key in the first."""

    def __init__(self, radosgw, user):
        self.radosgw, self.client, self.user = radosgw, radosgw.client(), user
        self.source, self.there = radosgw.bucket(), radosgw.bucket()

    def fill(self, **more):
        for name, body in BODIES.items():
            self.client.put_object(Bucket=self.source, Key=name, Body=body, **more)

    def declare(self, source=None, there=None):
        places = {
            "source": {**s3(self.radosgw, self.source), **(source or {})},
            "there": {**s3(self.radosgw, self.there), **(there or {})},
        }
        write_policy(self.user.folder, places, ["there/data/"])

    def read(self, name, **more):
        return self.client.get_object(Bucket=self.there, Key=name, **more)["Body"].read()


SECRET = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}


@pytest.fixture
def ground(radosgw, user, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", radosgw.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", radosgw.secret_key)
    monkeypatch.setenv("CUSTOMER_KEY", TEXT)
    return Ground(radosgw, user)


def test_without_the_key_objects_fail_by_name(ground, user):
    ground.fill(**SECRET)
    ground.client.put_object(Bucket=ground.source, Key="data/open", Body=b"open")
    ground.declare()

    said = user.run(*COPY)

    assert said.code == 1, said.err
    assert said.document["files_transferred"] == 1
    assert said.document["failures_by_kind"] == {"customer-key": 3}
    assert all("SSE-C" in one["message"] for one in said.document["failures"])
    assert TEXT not in said.out + said.err


def test_with_the_key_they_arrive_and_a_second_run_is_quiet(ground, user):
    ground.fill(**SECRET)
    ground.client.put_object(Bucket=ground.source, Key="data/open", Body=b"open")
    ground.declare(WITH_KEY)

    said = user.run(*COPY)

    assert said.code == 0, said.err
    assert {name: ground.read(name) for name in BODIES} == BODIES
    assert ground.read("data/open") == b"open"
    assert user.run(*COPY).document["files_same"] == 4


def test_under_a_key_a_dataset_is_published_and_only_the_key_opens_it(ground, user):
    ground.fill()
    ground.declare(there=WITH_KEY)

    said = user.run("sync", NAME, "--json")

    assert said.code == 0, said.err
    assert said.document["runs"][0]["destinations"][0]["published"]
    assert {name: ground.read(name, **SECRET) for name in BODIES} == BODIES
    with pytest.raises(ground.client.exceptions.ClientError):
        ground.read("data/a")
    again = user.run("sync", NAME, "--json", state=user.folder / "an-empty-disk")
    assert again.document["runs"][0]["files_transferred"] == 0
    assert user.run("verify", NAME, "--deep", "100").code == 0


def test_both_sides_may_be_under_keys(ground, user, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", base64.b64encode(b"k" * 32).decode())
    ground.fill(**SECRET)
    ground.declare(WITH_KEY, {"sse_customer_key": "${env:OTHER_KEY}"})

    assert user.run(*COPY).code == 0

    other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    assert {name: ground.read(name, **other) for name in BODIES} == BODIES
