"""Every example runs against the engine of our own, and AWS would refuse nothing of it."""

import runpy
from pathlib import Path

import pytest

from tests.deploy import datasync_model
from tests.deploy.ground import ACCOUNT, run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

CASES = {
    # example: (its configuration, exports, resources by kind)
    "pulumi-two-buckets": (
        {},
        {"sourceLocationArn", "destinationLocationArn", "replicationTaskArn"},
        {"S3Location": 2, "Task": 1, "Role": 2, "MetricAlarm": 1, "BucketVersioning": 2},
    ),
    "pulumi-efs-to-s3": (
        {
            "fileSystemArn": f"arn:aws:elasticfilesystem:us-east-2:{ACCOUNT}:file-system/fs-0123456789abcdef0",
            "subnetArn": f"arn:aws:ec2:us-east-2:{ACCOUNT}:subnet/subnet-0123456789abcdef0",
            "securityGroupArn": f"arn:aws:ec2:us-east-2:{ACCOUNT}:security-group/sg-0123456789abcdef0",
        },
        {"taskArn", "readerPolicy"},
        {"EfsLocation": 1, "S3Location": 1, "Task": 1, "Role": 1},
    ),
    "pulumi-fsx-windows": (
        {
            "fileSystemArn": f"arn:aws:fsx:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0",
            "securityGroupArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-0123456789abcdef0",
            "moverPassword": "not-a-real-one",
        },
        {"taskArn", "logGroup"},
        {"LocationFsxWindows": 1, "S3Location": 1, "Task": 1, "LogGroup": 1, "LogResourcePolicy": 1},
    ),
    "pulumi-three-regions-policy": (
        {},
        {"taskArns", "replicationConfiguration", "moverPolicy"},
        {"S3Location": 2, "Task": 1, "Role": 3, "BucketReplicationConfig": 0},
    ),
}


def test_every_example_is_here():
    assert sorted(path.parent.name for path in EXAMPLES.glob("pulumi-*/Pulumi.yaml")) == sorted(CASES)


@pytest.mark.parametrize("example", CASES)
def test_an_example_runs_and_aws_would_take_it(example):
    config, exports, resources = CASES[example]
    program = str(EXAMPLES / example / "__main__.py")

    ran = run(lambda: runpy.run_path(program) and None, config=config)

    assert datasync_model.problems(ran) == []
    assert set(ran.exports) == exports
    assert {kind: len(ran.all(kind)) for kind in resources} == resources


def test_the_first_example_is_about_ten_lines():
    lines = (EXAMPLES / "pulumi-two-buckets" / "__main__.py").read_text("utf-8").splitlines()

    assert len([line for line in lines if line.strip() and not line.startswith('"""')]) <= 12
