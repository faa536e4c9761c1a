"""The house rules that a linter does not know: sizes, names, docstrings, the public promise."""

import ast
import re
from pathlib import Path

import pytest

import ferryline

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "ferryline"
MODULES = sorted(SOURCE.rglob("*.py"))
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "lib", "tools"}
LINES_MAX = 400

PUBLIC_API = ROOT / "tests" / "architecture" / "public_api.txt"


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_holds_one_concept_in_at_most_400_lines(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())

    assert lines <= LINES_MAX, f"{name_of(path)} has {lines} lines; split it by concept"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_file_has_an_empty_name(path: Path) -> None:
    parts = {path.stem, *path.relative_to(SOURCE).parts[:-1]}

    assert not parts & EMPTY_NAMES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_owns(path: Path) -> None:
    documentation = ast.get_docstring(ast.parse(path.read_text("utf-8")))

    assert documentation, f"{name_of(path)} has no module docstring"
    assert len(documentation) >= 20


def public_definitions(tree: ast.Module) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            found.append(node)
            if isinstance(node, ast.ClassDef):
                found += [
                    one
                    for one in node.body
                    if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not one.name.startswith("_")
                    and not any(
                        isinstance(mark, ast.Attribute) and mark.attr == "setter"
                        for mark in one.decorator_list
                    )
                ]
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_name_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    bare = [node.name for node in public_definitions(tree) if not ast.get_docstring(node)]  # type: ignore[arg-type, attr-defined]

    assert not bare


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_time_and_sleep_have_one_door(path: Path) -> None:
    relative = name_of(path)
    if relative == "clock.py" or relative.startswith("testing/"):
        pytest.skip("this is the door, or test equipment")
    text = path.read_text("utf-8")
    calls = re.findall(r"\b(?:time\.(?:time|monotonic|sleep|perf_counter)\(|asyncio\.sleep\()", text)

    assert not calls, f"{relative} calls {calls}: take a Clock"


def test_the_public_api_is_the_one_promised() -> None:
    promised = PUBLIC_API.read_text("utf-8").split()

    assert sorted(ferryline.__all__) == promised, (
        "changing the public API is a decision: update public_api.txt"
    )
    for name in promised:
        assert getattr(ferryline, name).__doc__


def test_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rooms = {path.stem for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms |= {"errors", "clock", "crash"}

    missing = sorted(room for room in rooms if f"`{room}`" not in text)

    assert not missing


FORBIDDEN_WORDS = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|(?<![\w.~-])/(?:work|root|farm)/(?!a\")|\bhelper-\d",
    re.IGNORECASE,
)


def test_the_project_names_no_registry_and_no_machine() -> None:
    texts = [
        path
        for pattern in ("*.py", "*.md", "*.toml", "*.txt", "*.yaml", "*.yml", "Makefile", ".ci/run")
        for path in ROOT.rglob(pattern)
        if not any(part in {".venv", ".git", "node_modules", ".hypothesis"} for part in path.parts)
    ]
    guilty = [
        str(path.relative_to(ROOT))
        for path in texts
        if path != Path(__file__).resolve() and FORBIDDEN_WORDS.search(path.read_text("utf-8", "replace"))
    ]

    assert texts
    assert not guilty
