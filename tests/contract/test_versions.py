"""Versions listed and removed for good, page by page, on servers of other people's."""

import boto3
import pytest
from botocore.config import Config

from ferryline.policy import location as locations
from ferryline.storage import location

SERVERS = ["moto", pytest.param("radosgw", marks=pytest.mark.radosgw)]


@pytest.mark.parametrize("which", SERVERS)
async def test_every_version_and_marker_goes_and_what_lies_beside_stays(which, request, monkeypatch):
    server = request.getfixturevalue(which)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = "versions-contract"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="p/before", Body=b"its version is null")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for round_ in range(3):
        for number in range(8):
            client.put_object(Bucket=bucket, Key=f"p/k {number}+é", Body=b"x" * round_)
    client.put_object(Bucket=bucket, Key="pq", Body=b"beside")
    client.delete_object(Bucket=bucket, Key="p/k 1+é")

    there = locations.parse(f"s3://{bucket}/p/?endpoint_url={server.endpoint_url}&region=us-east-1")
    store = await location.open_store(there, location.OpenContext())
    page = await store.versions_page(b"")
    assert (len(page.versions), page.following) == (26, None)
    assert [one.key for one in page.versions if one.is_marker] == ["k 1+é".encode()]
    assert await store.delete_versions(page.versions) == {}

    assert (await store.versions_page(b"")).versions == ()
    await store.close()
    assert [one["Key"] for one in client.list_object_versions(Bucket=bucket)["Versions"]] == ["pq"]
