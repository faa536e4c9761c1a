"""Each saboteur is a named one-line mutation; the test of the law it breaks must turn red.

The package is copied, one line is changed, and the law's own test runs against the copy in a
process of its own. A saboteur that survives means the law is not tested.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.saboteurs import catalogue

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Verdict:
    code: int
    output: str


def run_against(package_parent: Path, node: str, scratch: Path) -> Verdict:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{package_parent}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--no-header",
            f"--basetemp={scratch}",
            *node.split(),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    return Verdict(finished.returncode, finished.stdout[-3000:] + finished.stderr[-1000:])


@pytest.mark.timeout(400)
@pytest.mark.parametrize("saboteur", catalogue.SABOTEURS, ids=lambda one: one.name)
def test_the_law_catches_its_saboteur(saboteur: catalogue.Saboteur, tmp_path: Path) -> None:
    copy = tmp_path / "src" / "ferryline"
    shutil.copytree(ROOT / "src" / "ferryline", copy, ignore=shutil.ignore_patterns("__pycache__"))
    victim = copy / saboteur.file
    text = victim.read_text("utf-8")
    assert text.count(saboteur.line) == 1, f"{saboteur.name}: its line must stand once in {saboteur.file}"
    victim.write_text(text.replace(saboteur.line, saboteur.sabotage), "utf-8")

    verdict = run_against(copy.parent, saboteur.test, tmp_path / "scratch")

    assert verdict.code == 1, f"{saboteur.name} survived {saboteur.test}:\n{verdict.output}"
    assert "error" not in verdict.output.splitlines()[-1], verdict.output


def test_every_law_has_a_saboteur() -> None:
    assert {one.law for one in catalogue.SABOTEURS} >= {1, 2, 3, 4, 5, 6, 7, 11, 12}
