"""What the pages say is true: the tutorial's commands run, links lead somewhere, generated pages are fresh."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")

ENDS_WITH = {"ferryline verify ./data ./replica": 1, "ferryline verify images": 1}
"""Commands of the tutorial that end with another exit code than 0, as the page says."""


def commands(page: Path) -> list[str]:
    """What follows each prompt, with the lines of a document that belongs to it."""
    found = []
    for block in CONSOLE.findall(page.read_text("utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line.removeprefix("$ "))
            elif found:
                found[-1] += "\n" + line
    return found


def typed(tmp_path: Path, page: str) -> int:
    """Type a tutorial's commands; how many there were."""
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("XDG_STATE_HOME", None)
    ran = 0
    for command in commands(ROOT / "docs" / "tutorial" / page):
        if "venv" in command:
            continue  # the test runs in the environment that these lines make
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == ENDS_WITH.get(command, 0), f"{command}\n{done.stdout}{done.stderr}"
        ran += 1
    return ran


@pytest.mark.slow
def test_the_first_dataset_can_be_typed_as_it_stands(tmp_path):
    assert typed(tmp_path, "first-dataset.md") >= 14
    for name in ("disk-a", "disk-b", "disk-c"):
        assert (tmp_path / name / "images/.ferryline/head.json").exists()
        for shard in range(1, 5):
            body = (tmp_path / "source/images" / f"shard-{shard}.tar").read_bytes()
            assert (tmp_path / name / "images" / f"shard-{shard}.tar").read_bytes() == body


@pytest.mark.slow
def test_the_first_copy_can_be_typed_as_it_stands(tmp_path):
    assert typed(tmp_path, "first-copy.md") >= 8
    assert (tmp_path / "replica/train/shard-2.tar").read_bytes() == (
        tmp_path / "data/train/shard-2.tar"
    ).read_bytes()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page):
    for target in LINK.findall(page.read_text("utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_generated_reference_pages_are_fresh():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_page_can_be_reached_from_the_index():
    reached, waiting = set(), [ROOT / "docs" / "index.md", ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        for target in LINK.findall(page.read_text("utf-8")):
            if target.endswith(".md") and not target.startswith("http"):
                waiting.append((page.parent / target).resolve())
    assert [
        str(page.relative_to(ROOT)) for page in PAGES if page not in reached and "docs" in page.parts
    ] == []


NODE = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_table_of_faults_names_is_there():
    named = NODE.findall((ROOT / "docs" / "reference" / "faults.md").read_text("utf-8"))
    assert len(named) > 80
    for file, name in named:
        text = (ROOT / file).read_text("utf-8") if (ROOT / file).exists() else ""
        assert text, f"{file} is not there"
        assert not name or f"def {name}(" in text, f"{file} has no {name}"
