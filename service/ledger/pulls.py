"""The state of scheduled pulls, kept across restarts and shared by all processes.

`next_at` is also a lease: whoever takes a pull moves it ahead, and nobody else takes it before. A
process that dies leaves its pull to the others once the lease is over.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.kit.db import reading
from service.kit.time import iso, to_micros
from service.ledger.tables import TABLES

PULLS, SOURCES, FACTS = TABLES["pulls"], TABLES["sources"], TABLES["facts"]
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class PullState:
    """How far a pull has come: `cursor` is the last day that is complete."""

    source_id: int
    cursor: str | None
    failures: int


def take_pull(
    engine: Engine, source_id: int, platform: str, now: datetime, until: datetime, due: bool = True
) -> PullState | None:
    """Take the pull for oneself until then; None where it is not due, or somebody else has it.

    Args: due: only when its time has come; False takes it in any case.
    """
    fresh = {"source_id": source_id, "platform": platform, "next_at": now, "failures": 0}
    try:
        with engine.begin() as connection:
            connection.execute(insert(PULLS).values(fresh))
    except IntegrityError:  # it is known already
        pass
    with engine.begin() as connection:
        mine = update(PULLS).where(PULLS.c.source_id == source_id)
        if due:
            mine = mine.where(PULLS.c.next_at <= now)
        taken = connection.execute(mine.values(next_at=until, platform=platform))
        if not taken.rowcount:
            return None
        row = connection.execute(select(PULLS).where(PULLS.c.source_id == source_id)).one()
    return PullState(source_id, row.cursor, row.failures)


def note_progress(engine: Engine, source_id: int, cursor: str, until: datetime) -> None:
    """A part is in the ledger: the next run goes on from here, and the lease is renewed."""
    _set(engine, source_id, cursor=cursor, next_at=until)


def note_success(engine: Engine, source_id: int, now: datetime, next_at: datetime) -> None:
    """The run came to its end."""
    _set(
        engine,
        source_id,
        succeeded_at=now,
        next_at=next_at,
        failing_since=None,
        failures=0,
        last_error=None,
    )


def note_failure(
    engine: Engine, source_id: int, now: datetime, next_at: datetime, error: str
) -> None:
    """The run failed; `error` is shown to people and holds no secret."""
    with engine.begin() as connection:
        mine = PULLS.c.source_id == source_id
        row = connection.execute(select(PULLS).where(mine)).one()
        connection.execute(
            update(PULLS)
            .where(mine)
            .values(
                failures=row.failures + 1,
                failing_since=row.failing_since or now,
                last_error=error[:LONGEST_ERROR],
                next_at=next_at,
            )
        )


def _set(engine: Engine, source_id: int, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(PULLS).where(PULLS.c.source_id == source_id).values(**values))


def list_pulls(engine: Engine) -> list[dict[str, Any]]:
    """Every pull that was ever taken, by the id of its source; instants as ISO 8601 UTC.

    `state`: `failing` after a run that failed, `waiting` before the first success, else `good`.
    """
    statement = (
        select(PULLS, SOURCES.c.name.label("source"))
        .where(PULLS.c.source_id == SOURCES.c.id)
        .order_by(PULLS.c.source_id)
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(statement).all()
    return [
        {
            "source_id": row.source_id,
            "source": row.source,
            "platform": row.platform,
            "state": "failing" if row.failures else "good" if row.succeeded_at else "waiting",
            "cursor": row.cursor,
            "next_at": _moment(row.next_at),
            "succeeded_at": _moment(row.succeeded_at),
            "failing_since": _moment(row.failing_since),
            "failures": row.failures,
            "last_error": row.last_error,
        }
        for row in rows
    ]


def _moment(value: datetime | None) -> str | None:
    return None if value is None else iso(to_micros(value))


def stated_spend(
    engine: Engine, source_id: int, first_day: str, last_day: str
) -> dict[str, dict[str, Any]]:
    """What the source last said of each of its spend lines on these days: subject → payload."""
    statement = (
        select(FACTS.c.subject, FACTS.c.payload)
        .where(
            FACTS.c.source_id == source_id,
            FACTS.c.type == "spend",
            FACTS.c.subject >= f"{first_day}:",
            FACTS.c.subject < f"{last_day};",  # the sign after the colon
        )
        .order_by(FACTS.c.occurred_at, FACTS.c.fact_id)
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(statement).all()
    return {row.subject: orjson.loads(row.payload) for row in rows}
