"""The request log: one line a request, and counts per operation. Written by `service`, read by tests."""

from collections import Counter
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


def tally(seen: list[Seen]) -> dict[str, dict[str, int]]:
    """Requests, bytes in and bytes out per operation."""
    requests: Counter[str] = Counter()
    bytes_in: Counter[str] = Counter()
    bytes_out: Counter[str] = Counter()
    for one in seen:
        requests[one.operation] += 1
        bytes_in[one.operation] += one.bytes_in
        bytes_out[one.operation] += one.bytes_out
    return {
        name: {"requests": count, "bytes_in": bytes_in[name], "bytes_out": bytes_out[name]}
        for name, count in sorted(requests.items())
    }
