"""The tables as SQL for a fresh file: what `schema` describes, so that making them loads nothing.

`database` runs it. A test compares what it makes with `schema`; a change is a new migration.
"""

STATEMENTS = (
    "CREATE TABLE runs (run_id VARCHAR(64) NOT NULL PRIMARY KEY, source TEXT NOT NULL, "
    "destination TEXT NOT NULL, began_at VARCHAR(40) NOT NULL, ended_at VARCHAR(40), document TEXT)",
    "CREATE TABLE endpoints (endpoint VARCHAR(512) NOT NULL PRIMARY KEY, capabilities TEXT NOT NULL, "
    "seen_at VARCHAR(40) NOT NULL)",
    "CREATE TABLE mounts (place VARCHAR(1024) NOT NULL PRIMARY KEY, identity TEXT NOT NULL)",
    "CREATE TABLE leases (place VARCHAR(64) NOT NULL PRIMARY KEY, token VARCHAR(64) NOT NULL, "
    "host TEXT NOT NULL, pid BIGINT NOT NULL, run_id TEXT NOT NULL, since VARCHAR(40) NOT NULL, "
    "until_ms BIGINT NOT NULL)",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
)

REVISION_TABLE = "alembic_version"
REVISION = "SELECT version_num FROM alembic_version"
MARK = "INSERT INTO alembic_version (version_num) VALUES (:revision)"
