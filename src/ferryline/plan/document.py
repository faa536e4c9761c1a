"""The plan document: what a run would do and why, as plain data, folded from pages and actions.

`pipeline` feeds it for `plan` and dry runs; `report` and `cli` print it. It names the first keys of
each reason, never all of them. What it would ask, cost and take is reckoned elsewhere in this room and
put beside it.
"""

from collections import Counter, defaultdict
from typing import Any

from ferryline.model.action import Action, Copy, Delete, Keep, Reason, Refuse
from ferryline.model.key import printable
from ferryline.model.run import Counts
from ferryline.plan.classify import Classified

SCHEMA = "ferryline.plan/1"
EXAMPLES_MAX = 20


class PlanDocument:
    """One destination's plan in the making."""

    def __init__(self, source: str, destination: str, examples_max: int = EXAMPLES_MAX) -> None:
        self._source = source
        self._destination = destination
        self._examples_max = examples_max
        self._counts = Counts()
        self._actions: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[tuple[str, str]] = Counter()
        self._examples: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    @property
    def changes(self) -> int:
        """How many objects would be written or deleted."""
        return sum(count for (kind, _), count in self._actions.items() if kind in ("copy", "delete"))

    @property
    def counts(self) -> Counts:
        """What was folded so far, of objects."""
        return self._counts

    def page(self, page: Classified) -> None:
        """Fold a classified page: its counts, and what stays as it is."""
        page.counts.add_to(self._counts)
        for rows, reason in (
            (page.kept_rows, Reason.KEPT_BY_OVERWRITE_NEVER),
            (page.orphan_rows, Reason.KEPT_BY_PRESERVE),
        ):
            if rows.num_rows:
                label = ("keep", reason.value)
                self._actions[label] += rows.num_rows
                missing = self._examples_max - len(self._examples[label])
                for key in rows.column("key").slice(0, max(0, missing)).to_pylist():
                    self._examples[label].append(printable(key))

    def action(self, action: Action) -> None:
        """Fold one decided action."""
        if isinstance(action, Copy):
            self._note(("copy", action.reason.value), action.key, action.source.size_bytes)
        elif isinstance(action, Delete):
            self._note(("delete", action.reason.value), action.key, action.destination.size_bytes)
        elif isinstance(action, Refuse):
            self._note(("refuse", action.kind), action.key, action.source.size_bytes)
            self._counts.source_failed += 1
        elif isinstance(action, Keep):
            self._note(("keep", action.reason.value), action.key, 0)
            if action.reason is not Reason.KEPT_BY_PRESERVE:
                self._counts.kept += 1
        else:
            self._counts.same += 1
            self._counts.evidence[action.evidence.value] += 1

    def document(self) -> dict[str, Any]:
        """The plan so far as plain data."""
        return {
            "schema": SCHEMA,
            "source": self._source,
            "destination": self._destination,
            "files_listed": self._counts.listed,
            "destination_files_listed": self._counts.destination_listed,
            "files_same": self._counts.same,
            "files_kept": self._counts.kept,
            "files_excluded": self._counts.excluded,
            "files_reserved": self._counts.reserved,
            "files_to_transfer": self._total("copy"),
            "bytes_to_transfer": sum(size for (kind, _), size in self._bytes.items() if kind == "copy"),
            "files_to_delete": self._total("delete"),
            "files_refused": self._total("refuse"),
            "files_unknown": self._actions["copy", Reason.UNKNOWN.value]
            + self._actions["refuse", Reason.REFUSED_UNKNOWN.value],
            "evidence": dict(sorted(self._counts.evidence.items())),
            "actions": [
                {
                    "action": kind,
                    "reason": reason,
                    "files": count,
                    "bytes": self._bytes[kind, reason],
                    "first_keys": list(self._examples[kind, reason]),
                }
                for (kind, reason), count in sorted(self._actions.items())
            ],
            "changes": self.changes,
        }

    def _total(self, wanted: str) -> int:
        return sum(count for (kind, _), count in self._actions.items() if kind == wanted)

    def _note(self, label: tuple[str, str], key: bytes, size_bytes: int) -> None:
        self._actions[label] += 1
        self._bytes[label] += size_bytes
        if len(self._examples[label]) < self._examples_max:
            self._examples[label].append(printable(key))
