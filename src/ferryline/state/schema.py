"""The tables, for SQLite and PostgreSQL alike. Small rows only: what is large lies in ledger files.

`server` makes them, `migrations` brings an older database here, and `tables` says the same in SQL for
a fresh file. `places` and `runs` hold the queries. A change of a table is a new migration, and a test
compares the ways of getting here.
"""

import sqlalchemy as sql

METADATA = sql.MetaData()

RUNS = sql.Table(
    "runs",
    METADATA,
    sql.Column("run_id", sql.String(64), primary_key=True),
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("destination", sql.Text, nullable=False),
    sql.Column("began_at", sql.String(40), nullable=False),  # ISO 8601, UTC, microseconds: sorts as text
    sql.Column("ended_at", sql.String(40)),
    sql.Column("document", sql.Text),  # the run document as JSON; null while it runs, or when it died
)

ENDPOINTS = sql.Table(
    "endpoints",
    METADATA,
    sql.Column("endpoint", sql.String(512), primary_key=True),
    sql.Column("capabilities", sql.Text, nullable=False),  # as `storage.capabilities.text` wrote it
    sql.Column("seen_at", sql.String(40), nullable=False),
)

MOUNTS = sql.Table(
    "mounts",
    METADATA,
    sql.Column("place", sql.String(1024), primary_key=True),
    sql.Column("identity", sql.Text, nullable=False),
)

LEASES = sql.Table(
    "leases",
    METADATA,
    sql.Column("place", sql.String(64), primary_key=True),  # `identity.hash_of` a destination
    sql.Column("token", sql.String(64), nullable=False),
    sql.Column("host", sql.Text, nullable=False),
    sql.Column("pid", sql.BigInteger, nullable=False),
    sql.Column("run_id", sql.Text, nullable=False),
    sql.Column("since", sql.String(40), nullable=False),
    sql.Column("until_ms", sql.BigInteger, nullable=False),  # the server's time, milliseconds since 1970
)
"""Who writes where; only a database that several hosts share has rows in it."""

REVISION = sql.Table(
    "alembic_version",
    METADATA,
    sql.Column("version_num", sql.String(32), nullable=False),
    sql.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, described here so that a fresh database is made without loading Alembic."""
