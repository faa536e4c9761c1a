"""The components as a plugin: the schema that is checked in, and a construction as another language asks for it."""

import json
import subprocess
import sys
from pathlib import Path

import pulumi

from tests.deploy import datasync_model
from tests.deploy.ground import run


def test_the_schema_that_is_checked_in_is_not_stale():
    from ferryline.deploy import hosting

    assert hosting.shipped() == hosting.rendered(), "write it again: make reference"


def test_every_component_and_each_of_its_fields_is_described():
    from ferryline.deploy import hosting

    schema = json.loads(hosting.shipped())
    assert {name.rpartition(":")[2] for name in schema["resources"]} == {
        one.__name__ for one in hosting.COMPONENTS
    }
    bare = [
        f"{kind}.{name}"
        for kind, one in [*schema["resources"].items(), *schema["types"].items()]
        for name, field in {**one.get("properties", {}), **one.get("inputProperties", {})}.items()
        if not field.get("description")
    ]
    assert bare == []


def test_another_language_gets_the_same_resources():
    from pulumi.provider.experimental.component import ComponentProvider

    from ferryline.deploy import hosting

    def program():
        provider = ComponentProvider(hosting.COMPONENTS, hosting.NAME, None, "0.1.0")
        end = {"region": "us-east-1", "s3": {"bucketArn": "arn:aws:s3:::acme-train", "prefix": "a"}}
        other = {"region": "eu-west-1", "s3": {"bucketArn": pulumi.Output.from_input("arn:aws:s3:::acme-eu")}}
        inputs = {
            "source": end,
            "replicas": {"eu": {"to": other}},
            "options": {"preserveDeletedFiles": "REMOVE"},
        }
        made = provider.construct("train", "ferryline:index:Replication", inputs)
        pulumi.export("tasks", made.state["taskArns"])

    ran = run(program)

    assert datasync_model.problems(ran) == []
    assert ran.one("Task").inputs["options"]["preserveDeletedFiles"] == "REMOVE"
    assert set(ran.exports["tasks"]) == {"eu"}


def test_the_plugin_serves_that_schema_to_an_engine():
    import grpc
    from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

    from ferryline.deploy import hosting, plugin

    process = subprocess.Popen(
        [sys.executable, str(Path(plugin.__file__).parent), "127.0.0.1:9"], stdout=subprocess.PIPE
    )
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            asked = provider_pb2.GetSchemaRequest(version=0)
            served = provider_pb2_grpc.ResourceProviderStub(channel).GetSchema(asked, timeout=60).schema
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert json.loads(served) == json.loads(hosting.shipped())
