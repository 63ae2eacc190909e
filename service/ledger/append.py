"""The one place that writes facts: a whole drain of the queue in one durable transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice

import orjson
from sqlalchemy import Connection, Engine, Table, literal_column, select, text, tuple_

from service.kit.time import from_micros
from service.ledger.counting import FLAG, REQUEST, Tally, newest, prune_hours
from service.ledger.insert import insert_facts, newest_seq
from service.ledger.nameless import ERASED
from service.ledger.tables import TABLES
from service.ledger.tombstones import screened

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
    again are a duplicate. `index` is the item's place in its request. `flags`: what it is counted
    as besides, such as `bot`.
    """

    source_id: int
    fact_id: str
    type: str
    occurred_at: int
    received_at: int
    payload: str
    subject: str | None = None
    index: int = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that was not taken: where, why, and what was sent. `marks`: what of its request the
    item does not say (`public`, `denied`), for whoever reads it again."""

    source_id: int
    index: int
    code: str
    field: str
    detail: str
    received_at: int
    fact_id: str = ""
    raw: str = ""
    format: str = "native"
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request of a known source of which nothing could be taken, whatever it held."""

    source_id: int
    code: str
    received_at: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """Messages of a source of which nothing is to be kept, such as news of a task in a CRM."""

    source_id: int
    count: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request brought; all of it is of one source."""

    facts: Sequence[NewFact]
    refused: Sequence[Refused] = ()
    refused_request: RefusedRequest | None = None
    ignored: Ignored | None = None

    @property
    def received_at(self) -> int:
        """When its request arrived; 0 where it brought nothing."""
        if self.facts or self.refused:
            return (self.facts or self.refused)[0].received_at
        alone = self.refused_request or self.ignored
        return alone.received_at if alone else 0


@dataclass(slots=True)
class Receipt:
    """What became of a batch; `watermark` is the seq up to which the ledger held it at commit.
    `flagged` counts the accepted facts that carry each flag."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[Refused] = field(default_factory=list)
    watermark: int = 0
    flagged: dict[str, int] = field(default_factory=dict)


def append(engine: Engine, batches: Sequence[Batch], prune_at: int | None = None) -> list[Receipt]:
    """Write the batches in order in one transaction; returns when it is durable.

    Args: batches of any sources; prune_at: also forget the hourly counts that are old at this
    moment, microseconds. Returns: one receipt per batch, in their order.
    Raises: sqlalchemy.exc.SQLAlchemyError, and then nothing was written.
    """
    with engine.begin() as connection:
        receipts = take_facts(connection, batches)
        _keep_refused(connection, receipts)
        _count(connection, batches, receipts)
        if prune_at is not None:
            prune_hours(connection, prune_at)
    return receipts


def take_facts(connection: Connection, batches: Sequence[Batch]) -> list[Receipt]:
    """Write the facts of the batches, in order; what is refused is in the receipts alone."""
    serialise_writers(connection)
    batches = _without_erased(connection, batches)
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
    return receipts


def serialise_writers(connection: Connection) -> None:
    # Without it a reader could see seq 8 before a slower transaction commits seq 7, and pass it
    # by for ever. SQLite has one writer at a time by itself (BEGIN IMMEDIATE).
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPEND_LOCK})


def _without_erased(connection: Connection, batches: Sequence[Batch]) -> Sequence[Batch]:
    """The batches without facts that would bring back who was erased: those are refused."""
    facts = [fact for batch in batches for fact in batch.facts]
    judged = screened(connection, facts)
    if judged is facts:
        return batches
    pairs = iter(zip(facts, judged, strict=True))
    return [_judged_batch(batch, list(islice(pairs, len(batch.facts)))) for batch in batches]


def _judged_batch(batch: Batch, pairs: Sequence[tuple[NewFact, NewFact | None]]) -> Batch:
    held = [_erased(sent) for sent, stored in pairs if stored is None]
    kept = [stored for _, stored in pairs if stored is not None]
    return replace(batch, facts=kept, refused=[*batch.refused, *held])


def _erased(fact: NewFact) -> Refused:
    return Refused(
        source_id=fact.source_id,
        index=fact.index,
        code=ERASED,
        field="identifiers",
        detail="this person was erased, and what happened before is not taken in again",
        received_at=fact.received_at,
    )


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
        receipts = [Receipt(len(batch.facts), 0, list(batch.refused)) for batch in batches]
        for batch, receipt in zip(batches, receipts, strict=True):
            for fact in batch.facts:
                _flag(receipt, fact)
        return receipts
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
                _flag(receipt, fact)
            elif _says_the_same(known[key], fact):
                receipt.duplicates += 1
            else:
                receipt.refused.append(_conflict(fact))
        receipts.append(receipt)
    return receipts


def _flag(receipt: Receipt, fact: NewFact) -> None:
    for flag in fact.flags:
        receipt.flagged[flag] = receipt.flagged.get(flag, 0) + 1


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
        marks=("public",) if '"public":true' in fact.payload else (),
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
            "marks": ",".join(r.marks),
        }
        for receipt in receipts
        for r in receipt.refused
        if r.code != ERASED  # nothing of it is kept
    ]
    if rows:
        connection.execute(QUARANTINE.insert(), rows)


def _count(connection: Connection, batches: Sequence[Batch], receipts: Sequence[Receipt]) -> None:
    tally = Tally()
    for batch, receipt in zip(batches, receipts, strict=True):
        for refused in receipt.refused:
            tally.add(refused.source_id, refused.code, 1, refused.received_at)
        if batch.facts:
            first = batch.facts[0]
            newest_at = newest(fact.occurred_at for fact in batch.facts)
            count_facts(tally, first.source_id, receipt, first.received_at, newest_at)
        if ignored := batch.ignored:
            tally.add(ignored.source_id, "ignored", ignored.count, ignored.received_at)
        if whole := batch.refused_request:
            tally.add(whole.source_id, REQUEST + whole.code, 1, whole.received_at)
    tally.write(connection)


def count_facts(
    tally: Tally, source_id: int, receipt: Receipt, received_at: int | None, newest_at: int | None
) -> None:
    """Count what became of a source's facts; see `Tally.add`."""
    tally.add(source_id, "accepted", receipt.accepted, received_at, newest_at)
    tally.add(source_id, "duplicate", receipt.duplicates, received_at)
    for flag, count in receipt.flagged.items():
        tally.add(source_id, FLAG + flag, count, received_at)
