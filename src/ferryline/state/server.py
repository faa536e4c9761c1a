"""The database behind the state, when it is a PostgreSQL server: the same rows, through SQLAlchemy.

`opening` chooses it by URL. It loads SQLAlchemy and the driver, and nobody else's run does.
"""

import contextlib
from collections.abc import Iterator

import sqlalchemy as sql
from sqlalchemy import exc, pool

from ferryline import crash, errors
from ferryline.state import schema, standing
from ferryline.state.database import Rows, Values

CONNECT_SECONDS = 10
"""How long a server that does not answer is waited for."""

STATEMENT_SECONDS = 20.0
"""How long one statement may take: rows are few, so one that takes longer waits for somebody else's."""

_WAITS = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""The driver's own, unless the URL says otherwise: a server that is gone is noticed in half a minute."""

_CREATION_LOCK = 7_305_804_402_464_976_484
"""PostgreSQL's advisory lock for making and migrating the tables; any constant does."""


class ServerDatabase:
    """One PostgreSQL database. Holds no connection open."""

    def __init__(self, url: str) -> None:
        """Raises BadUsage for another kind of URL or a missing driver; it never shows the URL."""
        if url.count("@") > 1:
            # Where the password ends cannot be told, so neither can what may be shown.
            raise errors.BadUsage(
                "the URL of the state's database holds more than one @",
                advice="percent-encode the password: %40 for @, %2F for /, %3A for :, %25 for %",
            )
        try:
            address = sql.make_url(url)
        except (exc.ArgumentError, ValueError):
            raise _not_postgresql("the state's database is not a URL, or its port is no number") from None
        if address.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise _not_postgresql(f"{address.drivername}: this kind of database is not known")
        # Neither the password nor the query, which may hold one too, is ever shown.
        self._name = sql.URL.create(
            "postgresql", address.username, None, address.host, address.port, address.database
        ).render_as_string()
        self._has_query = bool(address.query)
        self._current = False
        address = address.set(drivername="postgresql+psycopg")
        waits = {name: value for name, value in _WAITS.items() if name not in address.query}
        try:
            self._engine = sql.create_engine(address, poolclass=pool.NullPool, connect_args=waits)
        except (exc.ArgumentError, ValueError):
            raise _not_postgresql("the query of the state's database is none for PostgreSQL") from None
        except ImportError as problem:
            raise errors.BadUsage(
                f"{self._name} needs PostgreSQL's driver",
                advice="install it: pip install 'ferryline[postgres]'",
            ) from problem
        sql.event.listen(self._engine, "begin", _bound)

    def greet(self) -> None:
        """See that the server answers and that this version knows its tables; nothing is written there.

        Raises EndpointFailed, BadUsage.
        """
        with self._failing(), self._engine.connect() as connection:
            self._current = self._revision(connection) == standing.NEWEST

    def rows(self, question: str, values: Values) -> Rows:
        """Every row of the answer; none where there are no tables yet. Raises EndpointFailed, BadUsage."""
        with self._failing():
            if not self._current:
                with self._engine.connect() as connection:
                    if self._revision(connection) is None:
                        return []
            self._make_current()
            with self._engine.connect() as connection:
                return connection.execute(sql.text(question), dict(values)).all()

    @contextlib.contextmanager
    def change(self) -> Iterator["ServerChange"]:
        """A transaction; see `database.Database`. Raises EndpointFailed."""
        with self._failing():
            self._make_current()
            with self._engine.begin() as connection:
                crash.point("database.changing")
                yield ServerChange(connection)
                crash.point("database.changed")
            crash.point("database.durable")

    def _make_current(self) -> None:
        """Make the tables, or bring older ones to this version, once per process."""
        if self._current:
            return
        with self._engine.connect() as connection:
            self._current = self._revision(connection) == standing.NEWEST
        if self._current:
            return
        with self._engine.begin() as connection:
            connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_CREATION_LOCK)))
            revision = self._revision(connection)
            if revision is None:
                crash.point("database.making")
                schema.METADATA.create_all(connection)
                connection.execute(schema.REVISION.insert().values(version_num=standing.NEWEST))
                crash.point("database.made")
            elif revision != standing.NEWEST:
                from ferryline.state import migrate

                migrate.to_newest(connection)
        self._current = True

    def _revision(self, connection: sql.Connection) -> str | None:
        """The last migration that was applied. Raises BadUsage for one this version does not know."""
        revision: str | None = None
        if schema.REVISION.name in set(sql.inspect(connection).get_table_names()):
            revision = connection.scalar(sql.select(schema.REVISION.c.version_num))
        standing.check_revision(revision, self._name)
        return revision

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as problem:
            raise errors.EndpointFailed(
                f"the state database {self._name}: {self._said(problem)}",
                advice="check that it runs and may be written, or leave it away: nothing in it is needed",
                place=self._name,
                kind="state-database",
            ) from problem

    def _said(self, problem: exc.DBAPIError) -> str:
        """What the server said. Of a connection that failed the driver quotes the URL's query: not that."""
        if problem.statement is None and self._has_query:
            state = getattr(problem.orig, "sqlstate", None)
            return f"SQLSTATE {state}" if state else "no connection could be made as its URL asks"
        return next(iter(str(problem.orig).strip().splitlines()), "it failed")


class ServerChange:
    """A transaction of a server."""

    def __init__(self, connection: sql.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values) -> int:
        """Perform one statement; how many rows it touched."""
        return self._connection.execute(sql.text(statement), dict(values)).rowcount


def _bound(connection: sql.Connection) -> None:
    """Bound a transaction's statements: in itself, because a pooler between passes on nothing else."""
    milliseconds = int(STATEMENT_SECONDS * 1000)
    connection.exec_driver_sql(
        f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds}"
    )


def _not_postgresql(what: str) -> errors.BadUsage:
    return errors.BadUsage(what, advice="write postgresql+psycopg://USER@HOST/DATABASE")
