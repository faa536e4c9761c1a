"""The file of `--metrics-file`: replaced whole, so that a scrape never reads half of it.

Commands check it before they begin and write it when they end, whatever the run came to. Losing metrics
costs insight, never correctness: a file that cannot be written is a warning.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from ferryline import errors
from ferryline.model import event

_MODE = 0o644
"""Others read it: node_exporter runs as a user of its own."""


def check(path: Path) -> Path:
    """The path, once it is sure that a file can be made there. Raises BadUsage."""
    try:
        if path.is_dir():
            raise errors.BadUsage(f"--metrics-file {path} is a folder", advice="name a file in it")
        stream = _beside(path)
    except OSError as problem:
        raise errors.BadUsage(
            f"--metrics-file {path} cannot be written: {problem.strerror}",
            advice="name a file in a folder that exists and that this user may write",
        ) from problem
    os.close(stream[0])
    stream[1].unlink()
    return path


def write(path: Path, text: str) -> event.Warned | None:
    """Put `text` in the file's place; a warning where that failed, and the file is then as it was."""
    try:
        number, beside = _beside(path)
    except OSError as problem:
        return _warned(path, problem)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
            os.fchmod(stream.fileno(), _MODE)
        beside.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            beside.unlink()
        return _warned(path, problem)
    return None


def _beside(path: Path) -> tuple[int, Path]:
    """A new file in the same folder. Its name ends otherwise than `.prom`, so that no collector reads it."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    return number, Path(name)


def _warned(path: Path, problem: OSError) -> event.Warned:
    return event.Warned(
        f"the metrics in {path} could not be written: {problem.strerror or problem}",
        "the run itself is not affected; free space there, or name another file",
    )
