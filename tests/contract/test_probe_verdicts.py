"""What the probe says of real servers, against what was measured of each by hand."""

import dataclasses

import pytest

from ferryline.storage import probe
from ferryline.storage.capabilities import Capabilities, Support
from tests.contract import s3_ground as ground
from tests.contract.s3_ground import HONOURED, IGNORED, UNKNOWN, UNSUPPORTED

SUPPORTS = [one.name for one in dataclasses.fields(Capabilities) if isinstance(one.default, Support)]
ALL = dict.fromkeys(SUPPORTS, HONOURED)

RADOSGW = ALL | {
    "write_if_match": UNSUPPORTED,  # it compares the quotes too: no ETag it was told is ever the right one
    "complete_if_none_match": IGNORED,
    "complete_if_match": IGNORED,
    "delete_if_match": IGNORED,
    "stored_checksum": IGNORED,
    "part_number": IGNORED,
    "mpu_object_size": IGNORED,
    "copy_source_if_match": IGNORED,
    "copy_if_none_match": IGNORED,
    "copy_if_match": IGNORED,
}
RADOSGW_VERSIONED = RADOSGW | {"write_if_none_match": IGNORED}
"""Seen on 16.2: on a bucket that keeps versions If-None-Match is not looked at."""
MOTO = ALL | {
    "part_number": UNKNOWN,  # If-Match is compared with the part's own ETag
    "complete_if_match": IGNORED,
    "content_md5": IGNORED,
    "stored_checksum": IGNORED,
    "mpu_object_size": IGNORED,
    "copy_source_if_match": IGNORED,
    "copy_if_none_match": IGNORED,
    "copy_if_match": IGNORED,
}
RCLONE = dict.fromkeys(SUPPORTS, IGNORED) | {"etag_is_md5": HONOURED, "content_md5": HONOURED}


async def verdict(server, bucket):
    store = await ground.opened(server, bucket)
    try:
        found = await probe.probe_destination(store)
        left = [page.rows.num_rows async for page in store.pages(ground.EVERYTHING)]
        assert left == [0]
        assert await store.open_uploads(b"") == ()
    finally:
        await store.close()
    return {name: getattr(found, name) for name in SUPPORTS}


@pytest.mark.radosgw
async def test_radosgw(radosgw):
    assert await verdict(radosgw, radosgw.bucket()) == RADOSGW


@pytest.mark.radosgw
async def test_radosgw_with_versions_keeps_none_of_the_probes(radosgw):
    bucket, client = radosgw.bucket(), radosgw.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert await verdict(radosgw, bucket) == RADOSGW_VERSIONED
    seen = client.list_object_versions(Bucket=bucket)
    assert seen.get("Versions", []) + seen.get("DeleteMarkers", []) == []


async def test_moto(moto):
    assert await verdict(moto, ground.made(moto)) == MOTO


async def test_moto_with_versions_keeps_none_of_the_probes(moto):
    bucket, client = ground.made(moto), moto.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert await verdict(moto, bucket) == MOTO
    seen = client.list_object_versions(Bucket=bucket)
    assert seen.get("Versions", []) + seen.get("DeleteMarkers", []) == []


async def test_rclone(rclone_s3):
    assert await verdict(rclone_s3, ground.made(rclone_s3)) == RCLONE
