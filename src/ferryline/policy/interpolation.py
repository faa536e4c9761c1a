"""`${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}`: the only interpolations.

A policy keeps the text as written; `resolve` is called when a location is first used, and its
result belongs to the caller alone: nothing here stores, logs or shows a resolved value.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ACCEPTED = "write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}"
FILE_BYTES_MAX = 64 * 1024

_REFERENCE = re.compile(
    r"\$\{(?:env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?|(file):([^{}]+)|(credentials):([^{}]+))\}"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value comes from: `kind` is env, file or credentials."""

    kind: str
    name: str
    default: str | None = None


Part = str | Reference


class Unresolved(LookupError):
    """A reference leads nowhere: the variable is not set, or the file cannot be read."""


def read_file(path: str) -> bytes:
    """The first bytes of a file, one more than the most that is accepted."""
    with Path(path).open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)


@dataclass(frozen=True, slots=True)
class Sources:
    """What references are resolved from; its repr shows none of it.

    `credentials` answers for the entries of a credentials file as (location name, field). A
    relative PATH is relative to the current folder; `places` anchors those of a policy first.
    """

    environment: Mapping[str, str] = field(repr=False)
    read: Callable[[str], bytes] = field(default=read_file, repr=False)
    credentials: Callable[[str, str], str] | None = field(default=None, repr=False)


def looks_interpolated(text: str) -> bool:
    """Whether `text` holds anything that starts like an interpolation."""
    return "${" in text


def parts(text: str) -> tuple[Part, ...]:
    """Split into plain text and references. Raises ValueError when `${` starts no known form."""
    found: list[Part] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        if match.start() > position:
            found.append(_plain(text[position : match.start()]))
        if match[1]:
            found.append(Reference("env", match[1], match[2]))
        elif match[3]:
            found.append(Reference("file", match[4]))
        else:
            raise ValueError("${credentials:…} is not an interpolation")
        position = match.end()
    if position < len(text):
        found.append(_plain(text[position:]))
    return tuple(found)


def _plain(text: str) -> str:
    if "${" in text:
        raise ValueError("an interpolation that is not known or not closed")
    return text


def credential(location: str, name: str) -> str:
    """The text that stands for a field of the credentials file."""
    return f"${{credentials:{location}/{name}}}"


def resolve(text: str, sources: Sources) -> str:
    """Replace every reference by its value. Raises `Unresolved` naming the reference, never a value.

    An empty variable counts as not set, as in a shell's `:-`. One trailing line break of a file is
    dropped, since editors add it.
    """
    if not looks_interpolated(text):
        return text
    if (match := _REFERENCE.fullmatch(text)) and match[5]:
        return _from_credentials(match[6], sources)
    return "".join(part if isinstance(part, str) else _value(part, sources) for part in parts(text))


def _value(reference: Reference, sources: Sources) -> str:
    if reference.kind == "env":
        value = sources.environment.get(reference.name) or reference.default
        if not value and reference.default is None:
            raise Unresolved(f"the environment variable {reference.name} is not set")
        return value or ""
    try:
        data = sources.read(reference.name)
    except OSError as error:
        raise Unresolved(f"the file {reference.name} cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise Unresolved(f"the file {reference.name} holds more than {FILE_BYTES_MAX} bytes")
    try:
        value = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Unresolved(f"the file {reference.name} is not UTF-8 text") from None
    if not value or "\n" in value or "\x00" in value:
        raise Unresolved(f"the file {reference.name} must hold exactly one line")
    return value


def _from_credentials(name: str, sources: Sources) -> str:
    if sources.credentials is None:
        raise Unresolved("the credentials file was not given again")
    location, _, wanted = name.rpartition("/")
    return sources.credentials(location, wanted)


def anchored(text: str, folder: str) -> str:
    """The same text with every relative PATH of a file reference made relative to nothing but the root."""

    def absolute(match: re.Match[str]) -> str:
        if not match[3]:
            return match[0]
        return f"${{file:{Path(folder).absolute() / match[4]}}}"

    return _REFERENCE.sub(absolute, text)
