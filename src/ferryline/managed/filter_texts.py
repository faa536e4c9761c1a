r"""A policy's patterns as the texts of a DataSync task's filters: one each, joined with `|`.

`deploy` writes them into a task, `drift` compares them with what a task has. `.ferryline` is always
excluded: what Ferryline keeps in a replica is not data. Pure.
"""

from collections.abc import Sequence

from ferryline.policy import pattern

RESERVED = "*/.ferryline"
"""DataSync's star matches nothing too, so this names the folder at the top and at every depth."""


def texts(include: Sequence[str], exclude: Sequence[str], rest: str) -> tuple[str | None, str]:
    """The include filter (None for everything) and the exclude filter.

    `rest` is a folder below the location that stands for a path DataSync cannot name; patterns are
    relative to it, filters to the location.
    """
    below = "/" + escaped(rest)
    included = [below + _rooted(one)[1:] for text in include for one in pattern.alternatives(text)]
    if rest and not included:
        included = [below.rstrip("/")]
    patterns = [one for text in exclude for one in pattern.alternatives(text)]
    excluded = [RESERVED, *(one if one.startswith("*") else below + _rooted(one)[1:] for one in patterns)]
    return "|".join(included) or None, "|".join(dict.fromkeys(excluded))


def _rooted(text: str) -> str:
    """A pattern that starts at the location: DataSync reads `dir` as a name, `/dir` as a folder there."""
    return text if text.startswith(("/", "*")) else "/" + text


def escaped(text: str) -> str:
    r"""Text that a filter reads literally: `*`, `|` and `\` behind a backslash."""
    return "".join("\\" + one if one in "*|\\" else one for one in text)
