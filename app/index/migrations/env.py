"""How alembic runs our migrations: on the connection that `schema.migrate` holds, inside its transaction."""

from alembic import context

from app.index.tables import STUDY

context.configure(connection=context.config.attributes["connection"], target_metadata=STUDY.metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
