"""Keys to file names and back: the canonical escape, and nothing about what is on a disk.

Called by the walker, the landing and the store of this package. It opens nothing.

A key is cut at every slash into components; each component becomes one file name:

========================  ==================  ==========================================
component                 file name           why it cannot stay itself
========================  ==================  ==========================================
empty (`a//b`, `a/`)      `%empty`            a file must have a name
`.`                       `%2E`               means the directory itself
`..`                      `%2E%2E`            means the parent
holds a NUL byte          `%00` for each      no file name holds one
reads as one of these     its `%` → `%25`     so that every name has one meaning
anything else             itself              `100%`, `a%20b`, `%41`, `%25` stay as they are
========================  ==================  ==========================================

Beside them stands `%self`: the key `a` where `a` is also a directory, because keys `a` and `a/b`
both exist, is the file `a/%self`. So every name but `%self` is the name of exactly one component
(`decode_component` is the inverse of `encode_component` on all bytes), and a path is not
canonical only where `%self` has no directory to speak for.
"""

import re
from typing import Final

SELF: Final = b"%self"
"""The file that holds the key of the directory it lies in."""

EMPTY: Final = b"%empty"

COMPONENT_BYTES_MAX: Final = 255
"""NAME_MAX of every file system Linux mounts, but for a few that take less."""

PATH_BYTES_MAX: Final = 4095
"""PATH_MAX without its final NUL: a longer path could be made piecewise, but nobody could open it."""

_INSTEAD: Final = {b"": EMPTY, b".": b"%2E", b"..": b"%2E%2E"}
_MEANING: Final = {name: component for component, name in _INSTEAD.items()}

# Both patterns allow any number of `25` after the percent sign: `%2500` must become `%252500`, or
# two keys would share a name. Neither pattern can match inside the other, nor across a boundary
# that the substitution makes, because a match holds no percent sign but its own (`%2E%2E` is whole).
_WHOLE = re.compile(rb"%(?:25)*(?:self|empty|2E|2E%2E)")
_INNER = re.compile(rb"%((?:25)*)00")


def encode_component(component: bytes) -> bytes:
    """The file name of one component (bytes between slashes): total, injective, never `%self`."""
    instead = _INSTEAD.get(component)
    if instead is not None:
        return instead
    if b"%" in component:
        if _WHOLE.fullmatch(component):
            return b"%25" + component[1:]
        component = _INNER.sub(lambda match: b"%25" + match[0][1:], component)
    return component.replace(b"\0", b"%00") if b"\0" in component else component


def decode_component(name: bytes) -> bytes | None:
    """The component whose file name is `name`, or None for `%self`, which is no component."""
    if b"%" not in name:
        return name
    if _WHOLE.fullmatch(name):
        return b"%" + name[3:] if name.startswith(b"%25") else _MEANING.get(name)
    return _INNER.sub(lambda match: b"%" + match[0][3:] if match[1] else b"\0", name)


def path_of(key: bytes) -> tuple[bytes, ...]:
    """The file names of `key` from the root down, where no directory has its name; never empty."""
    return tuple(encode_component(component) for component in key.split(b"/"))


def folder_of(prefix: bytes) -> tuple[bytes, ...]:
    """The file names of the directory that holds every key starting with `prefix`, which ends in a slash."""
    return path_of(prefix[:-1]) if prefix else ()


def key_of(path: tuple[bytes, ...]) -> bytes | None:
    """The key of a file at `path`, or None where the path is not canonical.

    `path` is a sequence of legal file names below the root, the last one a file. Not canonical are
    a `%self` at the root and a `%self` that is a directory.
    """
    if path[-1] == SELF:
        path = path[:-1]
    components = [decode_component(name) for name in path]
    if not components:
        return None
    return None if None in components else b"/".join(one for one in components if one is not None)


def refusal(key: bytes, root_bytes: int, component_bytes_max: int = COMPONENT_BYTES_MAX) -> str:
    """Why `key` cannot be a file below a root path of `root_bytes` bytes, or an empty string.

    A pure function of its arguments, so that a plan can name the key before a byte is read.
    """
    path = path_of(key)
    longest = max(len(name) for name in path)
    if longest > component_bytes_max:
        return f"a path component takes {longest} bytes, a file name holds at most {component_bytes_max}"
    total = root_bytes + sum(len(name) + 1 for name in path)
    if total > PATH_BYTES_MAX:
        return f"its path takes {total} bytes, a path holds at most {PATH_BYTES_MAX}"
    if path[:2] == (b".ferryline", b"tmp"):
        return "`.ferryline/tmp/` holds Ferryline's temporary files"
    return ""
