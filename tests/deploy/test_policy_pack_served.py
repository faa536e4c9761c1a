"""The policy pack as Pulumi's engine meets it: a process of its own, asked over its own protocol."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

FOLDER = Path(__file__).resolve().parents[2] / "src" / "ferryline" / "deploy" / "policy_pack"


@pytest.fixture(scope="module")
def engine():
    process = subprocess.Popen([sys.executable, str(FOLDER)], stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def configured(engine, **properties):
    found = struct_pb2.Struct()
    found.update(properties)
    config = {"ferryline": analyzer_pb2.PolicyConfig(enforcementLevel=1, properties=found)}
    engine.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=config), timeout=30)


def asked(engine, kind, **properties):
    found = struct_pb2.Struct()
    found.update(properties)
    request = analyzer_pb2.AnalyzeRequest(
        type=kind, properties=found, urn=f"urn:pulumi:test::ferry::{kind}::one", name="one"
    )
    return [one.message for one in engine.Analyze(request, timeout=30).diagnostics]


def test_it_says_what_it_is(engine):
    info = engine.GetAnalyzerInfo(empty_pb2.Empty(), timeout=30)

    assert info.name == "ferryline"
    assert [one.name for one in info.policies] == ["ferryline"]
    assert info.policies[0].enforcementLevel == analyzer_pb2.MANDATORY


def test_it_denies_what_residency_forbids(engine):
    configured(engine, allow=["EU"], deny=["DE"])

    (said,) = asked(engine, "aws:s3/bucket:Bucket", region="us-east-1")
    assert "residency forbids us-east-1" in said
    assert asked(engine, "aws:s3/bucket:Bucket", region="eu-central-1")
    assert asked(engine, "aws:s3/bucket:Bucket", region="eu-west-1") == []
    assert asked(engine, "aws:sns/topic:Topic", region="us-east-1") == []


def test_it_denies_tasks_that_aws_would_refuse(engine):
    configured(engine)

    (said,) = asked(
        engine,
        "aws:datasync/task:Task",
        options={"logLevel": "BASIC"},
        schedule={"scheduleExpression": "rate(5 minutes)"},
    )
    assert "at most once an hour" in said
