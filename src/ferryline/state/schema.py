"""The tables, for SQLite and PostgreSQL alike. Small rows only: what is large lies in ledger files.

`database` brings a database to this schema through `migrations`; `places` and `runs` hold the queries.
"""

import sqlalchemy as sql

HEAD = "0001"
"""The newest migration. A database that says something else is migrated, or refused when it is newer."""

METADATA = sql.MetaData()

RUNS = sql.Table(
    "runs",
    METADATA,
    sql.Column("run_id", sql.String(64), primary_key=True),
    sql.Column("source", sql.Text, nullable=False),
    sql.Column("destination", sql.Text, nullable=False),
    sql.Column("began_at", sql.String(40), nullable=False),  # ISO 8601, UTC
    sql.Column("ended_at", sql.String(40)),
    sql.Column("document", sql.Text),  # the run document as JSON; null while it runs, or when it died
)

ENDPOINTS = sql.Table(
    "endpoints",
    METADATA,
    sql.Column("endpoint", sql.String(512), primary_key=True),
    sql.Column("capabilities", sql.Text, nullable=False),  # JSON
    sql.Column("seen_at", sql.String(40), nullable=False),
)

MOUNTS = sql.Table(
    "mounts",
    METADATA,
    sql.Column("place", sql.String(1024), primary_key=True),
    sql.Column("identity", sql.Text, nullable=False),
)
