"""A dataset on radosgw, which keeps versions: published, silent the second time, killed, and read while it is.

radosgw 16 ignores preconditions where versions are kept, so that the head is fenced by a lock on this host.
"""

import os
import shutil
import signal

import pytest

from ferryline import errors
from tests.commanding import User
from tests.datasets import NAME, read_whole, s3, write_policy

MIB = 1024 * 1024

pytestmark = [pytest.mark.radosgw, pytest.mark.slow]


@pytest.fixture
def person(user, radosgw, monkeypatch) -> User:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", radosgw.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", radosgw.secret_key)
    return user


class Ground:
    """A source and two replicas, the first of which keeps versions."""

    def __init__(self, radosgw, person):
        self.radosgw, self.client = radosgw, radosgw.client()
        self.source, self.versioned, self.plain = (radosgw.bucket() for _ in range(3))
        self.client.put_bucket_versioning(
            Bucket=self.versioned, VersioningConfiguration={"Status": "Enabled"}
        )
        places = {
            "source": s3(radosgw, self.source),
            "versioned": s3(radosgw, self.versioned),
            "plain": s3(radosgw, self.plain),
        }
        write_policy(
            person.folder, places, ["versioned/data/", "plain/data/"],
            options={"preserve_deleted_files": "REMOVE"}, max_delete={"count": 100, "percent": 100},
        )  # fmt: skip
        for number in range(12):
            self.put(f"{number}", b"old %d" % number)
        self.put("index.json", b"old")
        self.put("large", os.urandom(20 * MIB))

    def put(self, key, body):
        self.client.put_object(Bucket=self.source, Key=f"data/{key}", Body=body)

    def move_on(self):
        self.put("1", b"new 1")
        self.put("added", b"added")
        self.put("index.json", b"new")
        self.put("large", os.urandom(20 * MIB))
        self.client.delete_object(Bucket=self.source, Key="data/2")

    def contents(self):
        listed = self.client.list_objects_v2(Bucket=self.source)["Contents"]
        return {
            one["Key"].removeprefix("data/").encode(): self.client.get_object(
                Bucket=self.source, Key=one["Key"]
            )["Body"].read()
            for one in listed
        }

    def read(self, bucket):
        try:
            return read_whole(self.radosgw, bucket)
        except (errors.ObjectChanged, errors.ObjectMissing, errors.DigestMismatch):
            return None

    def picture(self):
        """Every version of everything in the replicas: nothing was written if it is equal."""
        return [
            sorted(
                (one["Key"], one["VersionId"], one["ETag"])
                for one in self.client.list_object_versions(Bucket=bucket).get("Versions", [])
            )
            for bucket in (self.versioned, self.plain)
        ]


def test_published_and_silent_on_an_empty_disk(radosgw, person):
    ground = Ground(radosgw, person)
    first = person.run("sync", NAME, "--json")
    assert first.code == 0, first.err
    run = first.document["runs"][0]
    assert run["snapshot"] is not None, "the same id at both replicas"
    whole = ground.contents()
    assert ground.read(ground.versioned) == whole == ground.read(ground.plain)
    before = ground.picture()
    shutil.rmtree(person.state)

    second = person.run("sync", NAME, "--json")

    assert second.code == 0, second.err
    assert second.document["runs"][0]["snapshot"] == run["snapshot"]
    assert second.document["runs"][0]["source_bytes_read"] == 0
    assert ground.picture() == before


@pytest.mark.timeout(600)
def test_kills_leave_one_snapshot_or_the_other(radosgw, person, tmp_path):
    ground = Ground(radosgw, person)
    assert person.run("sync", NAME).code == 0
    old = ground.contents()
    ground.move_on()
    new = ground.contents()
    for at in (3, 20, 40, 60, 80, 95, 110, 125, 140):
        died = person.crash(at, "sync", NAME)
        assert died in (-signal.SIGKILL, 0)
        found = ground.read(ground.versioned)
        assert found in (old, new), f"point {at}"
        assert ground.read(ground.plain) in (None, old, new), f"point {at}"

    again = person.run("sync", NAME, state=tmp_path / "another host")

    assert again.code == 0, again.err
    assert ground.read(ground.versioned) == new == ground.read(ground.plain)
    for bucket in (ground.versioned, ground.plain):
        assert not ground.client.list_multipart_uploads(Bucket=bucket).get("Uploads")
        left = [one["Key"] for one in ground.client.list_objects_v2(Bucket=bucket)["Contents"]]
        assert not [key for key in left if "/uploads/" in key or "/probe/" in key or "lock" in key]
