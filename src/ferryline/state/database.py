"""Opens the database, brings it to the schema, and turns its failures into errors a person can act on.

Called by `opening`. SQLite keeps its rollback journal and synchronous=FULL unless the linked version
has the WAL fix of 3.51.3. Every statement runs in a transaction of its own.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy import event as sql_events
from sqlalchemy import exc

from ferryline import errors
from ferryline.state import schema

_WAL_FIXED = (3, 51, 3)
"""From 3.7.0 to 3.51.2 two connections that checkpoint at once can damage a WAL (sqlite.org/wal.html)."""
_BUSY_SECONDS = 30


class Database:
    """One opened database. `transaction` is the only way in."""

    def __init__(self, url: str, name: str) -> None:
        self._name = name
        self._engine = sql.create_engine(url, poolclass=sql.pool.StaticPool if "sqlite" in url else None)
        if self._engine.dialect.name == "sqlite":
            sql_events.listen(self._engine, "connect", _settle)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sql.Connection]:
        """A connection whose statements count together or not at all. Raises DiskFailed."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except exc.DBAPIError as problem:
            raise self._failed(problem) from problem

    def upgrade(self) -> None:
        """Bring an empty or older database to the schema. Raises BadUsage for a newer one."""
        with self.transaction() as connection:
            version = _version(connection)
        if version == schema.HEAD:
            return
        if version is not None and version > schema.HEAD:
            raise errors.BadUsage(
                f"{self._name} was written by a newer Ferryline: its schema is {version}, "
                f"this one knows {schema.HEAD}",
                advice="use the newer version, or another folder with --state",
            )
        from ferryline.state import migrate

        try:
            migrate.to_head(self._engine)
        except exc.DBAPIError as problem:
            raise self._failed(problem) from problem

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _failed(self, problem: exc.DBAPIError) -> errors.FerrylineError:
        said = str(problem.orig)
        if "locked" in said or "busy" in said:
            advice = "another process is using it; run again when that has ended"
        elif "malformed" in said or "not a database" in said:
            advice = f"it is damaged: move {self._name} away and run again; nothing in it is needed"
        else:
            advice = "free space there, make it writable, or choose another folder with --state"
        return errors.DiskFailed(f"{self._name}: {said}", advice=advice, place=self._name)


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


def _version(connection: sql.Connection) -> str | None:
    if not sql.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sql.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _settle(connection: sqlite3.Connection, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous = FULL")
    mode = "WAL" if sqlite3.sqlite_version_info >= _WAL_FIXED else "DELETE"
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA foreign_keys = ON")
