"""The first schema: runs, what endpoints honour, and which disk a file source lay on."""

import sqlalchemy as sql
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sql.Column("run_id", sql.String(64), primary_key=True),
        sql.Column("source", sql.Text, nullable=False),
        sql.Column("destination", sql.Text, nullable=False),
        sql.Column("began_at", sql.String(40), nullable=False),
        sql.Column("ended_at", sql.String(40)),
        sql.Column("document", sql.Text),
    )
    op.create_table(
        "endpoints",
        sql.Column("endpoint", sql.String(512), primary_key=True),
        sql.Column("capabilities", sql.Text, nullable=False),
        sql.Column("seen_at", sql.String(40), nullable=False),
    )
    op.create_table(
        "mounts",
        sql.Column("place", sql.String(1024), primary_key=True),
        sql.Column("identity", sql.Text, nullable=False),
    )
