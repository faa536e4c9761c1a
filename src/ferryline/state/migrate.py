"""Runs the migrations that lie in `migrations`. Imported only when a database is not at the newest schema."""

import logging
from pathlib import Path

import sqlalchemy as sql
from alembic import command
from alembic.config import Config


def to_head(engine: sql.Engine) -> None:
    """Apply every migration that the database has not seen, in one transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
