"""The database behind the state, when it is a file: opened late, brought to the schema, errors translated.

`runs` and `places` read and write through it, in SQL that PostgreSQL understands too (`server`). It
speaks to SQLite itself, because loading SQLAlchemy costs a small run a fifth of its time; only an older
database is migrated through it. SQLite keeps its rollback journal with synchronous=FULL whatever the
version: a run writes a handful of rows, so a write-ahead log would gain nothing, and the versions from
3.7.0 to 3.51.2 can damage one (sqlite.org/wal.html). One writer at a time: every change begins by taking
SQLite's write lock, and waits for it.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ferryline import crash
from ferryline.state import disk, standing, tables

Values = Mapping[str, str | int | None]
Rows = Sequence[Sequence[Any]]


class Change(Protocol):
    """A transaction under way."""

    def execute(self, statement: str, values: Values) -> int:
        """Perform one statement with `:name` for values; how many rows it touched."""
        ...


class Database(Protocol):
    """Where the small rows lie. Statements are SQL that SQLite and PostgreSQL read alike."""

    def rows(self, question: str, values: Values) -> Rows:
        """Every row of the answer; none where there is no database yet. Raises DiskFailed, BadUsage."""
        ...

    def change(self) -> contextlib.AbstractContextManager[Change]:
        """A transaction whose statements count together or not at all, and are durable when this ends.

        Raises what it could not do (DiskFailed, EndpointFailed): the caller must not go on as if it had.
        """
        ...


class FileDatabase:
    """SQLite in a file, which is made at the first write. Holds no connection open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._current = False

    def rows(self, question: str, values: Values) -> Rows:
        """Every row of the answer; none where there is no database yet. Raises DiskFailed, BadUsage."""
        if not (self._path.is_file() and self._path.stat().st_size):
            return []
        with self._failing():
            self._make_current()
            with contextlib.closing(self._connect()) as connection:
                return connection.execute(question, values).fetchall()

    @contextlib.contextmanager
    def change(self) -> Iterator["FileChange"]:
        """A transaction; see `Database`. Raises DiskFailed."""
        with self._failing():
            self._make_current()
            with self._writing() as connection:
                crash.point("database.changing")
                yield FileChange(connection)
                crash.point("database.changed")
            crash.point("database.durable")

    def _make_current(self) -> None:
        """Make the tables, or bring older ones to this version, once per process."""
        if self._current:
            return
        with contextlib.closing(self._connect()) as connection:
            self._current = self._revision(connection) == standing.NEWEST
        if self._current:
            return
        with self._writing() as connection:
            revision = self._revision(connection)
            if revision is None:
                crash.point("database.making")
                for statement in tables.STATEMENTS:
                    connection.execute(statement)
                connection.execute(tables.MARK, {"revision": standing.NEWEST})
                crash.point("database.made")
        if revision not in (None, standing.NEWEST):
            from ferryline.state import migrate  # loads Alembic, which a current database never needs

            migrate.file_to_newest(self._connect)
        self._current = True

    def _revision(self, connection: sqlite3.Connection) -> str | None:
        """The last migration that was applied. Raises BadUsage for one this version does not know."""
        found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = connection.execute(tables.REVISION).fetchall() if tables.REVISION_TABLE in found else []
        revision = str(rows[0][0]) if rows else None
        standing.check_revision(revision, str(self._path), foreign=bool(found) and revision is None)
        return revision

    def _connect(self) -> sqlite3.Connection:
        with disk.failing(self._path):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE))
        connection = sqlite3.connect(self._path, timeout=standing.BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
                connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(self._connect()) as connection:
            # Wait for the lock now, so that no change fails half way for want of it.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:  # a full disk has ended it already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise standing.failed(problem, str(self._path)) from problem


class FileChange:
    """A transaction of a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values) -> int:
        """Perform one statement; how many rows it touched."""
        return self._connection.execute(statement, values).rowcount
