"""The database behind the state: opened late, brought to the schema, its failures turned into errors.

`runs` and `places` read and write through it. SQLite keeps its rollback journal with
synchronous=FULL whatever the version: a run writes a handful of rows, so a write-ahead log would gain
nothing, and the versions from 3.7.0 to 3.51.2 can damage one (sqlite.org/wal.html). One writer at a
time: every change begins by taking SQLite's write lock, and waits for it.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy import event as sql_events
from sqlalchemy import exc, pool

from ferryline import crash, errors
from ferryline.state import disk, schema, standing

_CREATION_LOCK = 7_305_804_402_464_976_484
"""PostgreSQL's advisory lock for making and migrating the tables; any constant does."""

_READS = {"reads": True}
"""Execution options of a connection that only looks."""


class Database:
    """One database: a file of the state folder, or a PostgreSQL server. Holds no connection open."""

    def __init__(self, engine: sql.Engine, name: str, path: Path | None) -> None:
        self._engine = engine
        self._name = name
        self._path = path
        self._current = False

    @classmethod
    def file(cls, path: Path) -> "Database":
        """SQLite in `path`, which is made at the first write."""

        def connect() -> sqlite3.Connection:
            with disk.failing(path):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE))
            return _settled(sqlite3.connect(path, timeout=standing.BUSY_SECONDS, isolation_level=None))

        engine = sql.create_engine("sqlite://", creator=connect, poolclass=pool.NullPool)
        sql_events.listen(engine, "begin", _take_write_lock)
        return cls(engine, str(path), path)

    @classmethod
    def server(cls, url: str) -> "Database":
        """PostgreSQL by URL. Raises BadUsage for another kind of URL or a missing driver."""
        try:
            address = sql.make_url(url)
        except exc.ArgumentError as problem:
            raise _not_postgresql("the state's database is not a URL") from problem
        if address.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise _not_postgresql(f"{address.drivername}: this kind of database is not known")
        name = address.render_as_string(hide_password=True)
        try:
            engine = sql.create_engine(address.set(drivername="postgresql+psycopg"), poolclass=pool.NullPool)
        except ImportError as problem:
            raise errors.BadUsage(
                f"{name} needs PostgreSQL's driver", advice="install it: pip install 'ferryline[postgres]'"
            ) from problem
        return cls(engine, name, None)

    def rows(self, question: sql.Select[Any]) -> Sequence[sql.Row[Any]]:
        """Every row of the answer; none where there is no database yet. Raises DiskFailed, BadUsage."""
        if self._path is not None and not (self._path.is_file() and self._path.stat().st_size):
            return []
        with self._failing():
            self._make_current()
            with self._looking() as connection:
                return connection.execute(question).all()

    @contextlib.contextmanager
    def change(self) -> Iterator[sql.Connection]:
        """A connection whose statements count together or not at all, and are durable when this ends.

        Raises DiskFailed when they did not take effect: the caller must not go on as if they had.
        """
        with self._failing():
            self._make_current()
            with self._engine.begin() as connection:
                crash.point("database.changing")
                yield connection
                crash.point("database.changed")
            crash.point("database.durable")

    def _make_current(self) -> None:
        """Make the tables, or bring older ones to this version, once per process."""
        if self._current:
            return
        with self._looking() as connection:
            self._current = self._revision(connection) == standing.NEWEST
        if self._current:
            return
        with self._engine.begin() as connection:
            if self._path is None:
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_CREATION_LOCK)))
            revision = self._revision(connection)
            if revision is None:
                crash.point("database.making")
                schema.METADATA.create_all(connection)
                connection.execute(schema.REVISION.insert().values(version_num=standing.NEWEST))
                crash.point("database.made")
            elif revision != standing.NEWEST:
                from ferryline.state import migrate  # loads Alembic, which a current database never needs

                migrate.to_newest(connection)
        self._current = True

    def _revision(self, connection: sql.Connection) -> str | None:
        """The last migration that was applied. Raises BadUsage for one this version does not know."""
        tables = set(sql.inspect(connection).get_table_names())
        revision: str | None = None
        if schema.REVISION.name in tables:
            revision = connection.scalar(sql.select(schema.REVISION.c.version_num))
        foreign = self._path is not None and bool(tables) and revision is None
        standing.check_revision(revision, self._name, foreign=foreign)
        return revision

    def _looking(self) -> sql.Connection:
        """A connection that takes no write lock, to be used in a `with`."""
        return self._engine.connect().execution_options(**_READS)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as problem:
            said = problem.orig
            if isinstance(said, sqlite3.Error):
                raise standing.failed(said, self._name) from problem
            raise errors.EndpointFailed(
                f"the state database {self._name}: {str(said).strip()}",
                advice="check that it runs and may be written, or leave it away: nothing in it is needed",
                place=self._name,
                kind="state-database",
            ) from problem


def _settled(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _take_write_lock(connection: sql.Connection) -> None:
    """`BEGIN IMMEDIATE` for changes: wait for the lock now, so that none fails half way for want of it."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _not_postgresql(what: str) -> errors.BadUsage:
    return errors.BadUsage(what, advice="write postgresql+psycopg://USER@HOST/DATABASE")
