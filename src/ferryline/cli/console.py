"""The only printing: documents to stdout, everything for people to stderr or stdout by mode.

With `--json`, stdout carries one JSON document and nothing else; people read stderr. What people
read may quote what others wrote: nothing in it reaches a terminal as a command.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from ferryline import errors
from ferryline.model.key import safe_lines


class Console:
    """Where a command speaks. `json_mode` keeps stdout for the document."""

    def __init__(self, *, json_mode: bool) -> None:
        self.json_mode = json_mode

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the one JSON document of a command, if `--json` asked for it."""
        if self.json_mode:
            _tell(sys.stdout, json.dumps(document, indent=2, ensure_ascii=False))

    def say(self, text: str) -> None:
        """Tell a person the result: on stdout, or on stderr under `--json`."""
        _tell(sys.stderr if self.json_mode else sys.stdout, safe_lines(text))

    def note(self, text: str) -> None:
        """Tell a person something on the way: always stderr."""
        _tell(sys.stderr, safe_lines(text))


def _tell(stream: TextIO, text: str) -> None:
    """Write a line. What the stream's encoding lacks is escaped, rather than nothing told at all."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    plain = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(plain + "\n")
        stream.flush()
    except BrokenPipeError:
        raise  # nobody reads any more: click ends the process quietly
    except OSError as problem:
        raise errors.DiskFailed(
            f"the result could not be written: {problem.strerror or problem}",
            advice="free space where the output goes; the state and the report folder hold it too",
        ) from problem
