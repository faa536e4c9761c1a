"""The worked examples run, and touch the files that ARCHITECTURE.md says."""

import json
from pathlib import Path

import pytest

from tests.extension import edits, toy_backend, toy_command, toy_option

ARCHITECTURE = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text("utf-8")


def test_the_toy_option_is_a_flag_a_policy_field_and_a_reason(tmp_path):
    package = edits.applied(toy_option.EDITS, tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "empty").write_bytes(b"")
    (source / "full").write_bytes(b"bytes")
    words = (
        "copy",
        str(source),
        str(tmp_path / "there"),
        "--state",
        str(tmp_path / "state"),
        "--json",
        "--quiet",
    )

    skipped = edits.ferryline(package, *words, "--empty-files", "SKIP")
    copied = edits.ferryline(package, *words)

    assert (skipped.returncode, copied.returncode) == (0, 0), skipped.stderr + copied.stderr
    first, second = json.loads(skipped.stdout), json.loads(copied.stdout)
    assert (first["files_transferred"], first["files_kept"]) == (1, 1)
    assert (second["files_transferred"], second["files_same"]) == (1, 1)
    refused = edits.ferryline(package, *words, "--empty-files", "MAYBE")
    assert refused.returncode == 2
    assert "--empty-files" in refused.stderr


def test_the_toy_command_is_listed_helped_and_run(tmp_path):
    package = edits.applied(toy_command.EDITS, tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    for name in "abc":
        (source / name).write_bytes(b"")

    counted = edits.ferryline(package, "count", str(source), "--json")

    assert json.loads(counted.stdout)["objects"] == 3, counted.stderr
    assert "count" in edits.ferryline(package, "--help").stdout
    assert edits.ferryline(package, "count", str(tmp_path / "nowhere")).returncode == 4


@pytest.mark.parametrize(
    "touched",
    [
        toy_backend.FILES_TOUCHED,
        edits.files_touched(toy_option.EDITS),
        edits.files_touched(toy_command.EDITS),
    ],
    ids=["backend", "option", "command"],
)
def test_the_architecture_page_lists_the_files_that_an_example_touches(touched):
    for file in touched:
        assert f"`{file}`" in ARCHITECTURE, f"ARCHITECTURE.md does not name {file}"
