"""Alembic's environment: the engine comes from the caller (`service.ledger.migrate`)."""

from alembic import context
from sqlmodel import SQLModel

from service.ledger import tables  # noqa: F401  registers the tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    compare_type=True,
    transaction_per_migration=True,
)
if connection.dialect.name == "postgresql":
    # A migration that waits for a busy table must not hold everyone behind it.
    connection.exec_driver_sql("SET lock_timeout = '5s'")
with context.begin_transaction():
    context.run_migrations()
