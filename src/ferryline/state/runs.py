"""Runs as this host saw them: begun, ended, and their documents. The last 200 of each pair are kept.

`opening` offers it as `State.runs`. A run is recorded before its first effect: when the record fails,
the run must not begin.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ferryline import errors
from ferryline.clock import Clock
from ferryline.state import identity
from ferryline.state.database import Database

KEPT_MAX = 200
"""Runs kept of each (source, destination)."""

_BEGIN = (
    "INSERT INTO runs (run_id, source, destination, began_at) "
    "VALUES (:run_id, :source, :destination, :began_at) "
    "ON CONFLICT (run_id) DO UPDATE SET source = excluded.source, destination = excluded.destination, "
    "began_at = excluded.began_at, ended_at = NULL, document = NULL"
)
"""Also where the row is there already: a commit whose answer was lost may be under way still."""
_TRIM = (
    "DELETE FROM runs WHERE source = :source AND destination = :destination AND run_id <> :run_id "
    "AND run_id NOT IN (SELECT run_id FROM runs WHERE source = :source AND destination = :destination "
    "ORDER BY began_at DESC, run_id DESC LIMIT :kept)"
)
_END = "UPDATE runs SET ended_at = :ended_at, document = :document WHERE run_id = :run_id"
_LIST = (
    "SELECT run_id, source, destination, began_at, ended_at, document FROM runs "
    "ORDER BY began_at DESC, run_id DESC LIMIT :count"
)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `ended_at` and `document` are None for a run that is under way or died."""

    run_id: str
    source: str
    destination: str
    began_at: datetime
    ended_at: datetime | None
    document: Mapping[str, Any] | None


class Runs:
    """The run documents. `latest_id` is the run that began last in this process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.latest_id = ""

    def started(self, run_id: str, source: str, destination: str, at: datetime) -> None:
        """A run began. Recording the same run again replaces the record. Raises DiskFailed."""
        pair = {"source": identity.storable(source), "destination": identity.storable(destination)}
        with self._database.change() as change:
            change.execute(_BEGIN, {"run_id": run_id, "began_at": _text(at), **pair})
            change.execute(_TRIM, {"run_id": run_id, "kept": KEPT_MAX, **pair})
        self.latest_id = run_id

    def ended(self, run_id: str, document: Mapping[str, Any]) -> None:
        """A run ended with this document (plain JSON values). Raises DiskFailed."""
        body = json.dumps(document, ensure_ascii=True, sort_keys=True)
        said = {"run_id": run_id, "ended_at": _text(self._clock.now()), "document": body}
        with self._database.change() as change:
            if change.execute(_END, said) != 1:
                raise errors.BrokenInvariant(f"run {run_id} ended and had never been recorded as begun")

    def list(self, limit: int = KEPT_MAX) -> tuple[RunRecord, ...]:
        """The newest runs of all pairs, newest first."""
        return tuple(
            RunRecord(
                run_id=run_id,
                source=source,
                destination=destination,
                began_at=datetime.fromisoformat(began_at),
                ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
                document=json.loads(document) if document else None,
            )
            for run_id, source, destination, began_at, ended_at, document in self._database.rows(
                _LIST, {"count": limit}
            )
        )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
