"""What the tables take: aware moments, to the microsecond, and whole numbers of 64 bits."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, SQLModel, select

from service.ledger.tables import Fact, IntakeCount, Key, Quarantined, Source
from tests.ledger.samples import NOW, Ledger

NAIVE = datetime(2026, 3, 1, 10)  # noqa: DTZ001  a naive moment is what must be refused


def _fact(ledger: Ledger, **changed: object) -> Fact:
    given = {
        "source_id": ledger.web,
        "fact_id": "e1",
        "type": "page",
        "occurred_at": NOW,
        "received_at": NOW,
        "payload": "{}",
    }
    return Fact(**(given | changed))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(lambda _: Source(name="x", created_at=NAIVE), id="source"),
        pytest.param(lambda ledger: _fact(ledger, occurred_at=NAIVE), id="occurred_at"),
        pytest.param(lambda ledger: _fact(ledger, received_at=NAIVE), id="received_at"),
        pytest.param(
            lambda ledger: Quarantined(
                source_id=ledger.web, received_at=NAIVE, code="c", field="", detail="", fact_id="",
                raw="",
            ),
            id="quarantine",
        ),
        pytest.param(
            lambda ledger: Key(
                source_id=ledger.web, name="n", scopes="read", digest="d", hint="h",
                created_at=NOW, revoked_at=NAIVE,
            ),
            id="key",
        ),
    ],
)  # fmt: skip
def test_a_naive_moment_is_refused(ledger: Ledger, row: object) -> None:
    with (
        pytest.raises(StatementError, match="without a time zone"),
        Session(ledger.engine) as session,
        session.begin(),
    ):
        session.add(row(ledger))  # type: ignore[operator]


def test_a_moment_comes_back_the_same_in_utc(ledger: Ledger) -> None:
    there = datetime(1990, 1, 1, 3, 0, 0, 1, tzinfo=timezone(timedelta(hours=3)))
    with Session(ledger.engine) as session, session.begin():
        session.add(_fact(ledger, occurred_at=there, received_at=datetime.max.replace(tzinfo=UTC)))
    with Session(ledger.engine) as session:
        found = session.exec(select(Fact)).one()
    assert found.occurred_at == datetime(1990, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert found.occurred_at.tzinfo is UTC
    assert found.received_at == datetime.max.replace(tzinfo=UTC)
    with ledger.engine.connect() as connection:
        micros = connection.execute(text("SELECT occurred_at FROM facts")).scalar()
    assert micros == 631_152_000_000_001


def test_counts_pass_thirty_two_bits(ledger: Ledger) -> None:
    with Session(ledger.engine) as session, session.begin():
        session.add(IntakeCount(source_id=ledger.web, outcome="accepted", count=2**40))
    assert ledger.counts() == {(ledger.web, "accepted"): 2**40}


def test_the_same_source_and_id_fit_once(ledger: Ledger) -> None:
    for expected in (None, IntegrityError):
        with Session(ledger.engine) as session:
            session.add(_fact(ledger))
            if expected is None:
                session.commit()
            else:
                with pytest.raises(expected):
                    session.commit()


def test_a_seq_is_never_used_again(ledger: Ledger) -> None:
    ledger.append(ledger.facts("e1=x", "e2=x"))
    before = [seq for (seq,) in ledger.rows("seq")]
    with ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM facts"))
    ledger.append(ledger.facts("e1=x"))
    assert ledger.rows("seq")[0][0] > max(before)


def test_every_moment_is_a_column_of_instants() -> None:
    moments = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.tables.values()
        for column in table.columns
        if column.name.endswith(("_at", "_since")) or column.name == "hour"
    }
    instants = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.tables.values()
        for column in table.columns
        if type(column.type).__name__ == "Instant"
    }
    assert moments == instants
