"""How text for people is laid out: wrapped to a terminal, numbers grouped, long keys cut in the middle. Pure.

The three texts share it. Everything that comes from outside goes through `safe` or `key`, so that
nothing can break a line or reach a terminal as a code.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ferryline.model.key import one_line

WIDTH = 92
KEY_WIDTH = 64
INDENT = "  "


def safe(text: object) -> str:
    """Text from a document, as one line that holds no control character."""
    return one_line(str(text))


def key(text: object, width: int = KEY_WIDTH) -> str:
    """A key that is printable already; too long for its column, it keeps its start and its end."""
    shown = safe(text)
    if not shown:
        return "(the folder itself)"
    if len(shown) <= width:
        return shown
    start = (width - 1) // 2
    return f"{shown[:start]}…{shown[len(shown) - (width - 1 - start) :]}"


def counted(count: int, singular: str, plural: str = "") -> str:
    """`1 object`, `2,000 objects`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def tally(counts: Mapping[str, int]) -> str:
    """`12 etag-md5, 88 ledger`, largest first; names are stable words."""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{count:,} {safe(name)}" for name, count in ranked if count)


def labelled(rows: Iterable[tuple[str, str]]) -> list[str]:
    """`label  text` lines with the texts aligned and wrapped; rows without text are left out."""
    shown = [(label, text) for label, text in rows if text]
    width = max((len(label) for label, _ in shown), default=0)
    lines: list[str] = []
    for label, text in shown:
        lines += wrapped(text, f"{INDENT}{label:<{width}}  ", INDENT + " " * (width + 2))
    return lines


def wrapped(text: str, first: str = INDENT, rest: str = "") -> list[str]:
    """Text wrapped to the width; a word longer than a line stays whole, so that it can be copied."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest or " " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def advised(advice: object, indent: str = INDENT) -> list[str]:
    """What to do, behind an arrow; nothing for no advice."""
    text = safe(advice)
    return wrapped(text, f"{indent}→ ", f"{indent}  ") if text else []


def grouped(items: Sequence[Mapping[str, Any]], kind: str, detail: str, most: int) -> list[str]:
    """Items under their kind, the first `most` of each by key, advice once for each that is different."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for one in items:
        kinds.setdefault(str(one[kind]), []).append(one)
    lines: list[str] = []
    for name, members in kinds.items():
        lines.append(f"{INDENT}{safe(name)}")
        advice: dict[str, None] = {}
        for one in members[:most]:
            lines.append(f"{INDENT * 2}{key(one['key'], WIDTH - 4)}")
            lines += wrapped(safe(one[detail]), INDENT * 3)
            advice[str(one["advice"])] = None
        if len(members) > most:
            lines.append(f"{INDENT * 2}… and more of this kind")
        for text in advice:
            lines += advised(text, INDENT * 2)
    return lines


def warned(warnings: Sequence[Mapping[str, Any]], total: int, most: int = 5) -> list[str]:
    """The first warnings, each with its advice."""
    lines: list[str] = []
    for one in warnings[:most]:
        lines += wrapped(f"note: {safe(one['message'])}", "", INDENT)
        lines += advised(one["advice"])
    if total > most:
        lines.append(f"{INDENT}… and {counted(total - most, 'more note', 'more notes')}")
    return lines


def stopped(document: Mapping[str, Any]) -> list[str]:
    """What ended the work early, where, and what to do."""
    place = safe(document["place"])
    message = safe(document["message"])
    named = "" if not place or place in message else f"{place}: "
    named_key = ""
    if "key" in document and safe(document["key"]) not in message:
        named_key = f" ({key(document['key'])})"
    text = f"stopped, {safe(document['kind'])}: {named}{message}{named_key}"
    return [*wrapped(text, "", INDENT), *advised(document["advice"])]
