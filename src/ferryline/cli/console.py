"""The only printing: documents to stdout, everything for people to stderr or stdout by mode.

With `--json`, stdout carries one JSON document and nothing else; people read stderr.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any


class Console:
    """Where a command speaks. `json_mode` keeps stdout for the document."""

    def __init__(self, *, json_mode: bool) -> None:
        self.json_mode = json_mode

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the one JSON document of a command, if `--json` asked for it."""
        if self.json_mode:
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tell a person the result: on stdout, or on stderr under `--json`."""
        stream = sys.stderr if self.json_mode else sys.stdout
        stream.write(text + "\n")
        stream.flush()

    def note(self, text: str) -> None:
        """Tell a person something on the way: always stderr."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
