"""One SIMPLE_PATTERN: DataSync's filter grammar, parsed into literal pieces between stars.

`filters` calls it. Matching is linear by construction: pieces are found left to right and nothing
is ever tried twice; for columns the same pieces become an RE2 expression.

A pattern names paths below the location. It matches a key when it matches the key's path or one of
its folders, so `/dir` and `/dir/` name the folder and all it contains. `*` matches any characters,
slashes included. A pattern that starts with neither `/` nor `*` is read as if it started with `/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CHARACTERS_MAX = 102_400


class BadPattern(ValueError):
    """A pattern that is refused; `remedy` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Glob:
    """Literal pieces with any characters between them; a single piece must be the whole key.

    `contents` is true when keys below a folder of that name match too.
    """

    pieces: tuple[bytes, ...]
    contents: bool

    def matches(self, key: bytes) -> bool:
        """Whether `key`, relative to the location and without a leading slash, is named."""
        if _whole(self.pieces, key):
            return True
        return self.contents and _whole((*self.pieces[:-1], self.pieces[-1] + b"/", b""), key)

    @property
    def expression(self) -> str:
        """An RE2 expression over bytes (Latin-1) with the same meaning."""
        start = "" if self.pieces[0] == b"" and len(self.pieces) > 1 else r"\A"
        literals = [_escaped(piece) for piece in self.pieces]
        if not start:
            literals = literals[1:]
        ending = r"(?:/|\z)" if self.contents else r"\z"
        if literals and literals[-1] == "" and (len(self.pieces) > 1):
            literals, ending = literals[:-1], ""  # a trailing star: whatever follows
        return start + "(?s:.*?)".join(literals) + ending


def _escaped(piece: bytes) -> str:
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in piece)


def _whole(pieces: tuple[bytes, ...], key: bytes) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return key == first
    if len(key) < len(first) + len(last) or not key.startswith(first) or not key.endswith(last):
        return False
    position, end = len(first), len(key) - len(last)
    for piece in pieces[1:-1]:
        found = key.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= end


def alternatives(text: str) -> list[str]:
    r"""Split at unescaped `|`; escapes stay. Raises `BadPattern` for NUL, length and empty parts."""
    if len(text) > CHARACTERS_MAX:
        raise BadPattern(f"a filter of {len(text)} characters", f"at most {CHARACTERS_MAX} are allowed")
    if "\x00" in text:
        raise BadPattern("a filter with a NUL character", "remove it; no key can be matched by it")
    parts: list[str] = []
    current: list[str] = []
    characters = iter(text)
    for character in characters:
        if character == "\\":
            current.append(character + next(characters, ""))
        elif character == "|":
            parts.append("".join(current))
            current = []
        else:
            current.append(character)
    parts.append("".join(current))
    if any(part in ("", "\\") for part in parts):
        remedy = r"write a pattern such as /docs* on both sides of |, or \| for the character itself"
        raise BadPattern("an empty pattern", remedy)
    return parts


def pieces(alternative: str) -> tuple[bytes, ...]:
    r"""The literal pieces between stars, as UTF-8; `\` escapes `*`, `|` and `\` and is dropped elsewhere."""
    found: list[str] = [""]
    for token in _tokens(alternative):
        if token is None:
            if len(found) == 1 or found[-1] != "":
                found.append("")
        else:
            found[-1] += token
    return tuple(piece.encode("utf-8", "surrogateescape") for piece in found)


def _tokens(alternative: str) -> Iterator[str | None]:
    """Characters, and None for each star that stands for any characters."""
    characters = iter(alternative)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped:
                yield escaped
        else:
            yield None if character == "*" else character


def exclude(alternative: str) -> tuple[Glob, ...]:
    """The globs that together mean an exclude pattern: `*` may stand anywhere."""
    found = pieces(alternative)
    rooted = found[0].startswith(b"/")
    if rooted:
        found = (found[0][1:], *found[1:])
    contents = found[-1] != b"" or len(found) == 1
    if contents and found[-1].endswith(b"/"):
        found = (*found[:-1], found[-1][:-1])
        contents = found[-1] != b"" or len(found) == 1
    if found == (b"",) and pieces(alternative) in ((b"",), (b"/",)):
        return (Glob((b"", b""), contents=False),)  # `/`: the location's own folder and all it contains
    globs = [Glob(found, contents)]
    if not rooted and found[0] == b"" and len(found) > 1 and found[1].startswith(b"/"):
        # `*/tmp` also names `tmp` at the top: its path is `/tmp`, and the star matches nothing.
        globs.append(Glob((found[1][1:], *found[2:]), contents))
    return tuple(globs)


def include(alternative: str) -> Glob:
    """The glob of an include pattern. Raises `BadPattern` when a star stands before its end."""
    found = pieces(alternative)
    stars = sum(1 for token in _tokens(alternative) if token is None)
    if stars > 1 or (stars == 1 and found[-1] != b""):
        remedy = (
            r"end it with the star, as in /docs*; exclude takes a star anywhere; write \* for the character"
        )
        raise BadPattern(f"the include pattern {alternative[:60]!r} has a star before its end", remedy)
    return exclude(alternative)[0]
