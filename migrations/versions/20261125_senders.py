"""What senders of many kinds need: hooks, configuration, tasks, pulls, the outbox, hourly counts."""

import sqlalchemy as sa
from alembic import op

revision = "20261125_senders"
down_revision = "20261101_ledger"
branch_labels = None
depends_on = None

RISING_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _source() -> sa.Column:
    return sa.Column("source_id", sa.Integer(), nullable=False)


def _to_source(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["source_id"], ["sources.id"], name=f"fk_{table}_source_id_sources"
    )


def upgrade() -> None:
    op.add_column(
        "quarantine",
        sa.Column("format", sa.Text(), nullable=False, server_default="native"),
    )
    op.add_column("quarantine", sa.Column("replayed_at", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("quarantine", sa.Column("marks", sa.Text(), nullable=False, server_default=""))
    op.add_column("intake_counts", sa.Column("last_at", sa.BigInteger(), nullable=True))
    op.add_column("intake_counts", sa.Column("newest_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "intake_hours",
        _source(),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "hour", "outcome", name="pk_intake_hours"),
        _to_source("intake_hours"),
    )
    op.create_table(
        "configurations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_configurations"),
        sa.UniqueConstraint("name", "version", name="uq_configurations_name_version"),
    )
    op.create_table(
        "hooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
        sa.UniqueConstraint("key_id", name="uq_hooks_key_id"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name="fk_hooks_key_id_keys"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", RISING_ID, sa.Identity(always=False), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        _source(),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.UniqueConstraint("kind", "name", name="uq_tasks_kind_name"),
        _to_source("tasks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tasks_due_at", "tasks", ["state", "due_at"])
    op.create_table(
        "pulls",
        _source(),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source_id", name="pk_pulls"),
        _to_source("pulls"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", RISING_ID, sa.Identity(always=False), primary_key=True, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.UniqueConstraint(
            "destination", "order_id", "revision", name="uq_outbox_destination_order_id_revision"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_destination_state", "outbox", ["destination", "state"])
    op.create_table(
        "daily_salts",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_daily_salts"),
    )


def downgrade() -> None:
    raise RuntimeError(
        "going below this version would drop the hooks and what is on its way to the platforms; "
        "restore a backup instead"
    )
