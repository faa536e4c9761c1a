"""How a state database stands, found out before anything is trusted to it and without loading SQLAlchemy.

`opening` asks for SQLite files when a state is opened, `database` for every connection. It holds the
numbers of the migrations, because a current schema must not cost the loading of Alembic.
"""

import sqlite3
from pathlib import Path

from ferryline import errors
from ferryline.state import disk

REVISIONS = ("0001", "0002")
"""Every migration, oldest first; the last is the schema of this version."""

NEWEST = REVISIONS[-1]

BUSY_SECONDS = 30.0
"""How long a locked database is waited for: nothing is dispatched meanwhile, and then the run stops."""


def check_file(path: Path) -> None:
    """Refuse a database file that cannot be used; a missing or empty one is fine, it is made when needed.

    Raises DiskFailed for a damaged, foreign, locked or unreadable file and BadUsage for one that a
    newer version wrote. Reads the whole file once: it holds small rows only.
    """
    with disk.failing(path):
        if not path.is_file() or path.stat().st_size == 0:
            return
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=BUSY_SECONDS, uri=True)
        try:
            trouble = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            rows = (
                connection.execute("SELECT version_num FROM alembic_version").fetchall()
                if "alembic_version" in tables
                else []
            )
        finally:
            connection.close()
    except sqlite3.Error as problem:
        raise failed(problem, str(path)) from problem
    if trouble != "ok":
        raise disk.damaged(path, str(trouble).splitlines()[0], f"move {path} away")
    check_revision(rows[0][0] if rows else None, str(path), foreign=bool(tables) and not rows)


def check_revision(revision: str | None, name: str, *, foreign: bool = False) -> None:
    """Refuse a newer version's database, or one that is not Ferryline's. `None`: it has no revision yet."""
    if foreign:
        raise errors.BadUsage(
            f"{name} is a database, and not one of Ferryline's", advice="choose another folder with --state"
        )
    if revision is not None and revision not in REVISIONS:
        raise newer(f"{name} (schema {revision}; this version knows {NEWEST})")


def newer(what: str) -> errors.BadUsage:
    """Something of the state that a newer version of Ferryline wrote."""
    return errors.BadUsage(
        f"a newer version of Ferryline wrote {what}",
        advice="use that version, or another folder with --state: nothing in this one is needed",
        kind="state-newer",
    )


def failed(problem: sqlite3.Error, name: str) -> errors.DiskFailed:
    """What SQLite said, as an error whose advice fits the cause. Nothing was recorded."""
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    kind, advice = _CAUSES.get(
        code, ("disk", "choose another folder with --state; nothing in this one is needed")
    )
    return errors.DiskFailed(
        f"the state database {name}: {problem}", advice=advice.format(name=name), place=name, kind=kind
    )


_DAMAGED = ("state-damaged", "move {name} away and run again; nothing in it is needed")
_BUSY = ("state-busy", "another process holds it; run again when that has ended")
_CAUSES = {
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: ("disk", "free space there, or choose another folder with --state, and run again"),
    sqlite3.SQLITE_READONLY: ("disk", "make {name} and its folder writable, or choose another with --state"),
    sqlite3.SQLITE_CANTOPEN: ("disk", "make {name} and its folder writable, or choose another with --state"),
    sqlite3.SQLITE_PERM: ("disk", "make {name} and its folder writable, or choose another with --state"),
    sqlite3.SQLITE_IOERR: ("disk", "the disk is failing: choose a folder on another one with --state"),
}
