"""The driver against moto's DataSync, where moto has the calls: one region, no tags, no counters, no bytes."""

from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ferryline.testing.strict import StrictServer
from tests.datasets import NAME, write_policy


@pytest.fixture
def moto(monkeypatch):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()  # it outlives its server
    monkeypatch.setenv("AWS_ENDPOINT_URL_DATASYNC", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


def test_a_task_of_motos_is_started_followed_and_not_believed(moto, user):
    client = boto3.client("datasync", endpoint_url=moto, region_name="us-east-1")
    role = {"BucketAccessRoleArn": "arn:aws:iam::111122223333:role/x"}
    ends = [
        client.create_location_s3(S3BucketArn=f"arn:aws:s3:::{name}", Subdirectory="/data/", S3Config=role)
        for name in ("source", "eu")
    ]
    task = client.create_task(
        SourceLocationArn=ends[0]["LocationArn"],
        DestinationLocationArn=ends[1]["LocationArn"],
        Name="train",
        Options={"VerifyMode": "ONLY_FILES_TRANSFERRED"},
        Excludes=[{"FilterType": "SIMPLE_PATTERN", "Value": "*/.ferryline"}],
    )["TaskArn"]
    with StrictServer("source", "eu") as server:
        server.bucket("source").put_many({f"data/{number}": b"%d" % number for number in range(3)})
        region = {
            "s3_endpoint_url": server.endpoint_url,
            "access_key_id": "${env:AWS_ACCESS_KEY_ID}",
            "secret_access_key": "${env:AWS_SECRET_ACCESS_KEY}",
        }
        path = write_policy(
            user.folder,
            {name: {"url": f"s3://{name}/", "region": "us-east-1"} for name in ("source", "eu")},
            [{"name": "eu", "to": "eu/data/", "engine": "datasync"}],
        )
        import json

        policy = json.loads(path.read_text())
        policy["regions"] = {"us-east-1": region}
        path.write_text(json.dumps(policy))

        said = user.run("sync", NAME, "--json")

    assert said.code == 1, said.err
    there = said.document["runs"][0]["destinations"][0]
    assert there["execution"]["status"] == "SUCCESS" and there["execution"]["task"] == task
    assert not there["published"], "moto moves nothing, and its SUCCESS is not believed"
    assert there["files_failed"] == 3
