"""Read the quarantine."""

from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from service.kit.db import reading
from service.kit.time import iso, to_micros
from service.ledger.tables import Quarantined, Source


def list_quarantine(
    engine: Engine,
    limit: int,
    before: int | None = None,
    source: str | None = None,
    code: str | None = None,
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
    with Session(reading(engine)) as session:
        rows = session.exec(statement).all()
        items = [
            {
                "id": row.id,
                "source": owner.name,
                "received_at": iso(to_micros(row.received_at)),
                "code": row.code,
                "field": row.field,
                "detail": row.detail,
                "fact_id": row.fact_id,
                "raw": row.raw,
            }
            for row, owner in rows[:limit]
        ]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}
