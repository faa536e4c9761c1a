"""Which ranges were listed to their end on both sides: the record behind every delete.

`pipeline` records joined pages and asks before it deletes; `report` prints it. A range is open until
its last page was seen. Where a file walk was blind (an unreadable folder) nothing is proven.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ferryline import errors
from ferryline.model import run
from ferryline.model.key import KeyRange
from ferryline.model.page import JoinedPage


class RangeState(StrEnum):
    """How far a range was listed."""

    OPEN = "open"
    COMPLETE = "complete"


class Coverage:
    """The ranges of one run and one destination. Mutable: pages are recorded as they come."""

    def __init__(self, destination: str, ranges: Sequence[KeyRange]) -> None:
        self.destination = destination
        self._states = dict.fromkeys(ranges, RangeState.OPEN)
        self._blind: tuple[bytes, ...] = ()

    def record(self, page: JoinedPage) -> None:
        """Note a joined page; its range is complete with its last one."""
        if page.range not in self._states:
            raise errors.BrokenInvariant(f"a page of the range {page.range}, which was not to be listed")
        if page.complete:
            self._states[page.range] = RangeState.COMPLETE

    def blinded(self, prefixes: Iterable[bytes]) -> None:
        """Note prefixes under which keys may exist although no listing showed them."""
        self._blind = tuple({*self._blind, *prefixes})

    @property
    def ranges(self) -> Mapping[KeyRange, RangeState]:
        """Every range and its state."""
        return dict(self._states)

    @property
    def complete(self) -> bool:
        """Whether the whole scope was listed to its end on both sides, with no blind spot."""
        return not self._blind and all(one is RangeState.COMPLETE for one in self._states.values())

    def proves(self, key: bytes) -> bool:
        """Whether the absence of `key` from a listing proves anything: only in a complete range."""
        if any(key.startswith(prefix) or key == prefix.removesuffix(b"/") for prefix in self._blind):
            return False
        return any(state is RangeState.COMPLETE and key in keys for keys, state in self._states.items())

    def summary(self) -> tuple[run.Coverage, ...]:
        """The record as values for reports. Both sides are joined, so they complete together."""
        return tuple(
            run.Coverage(str(keys), state is RangeState.COMPLETE, state is RangeState.COMPLETE)
            for keys, state in self._states.items()
        )

    def document(self) -> dict[str, Any]:
        """The record as plain data; keys are base64, because they may hold any bytes."""
        return {
            "destination": self.destination,
            "complete": self.complete,
            "ranges": [
                {
                    "range": str(keys),
                    "after": _text(keys.after),
                    "upto": _text(keys.upto),
                    "prefix": _text(keys.prefix),
                    "state": state.value,
                }
                for keys, state in self._states.items()
            ],
            "blind": [_text(prefix) for prefix in sorted(self._blind)],
        }

    @staticmethod
    def parse(document: Mapping[str, Any]) -> "Coverage":
        """Read back `document()`. Raises ValueError or KeyError on anything else."""
        ranges = {
            KeyRange(_key(one["after"]), _key(one["upto"]), _key(one["prefix"]) or b""): one["state"]
            for one in document["ranges"]
        }
        found = Coverage(document["destination"], tuple(ranges))
        found._states = {keys: RangeState(state) for keys, state in ranges.items()}
        found.blinded(_key(text) or b"" for text in document["blind"])
        return found


def _text(key: bytes | None) -> str | None:
    return None if key is None else base64.b64encode(key).decode("ascii")


def _key(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
