"""A toy option and a toy command work from the command line to their effect, and touch what they say they touch."""

import json
import re

import pytest

from tests.extension.changed import ROOT, make, run
from tests.extension.toy_command import COMMAND
from tests.extension.toy_option import OPTION


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "full").write_bytes(b"12345")
    (folder / "empty").write_bytes(b"")
    return folder


def test_the_option_works_from_its_flag_to_its_effect(tree, tmp_path):
    package = make(OPTION, tmp_path / "changed")
    words = ("copy", str(tree), str(tmp_path / "there"), "--json", "--quiet", "--state", str(tmp_path / "state"))

    failed, plain = run(package, *words, "--empty-files", "FAIL"), run(package, *words)

    document = json.loads(failed.stdout)
    assert (failed.returncode, plain.returncode) == (1, 0), failed.stderr
    assert [(one["key"], one["kind"]) for one in document["failures"]] == [("empty", "empty-file")]
    assert (document["files_listed"], document["files_transferred"], document["files_failed"]) == (2, 1, 1)


def test_the_option_is_known_to_the_policy_files_schema_and_its_values_are_checked(tree, tmp_path):
    package = make(OPTION, tmp_path / "changed")

    schema, wrong = run(package, "check", "--schema"), run(package, "copy", str(tree), "./x", "--empty-files", "SOME")

    assert "empty_files" in schema.stdout
    assert wrong.returncode == 2
    assert "--empty-files" in wrong.stderr


def test_the_command_is_listed_and_works(tree, tmp_path):
    package = make(COMMAND, tmp_path / "changed")

    listed, counted = run(package, "--help"), run(package, "count", str(tree), "--json")

    assert "count" in listed.stdout
    assert json.loads(counted.stdout) == {"schema": "example.count/1", "objects": 2, "bytes": 5}


def test_the_architecture_names_the_files_that_each_example_touches():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    section = text.partition("## Adding to it")[2].partition("\n## ")[0]

    assert section
    for extension in (OPTION, COMMAND):
        for file in extension.touched:
            assert f"`{file}`" in section
    for link in re.findall(r"\]\((tests/[^)]*)\)", section):
        assert (ROOT / link).exists(), link
