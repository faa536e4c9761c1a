"""Policy texts for tests: `§` marks where the one expected problem stands."""

from dataclasses import dataclass

import pytest

from ferryline import errors, policy

MARK = "§"


@dataclass(frozen=True, slots=True)
class Marked:
    text: str
    line: int
    column: int


def marked(text: str) -> Marked:
    before, mark, after = text.partition(MARK)
    assert mark, "the text has no mark"
    assert MARK not in after, "the text has two marks"
    return Marked(before + after, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def only_problem(text: str) -> errors.Problem:
    """The single problem of a marked text, after checking that it stands at the mark."""
    wanted = marked(text)
    with pytest.raises(errors.BadPolicy) as caught:
        policy.parse(wanted.text, "team.yaml")
    problems = caught.value.problems
    assert len(problems) == 1, [str(problem) for problem in problems]
    (problem,) = problems
    assert problem.where is not None
    assert problem.where.file == "team.yaml"
    assert (problem.where.line, problem.where.column) == (wanted.line, wanted.column), str(problem)
    assert problem.remedy, "every problem says what to do"
    return problem


LOCATIONS = """\
version: 1
locations:
  us: {url: "s3://acme-train", region: us-east-1}
  eu: {url: "s3://acme-train-eu/prod", region: eu-central-1}
  lab: {url: "s3://train", endpoint_url: "http://127.0.0.1:9000"}
  disk: {url: "file:///mnt/train"}
"""


def dataset(body: str, source: str = "us/a", replica: str = "eu/a") -> str:
    """A policy with one dataset `d` whose further fields are `body`, indented by four."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{LOCATIONS}datasets:\n  d:\n    source: {source}\n    replicas: [{replica}]\n{lines}"


def location(body: str) -> str:
    """A policy with one location `a` with the given fields, on one line."""
    return f"version: 1\nlocations:\n  a: {{{body}}}\n"
