"""The ledger: append-only facts and what is needed to receive them. The only state to back up.

Rows are built in `append.py` and `keys.py` alone: SQLModel table classes do not validate.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.kit.db import Instant

# SQLite gives rising, never reused row ids only to INTEGER PRIMARY KEY AUTOINCREMENT.
RisingId = BigInteger().with_variant(Integer(), "sqlite")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING


class Source(SQLModel, table=True):
    """A sender of facts."""

    __tablename__ = "sources"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=Text, unique=True)
    created_at: datetime = Field(sa_type=Instant)


class Key(SQLModel, table=True):
    """A key of a source; the key itself is known to its holder alone, here rests its SHA-256."""

    __tablename__ = "keys"

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="sources.id", index=True)
    name: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text, description="comma list")
    digest: str = Field(sa_type=Text, unique=True)
    hint: str = Field(sa_type=Text, description="first and last characters, to recognise it by")
    created_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class Fact(SQLModel, table=True):
    """One immutable fact.

    `seq` is a total order that a reader can tail: rows become visible in its order.
    `payload` is canonical JSON (sorted keys). `subject` is set where a later fact restates an
    earlier one without naming it (spend lines, rates).
    """

    __tablename__ = "facts"
    __table_args__ = (
        UniqueConstraint("source_id", "fact_id"),
        Index(
            "ix_facts_subject",
            "subject",
            "seq",
            sqlite_where=Column("subject", Text).is_not(None),
            postgresql_where=Column("subject", Text).is_not(None),
        ),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = Field(
        default=None, sa_column=Column(RisingId, Identity(always=False), primary_key=True)
    )
    source_id: int = Field(foreign_key="sources.id")
    fact_id: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=Instant)
    received_at: datetime = Field(sa_type=Instant)
    payload: str = Field(sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)


class Quarantined(SQLModel, table=True):
    """What was sent and not taken, with the reason, so that it can be repaired and sent again."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index("ix_quarantine_source_id_code", "source_id", "code"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, sa_column=Column(RisingId, Identity(always=False), primary_key=True)
    )
    source_id: int = Field(foreign_key="sources.id")
    received_at: datetime = Field(sa_type=Instant)
    code: str = Field(sa_type=Text)
    field: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    fact_id: str = Field(sa_type=Text)
    raw: str = Field(sa_type=Text, description="what was sent, as JSON, at most 32 KiB")


class IntakeCount(SQLModel, table=True):
    """How many items of a source ended how, since the beginning: survives every restart."""

    __tablename__ = "intake_counts"

    source_id: int = Field(foreign_key="sources.id", primary_key=True)
    outcome: str = Field(
        sa_type=Text, primary_key=True, description="accepted, duplicate, or a code"
    )
    count: int = Field(sa_type=BigInteger)


TABLES = SQLModel.metadata.tables
