"""The only reader of YAML: text in, a tree of positioned nodes out.

`document` and `credentials` call it. Every cap is checked before memory is spent: text size, depth
and the number of nodes after expansion. It gives no meaning to any field and opens no file.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml_events
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.reader import ReaderError

from ferryline import errors
from ferryline.policy.tree import Entry, Fields, Node, Place, Scalar, Sequence

TEXT_BYTES_MAX = 1024 * 1024
NODES_MAX = 50_000
DEPTH_MAX = 50

_MERGE = "<<"
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}|0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_WORDS: Mapping[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    place: Place
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merges: list[tuple[Place, Node]] = field(default_factory=list)
    key: tuple[str, Place] | None = None
    size: int = 1


def read(text: str | bytes, file: str) -> Node:
    """Parse one YAML 1.2 document. Raises `BadPolicy` with the position of what cannot be read.

    Refused: tags, duplicate or non-text keys, more than one document, an alias inside its own
    anchor, and anything above the caps of this module.
    """
    decoded = _decode(text, file)
    try:
        return _Builder(file).build(decoded)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if isinstance(mark, StringMark) else (1, 1)
        context = f" {error.context}" if error.context else ""
        message = f"not YAML: {error.problem or 'cannot be read'}{context}"
        _refuse(Place(file, line, column), message, _yaml_remedy(str(error.problem)), error)
    except ReaderError as error:
        place = _position(decoded, int(error.position), file)
        _refuse(
            place, "not YAML: a character that YAML does not allow", "remove the control character", error
        )
    except YAMLError as error:
        _refuse(Place(file, 1, 1), "not YAML: cannot be read", "check the file with a YAML editor", error)


def _decode(text: str | bytes, file: str) -> str:
    size_bytes = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > TEXT_BYTES_MAX:
        remedy = f"a policy file may hold {TEXT_BYTES_MAX} bytes; split it and give several with -f"
        _refuse(Place(file, 1, 1), f"the file is {size_bytes} bytes long", remedy)
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = text[: error.start].decode("utf-8")
        place = _position(good, len(good), file)
        _refuse(place, "the file is not UTF-8 text", "save it as UTF-8", error)


def _position(text: str, index: int, file: str) -> Place:
    before = text[:index]
    return Place(file, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def _yaml_remedy(problem: str) -> str:
    if "\\t" in problem or "'\t'" in problem:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return 'check the indentation, and put a value that holds ": " in quotes'
    if "cannot start any token" in problem:
        return "put the value in quotes"
    if "expected ',' or" in problem or "end of stream" in problem:
        return "close every bracket, brace and quote"
    if "escape" in problem:
        return "use single quotes, or double the backslash"
    return "check indentation, brackets and quotes around here"


def _refuse(place: Place, message: str, remedy: str, cause: BaseException | None = None) -> NoReturn:
    raise errors.BadPolicy((errors.Problem(place.at(""), message, remedy),)) from cause


class _Builder:
    """Turns the parser's flat events into nodes, without recursion: depth costs no stack."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._anchors: dict[str, Node | None] = {}
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, text: str) -> Node:
        for event in self._events(text):
            if isinstance(event, yaml_events.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    _refuse(self._place(event), "a second YAML document", "keep one document per file")
            elif isinstance(event, yaml_events.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml_events.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml_events.SequenceStartEvent | yaml_events.MappingStartEvent):
                self._start(event)
            elif isinstance(event, yaml_events.SequenceEndEvent | yaml_events.MappingEndEvent):
                self._finish()
        return self._root if self._root is not None else Scalar(None, "", Place(self._file, 1, 1))

    @staticmethod
    def _events(text: str) -> Iterator[yaml_events.Event]:
        # Safe and pure: events only, so no tag is ever constructed.
        yield from YAML(typ="safe", pure=True).parse(text)

    def _place(self, event: yaml_events.Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _tagged(self, event: yaml_events.NodeEvent) -> None:
        tag = getattr(event, "ctag", None) or getattr(event, "tag", None)
        if tag is not None and str(tag):
            remedy = "remove the tag; put text in quotes, numbers without"
            _refuse(self._place(event), f"YAML tags are not allowed ({tag})", remedy)

    def _alias(self, event: yaml_events.AliasEvent) -> None:
        place = self._place(event)
        if event.anchor not in self._anchors:
            remedy = "define the anchor above its first use, as in `&name`"
            _refuse(place, f"no anchor is named {event.anchor!r}", remedy)
        target = self._anchors[event.anchor]
        if target is None:
            _refuse(place, f"the alias {event.anchor!r} stands inside its own anchor", "write the value out")
        # The name's place is the alias's, so that an error points at the use and not at the anchor.
        self._add(target, place, event.anchor)

    def _scalar(self, event: yaml_events.ScalarEvent) -> None:
        self._tagged(event)
        place = self._place(event)
        plain = event.implicit[0] and event.style in (None, "")
        current = self._open[-1] if self._open else None
        if plain and event.value == "" and current is not None and current.key is not None:
            place = current.key[1]  # an empty value has no position of its own but the next token's
        if plain and event.value == _MERGE and current is not None and current.is_mapping and not current.key:
            current.key = (_MERGE, place)
            return
        value = resolve(event.value) if plain else event.value
        node = Scalar(value, event.value, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node, place, None)

    def _start(self, event: yaml_events.SequenceStartEvent | yaml_events.MappingStartEvent) -> None:
        self._tagged(event)
        place = self._place(event)
        if len(self._open) >= DEPTH_MAX:
            _refuse(place, f"nested more than {DEPTH_MAX} levels deep", "flatten the file")
        if self._open and self._open[-1].is_mapping and self._open[-1].key is None:
            _refuse(place, "a field's name must be text", "write the name as plain text")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        is_mapping = isinstance(event, yaml_events.MappingStartEvent)
        self._open.append(_Open(place, event.anchor, is_mapping))

    def _finish(self) -> None:
        done = self._open.pop()
        node: Node
        if done.is_mapping:
            entries = _merged(done)
            size = 1 + sum(1 + entry.node.size for entry in entries.values())
            node = Fields(entries, done.place, size)
        else:
            node = Sequence(tuple(done.items), done.place, done.size)
        if done.anchor is not None:
            self._anchors[done.anchor] = node
        self._add(node, done.place, None)

    def _add(self, node: Node, place: Place, alias: str | None) -> None:
        if not self._open:
            self._root = node
            return
        current = self._open[-1]
        if not current.is_mapping:
            current.items.append(node)
        elif current.key is None:
            current.key = (_key(node, place), place)
            return
        else:
            name, name_place = current.key
            current.key = None
            if name == _MERGE and (alias is not None or not isinstance(node, Scalar)):
                current.merges.append((place, node))
            elif name in current.entries:
                first = current.entries[name].name
                remedy = f"keep one; the first stands in line {first.line}"
                _refuse(name_place, f"the field {name!r} is given twice", remedy)
            else:
                current.entries[name] = Entry(name_place, node)
        current.size += node.size + (1 if current.is_mapping else 0)
        if sum(level.size for level in self._open) > NODES_MAX:
            remedy = f"a policy may hold {NODES_MAX} values, aliases counted as often as they are used"
            _refuse(place, "the file expands to too many values", remedy)


def _key(node: Node, place: Place) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    written = node.text if isinstance(node, Scalar) else "a list or mapping"
    _refuse(place, f"a field's name must be text, not {written or 'nothing'}", 'put the name in quotes: "…"')


def _merged(current: _Open) -> Mapping[str, Entry]:
    """The mapping's own entries, then those of `<<` that it does not set itself; earlier sources win."""
    entries = dict(current.entries)
    for place, node in current.merges:
        sources = node.items if isinstance(node, Sequence) else (node,)
        for source in sources:
            if not isinstance(source, Fields):
                _refuse(
                    place, "`<<` takes a mapping or a list of mappings", "point it at an anchored mapping"
                )
            for name, entry in source.entries.items():
                entries.setdefault(name, entry)
    return entries


def resolve(text: str) -> str | int | float | bool | None:
    """What a plain scalar means in YAML 1.2's core schema: `yes` and `on` are text, `012` is 12."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    return math.nan if text in (".nan", ".NaN", ".NAN") else text
