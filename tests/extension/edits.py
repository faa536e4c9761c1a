"""Worked examples as edits: what somebody would change in the package, applied to a copy of it.

An example that is only described rots; these are applied and run by the suite, and the list of files
they touch is computed, not claimed.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Edit:
    """In `file`, put `after` right behind the text `anchor`, which stands there once."""

    file: str
    anchor: str
    after: str


@dataclass(frozen=True)
class NewFile:
    """A file that the package does not have."""

    file: str
    text: str


def files_touched(edits) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.file for one in edits))


def applied(edits, folder: Path) -> Path:
    """A copy of the package with the edits; the folder to put on the path."""
    package = folder / "src" / "ferryline"
    shutil.copytree(ROOT / "src" / "ferryline", package, ignore=shutil.ignore_patterns("__pycache__"))
    for one in edits:
        path = package / one.file
        if isinstance(one, NewFile):
            assert not path.exists()
            path.write_text(one.text, "utf-8")
            continue
        text = path.read_text("utf-8")
        assert text.count(one.anchor) == 1, f"{one.anchor!r} must stand once in {one.file}"
        path.write_text(text.replace(one.anchor, one.anchor + one.after), "utf-8")
    return package.parent


def ferryline(package_parent: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the edited program."""
    return subprocess.run(
        [sys.executable, "-m", "ferryline", *words],
        env=os.environ | {"PYTHONPATH": str(package_parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
