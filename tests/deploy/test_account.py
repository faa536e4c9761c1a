"""The whole way in a real account: deploy, drive, prove, destroy. CONTRIBUTING.md says how to run it.

It needs the Pulumi CLI and two empty buckets of yours in two regions. Where they are missing it is skipped
by name. It makes one DataSync task with its roles, moves three small objects and removes all it made.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid

import boto3
import pytest

BUCKETS = "FERRYLINE_TEST_ACCOUNT"
"""`SOURCE:REGION,REPLICA:REGION`."""

BODIES = {"a.tar": b"a" * 70_000, "folder/b.tar": b"b", "empty": b""}


def policy_of(source, replica, folder):
    """The policy between two (bucket, region), all below `folder`."""
    return f"""
version: 1
name: account-test
locations:
  home: {{url: "s3://{source[0]}", region: {source[1]}}}
  away: {{url: "s3://{replica[0]}", region: {replica[1]}}}
datasets:
  trial:
    source: home/{folder}/
    replicas: [{{name: away, to: away/{folder}/, engine: datasync}}]
"""


def buckets():
    """The two buckets that the environment names. Raises ValueError for other words."""
    source, replica = (tuple(one.split(":")) for one in os.environ[BUCKETS].split(","))
    if not (len(source) == len(replica) == 2 and source[1] != replica[1]):
        raise ValueError(f"{BUCKETS} is SOURCE:REGION,REPLICA:REGION, in two regions")
    return source, replica


class Operator:
    """Somebody at a prompt, with the credentials of the environment."""

    def __init__(self, folder):
        self.folder = folder
        self.variables = os.environ | {"PULUMI_CONFIG_PASSPHRASE": "not-a-secret"}

    def run(self, *words):
        """One command line; fails with what it said unless it ended well. Gives its document."""
        done = subprocess.run(
            [sys.executable, "-m", "ferryline", *words, "--json"],
            capture_output=True, text=True, check=False, cwd=self.folder, env=self.variables, timeout=1_500,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def stack(self, verb, *more):
        """`ferryline deploy`, with the stack kept in this folder."""
        state = self.folder / "stack"
        state.mkdir(exist_ok=True)
        return self.run("deploy", verb, "--stack", "trial", "--backend", f"file://{state}", *more)


def emptied(bucket, region, folder):
    """Remove all that lies below the folder, versions too."""
    boto3.resource("s3", region_name=region).Bucket(bucket).object_versions.filter(
        Prefix=f"{folder}/"
    ).delete()


def test_its_policy_is_one(tmp_path):
    folder = Operator(tmp_path)
    (tmp_path / "ferryline.yaml").write_text(
        policy_of(("made-up-source", "us-east-1"), ("made-up-replica", "eu-central-1"), "trial")
    )

    document = folder.run("check")

    assert [(one["dataset"], one["replica"]) for one in document["replicas"]] == [("trial", "away")]


@pytest.mark.account
@pytest.mark.timeout(3_600)
def test_a_policy_is_deployed_driven_proven_and_destroyed(tmp_path):
    lacking = [] if shutil.which("pulumi") else ["the Pulumi CLI"]
    lacking += [] if BUCKETS in os.environ else [f"{BUCKETS}=SOURCE:REGION,REPLICA:REGION"]
    if lacking:
        # Its account is billed, and its CLI is not of pip's: whoever has both says so.
        pytest.skip(f"{' and '.join(lacking)} missing: see CONTRIBUTING.md")
    source, replica = buckets()
    folder, operator = f"ferryline-{uuid.uuid4().hex}", Operator(tmp_path)
    (tmp_path / "ferryline.yaml").write_text(policy_of(source, replica, folder))
    s3 = boto3.client("s3", region_name=source[1])
    with contextlib.ExitStack() as undoing:  # each of them is done, whatever failed before
        undoing.callback(emptied, *source, folder)
        undoing.callback(emptied, *replica, folder)
        for name, body in BODIES.items():
            s3.put_object(Bucket=source[0], Key=f"{folder}/{name}", Body=body)
        undoing.callback(operator.stack, "destroy", "--yes")
        operator.stack("up", "--yes")
        operator.stack("preview", "--expect-no-changes")

        (run,) = operator.run("sync", "trial")["runs"]
        (there,) = run["destinations"]
        assert there["published"] and there["files_transferred"] == len(BODIES)
        operator.run("verify", "trial")

        (again,) = operator.run("sync", "trial")["runs"]
        assert again["destinations"][0]["files_transferred"] == 0
        assert again["destinations"][0]["files_same"] == len(BODIES)
