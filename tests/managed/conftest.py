"""A policy whose replica in another region DataSync fills, the servers it speaks to, and a user at a prompt."""

import json

import pytest

from ferryline.testing.strict import BucketSettings, Put, StrictServer
from tests.commanding import user
from tests.managed.datasync import DataSync

__all__ = ["user"]

NAME = "train"
MIB = 1024 * 1024
OPTIONS = {
    "VerifyMode": "ONLY_FILES_TRANSFERRED",
    "OverwriteMode": "ALWAYS",
    "PreserveDeletedFiles": "PRESERVE",
    "TransferMode": "CHANGED",
    "BytesPerSecond": -1,
    "ObjectTags": "PRESERVE",
}


class World:
    """Two regions, one task from the one to the other, and the policy that declares it."""

    def __init__(self, strict, service, user):
        self.strict, self.service, self.user = strict, service, user
        self.source = service.location("us-east-1", "s3://source/data/")
        self.destination = service.location("eu-central-1", "s3://eu/data/")
        self.elsewhere = service.location("eu-central-1", "s3://eu/other/")
        self.task = service.task(
            "eu-central-1", self.source, self.destination, Name="train-eu", Options=OPTIONS
        )

    def fill(self, count=30):
        bucket = self.strict.bucket("source")
        bucket.put_many({f"data/{number:04}": b"%d" % number * 50 for number in range(count)})
        bucket.put("data/index.json", b"{}")

    def put_in_parts(self):
        """One object more, whose copy will have another ETag: the service cuts it otherwise."""
        self.strict.bucket("source").put("data/large", b"x" * (11 * MIB), Put(part_bytes=6 * MIB))
        self.service.part_bytes = 5 * MIB

    def empty_meanwhile(self):
        """Have the source emptied just before the service copies."""

        def empty():
            for key in list(self.data("source")):
                self.strict.bucket("source").delete(key)

        self.service.before_copy = empty

    def declare(self, *replicas, **dataset):
        def region(name):
            return {
                "s3_endpoint_url": self.strict.endpoint_url,
                "access_key_id": "${env:AWS_ACCESS_KEY_ID}",
                "secret_access_key": "${env:AWS_SECRET_ACCESS_KEY}",
            }

        policy = {
            "version": 1,
            "name": "acme",
            "regions": {name: region(name) for name in ("us-east-1", "eu-central-1")},
            "locations": {
                "us": {"url": "s3://source/", "region": "us-east-1"},
                "eu": {"url": "s3://eu/", "region": "eu-central-1"},
                "ap": {"url": "s3://ap/", "region": "us-east-1"},
            },
            "datasets": {
                NAME: {
                    "source": "us/data/",
                    "replicas": list(replicas) or [{"name": "eu", "to": "eu/data/", "engine": "datasync"}],
                    **dataset,
                }
            },
        }
        (self.user.folder / "ferryline.yaml").write_text(json.dumps(policy, indent=1), "utf-8")

    def data(self, bucket):
        return {
            key: body
            for key, body in self.strict.bucket(bucket).contents().items()
            if b".ferryline" not in key
        }


@pytest.fixture
def world(user, monkeypatch):
    buckets = ("source", BucketSettings("eu", region="eu-central-1"), "ap", "reports")
    with StrictServer(*buckets) as strict, DataSync(strict) as service:
        strict.bucket("eu").set_versioning("Enabled")
        monkeypatch.setenv("AWS_ENDPOINT_URL_DATASYNC", service.endpoint_url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", strict.endpoint_url)
        yield World(strict, service, user)
