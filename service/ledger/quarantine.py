"""The quarantine: what was sent and not taken. Each item ends once, replayed or dismissed.

Invariant: an item's end and the facts that came of it are one transaction, in which its count moves
from its code to what became of it. A replay that is repeated, or cut off, changes nothing twice.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, update
from sqlmodel import Session, col, func, select

from service.kit.db import reading
from service.kit.errors import Conflict, NotFound, Refusal
from service.kit.time import iso, to_micros
from service.ledger.append import Batch, NewFact, Receipt, count_facts, take_facts
from service.ledger.counting import Tally, newest
from service.ledger.nameless import ERASED
from service.ledger.tables import TABLES, Quarantined, Source

State = Literal["open", "ended", "all"]
STATES: Final = ("open", "ended", "all")
TAKEN: Final = ("accepted", "duplicate")
"""Outcomes of an item that is in the ledger now, and cannot be taken again."""

QUARANTINE = TABLES["quarantine"]


def list_quarantine(
    engine: Engine,
    limit: int,
    before: int | None = None,
    source: str | None = None,
    code: str | None = None,
    state: State = "open",
) -> dict[str, Any]:
    """Refused items, newest first: `items`, and `next`, the id to go on `before`, or None."""
    statement = (
        select(Quarantined, Source)
        .where(col(Quarantined.source_id) == col(Source.id))
        .order_by(col(Quarantined.id).desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(col(Quarantined.id) < before)
    if source is not None:
        statement = statement.where(Source.name == source)
    if code is not None:
        statement = statement.where(Quarantined.code == code)
    if state != "all":
        ended = col(Quarantined.outcome)
        statement = statement.where(ended.is_(None) if state == "open" else ended.is_not(None))
    with Session(reading(engine)) as session:
        rows = session.exec(statement).all()
        items = [_item(row, owner) for row, owner in rows[:limit]]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def count_open(engine: Engine) -> dict[tuple[str, str], int]:
    """How many items lie open, by source and code."""
    counted = (
        select(Source.name, Quarantined.code, func.count())
        .where(col(Quarantined.source_id) == col(Source.id), col(Quarantined.outcome).is_(None))
        .group_by(Source.name, Quarantined.code)
        .order_by(Source.name, Quarantined.code)
    )
    with Session(reading(engine)) as session:
        return {(source, code): count for source, code, count in session.exec(counted)}


def open_ids(
    engine: Engine, limit: int, after: int = 0, source: str | None = None, code: str | None = None
) -> list[int]:
    """Ids of open items above `after`, oldest first: the order in which they are replayed."""
    statement = (
        select(Quarantined.id)
        .where(col(Quarantined.source_id) == col(Source.id))
        .where(col(Quarantined.id) > after, col(Quarantined.outcome).is_(None))
        .order_by(col(Quarantined.id))
        .limit(limit)
    )
    if source is not None:
        statement = statement.where(Source.name == source)
    if code is not None:
        statement = statement.where(Quarantined.code == code)
    with Session(reading(engine)) as session:
        return [found or 0 for found in session.exec(statement)]


def find_quarantined(engine: Engine, item_id: int) -> dict[str, Any]:
    """One item as of `list_quarantine`. Raises NotFound."""
    with Session(reading(engine)) as session:
        found = session.exec(
            select(Quarantined, Source)
            .where(col(Quarantined.source_id) == col(Source.id))
            .where(Quarantined.id == item_id)
        ).first()
        if found is None:
            raise _unknown(item_id)
        return _item(*found)


def _item(row: Quarantined, owner: Source) -> dict[str, Any]:
    return {
        "id": row.id,
        "source": owner.name,
        "source_id": owner.id,
        "received_at": iso(to_micros(row.received_at)),
        "code": row.code,
        "field": row.field,
        "detail": row.detail,
        "fact_id": row.fact_id,
        "format": row.format,
        "marks": [mark for mark in row.marks.split(",") if mark],
        "raw": row.raw,
        "outcome": row.outcome,
        "replayed_at": iso(to_micros(row.replayed_at)) if row.replayed_at else None,
    }


def append_replayed(
    engine: Engine, item_id: int, facts: Sequence[NewFact], now: datetime
) -> Receipt:
    """Take the facts that a quarantined item gave, all or none, and end it.

    Returns an empty receipt where another replay ended it first.
    Raises NotFound; Refusal where a fact's id was used before with other content, or names a person
    who was erased.
    """
    with engine.begin() as connection:
        row = _lock(connection, item_id)
        if row.outcome in TAKEN:
            return Receipt()
        (receipt,) = take_facts(connection, [Batch(facts)])
        if receipt.refused:
            detail = receipt.refused[0].detail
            if receipt.refused[0].code == ERASED:
                raise Refusal("erased", "identifiers", detail)
            raise Refusal("conflict", "id", f"{detail} The item stays.")
        tally = Tally()
        newest_at = newest(fact.occurred_at for fact in facts)
        count_facts(tally, row.source_id, receipt, None, newest_at)
        _end(connection, tally, row, "accepted" if receipt.accepted else "duplicate", now)
    return receipt


def dismiss_quarantined(engine: Engine, item_id: int, now: datetime) -> None:
    """End an item without taking it; it stays readable, and may still be replayed.

    Raises NotFound; Conflict where it was replayed.
    """
    with engine.begin() as connection:
        row = _lock(connection, item_id)
        if row.outcome in TAKEN:
            raise Conflict("quarantine_ended", f"Item {item_id} was replayed before.")
        if row.outcome is None:
            _end(connection, Tally(), row, "dismissed", now)


def _lock(connection: Connection, item_id: int) -> Any:
    wanted = (
        select(QUARANTINE.c.id, QUARANTINE.c.source_id, QUARANTINE.c.code, QUARANTINE.c.outcome)
        .where(QUARANTINE.c.id == item_id)
        .with_for_update()
    )
    row = connection.execute(wanted).first()
    if row is None:
        raise _unknown(item_id)
    return row


def _end(connection: Connection, tally: Tally, row: Any, outcome: str, now: datetime) -> None:
    """Write the item's end; its count moves from what it was to what it is."""
    connection.execute(
        update(QUARANTINE).where(QUARANTINE.c.id == row.id).values(outcome=outcome, replayed_at=now)
    )
    tally.add(row.source_id, row.outcome or row.code, -1, None)
    if outcome not in TAKEN:
        tally.add(row.source_id, outcome, 1, None)
    tally.write(connection)


def _unknown(item_id: int) -> NotFound:
    return NotFound("no_such_item", f"There is no item {item_id} in the quarantine.")
