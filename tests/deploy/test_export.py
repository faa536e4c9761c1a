"""`deploy export`: a project that runs as it is, passes a strict type checker, and overwrites nothing."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ferryline import errors, policy
from ferryline.policy.interpolation import Sources
from tests.deploy import datasync_model
from tests.deploy.ground import ACCOUNT, OTHER_ACCOUNT, run
from tests.deploy.test_policy_replication import BUCKETS, FILES, changed

HERE = "region: us-east-1, aws: {"
GROUP = f'security_group_arns: ["arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/sg-0123456789abcdef0"]'
FSX = f"arn:aws:fsx:us-east-1:{ACCOUNT}"
MACHINE = f"{FSX}:storage-virtual-machine/fs-0123456789abcdef0/svm-0123456789abcdef0"

EVERYTHING = f"""
version: 1
name: every-kind
locations:
  us: {{url: "s3://acme-train", region: us-east-1}}
  eu: {{url: "s3://acme-eu", region: eu-west-1, account_id: "{OTHER_ACCOUNT}", aws: {{bucket_policy: pending}}}}
  lustre: {{url: "file:///a", {HERE}file_system_arn: "{FSX}:file-system/fs-0123456789abcdef1", file_system_type: LUSTRE, {GROUP}}}}}
  zfs: {{url: "file:///b", {HERE}file_system_arn: "{FSX}:file-system/fs-0123456789abcdef2", file_system_type: OPENZFS, path: fsx/vol, {GROUP}}}}}
  on_tap: {{url: "file:///c", {HERE}storage_virtual_machine_arn: "{MACHINE}", {GROUP}}}}}
  on-tap: {{url: "file:///d", {HERE}storage_virtual_machine_arn: "{MACHINE}", user: mover, password: "${{env:ONE}}", {GROUP}}}}}
  on.tap: {{url: "file:///e", {HERE}storage_virtual_machine_arn: "{MACHINE}", user: mover, password: "${{env:TWO}}", {GROUP}}}}}
  store:
    url: "s3://train"
    region: paris-dc
    endpoint_url: "https://store.acme.example"
    access_key_id: "${{env:KEY:-id}}"
    secret_access_key: "${{env:SECRET}}"
regions: {{paris-dc: {{jurisdiction: FR}}}}
datasets:
  class: {{source: us/labels/, replicas: [eu/labels/], engine: s3-replication}}
  config:
    source: us/dt=1/
    engine: datasync
    replicas: [lustre/dt=1/]
    include: ['/it''s "quoted"|/back\\slash*']
    options: {{preserve_deleted_files: PRESERVE, transfer_mode: ALL}}
    schedule: rate(1 day)
  config-2: {{source: us/b/, replicas: [zfs/b/, on_tap/b/], engine: datasync}}
  config_2: {{source: us/c/, replicas: [on-tap/c/, {{name: again, to: on.tap/d/}}], engine: datasync}}
  "2024": {{source: us/e/, replicas: [store/e/], engine: datasync, residency: {{allow: [US, EU], deny: [DE]}}}}
