"""The tutorial's blocks, run in their order: the published program, what AWS would say of it, and ours."""

import re
from pathlib import Path

import pytest

from tests.deploy import datasync_model
from tests.deploy.ground import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "pulumi-two-buckets.md"
PUBLISHED, REFUSED, MEANT = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def program(text):
    def run_it():
        exec(compile(text, str(PAGE), "exec"), {"__name__": "__main__"})

    return run_it


def test_the_published_program_stops_at_the_first_location():
    with pytest.raises(TypeError, match="subdirectory"):
        run(program(PUBLISHED))


def test_once_it_constructs_aws_would_refuse_it():
    found = " ".join(datasync_model.problems(run(program(REFUSED))))

    assert "no region" in found
    assert "POSIX options between object stores" in found


def test_the_program_that_was_meant_runs():
    ran = run(program(MEANT))

    assert datasync_model.problems(ran) == []
    assert set(ran.exports) == {"sourceLocationArn", "destinationLocationArn", "replicationTaskArn"}


def test_it_is_the_example():
    example = (PAGE.parents[2] / "examples" / "pulumi-two-buckets" / "__main__.py").read_text("utf-8")

    ours, theirs = run(program(MEANT)), run(program(example))
    assert sorted((one.type, one.inputs.get("region") or "") for one in ours.made) == sorted(
        (one.type, one.inputs.get("region") or "") for one in theirs.made
    )


def test_every_fault_is_on_the_page_and_has_a_test():
    text = PAGE.read_text("utf-8")
    tests = (Path(__file__).parent / "test_published_faults.py").read_text("utf-8")

    for number in range(1, 12):
        assert f"fault {number}" in text or f"| {number} |" in text
        assert f"def test_{number}_" in tests
