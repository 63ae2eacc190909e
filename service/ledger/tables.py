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
    format: str = Field(
        default="native",
        sa_column=Column(Text, nullable=False, server_default="native"),
        description="wire format, or the kind of an imported item: who reads it again",
    )
    replayed_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = Field(
        default=None, sa_type=Text, description="accepted, duplicate or dismissed, once it ended"
    )
    marks: str = Field(
        default="",
        sa_column=Column(Text, nullable=False, server_default=""),
        description="what of its request the message does not say: public, denied; a comma list",
    )


class IntakeCount(SQLModel, table=True):
    """How many items of a source ended how, since the beginning: survives every restart."""

    __tablename__ = "intake_counts"

    source_id: int = Field(foreign_key="sources.id", primary_key=True)
    outcome: str = Field(
        sa_type=Text,
        primary_key=True,
        description="accepted, duplicate, dismissed, or a code; flag:NAME; request:CODE",
    )
    count: int = Field(sa_type=BigInteger)
    last_at: datetime | None = Field(
        default=None, sa_type=Instant, description="when the latest of them was received"
    )
    newest_at: datetime | None = Field(
        default=None, sa_type=Instant, description="the latest moment that any of them tells of"
    )


class IntakeHour(SQLModel, table=True):
    """The same by hour of arrival, for rates; old hours may be deleted."""

    __tablename__ = "intake_hours"

    source_id: int = Field(foreign_key="sources.id", primary_key=True)
    hour: datetime = Field(sa_type=Instant, primary_key=True)
    outcome: str = Field(sa_type=Text, primary_key=True)
    count: int = Field(sa_type=BigInteger)


class Setting(SQLModel, table=True):
    """One version of a named piece of configuration; the newest holds, none is changed."""

    __tablename__ = "configurations"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_type=Text, description="such as hook:3 or campaigns")
    version: int
    value: str = Field(sa_type=Text, description="canonical JSON")
    created_at: datetime = Field(sa_type=Instant)
    author: str = Field(sa_type=Text)


class Hook(SQLModel, table=True):
    """An address of its own for a sender that can do no better than post to one: a CRM's webhooks,
    an ad network's postbacks. Its key stands in the address and opens nothing else; what its
    sender's words mean is the configuration `hook:ID`."""

    __tablename__ = "hooks"

    id: int | None = Field(default=None, primary_key=True)
    key_id: int = Field(foreign_key="keys.id", unique=True)
    kind: str = Field(sa_type=Text, description="the wire format")
    created_at: datetime = Field(sa_type=Instant)


class Task(SQLModel, table=True):
    """Something to be done later and again until it succeeds, across restarts."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        Index("ix_tasks_due_at", "state", "due_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, sa_column=Column(RisingId, Identity(always=False), primary_key=True)
    )
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text, description="once only within its kind")
    source_id: int = Field(foreign_key="sources.id")
    payload: str = Field(sa_type=Text, description="JSON")
    state: str = Field(sa_type=Text, description="waiting, done or failed")
    attempts: int = Field(default=0)
    due_at: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = Field(default=None, sa_type=Text)


class Pull(SQLModel, table=True):
    """How far a scheduled pull has come, and how its last attempts went."""

    __tablename__ = "pulls"

    source_id: int = Field(foreign_key="sources.id", primary_key=True)
    platform: str = Field(sa_type=Text)
    cursor: str | None = Field(default=None, sa_type=Text, description="last day that is complete")
    next_at: datetime = Field(sa_type=Instant)
    succeeded_at: datetime | None = Field(default=None, sa_type=Instant)
    failing_since: datetime | None = Field(default=None, sa_type=Instant)
    failures: int = Field(default=0, description="one after another")
    last_error: str | None = Field(default=None, sa_type=Text)


class Outgoing(SQLModel, table=True):
    """One statement to an ad platform about one conversion. A correction is a new row of the same
    `order_id` with the next revision."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("destination", "order_id", "revision"),
        Index("ix_outbox_destination_state", "destination", "state"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(
        default=None, sa_column=Column(RisingId, Identity(always=False), primary_key=True)
    )
    destination: str = Field(sa_type=Text, description="platform and name of the export")
    order_id: str = Field(sa_type=Text, description="stable, by which the platform knows it")
    revision: int
    action: str = Field(sa_type=Text, description="report, restate or retract")
    digest: str = Field(sa_type=Text, description="of what is said, to see whether it changed")
    payload: str = Field(sa_type=Text, description="JSON")
    state: str = Field(sa_type=Text, description="new, sent, accepted, rejected or superseded")
    created_at: datetime = Field(sa_type=Instant)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    answer: str | None = Field(default=None, sa_type=Text)
    attempts: int = Field(default=0)


class DailySalt(SQLModel, table=True):
    """The salt of cookieless visitors; each is deleted soon after its day."""

    __tablename__ = "daily_salts"

    day: str = Field(sa_type=Text, primary_key=True)
    salt: str = Field(sa_type=Text)


class Erasure(SQLModel, table=True):
    """One person was taken out of the ledger: when, who asked, and how much there was."""

    __tablename__ = "erasures"

    id: int | None = Field(default=None, primary_key=True)
    erased_at: datetime = Field(sa_type=Instant)
    author: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text, description="of all digests of this ledger, hexadecimal")
    seq: int = Field(sa_type=BigInteger, description="of the fact that tells of it")
    identifiers: int
    facts: int = Field(description="that named the person and name nobody now")
    quarantined: int = Field(description="refused items deleted")
    tasks: int = Field(description="deleted")
    outgoing: int = Field(description="statements to ad platforms emptied")


class Tombstone(SQLModel, table=True):
    """The keyed digest of an identifier that was erased, or of a lead, deal or order of his."""

    __tablename__ = "tombstones"

    digest: str = Field(sa_type=Text, primary_key=True)
    ends_at: datetime = Field(
        sa_type=Instant, description="what happened later may name the person anew"
    )
    stand_in: str | None = Field(
        default=None, sa_type=Text, description="of a record: what stands for its person now"
    )


TABLES = SQLModel.metadata.tables
