"""Who writes where, among all hosts that share a database."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "leases",
        sql.Column("place", sql.String(64), primary_key=True),
        sql.Column("token", sql.String(64), nullable=False),
        sql.Column("host", sql.Text, nullable=False),
        sql.Column("pid", sql.BigInteger, nullable=False),
        sql.Column("run_id", sql.Text, nullable=False),
        sql.Column("since", sql.String(40), nullable=False),
        sql.Column("until_ms", sql.BigInteger, nullable=False),
    )
