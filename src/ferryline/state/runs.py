"""Runs as this host saw them: begun, ended, and their documents. The last 200 of each pair are kept."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from ferryline.clock import Clock
from ferryline.state.database import Database
from ferryline.state.schema import RUNS

KEPT_MAX = 200


class Runs:
    """The run documents."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def started(self, run_id: str, source: str, destination: str, at: datetime) -> None:
        """A run began."""
        with self._database.transaction() as connection:
            connection.execute(
                RUNS.insert().values(
                    run_id=run_id, source=source, destination=destination, began_at=at.isoformat()
                )
            )

    def ended(self, run_id: str, document: Mapping[str, Any]) -> None:
        """A run ended; older ones beyond the last 200 of its pair go."""
        body = json.dumps(document, ensure_ascii=True, sort_keys=True)
        with self._database.transaction() as connection:
            connection.execute(
                RUNS.update()
                .where(RUNS.c.run_id == run_id)
                .values(ended_at=self._clock.now().isoformat(), document=body)
            )
            pair = connection.execute(
                sql.select(RUNS.c.source, RUNS.c.destination).where(RUNS.c.run_id == run_id)
            ).first()
            if pair is None:
                return
            same = sql.and_(RUNS.c.source == pair.source, RUNS.c.destination == pair.destination)
            kept = sql.select(RUNS.c.run_id).where(same).order_by(RUNS.c.began_at.desc()).limit(KEPT_MAX)
            connection.execute(RUNS.delete().where(same, RUNS.c.run_id.not_in(kept)))

    def list(self, limit: int = KEPT_MAX) -> list[dict[str, Any]]:
        """The newest runs first; `document` is None for one that runs or died."""
        with self._database.transaction() as connection:
            rows = connection.execute(sql.select(RUNS).order_by(RUNS.c.began_at.desc()).limit(limit)).all()
        return [
            {**row._mapping, "document": json.loads(row.document) if row.document else None} for row in rows
        ]
