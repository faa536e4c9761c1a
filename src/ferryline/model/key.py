"""Keys and key ranges.

A key is `bytes`, opaque, relative to its location's folder; the folder's own marker object is the
empty key. A `KeyRange` is the unit of listing, planning, retry, distribution and proof.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

RESERVED = b".ferryline"
"""A key with a path segment of exactly this name is ours at every depth: not data, not deleted."""

KEY_BYTES_MAX = 1024
"""The longest key S3 takes, in bytes of UTF-8, prefix included."""


def is_reserved(key: bytes) -> bool:
    """Whether any path segment of `key` is exactly `.ferryline`."""
    return RESERVED in key and RESERVED in key.split(b"/")


def printable(key: bytes, limit: int = 200) -> str:
    r"""Render a key for one line of text, so that no key can forge a log line or a terminal code.

    Valid, printable UTF-8 stays readable; controls, bidirectional overrides, line separators and
    invalid bytes become `\xNN` or `\uNNNN`; a backslash is doubled; longer than `limit` is cut.
    """
    return _cut(_shown(key.decode("utf-8", "surrogateescape"), "\\\\"), limit)


def one_line(text: str, limit: int = 1_000) -> str:
    """Make text that others wrote (an answer, a URL, an error) safe for one line, as `printable` does keys.

    Backslashes stay single, so that escapes that are already there remain readable.
    """
    return _cut(_shown(text, "\\"), limit)


def safe_lines(text: str) -> str:
    """Make text of several lines safe to print, however long: each of its lines as `one_line` does.

    Tabs stay, for they part the columns of what scripts read; keys within are `printable` and have none.
    """
    return "\n".join("\t".join(_shown(cell, "\\") for cell in line.split("\t")) for line in text.split("\n"))


def _shown(text: str, backslash: str) -> str:
    shown: list[str] = []
    for character in text:
        code = ord(character)
        if character == "\\":
            shown.append(backslash)
        elif 0xDC80 <= code <= 0xDCFF:
            shown.append(f"\\x{code - 0xDC00:02x}")
        elif character == " " or (character.isprintable() and not _is_override(code)):
            shown.append(character)
        elif code < 0x100:
            shown.append(f"\\x{code:02x}")
        else:
            shown.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(shown)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_override(code: int) -> bool:
    return code in {0x200E, 0x200F, 0x061C} or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys `k` with `after < k <= upto` that start with `prefix`, in byte order.

    `after=None` means from the first key (the empty key included); `upto=None` means to the end.
    """

    after: bytes | None = None
    upto: bytes | None = None
    prefix: bytes = b""

    def __contains__(self, key: bytes) -> bool:
        return (
            key.startswith(self.prefix)
            and (self.after is None or key > self.after)
            and (self.upto is None or key <= self.upto)
        )

    def __str__(self) -> str:
        start = "start" if self.after is None else printable(self.after, 60)
        end = "end" if self.upto is None else printable(self.upto, 60)
        return f"({start}, {end}]" + (f" under {printable(self.prefix, 60)}" if self.prefix else "")


EVERYTHING = KeyRange()


def tile(ranges: Sequence[KeyRange], prefix: bytes = b"") -> bool:
    """Whether `ranges`, all under `prefix`, cover its whole key space without gap or overlap, in order."""
    if not ranges or ranges[0].after is not None or ranges[-1].upto is not None:
        return False
    if any(one.prefix != prefix for one in ranges):
        return False
    return all(
        left.upto is not None and left.upto == right.after for left, right in itertools.pairwise(ranges)
    )


def cut(boundaries: Sequence[bytes], prefix: bytes = b"") -> tuple[KeyRange, ...]:
    """Tile the keys under `prefix` at strictly ascending `boundaries` (each the last key of its range)."""
    edges: list[bytes | None] = [None, *boundaries, None]
    return tuple(KeyRange(after, upto, prefix) for after, upto in itertools.pairwise(edges))
