"""Runs as this host saw them: begun, ended, and their documents. The last 200 of each pair are kept.

`opening` offers it as `State.runs`. A run is recorded before its first effect: when the record fails,
the run must not begin.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sql

from ferryline import errors
from ferryline.clock import Clock
from ferryline.state import identity
from ferryline.state.database import Database
from ferryline.state.schema import RUNS

KEPT_MAX = 200
"""Runs kept of each (source, destination)."""


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
        source, destination = identity.storable(source), identity.storable(destination)
        of_pair = sql.and_(RUNS.c.source == source, RUNS.c.destination == destination)
        with self._database.change() as connection:
            connection.execute(RUNS.delete().where(RUNS.c.run_id == run_id))
            connection.execute(
                RUNS.insert().values(
                    run_id=run_id, source=source, destination=destination, began_at=_text(at)
                )
            )
            newest = (
                sql.select(RUNS.c.run_id)
                .where(of_pair)
                .order_by(RUNS.c.began_at.desc(), RUNS.c.run_id.desc())
                .limit(KEPT_MAX)
            )
            kept = connection.scalars(newest).all()
            if len(kept) == KEPT_MAX:
                connection.execute(RUNS.delete().where(of_pair, RUNS.c.run_id.not_in([*kept, run_id])))
        self.latest_id = run_id

    def ended(self, run_id: str, document: Mapping[str, Any]) -> None:
        """A run ended with this document (plain JSON values). Raises DiskFailed."""
        body = json.dumps(document, ensure_ascii=True, sort_keys=True)
        with self._database.change() as connection:
            done = connection.execute(
                RUNS.update()
                .where(RUNS.c.run_id == run_id)
                .values(ended_at=_text(self._clock.now()), document=body)
            )
            if done.rowcount != 1:
                raise errors.BrokenInvariant(f"run {run_id} ended and had never been recorded as begun")

    def list(self, limit: int = KEPT_MAX) -> tuple[RunRecord, ...]:
        """The newest runs of all pairs, newest first."""
        newest = sql.select(RUNS).order_by(RUNS.c.began_at.desc(), RUNS.c.run_id.desc()).limit(limit)
        return tuple(
            RunRecord(
                run_id=row.run_id,
                source=row.source,
                destination=row.destination,
                began_at=datetime.fromisoformat(row.began_at),
                ended_at=datetime.fromisoformat(row.ended_at) if row.ended_at else None,
                document=json.loads(row.document) if row.document else None,
            )
            for row in self._database.rows(newest)
        )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
