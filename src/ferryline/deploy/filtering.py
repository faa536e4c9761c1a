"""A task's include and exclude filters as DataSync takes them: one text each, joined with `|`.

`pairing` calls it with the policy's patterns. `.ferryline` is always excluded: what Ferryline keeps in
a replica is not data. Pure.
"""

from collections.abc import Sequence

from ferryline import errors
from ferryline.deploy.refusals import Refusals
from ferryline.policy import filters, pattern

RESERVED = "*/.ferryline"
"""DataSync's star matches nothing too, so this names the folder at the top and at every depth."""


def joined(
    include: Sequence[str], exclude: Sequence[str], rest: str, refusals: Refusals
) -> tuple[str | None, str]:
    """The include filter (None for everything) and the exclude filter.

    `rest` is a folder below the location that stands for a path DataSync cannot name; patterns are
    relative to it, filters to the location. Records a refusal for a pattern that cannot be read and
    for more than DataSync's 102,400 characters.
    """
    try:
        filters.Filters.parse(include, exclude)
    except errors.BadUsage as error:
        refusals.add("filters", error.message, "DataSync's patterns: a star only at the end of include")
        return None, RESERVED
    below = "/" + escaped(rest)
    included = [below + _rooted(one)[1:] for text in include for one in pattern.alternatives(text)]
    if rest and not included:
        included = [below.rstrip("/")]
    patterns = [one for text in exclude for one in pattern.alternatives(text)]
    excluded = [RESERVED, *(one if one.startswith("*") else below + _rooted(one)[1:] for one in patterns)]
    found = ("|".join(included) or None, "|".join(dict.fromkeys(excluded)))
    characters = len(found[0] or "") + len(found[1])
    if characters > pattern.CHARACTERS_MAX:
        remedy = (
            f"DataSync takes {pattern.CHARACTERS_MAX}, include and exclude together; "
            "use fewer or shorter patterns, or a manifest, or engine: ferryline"
        )
        refusals.add("filters", f"{characters} characters of filters", remedy)
    return found


def _rooted(text: str) -> str:
    """A pattern that starts at the location: DataSync reads `dir` as a name, `/dir` as a folder there."""
    return text if text.startswith(("/", "*")) else "/" + text


def escaped(text: str) -> str:
    r"""Text that a filter reads literally: `*`, `|` and `\` behind a backslash."""
    return "".join("\\" + one if one in "*|\\" else one for one in text)
