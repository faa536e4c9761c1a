"""Keys that break tools: S3 → S3 all delivered, S3 → file → S3 all back or refused by name. On radosgw."""

import json
import os
import subprocess
import sys

import pytest

from ferryline.model.key import printable
from ferryline.testing import hostile


def ferryline(*words: str, server) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-m", "ferryline", *words, "--json", "--quiet"],
        env=os.environ | {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key, "AWS_REGION": "us-east-1"},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def body_of(key: bytes) -> bytes:
    return b"the bytes of " + key


@pytest.fixture
def source(radosgw):
    bucket, client = radosgw.bucket(), radosgw.client()
    for one in hostile.KEYS:
        client.put_object(Bucket=bucket, Key=one.key.decode(), Body=body_of(one.key))
    return bucket


def held(radosgw, bucket) -> dict[bytes, bytes]:
    client = radosgw.client()
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", []):
            found[one["Key"].encode()] = client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
    return found


@pytest.mark.radosgw
@pytest.mark.slow
def test_every_key_arrives_from_bucket_to_bucket(radosgw, source, tmp_path):
    target = radosgw.bucket()
    url = radosgw.endpoint_url

    code, document = ferryline(
        "copy",
        f"s3://{source}?endpoint_url={url}",
        f"s3://{target}?endpoint_url={url}",
        "--state",
        str(tmp_path),
        server=radosgw,
    )

    assert code == 0
    assert document["files_transferred"] == len(hostile.KEYS)
    assert held(radosgw, target) == {one.key: body_of(one.key) for one in hostile.KEYS}


@pytest.mark.radosgw
@pytest.mark.slow
def test_every_key_comes_back_from_files_or_is_refused_by_name(radosgw, source, tmp_path):
    target, files = radosgw.bucket(), tmp_path / "files"
    url = radosgw.endpoint_url
    state = ("--state", str(tmp_path / "state"))

    code, down = ferryline("copy", f"s3://{source}?endpoint_url={url}", str(files), *state, server=radosgw)
    again, _ = ferryline("copy", str(files), f"s3://{target}?endpoint_url={url}", *state, server=radosgw)

    refused = {one["key"] for one in down["failures"]}
    back = held(radosgw, target)
    assert (code, again) == (1, 0)
    assert {one.key for one in hostile.KEYS} - back.keys() == {
        one.key
        for one in hostile.KEYS
        if printable(one.key) in refused or printable(one.key, 2000) in refused
    }
    assert len(back) >= 120
    assert all(body == body_of(key) for key, body in back.items())
    assert not (tmp_path / "etc").exists()
