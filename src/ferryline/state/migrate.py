"""Brings an older database to this version's schema. The only importer of Alembic, loaded when needed."""

import logging
from pathlib import Path

import sqlalchemy as sql
from alembic import command
from alembic.config import Config

from ferryline import crash


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
