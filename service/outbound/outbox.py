"""The outbox: what each platform was told, and what it must be told now.

One row is one statement about one conversion (or one click's share of it), known to the platform by
its order id; a correction is a new row of the next revision. States:

    new         not given out yet
    sent        given out, not confirmed; a file holds it again until it is
    accepted    confirmed by the platform's answer, by hand, or by the time that was agreed
    rejected    refused by the platform for good, with its answer
    restated, retracted
                given out once, and followed by a correction
    withdrawn   changed before it was given out, or where rows are pushed, before it was taken
    erased      of a person who was erased: emptied, and never contradicted
    unsupported a correction for a platform that takes none
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, Engine, Row, func, insert, select, text, update

from service.attribution.models import parse_models
from service.kit.db import reading
from service.kit.errors import NotFound
from service.kit.money import to_number
from service.kit.time import Period, from_micros, iso, parse_duration, to_micros
from service.ledger.erasure import TOLD_NO_MORE
from service.ledger.tables import TABLES
from service.outbound.candidates import statements_of
from service.outbound.destinations import Destination
from service.outbound.platform import MILLION, Platform, Statement, platforms
from service.reports.desk import ReportDesk
from service.reports.question import Question

OUTBOX = TABLES["outbox"]
GIVEN_OUT = ("sent", "accepted")
OPEN = ("new", "sent")
UNTOLD = ("new", "unsupported")
# Any constant, as long as every process takes the same.
OUTBOX_LOCK = 0x6F757462


def question_of(destination: Destination, currency: str, now: datetime) -> Question:
    """The conversions that the platform still takes."""
    window = platforms()[destination.platform].window
    return Question(
        period=Period(now - window, now + timedelta(seconds=1), ZoneInfo("UTC")),
        currency=destination.currency or currency,
        conversion=destination.conversion,
        models=parse_models(destination.model),
        lookback=parse_duration(destination.lookback),
    )


def refresh(
    engine: Engine, desk: ReportDesk, destination: Destination, currency: str, now: datetime
) -> dict[str, int]:
    """Bring the outbox up to what is true now; gives how many rows of each kind were added.

    Rows that were sent and not contradicted for `confirm_hours` count as accepted.
    """
    platform = platforms()[destination.platform]
    question = question_of(destination, currency, now)
    with desk.reading(question) as mart:
        statements = statements_of(mart, engine, question, platform)
    with engine.begin() as connection:
        _serialise(connection)
        _confirm_old(connection, destination, now)
        added = _take_in(connection, destination, platform, statements, question, now)
    return dict(sorted(added.items()))


def _serialise(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": OUTBOX_LOCK})


def _confirm_old(connection: Connection, destination: Destination, now: datetime) -> None:
    if destination.is_pushed:  # its answers say
        return
    since = now - timedelta(hours=destination.confirm_hours)
    connection.execute(
        update(OUTBOX)
        .where(OUTBOX.c.destination == destination.name, OUTBOX.c.state == "sent")
        .where(OUTBOX.c.sent_at <= since)
        .values(state="accepted", answered_at=now, answer="not contradicted in the time agreed")
    )


def _take_in(
    connection: Connection,
    destination: Destination,
    platform: Platform,
    statements: Sequence[Statement],
    question: Question,
    now: datetime,
) -> Counter[str]:
    last = _last_rows(connection, destination.name)
    # What was pushed and not taken was not told: the platform knows its id, if it did take it.
    untaken = OPEN if destination.is_pushed else ("new",)
    rows: list[dict[str, Any]] = []
    for statement in statements:
        payload = _canonical(statement.to_payload())
        before = last.pop(statement.order_id, None)
        if before is None:
            rows.append(_row(destination, statement.order_id, 1, "report", payload, now))
        elif action := _next_action(before, payload, untaken):
            _close(connection, before, action, untaken)
            revision = before.revision + 1
            rows.append(_row(destination, before.order_id, revision, action, payload, now))
    for before in last.values():
        # What the window has left is what it was; what is gone from the window is no conversion.
        if from_micros(orjson.loads(before.payload)["occurred_at"]) < question.period.start:
            continue
        if before.state in untaken and before.action == "report":
            _close(connection, before, "report", untaken)
        elif _next_action(before, None, untaken):
            _close(connection, before, "retract", untaken)
            revision = before.revision + 1
            rows.append(
                _row(destination, before.order_id, revision, "retract", before.payload, now)
            )
    for row in rows:
        if row["action"] != "report" and not platform.corrects:
            row["state"] = "unsupported"
    if rows:
        connection.execute(insert(OUTBOX), rows)
    return Counter(row["action"] for row in rows)


def _next_action(before: Row[Any], payload: str | None, untaken: Collection[str]) -> str:
    """What follows the newest row of an order id now that `payload` is true, or nothing is (None);
    empty where nothing needs to be said."""
    if before.state == TOLD_NO_MORE:
        return ""
    same = payload is not None and before.digest == _digest(payload)
    given_out = before.state in GIVEN_OUT and before.state not in untaken
    told = given_out or before.action == "restate"
    if before.action == "retract":
        # One that was not given out yet is put right; after one that was, all begins anew.
        return "" if payload is None else "restate" if before.state in UNTOLD else "report"
    if before.state == "withdrawn":
        return "" if payload is None else "report"
    if not told:
        return "" if same or payload is None else "report"
    return "retract" if payload is None else "" if same else "restate"


def _close(connection: Connection, before: Row[Any], action: str, untaken: Collection[str]) -> None:
    """Say of a row that another one follows it."""
    if before.state in untaken:
        state = "withdrawn"
    elif before.state in GIVEN_OUT:
        state = "retracted" if action == "retract" else "restated"
    else:
        return
    connection.execute(update(OUTBOX).where(OUTBOX.c.id == before.id).values(state=state))


def _last_rows(connection: Connection, name: str) -> dict[str, Row[Any]]:
    """The newest revision of every order id."""
    newest = (
        select(OUTBOX.c.order_id, func.max(OUTBOX.c.revision).label("revision"))
        .where(OUTBOX.c.destination == name)
        .group_by(OUTBOX.c.order_id)
        .subquery()
    )
    rows = connection.execute(
        select(OUTBOX)
        .join(
            newest,
            (newest.c.order_id == OUTBOX.c.order_id) & (newest.c.revision == OUTBOX.c.revision),
        )
        .where(OUTBOX.c.destination == name)
    )
    return {row.order_id: row for row in rows}


def _row(
    destination: Destination, order_id: str, revision: int, action: str, payload: str, now: datetime
) -> dict[str, Any]:
    return {
        "destination": destination.name,
        "order_id": order_id,
        "revision": revision,
        "action": action,
        "digest": _digest(payload),
        "payload": payload,
        "state": "new",
        "created_at": now,
        "attempts": 0,
    }


def _canonical(payload: dict[str, Any]) -> str:
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode()


def _digest(payload: str) -> str:
    return blake2b(payload.encode(), digest_size=16).hexdigest()


def give_out(
    engine: Engine, destination: Destination, document: str, now: datetime
) -> tuple[bytes, str, list[int]]:
    """The platform's file of everything not confirmed yet: bytes, media type and the rows' ids.

    Its rows are `sent` from now on. Asking again gives the same rows in the same order until they
    are confirmed, for a platform knows an order id again. Raises NotFound for a document that the
    platform does not have.
    """
    platform = platforms()[destination.platform]
    if document not in platform.documents:
        known = ", ".join(platform.documents)
        raise NotFound("no_such_document", f"The files of {platform.title} are {known}.")
    chosen = platform.documents[document]
    with engine.begin() as connection:
        _serialise(connection)
        rows = open_rows(connection, destination.name, chosen.actions)
        fresh = [row.id for row in rows if row.state == "new"]
        for start in range(0, len(fresh), 500):
            connection.execute(
                update(OUTBOX)
                .where(OUTBOX.c.id.in_(fresh[start : start + 500]))
                .values(state="sent", sent_at=now)
            )
    body = chosen.write([statement_of(row) for row in rows], destination)
    return body, chosen.media_type, [row.id for row in rows]


def open_rows(
    connection: Connection, name: str, actions: Iterable[str], limit: int = 100_000
) -> Sequence[Row[Any]]:
    """Rows that are not confirmed, in the order in which they came in."""
    return connection.execute(
        select(OUTBOX)
        .where(OUTBOX.c.destination == name, OUTBOX.c.state.in_(OPEN))
        .where(OUTBOX.c.action.in_(sorted(actions)))
        .order_by(OUTBOX.c.id)
        .limit(limit)
    ).all()


def statement_of(row: Row[Any]) -> Statement:
    payload = orjson.loads(row.payload)
    return Statement.from_payload(row.order_id, row.action, to_micros(row.created_at), payload)


def confirm(
    engine: Engine, name: str, through: int | None, state: str, answer: str, now: datetime
) -> int:
    """Mark what was sent (up to the row `through`) `accepted` or `rejected`; gives how many."""
    chosen = update(OUTBOX).where(OUTBOX.c.destination == name, OUTBOX.c.state == "sent")
    if through is not None:
        chosen = chosen.where(OUTBOX.c.id <= through)
    with engine.begin() as connection:
        done = connection.execute(chosen.values(state=state, answered_at=now, answer=answer[:500]))
    return int(done.rowcount)


def counts_of(engine: Engine) -> dict[str, dict[str, int]]:
    """Rows by destination and state."""
    counted = select(OUTBOX.c.destination, OUTBOX.c.state, func.count()).group_by(
        OUTBOX.c.destination, OUTBOX.c.state
    )
    found: dict[str, dict[str, int]] = {}
    with reading(engine).connect() as connection:
        for name, state, count in connection.execute(counted):
            found.setdefault(name, {})[state] = count
    return {name: dict(sorted(states.items())) for name, states in found.items()}


def list_rows(
    engine: Engine, name: str, limit: int, before: int | None, state: str | None
) -> dict[str, Any]:
    """Rows of a destination, newest first: `items` and `next`."""
    chosen = select(OUTBOX).where(OUTBOX.c.destination == name)
    if before is not None:
        chosen = chosen.where(OUTBOX.c.id < before)
    if state is not None:
        chosen = chosen.where(OUTBOX.c.state == state)
    with reading(engine).connect() as connection:
        rows = connection.execute(chosen.order_by(OUTBOX.c.id.desc()).limit(limit + 1)).all()
    items = [_shown(row) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def _shown(row: Row[Any]) -> dict[str, Any]:
    statement = statement_of(row)
    return {
        "id": row.id,
        "order_id": row.order_id,
        "revision": row.revision,
        "conversion_id": statement.conversion_id,
        "action": row.action,
        "state": row.state,
        "occurred_at": iso(statement.occurred_at),
        "value": to_number(statement.value_minor, statement.currency),
        "currency": statement.currency,
        "credit": statement.credit / MILLION,
        "click_id": statement.click[0] if statement.click else None,
        "matched_by": sorted(statement.identifiers),
        "created_at": iso(to_micros(row.created_at)),
        "sent_at": iso(to_micros(row.sent_at)) if row.sent_at else None,
        "answer": row.answer or "",
    }
