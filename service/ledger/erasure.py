"""Erasing a person from the ledger, the one exception to its facts never changing.

What happened stays, so that every report keeps its numbers, of now and as of any moment; whom it
happened to goes: each of his identifiers becomes a random one, all that may tell who he is leaves
the facts, and tombstones keep it from coming back (`tombstones`). One transaction does all of it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, text, update

from service.kit.db import is_sqlite, reading
from service.kit.errors import Refusal
from service.kit.time import iso, to_micros
from service.ledger.append import FACTS, LOOKUP_ROWS, QUARANTINE, serialise_writers
from service.ledger.insert import insert_facts, newest_seq
from service.ledger.keys import ensure_source_id
from service.ledger.nameless import between, nameless, people_in, stand_ins, value_of
from service.ledger.read import Tail, last_seq
from service.ledger.tables import TABLES
from service.ledger.tombstones import ERASURES, digest_with, ledger_key, record_of, set_stones

OUTBOX = TABLES["outbox"]
TASKS = TABLES["tasks"]
SOURCE = "throughline"
CHUNK_FACTS = 200_000
TOLD_NO_MORE = "erased"
"""State of a statement to an ad platform that is emptied and followed by none."""

TELLING = {
    QUARANTINE: ("raw", "detail", "field", "fact_id"),
    TASKS: ("payload", "name", "last_error"),
}
"""Texts beside the facts that may name anybody."""

_NAMING = """
SELECT DISTINCT seq FROM (
    SELECT seq, UNNEST(CAST(payload -> '$.identifiers' AS VARCHAR[])) AS identifier
    FROM chunk WHERE CONTAINS(payload, '"identifiers":')
    UNION ALL
    SELECT seq, UNNEST(FLATTEN(CAST(payload -> '$.deal.contacts' AS VARCHAR[][]))) FROM chunk WHERE type = 'deal'
    UNION ALL
    SELECT seq, UNNEST([payload ->> '$.unlink.left', payload ->> '$.unlink.right'])
    FROM chunk WHERE type = 'unlink'
) AS named
SEMI JOIN gone USING (identifier)
ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """Who is to go: his identifiers as they are stored, and whether a text names him."""

    identifiers: frozenset[str]
    named_in: Callable[[str], bool]


def erase(engine: Engine, person: Erased, now: datetime, author: str) -> dict[str, Any]:
    """Take a person out of the ledger; gives the receipt as of `list_erasures`.

    Doing it again finds nothing more. Raises: Refusal `bad_identifier` where nobody is named;
    sqlalchemy.exc.SQLAlchemyError, and then nothing has changed.
    """
    if not person.identifiers:
        raise Refusal("bad_identifier", "identifiers", "none of them identifies a person")
    source_id = ensure_source_id(engine, SOURCE, now)
    # What is long and only grows is looked through before anybody has to wait.
    reached = last_seq(engine)
    seqs = _facts_naming(engine, person.identifiers, 0, reached)
    with reading(engine).connect() as connection:
        refused, passed = _rows_naming(connection, QUARANTINE, person)
    with engine.begin() as connection:
        serialise_writers(connection)
        if is_sqlite(engine.url):
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        seqs += _facts_naming(engine, person.identifiers, reached, newest_seq(connection))
        refused += _rows_naming(connection, QUARANTINE, person, passed)[0]
        receipt = _erase(connection, person, seqs, refused, source_id, now, author)
    _sweep(engine)
    return receipt


def _facts_naming(
    engine: Engine, identifiers: Collection[str], after: int, up_to: int
) -> list[int]:
    """The seqs of the facts in (after, up_to] that name one of the identifiers, whatever for."""
    found: list[int] = []
    with (
        Tail(engine.url.render_as_string(hide_password=False)) as tail,
        duckdb.connect(":memory:") as memory,
    ):
        memory.register("gone", pa.table({"identifier": sorted(identifiers)}))
        for chunk in _chunks(tail, after, up_to):
            memory.register("chunk", chunk)
            found += [seq for (seq,) in memory.execute(_NAMING).fetchall()]
    return found


def _chunks(tail: Tail, after: int, up_to: int) -> Iterator[pa.Table]:
    while after < up_to and (chunk := tail.facts(after, up_to, CHUNK_FACTS)).num_rows:
        after = chunk.column("seq")[-1].as_py()
        yield chunk


def _erase(
    connection: Connection,
    person: Erased,
    seqs: Sequence[int],
    refused: Sequence[int],
    source_id: int,
    now: datetime,
    author: str,
) -> dict[str, Any]:
    rows = _rows(connection, seqs)
    payloads = [orjson.loads(row.payload) for row in rows]
    records = _rewrite(connection, person, rows, payloads)
    key = ledger_key(connection)
    # A clock that runs ahead told of moments that are still to come.
    ends_at = max([now, *(row.occurred_at for row in rows)])
    set_stones(connection, digest_with(key), person.identifiers, records, ends_at)
    counts = {
        "identifiers": len(person.identifiers),
        "facts": len(rows),
        "quarantined": _delete(connection, QUARANTINE, refused),
        "tasks": _delete(connection, TASKS, _rows_naming(connection, TASKS, person)[0]),
        "outgoing": _empty_outbox(connection, list(records)),
    }
    number = (connection.execute(select(func.max(ERASURES.c.id))).scalar() or 0) + 1
    told = orjson.dumps({"erasure": {"id": number, **counts}}, option=orjson.OPT_SORT_KEYS)
    moment = to_micros(now)
    insert_facts(
        connection,
        [(source_id, f"erasure:{number}", "erasure", moment, moment, told.decode(), None)],
    )
    row = {"id": number, "erased_at": now, "author": author, "seq": newest_seq(connection)}
    connection.execute(insert(ERASURES).values(**row, key=key, **counts))
    return {**row, "erased_at": iso(moment), **counts}


