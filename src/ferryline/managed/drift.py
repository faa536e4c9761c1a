"""Whether a deployed task still does what the policy says: field by field, each with both values. Pure.

`datasync` refuses to start a task whose difference could destroy something, `standing` tells of all.
"""

from dataclasses import dataclass

from ferryline.managed import filter_texts
from ferryline.managed.declared import Declared
from ferryline.managed.finding import Found
from ferryline.policy import pattern
from ferryline.policy.options import PreserveDeletedFiles

ALWAYS_COMPARED = (
    "verify_mode",
    "overwrite_mode",
    "preserve_deleted_files",
    "transfer_mode",
    "bytes_per_second",
    "object_tags",
)
"""Options that mean something whether or not the policy writes them: their defaults are deployed too."""

_RESERVED = frozenset({filter_texts.RESERVED})

IF_GIVEN = ("mtime", "atime", "log_level", "task_queueing")
"""Options that a deployment adapts to its pair of locations, so that only what was written counts."""

DANGEROUS = frozenset({"preserve_deleted_files", "overwrite_mode", "include", "exclude", "manifest"})
"""Differences by which a task could delete, replace or leave out what the policy would not."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as the policy says."""

    field: str
    policy: str
    deployed: str

    @property
    def dangerous(self) -> bool:
        """Whether the task could destroy, or leave out, what the policy would not."""
        return self.field in DANGEROUS

    def __str__(self) -> str:
        return f"{self.field} is {self.deployed or 'not set'}, the policy says {self.policy or 'none'}"


def compare(declared: Declared, found: Found) -> tuple[Difference, ...]:
    """Every difference, in a fixed order."""
    task, options = found.task, declared.options
    differences: list[Difference] = []

    def note(field: str, policy: object, deployed: object) -> None:
        if policy != deployed:
            differences.append(Difference(field, _text(policy), _text(deployed)))

    wanted = (*ALWAYS_COMPARED, *(one for one in IF_GIVEN if one in options.given))
    for name in wanted:
        if name in task.options and name not in declared.overrides:
            note(name, str(getattr(options, name)), str(task.options[name]))
    if options.task_mode is not None:
        note("task_mode", str(options.task_mode), task.task_mode)
    note("schedule", declared.schedule, task.schedule.expression if task.schedule is not None else None)
    filters = declared.filters
    include, exclude = filter_texts.texts(filters.include, filters.exclude, found.rest)
    note("include", _patterns((include,) if include else ()), _patterns(task.include))
    ours, theirs = _patterns((exclude,)), _patterns(task.exclude)
    if task.options.get("preserve_deleted_files") != PreserveDeletedFiles.REMOVE:
        ours, theirs = ours - _RESERVED, theirs - _RESERVED
    note("exclude", ours, theirs)
    if not spares_reserved(found):
        note("reserved", filter_texts.RESERVED, None)
    if task.has_manifest:
        note("manifest", None, "a list of objects")
    return tuple(differences)


def spares_reserved(found: Found) -> bool:
    """Whether a task leaves Ferryline's own folder alone at both ends."""
    return _patterns(found.task.exclude) >= _RESERVED


def _patterns(texts: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for text in texts:
        try:
            found.update(_plain(one) for one in pattern.alternatives(text))
        except pattern.BadPattern:
            found.add(text)  # none of ours: it differs as it stands
    return frozenset(found)


def _plain(alternative: str) -> str:
    """A pattern without the slash at its end, which means nothing."""
    shorter = alternative.removesuffix("/")
    return alternative if not shorter or shorter.endswith("\\") else shorter


def _text(value: object) -> str:
    if value is None:
        return ""
    return "|".join(sorted(value)) if isinstance(value, frozenset) else str(value)
