"""The one place that writes facts: a whole drain of the queue in one durable transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import orjson
from sqlalchemy import Connection, Engine, Table, literal_column, select, text, tuple_

from service.kit.time import from_micros
from service.ledger.insert import add_counts, insert_facts, newest_seq
from service.ledger.tables import TABLES

FACTS: Table = TABLES["facts"]
QUARANTINE: Table = TABLES["quarantine"]
# Any constant will do, as long as every writer of one ledger takes the same.
APPEND_LOCK = 0x7468726C
MAX_RAW = 32 * 1024
LOOKUP_ROWS = 400


@dataclass(frozen=True, slots=True)
class NewFact:
    """A canonical fact before it has a `seq`; instants in microseconds.

    `fact_id` empty: the fact restates whatever was last said of its `subject`; the same words
    again are a duplicate. `index` is the item's place in its request.
    """

    source_id: int
    fact_id: str
    type: str
    occurred_at: int
    received_at: int
    payload: str
    subject: str | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that was not taken: where, why, and what was sent."""

    source_id: int
    index: int
    code: str
    field: str
    detail: str
    received_at: int
    fact_id: str = ""
    raw: str = ""
    format: str = "native"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request brought. `counted`: further outcomes of sources, such as a request that was
    refused as a whole, of which nothing is kept but that it happened."""

    facts: Sequence[NewFact]
    refused: Sequence[Refused] = ()
    counted: Sequence[tuple[int, str]] = ()


@dataclass(slots=True)
class Receipt:
    """What became of a batch; `watermark` is the seq up to which the ledger held it at commit."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[Refused] = field(default_factory=list)
    watermark: int = 0


def append(engine: Engine, batches: Sequence[Batch]) -> list[Receipt]:
    """Write the batches in order in one transaction; returns when it is durable.

    Args: batches of any sources. Returns: one receipt per batch, in their order.
    Raises: sqlalchemy.exc.SQLAlchemyError, and then nothing was written.
    """
    with engine.begin() as connection:
        _serialise_writers(connection)
        facts = _name_restatements(connection, [f for batch in batches for f in batch.facts])
        fresh = insert_facts(
            connection,
            [
                (f.source_id, f.fact_id, f.type, f.occurred_at, f.received_at, f.payload, f.subject)
                for f in facts
            ],
        )
        receipts = _receipts(connection, batches, facts, fresh)
        watermark = newest_seq(connection)
        for receipt in receipts:
            receipt.watermark = watermark
        _keep_refused(connection, receipts)
        _count(connection, batches, receipts)
    return receipts


def _serialise_writers(connection: Connection) -> None:
    # Without it a reader could see seq 8 before a slower transaction commits seq 7, and pass it
    # by for ever. SQLite has one writer at a time by itself (BEGIN IMMEDIATE).
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPEND_LOCK})


def _name_restatements(connection: Connection, facts: list[NewFact]) -> list[NewFact]:
    """Give an id to facts that restate a subject: the subject, what was said before, and the new
    words; a restatement equal to the last one takes that one's id, and is so a duplicate."""
    subjects = sorted({f.subject for f in facts if not f.fact_id and f.subject})
    if not subjects:
        return facts
    last: dict[tuple[int, str], tuple[str, str]] = {}
    for start in range(0, len(subjects), LOOKUP_ROWS):
        rows = connection.execute(
            select(FACTS.c.source_id, FACTS.c.subject, FACTS.c.fact_id, FACTS.c.payload)
            .where(FACTS.c.subject.in_(subjects[start : start + LOOKUP_ROWS]))
            .order_by(FACTS.c.seq)
        )
        last.update({(r.source_id, r.subject): (r.fact_id, r.payload) for r in rows})
    named = []
    for fact in facts:
        if fact.fact_id or not fact.subject:
            named.append(fact)
            continue
        key = (fact.source_id, fact.subject)
        before, said = last.get(key, ("", ""))
        # Named after what it follows, so that two writers who take the same step name it alike.
        link = blake2b(f"{before}\0{fact.payload}".encode(), digest_size=8).hexdigest()
        name = before if said == fact.payload else f"{fact.subject}:{link}"
        last[key] = (name, fact.payload)
        named.append(replace(fact, fact_id=name))
    return named


