"""A copy of the package with an extension's changes made to it, and commands run against the copy.

Options and commands of one's own change Ferryline itself. Their examples are kept as lists of changes,
so that a test can make them, run the result, and say exactly which files were touched.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Change:
    """In `file` (below `src/ferryline`), `line` stands once; `becomes` takes its place."""

    file: str
    line: str
    becomes: str


@dataclass(frozen=True)
class Extension:
    """The changes, and whole new files: (where, the file it is copied from)."""

    changes: tuple[Change, ...]
    added: tuple[tuple[str, Path], ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """Every file that is changed or added, sorted."""
        return tuple(sorted({one.file for one in self.changes} | {where for where, _ in self.added}))


def make(extension: Extension, folder: Path) -> Path:
    """The changed package's parent folder."""
    package = folder / "src" / "ferryline"
    shutil.copytree(ROOT / "src" / "ferryline", package, ignore=shutil.ignore_patterns("__pycache__"))
    for one in extension.changes:
        text = (package / one.file).read_text("utf-8")
        assert text.count(one.line) == 1, f"{one.line!r} must stand once in {one.file}"
        (package / one.file).write_text(text.replace(one.line, one.becomes), "utf-8")
    for where, source in extension.added:
        shutil.copy(source, package / where)
    return package.parent


def run(package_parent: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command line of the changed package."""
    return subprocess.run(
        [sys.executable, "-m", "ferryline", *words],
        env={**os.environ, "PYTHONPATH": str(package_parent), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=package_parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
