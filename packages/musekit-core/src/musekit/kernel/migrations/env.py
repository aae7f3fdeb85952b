"""Alembic's environment, the host's for every lineage. Run by Alembic, never imported.

`musekit.kernel.migrations.scripts` hands in the connection, already in a transaction with the
migration lock held, and the name of the lineage's version table.
"""

from alembic import context

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(
        dialect_name=attributes["dialect"],
        version_table=attributes["version_table"],
        literal_binds=True,
        transaction_per_migration=True,
    )
else:
    context.configure(
        connection=attributes["connection"], version_table=attributes["version_table"]
    )
with context.begin_transaction():
    context.run_migrations()
