"""Where Alembic starts: `migrate` hands over an open connection; there is no other way to run these."""

from alembic import context

from ferryline.state.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