def _rows(connection: Connection, seqs: Sequence[int]) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for start in range(0, len(seqs), LOOKUP_ROWS):
        part = seqs[start : start + LOOKUP_ROWS]
        wanted = select(FACTS).where(FACTS.c.seq.in_(part)).order_by(FACTS.c.seq)
        found += connection.execute(wanted).all()
    return found


def _rewrite(
    connection: Connection, person: Erased, rows: list[Row[Any]], payloads: list[dict[str, Any]]
) -> dict[str, str]:
    """Write the facts without the person; gives what stands for him in each of his records."""
    named = {name for payload in payloads for group in people_in(payload) for name in group}
    instead = stand_ins(named, person.identifiers)
    records = {
        record: instead[his[0]]
        for row, payload in zip(rows, payloads, strict=True)
        if (record := record_of(row.type, payload))
        and (his := [i for i in payload.get("identifiers", ()) if i in instead])
    }
    renamed = _renamed(connection, rows, person)
    for row, payload in zip(rows, payloads, strict=True):
        connection.execute(
            update(FACTS)
            .where(FACTS.c.seq == row.seq)
            .values(payload=nameless(payload, instead), fact_id=renamed.get(row.seq, row.fact_id))
        )
    return records


def _renamed(connection: Connection, rows: list[Row[Any]], person: Erased) -> dict[int, str]:
    """New ids of the facts whose own names the person, by seq. What one source says of one moment is
    ordered by ids, and stays so."""
    values = {value_of(name) for name in person.identifiers}
    telling = [
        row
        for row in rows
        if any(value in row.fact_id for value in values) or person.named_in(row.fact_id)
    ]
    moments = sorted({row.occurred_at for row in telling})
    beside: dict[tuple[int, datetime], list[str]] = defaultdict(list)
    for start in range(0, len(moments), LOOKUP_ROWS):
        at_once = select(FACTS.c.source_id, FACTS.c.occurred_at, FACTS.c.fact_id).where(
            FACTS.c.occurred_at.in_(moments[start : start + LOOKUP_ROWS])
        )
        for source_id, occurred_at, fact_id in connection.execute(at_once):
            beside[source_id, occurred_at].append(fact_id)
    gone = {row.fact_id for row in telling}
    new = {place: between(sorted(ids), gone) for place, ids in beside.items()}
    return {row.seq: new[row.source_id, row.occurred_at][row.fact_id] for row in telling}


def _rows_naming(
    connection: Connection, table: Table, person: Erased, after: int = 0
) -> tuple[list[int], int]:
    """Ids above `after` of the rows whose texts name the person, and the last id there is."""
    columns = [table.c[name] for name in TELLING[table]]
    found: list[int] = []
    page = select(table.c.id, *columns).order_by(table.c.id).limit(LOOKUP_ROWS)
    while rows := connection.execute(page.where(table.c.id > after)).all():
        after = rows[-1][0]
        found += [number for number, *said in rows if any(person.named_in(t) for t in said if t)]
    return found, after


def _delete(connection: Connection, table: Table, ids: Sequence[int]) -> int:
    """Gives how many there still were."""
    return sum(
        connection.execute(
            delete(table).where(table.c.id.in_(ids[start : start + LOOKUP_ROWS]))
        ).rowcount
        for start in range(0, len(ids), LOOKUP_ROWS)
    )


def _empty_outbox(connection: Connection, records: Sequence[str]) -> int:
    """Leave of what platforms were told about the records no more than that it was told."""
    names = {":".join(record.split("\0")[1:]) for record in records}
    told = connection.execute(select(OUTBOX.c.id, OUTBOX.c.order_id)).all()
    # `won:deal:D1`, and where each click is told its share, one more part for the click.
    objects = [row.order_id.partition(":")[2] for row in told]
    ids = [
        row.id
        for row, name in zip(told, objects, strict=True)
        if not names.isdisjoint((name, name.rpartition(":")[0]))
    ]
    for number in ids:
        chosen = OUTBOX.c.id == number
        said = orjson.loads(connection.execute(select(OUTBOX.c.payload).where(chosen)).scalar_one())
        nobody = orjson.dumps({**said, "click": None, "identifiers": {}}).decode()
        emptied = update(OUTBOX).where(chosen)
        connection.execute(emptied.values(payload=nobody, state=TOLD_NO_MORE, answer=None))
    return len(ids)


def _sweep(engine: Engine) -> None:
    """Take what was overwritten out of the database's own files, as far as it lets us."""
    with reading(engine).connect() as connection:
        if is_sqlite(engine.url):
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in ("facts", "quarantine", "tasks", "outbox"):
                connection.execute(text(f"VACUUM {table}"))


def list_erasures(
    engine: Engine, limit: int, before: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Receipts, the newest first, and the number to go on before."""
    columns = [column for column in ERASURES.c if column.name != "key"]
    wanted = select(*columns).order_by(ERASURES.c.id.desc()).limit(limit + 1)
    if before is not None:
        wanted = wanted.where(ERASURES.c.id < before)
    with reading(engine).connect() as connection:
        rows = connection.execute(wanted).all()
    items = [{**row._asdict(), "erased_at": iso(to_micros(row.erased_at))} for row in rows[:limit]]
    return items, (rows[limit - 1].id if len(rows) > limit else None)
