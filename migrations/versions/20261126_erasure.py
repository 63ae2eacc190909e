"""What erasures leave behind: who asked for them and when, and keyed digests that keep what was
erased from coming back."""

import sqlalchemy as sa
from alembic import op

revision = "20261126_erasure"
down_revision = "20261125_senders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("identifiers", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("outgoing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("stand_in", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_tombstones"),
    )


def downgrade() -> None:
    raise RuntimeError(
        "going below this version would let what was erased come back; restore a backup instead"
    )
