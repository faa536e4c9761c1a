"""Which keys a task sees: DataSync's include and exclude filters over keys and columns of keys.

`listing` asks for the prefixes to list, `plan` for the selection of a page; the policy file and the
command line parse here. Keys are bytes relative to the location's folder, without a leading slash.
Nothing is listed here, and matching is linear in the key for any pattern.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce

import pyarrow as pa
import pyarrow.compute as pc

from ferryline import errors
from ferryline.policy import pattern
from ferryline.policy.pattern import Glob

_EXPRESSION_CHARACTERS_MAX = 16_384
"""RE2 refuses a program above its memory budget, so long lists become several expressions."""

Problem = tuple[int, str, str]
"""A pattern's index in its list, what is wrong and what to write."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Include and exclude patterns as written, and their meaning. Empty include means everything."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    included: tuple[Glob, ...] = field(default=(), repr=False, metadata={"digest": False})
    excluded: tuple[Glob, ...] = field(default=(), repr=False, metadata={"digest": False})

    @staticmethod
    def parse(include: Sequence[str], exclude: Sequence[str]) -> "Filters":
        """Filters from patterns, each possibly several joined with `|`. Raises `BadUsage` with every one."""
        filters, problems = read(include, exclude)
        if problems:
            lines = [f"--{name}: {message}\n    {remedy}" for name, _, message, remedy in problems]
            raise errors.BadUsage("\n".join(lines))
        return filters

    @property
    def everything(self) -> bool:
        """Whether every key is selected, so that nothing needs to be matched."""
        return not self.excluded and self.include_prefixes() is None

    def include_prefixes(self) -> tuple[bytes, ...] | None:
        """Prefixes that hold every key in scope, ascending, none inside another; None for all keys.

        They may hold more: `/docs` asks to list `docs`, and `docs-old` is then out of scope.
        """
        prefixes: list[bytes] = []
        for prefix in sorted(glob.pieces[0] for glob in self.included):
            if not prefixes or not prefix.startswith(prefixes[-1]):
                prefixes.append(prefix)
        return None if not prefixes or prefixes == [b""] else tuple(prefixes)

    def is_in_scope(self, key: bytes) -> bool:
        """Whether `key` is inside the include patterns; keys outside are not counted at all."""
        return not self.included or any(glob.matches(key) for glob in self.included)

    def selects(self, key: bytes) -> bool:
        """Whether `key` is in scope and not excluded."""
        return self.is_in_scope(key) and not any(glob.matches(key) for glob in self.excluded)

    def in_scope(self, keys: pa.Array) -> pa.BooleanArray:
        """`is_in_scope` for a column of binary keys, same length and order."""
        if not self.included or self.include_prefixes() is None:
            return _all(keys)
        return _matching(keys, self.included)

    def selected(self, keys: pa.Array) -> pa.BooleanArray:
        """`selects` for a column of binary keys, same length and order.

        What is in scope and not selected is excluded, and counted so.
        """
        scope = self.in_scope(keys)
        if not self.excluded:
            return scope
        return pc.and_not(scope, _matching(keys, self.excluded))


EVERYTHING = Filters()
"""No filters."""


def read(
    include: Sequence[str], exclude: Sequence[str]
) -> tuple[Filters, tuple[tuple[str, int, str, str], ...]]:
    """Filters of the patterns that can be read, and (list's name, index, message, remedy) of the others."""
    included, bad_included = _globs(include, lambda text: (pattern.include(text),))
    excluded, bad_excluded = _globs(exclude, pattern.exclude)
    problems = [("include", *one) for one in bad_included] + [("exclude", *one) for one in bad_excluded]
    return Filters(tuple(include), tuple(exclude), included, excluded), tuple(problems)


def _globs(
    patterns: Sequence[str], parse: Callable[[str], tuple[Glob, ...]]
) -> tuple[tuple[Glob, ...], list[Problem]]:
    found: dict[Glob, None] = {}
    problems: list[Problem] = []
    characters = sum(len(text) for text in patterns) + max(0, len(patterns) - 1)
    if characters > pattern.CHARACTERS_MAX:
        remedy = f"at most {pattern.CHARACTERS_MAX} are allowed, joined with |"
        return (), [(0, f"a filter of {characters} characters", remedy)]
    for index, text in enumerate(patterns):
        try:
            for alternative in pattern.alternatives(text):
                found.update(dict.fromkeys(parse(alternative)))
        except pattern.BadPattern as error:
            problems.append((index, error.message, error.remedy))
    return tuple(found), problems


def _all(keys: pa.Array) -> pa.BooleanArray:
    return pc.is_valid(keys)


def _matching(keys: pa.Array, globs: tuple[Glob, ...]) -> pa.BooleanArray:
    expressions, long = _expressions(globs)
    columns = [pc.match_substring_regex(keys, pattern=expression) for expression in expressions]
    if long:
        found = [any(glob.matches(key) for glob in long) for key in keys.to_pylist()]
        columns.append(pa.array(found, pa.bool_()))
    return reduce(pc.or_, columns)


@lru_cache(maxsize=64)
def _expressions(globs: tuple[Glob, ...]) -> tuple[tuple[str, ...], tuple[Glob, ...]]:
    """As few alternations as RE2's memory allows, and the globs too long for any."""
    found: list[str] = []
    long: list[Glob] = []
    current: list[str] = []
    size = 0
    for glob in globs:
        expression = glob.expression
        if len(expression) > _EXPRESSION_CHARACTERS_MAX:
            long.append(glob)
            continue
        if current and size + len(expression) > _EXPRESSION_CHARACTERS_MAX:
            found.append("|".join(current))
            current, size = [], 0
        current.append(expression)
        size += len(expression) + 1
    if current:
        found.append("|".join(current))
    return tuple(found), tuple(long)
