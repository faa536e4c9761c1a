"""kill -9 at seeded moments of a large object: right bytes, no part sent twice that had arrived, no orphan.

`FERRYLINE_KILL_BYTES` and `FERRYLINE_KILLS` make it as large as a person likes; by default it is small
enough for every run of the suite.
"""

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from ferryline.testing.strict import StrictProcess

SIZE_BYTES = int(os.environ.get("FERRYLINE_KILL_BYTES", 160 * 1024 * 1024))
KILLS = int(os.environ.get("FERRYLINE_KILLS", 20))
KEY = "data/0000000.bin"
PART_BYTES = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def server():
    with StrictProcess("--bucket", "src", "--bucket", "dst", "--fill", f"src:1:{SIZE_BYTES}") as running:
        yield running


def client(server):
    return boto3.client("s3", **server.client_arguments())


def started(server, state: Path, buckets=("src", "dst")) -> subprocess.Popen:
    url = server.endpoint_url
    return subprocess.Popen(
        [
            sys.executable, "-m", "ferryline", "copy", f"s3://{buckets[0]}/?endpoint_url={url}",
            f"s3://{buckets[1]}/?endpoint_url={url}", "--state", str(state), "--quiet",
            "--disable-server-side-copy",
        ],
        env=os.environ | {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key, "AWS_REGION": "us-east-1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(server, state: Path) -> str:
    process = started(server, state)
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, out + err
    return out


def reset(server) -> None:
    s3 = client(server)
    for one in s3.list_objects_v2(Bucket="dst").get("Contents", []):
        s3.delete_object(Bucket="dst", Key=one["Key"])
    server.forget()


def part_puts(server) -> Counter:
    """Whole parts that the server took, by number: the log's 200s of UploadPart."""
    return Counter(
        int(one["params"]["partNumber"])
        for one in server.seen()
        if one["operation"] == "UploadPart" and one["status"] == 200 and one["bucket"] == "dst"
        and not one["key"].startswith(".ferryline/")
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_of_one_large_object_lose_nothing_and_resend_little(server, tmp_path):
    reset(server)
    moments = random.Random(20)  # noqa: S311
    taken_again = killed = 0
    for number in range(KILLS):
        before = part_puts(server)
        # With the state folder kept, and with an empty one, in turn.
        process = started(server, tmp_path / ("kept" if number % 2 else f"lost-{number}"))
        deadline = time.monotonic() + 60
        wanted = moments.randrange(0, max(1, SIZE_BYTES // PART_BYTES // 4) + 1)
        while process.poll() is None and time.monotonic() < deadline:
            new = part_puts(server) - before
            if sum(new.values()) >= wanted:
                break
            time.sleep(moments.uniform(0.0, 0.05))
        time.sleep(moments.uniform(0.0, 0.3))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        again = {part for part, count in (part_puts(server) - before).items() if before[part]}
        taken_again += len(again)
        if client(server).list_objects_v2(Bucket="dst").get("KeyCount") and not client(
            server
        ).list_multipart_uploads(Bucket="dst").get("Uploads"):
            if any(one["Key"] == KEY for one in client(server).list_objects_v2(Bucket="dst")["Contents"]):
                client(server).delete_object(
                    Bucket="dst", Key=KEY
                )  # it was done before it could be killed: again
                server.forget()
    assert killed >= KILLS // 2, "hardly any run was alive when it was to be killed"

    run(server, tmp_path / "last")

    s3 = client(server)
    source = s3.head_object(Bucket="src", Key=KEY, ChecksumMode="ENABLED")
    there = s3.head_object(Bucket="dst", Key=KEY, ChecksumMode="ENABLED")
    assert there["ContentLength"] == SIZE_BYTES
    assert there["ChecksumCRC64NVME"] == source["ChecksumCRC64NVME"]
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="dst")["Contents"]] == [KEY]
    assert not s3.list_multipart_uploads(Bucket="dst").get("Uploads")
    assert taken_again == 0, f"{taken_again} parts were sent again although the server had them"


@pytest.mark.slow
@pytest.mark.radosgw
@pytest.mark.timeout(1800)
def test_kills_on_radosgw_lose_nothing_and_leave_no_orphan(radosgw, tmp_path):
    moments = random.Random(7)  # noqa: S311
    source, target = radosgw.bucket(), radosgw.bucket()
    s3 = radosgw.client()
    body = moments.randbytes(PART_BYTES) * max(2, SIZE_BYTES // PART_BYTES // 2) + b"the end"
    s3.upload_fileobj(io.BytesIO(body), source, KEY, Config=TransferConfig(multipart_chunksize=PART_BYTES))
    theirs = s3.create_multipart_upload(Bucket=target, Key=KEY)["UploadId"]
    killed = 0
    for number in range(max(3, KILLS // 2)):
        process = started(radosgw, tmp_path / ("kept" if number % 2 else f"lost-{number}"), (source, target))
        time.sleep(moments.uniform(0.6, 2.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        if s3.list_objects_v2(Bucket=target, Prefix=KEY).get("KeyCount"):
            s3.delete_object(Bucket=target, Key=KEY)
    assert killed

    process = started(radosgw, tmp_path / "last", (source, target))
    out, err = process.communicate(timeout=600)

    assert process.returncode == 0, out + err
    assert s3.get_object(Bucket=target, Key=KEY)["Body"].read() == body
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=target)["Contents"]] == [KEY]
    uploads = s3.list_multipart_uploads(Bucket=target).get("Uploads", [])
    assert [one["UploadId"] for one in uploads] == [theirs], "somebody else's upload, and only that one"
