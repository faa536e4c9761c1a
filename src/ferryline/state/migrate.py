"""Brings an older database to this version's schema. The only importer of Alembic, loaded when needed."""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sql
from alembic import command
from alembic.config import Config
from sqlalchemy import event as sql_events
from sqlalchemy import exc, pool

from ferryline import crash


def file_to_newest(connect: Callable[[], sqlite3.Connection]) -> None:
    """Bring a SQLite file to the newest schema in one transaction. Raises sqlite3.Error."""
    engine = sql.create_engine("sqlite://", creator=connect, poolclass=pool.NullPool)
    sql_events.listen(engine, "begin", _take_write_lock)
    try:
        with engine.begin() as connection:
            to_newest(connection)
    except exc.DBAPIError as problem:
        if isinstance(problem.orig, sqlite3.Error):
            raise problem.orig from problem
        raise


def _take_write_lock(connection: sql.Connection) -> None:
    """Wait for the lock now, so that no migration fails half way for want of it."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def to_newest(connection: sql.Connection) -> None:
    """Apply every migration that the database has not seen, in the caller's transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    crash.point("database.migrating")
    command.upgrade(config, "head")
    crash.point("database.migrated")
