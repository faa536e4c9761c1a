"""A task's include and exclude filters as DataSync takes them: one text each, joined with `|`.

`pairing` calls it with the policy's patterns. `.ferryline` is always excluded: what Ferryline keeps in
a replica is not data. Pure.
"""

from collections.abc import Sequence

from ferryline import errors
from ferryline.deploy.refusals import Refusals
from ferryline.managed import filter_texts
from ferryline.policy import filters, pattern


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
        return None, filter_texts.RESERVED
    found = filter_texts.texts(include, exclude, rest)
    characters = len(found[0] or "") + len(found[1])
    if characters > pattern.CHARACTERS_MAX:
        remedy = (
            f"DataSync takes {pattern.CHARACTERS_MAX}, include and exclude together; "
            "use fewer or shorter patterns, or a manifest, or engine: ferryline"
        )
        refusals.add("filters", f"{characters} characters of filters", remedy)
    return found
