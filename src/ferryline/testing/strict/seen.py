"""The request log: one line a request, and counts per operation. Written by `service`, read by tests."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Seen:
    """One request as the server saw it, in the order in which their heads came.

    `bytes_in` are bytes of data (framing taken off); `bytes_out` bytes of the answer's body that were
    handed to the network. `status` is 0 where the connection ended without an answer. `faults` names
    the faults that fired.
    """

    operation: str
    bucket: str = ""
    key: bytes = b""
    method: str = ""
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    error: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    access_key: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def part_number(self) -> int | None:
        """The part this request is about."""
        text = self.params.get("partNumber", "")
        return int(text) if text.isdigit() else None

    def document(self) -> dict[str, Any]:
        """For JSON: without headers (they hold signatures), the key as text with surrogate escapes."""
        values = asdict(self)
        del values["headers"]
        values["key"] = self.key.decode("utf-8", "surrogateescape")
        return values


class Log:
    """Every request, or (`keeps` False, for long benchmarks) only the sums of those that are done."""

    def __init__(self) -> None:
        self.entries: list[Seen] = []
        self.keeps = True
        self._sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, one: Seen) -> None:
        """A request's head came."""
        if self.keeps:
            self.entries.append(one)

    def done(self, one: Seen) -> None:
        """A request was answered."""
        if not self.keeps:
            _count(self._sums, one)

    def clear(self) -> None:
        """Forget all of it."""
        self.entries.clear()
        self._sums.clear()

    def counters(self) -> dict[str, dict[str, int]]:
        """Requests, bytes in and bytes out per operation."""
        sums = defaultdict(lambda: [0, 0, 0], {name: list(sums) for name, sums in self._sums.items()})
        for one in list(self.entries):
            _count(sums, one)
        return {
            name: {"requests": requests, "bytes_in": bytes_in, "bytes_out": bytes_out}
            for name, (requests, bytes_in, bytes_out) in sorted(sums.items())
        }


def _count(sums: defaultdict[str, list[int]], one: Seen) -> None:
    counted = sums[one.operation]
    counted[0] += 1
    counted[1] += one.bytes_in
    counted[2] += one.bytes_out