def _receipts(
    connection: Connection,
    batches: Sequence[Batch],
    facts: Sequence[NewFact],
    fresh: set[tuple[int, str]] | None,
) -> list[Receipt]:
    """What became of each batch; `fresh` None: every fact was new."""
    if fresh is None:
        return [Receipt(len(batch.facts), 0, list(batch.refused)) for batch in batches]
    known = _existing(connection, facts)
    named = iter(facts)
    receipts = []
    for batch in batches:
        receipt = Receipt(refused=list(batch.refused))
        for _ in batch.facts:
            fact = next(named)
            key = (fact.source_id, fact.fact_id)
            if key in fresh:
                fresh.remove(key)
                receipt.accepted += 1
            elif _says_the_same(known[key], fact):
                receipt.duplicates += 1
            else:
                receipt.refused.append(_conflict(fact))
        receipts.append(receipt)
    return receipts


def _existing(
    connection: Connection, facts: Sequence[NewFact]
) -> dict[tuple[int, str], tuple[str, int, str]]:
    keys = sorted({(f.source_id, f.fact_id) for f in facts})
    found = {}
    for start in range(0, len(keys), LOOKUP_ROWS):
        rows = connection.execute(
            select(
                FACTS.c.source_id,
                FACTS.c.fact_id,
                FACTS.c.type,
                literal_column("occurred_at"),
                FACTS.c.payload,
            ).where(
                tuple_(FACTS.c.source_id, FACTS.c.fact_id).in_(keys[start : start + LOOKUP_ROWS])
            )
        )
        found.update({(r[0], r[1]): (r[2], r[3], r[4]) for r in rows})
    return found


def _says_the_same(known: tuple[str, int, str], fact: NewFact) -> bool:
    # A moment corrected by our clock differs between two sendings of one message; what the sender
    # claimed is then in the payload, and is what counts.
    same_moment = known[1] == fact.occurred_at or "claimed_at" in orjson.loads(fact.payload)
    return (
        known[0] == fact.type and known[2] == fact.payload and (same_moment or bool(fact.subject))
    )


def _conflict(fact: NewFact) -> Refused:
    return Refused(
        source_id=fact.source_id,
        index=fact.index,
        code="conflict",
        field="id",
        detail=f"id {fact.fact_id!r} was already used with other content; the first stays. "
        "Send a correction under a new id.",
        received_at=fact.received_at,
        fact_id=fact.fact_id,
        raw=fact.payload,
        format="fact",
    )


def _keep_refused(connection: Connection, receipts: Sequence[Receipt]) -> None:
    rows = [
        {
            "source_id": r.source_id,
            "received_at": from_micros(r.received_at),
            "code": r.code,
            "field": r.field[:500],
            "detail": r.detail[:2000],
            "fact_id": r.fact_id[:500],
            "raw": r.raw[:MAX_RAW],
            "format": r.format,
        }
        for receipt in receipts
        for r in receipt.refused
    ]
    if rows:
        connection.execute(QUARANTINE.insert(), rows)


def _count(connection: Connection, batches: Sequence[Batch], receipts: Sequence[Receipt]) -> None:
    counts: Counter[tuple[int, str]] = Counter()
    for batch, receipt in zip(batches, receipts, strict=True):
        counts.update(batch.counted)
        for refused in receipt.refused:
            counts[refused.source_id, refused.code] += 1
        if batch.facts:
            source_id = batch.facts[0].source_id
            counts[source_id, "accepted"] += receipt.accepted
            counts[source_id, "duplicate"] += receipt.duplicates
    add_counts(
        connection,
        [(source, outcome, count) for (source, outcome), count in sorted(counts.items()) if count],
    )