"""

CASES = {
    "buckets": (BUCKETS, ("imagenet",)),
    "files": (FILES, ("tiles",)),
    "everything": (EVERYTHING, ("class", "config", "config-2", "config_2", "2024")),
}

SECRETS = {
    "share-password": "not-a-real-one",
    "on-tap-password": "not-a-real-one",
    "on.tap-password": "not-a-real-one",
    "store-secret-access-key": "not-a-real-one",
}


def exported(folder, text, datasets):
    from ferryline.deploy import export

    return export.write(export.files(policy.parse(text), datasets, Sources({})), folder)


@pytest.mark.parametrize("case", CASES)
def test_the_project_runs_and_aws_would_take_it(case, tmp_path):
    exported(tmp_path / "project", *CASES[case])

    ran = run(lambda: runpy.run_path(str(tmp_path / "project" / "__main__.py")) and None, config=SECRETS)

    assert datasync_model.problems(ran) == []


def test_one_source_and_one_replica_export_what_such_programs_always_export(tmp_path):
    exported(tmp_path / "project", *CASES["buckets"])
    ran = run(lambda: runpy.run_path(str(tmp_path / "project" / "__main__.py")) and None)

    assert set(ran.exports) == {"sourceLocationArn", "destinationLocationArn", "replicationTaskArn"}
    assert ran.exports["replicationTaskArn"] == ran.arns()[ran.one("Task").urn]
    assert ran.exports["sourceLocationArn"].startswith("arn:aws:datasync:us-east-1:")


def test_the_exported_program_makes_what_the_policy_makes(tmp_path):
    from tests.deploy.test_policy_replication import deployed

    exported(tmp_path / "project", *CASES["buckets"])
    ours = run(lambda: runpy.run_path(str(tmp_path / "project" / "__main__.py")) and None)
    theirs = run(deployed(BUCKETS))

    for kind in ("Task", "S3Location"):
        left, right = ours.all(kind), theirs.all(kind)
        assert [one.inputs["region"] for one in left] == [one.inputs["region"] for one in right]
    assert ours.one("Task").inputs["options"] == theirs.one("Task").inputs["options"]
    assert ours.one("Task").inputs["includes"] == theirs.one("Task").inputs["includes"]


def test_nothing_is_overwritten(tmp_path):
    exported(tmp_path / "project", *CASES["buckets"])

    with pytest.raises(errors.BadUsage, match=r"already holds __main__.py"):
        exported(tmp_path / "project", *CASES["buckets"])


def test_what_the_program_would_refuse_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(errors.BadPolicy, match="Subdirectory"):
        exported(
            tmp_path / "project",
            changed(BUCKETS, ("source: us/imagenet/", "source: us/dt=1/")),
            ("imagenet",),
        )

    assert not (tmp_path / "project").exists()


def test_a_folder_that_cannot_be_is_said_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.BadUsage, match="cannot hold the project"):
        exported(tmp_path / "file", *CASES["buckets"])


def test_residency_is_asked_of_replicas_that_the_program_leaves_out(tmp_path):
    text = changed(BUCKETS, ("    include:", "    residency: {deny: [FR]}\n    include:"))

    with pytest.raises(errors.GuardRefused, match="minio/imagenet/ in paris-dc"):
        exported(tmp_path / "project", text, ("imagenet",))


def test_every_dataset_has_a_variable_and_every_password_a_key_of_its_own(tmp_path):
    exported(tmp_path / "project", *CASES["everything"])
    text = (tmp_path / "project" / "__main__.py").read_text()

    made = [line.partition(" = ")[0] for line in text.splitlines() if line.endswith(" = Replication(")]
    assert made == ["dataset_class", "dataset_config", "config_2", "dataset_config_2", "dataset_2024"]
    assert all(f'config.require_secret("{key}")' in text for key in SECRETS if key != "share-password")


def test_no_secret_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("FSX_PASSWORD", "hunter2")
    made = exported(tmp_path / "project", *CASES["files"])

    assert all("hunter2" not in path.read_text() for path in made)
    assert 'config.require_secret("share-password")' in (tmp_path / "project" / "__main__.py").read_text()


@pytest.mark.slow
def test_a_strict_type_checker_finds_nothing(tmp_path, type_checker):
    for name, (text, datasets) in CASES.items():
        exported(tmp_path / name, text, datasets)
    source = Path(policy.__file__).parents[2]
    settings = {
        "typeCheckingMode": "strict",
        "pythonPlatform": "Linux",
        "extraPaths": [str(source)],
        "include": list(CASES),
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [type_checker, "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=150,
    )
    found = json.loads(done.stdout)

    assert found["summary"]["filesAnalyzed"] == len(CASES)
    assert [one["message"] for one in found["generalDiagnostics"]] == []
