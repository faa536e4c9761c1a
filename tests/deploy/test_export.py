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
from tests.deploy.ground import run
from tests.deploy.test_policy_replication import BUCKETS, FILES, changed

CASES = {"buckets": (BUCKETS, ("imagenet",)), "files": (FILES, ("tiles",))}


def exported(folder, text, datasets):
    from ferryline.deploy import export

    return export.write(export.files(policy.parse(text), datasets, Sources({})), folder)


@pytest.mark.parametrize("case", CASES)
def test_the_project_runs_and_aws_would_take_it(case, tmp_path):
    exported(tmp_path / "project", *CASES[case])
    config = {"share-password": "not-a-real-one"}

    ran = run(lambda: runpy.run_path(str(tmp_path / "project" / "__main__.py")) and None, config=config)

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

    assert found["summary"]["filesAnalyzed"] == 2
    assert [one["message"] for one in found["generalDiagnostics"]] == []
