"""The ledger: sources, keys, facts, quarantine, counts."""

import sqlalchemy as sa
from alembic import op

revision = "20261101_ledger"
down_revision = None
branch_labels = None
depends_on = None

RISING_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("name", name="uq_sources_name"),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("digest", name="uq_keys_digest"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_keys_source_id_sources"),
    )
    op.create_index("ix_keys_source_id", "keys", ["source_id"])
    op.create_table(
        "facts",
        sa.Column("seq", RISING_ID, sa.Identity(always=False), primary_key=True, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("fact_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.UniqueConstraint("source_id", "fact_id", name="uq_facts_source_id_fact_id"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_facts_source_id_sources"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_facts_subject",
        "facts",
        ["subject", "seq"],
        sqlite_where=sa.text("subject IS NOT NULL"),
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", RISING_ID, sa.Identity(always=False), primary_key=True, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_quarantine_source_id_sources"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quarantine_source_id_code", "quarantine", ["source_id", "code"])
    op.create_table(
        "intake_counts",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "outcome", name="pk_intake_counts"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_intake_counts_source_id_sources"
        ),
    )


def downgrade() -> None:
    raise RuntimeError(
        "going below the first version would drop the facts; restore a backup instead"
    )
