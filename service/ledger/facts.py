"""Single facts of the ledger by their seq: who told them, under which name, and when."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from service.kit.db import reading
from service.kit.time import to_micros
from service.ledger.append import FACTS, LOOKUP_ROWS
from service.ledger.tables import TABLES

SOURCES = TABLES["sources"]


@dataclass(frozen=True, slots=True)
class ToldFact:
    """Where a fact comes from; the moments are microseconds since 1970. `fact_id` is the name its source gave it."""

    seq: int
    source: str
    fact_id: str
    type: str
    occurred_at: int
    received_at: int


def facts_at(engine: Engine, seqs: Iterable[int]) -> dict[int, ToldFact]:
    """The facts with these seqs; one that is no longer in the ledger is left out."""
    wanted = sorted(set(seqs))
    columns = (FACTS.c.seq, SOURCES.c.name, FACTS.c.fact_id, FACTS.c.type)
    moments = (FACTS.c.occurred_at, FACTS.c.received_at)
    found: dict[int, ToldFact] = {}
    with reading(engine).connect() as connection:
        for start in range(0, len(wanted), LOOKUP_ROWS):
            rows = connection.execute(
                select(*columns, *moments)
                .join(SOURCES, SOURCES.c.id == FACTS.c.source_id)
                .where(FACTS.c.seq.in_(wanted[start : start + LOOKUP_ROWS]))
            )
            found.update(
                {row[0]: ToldFact(*row[:4], to_micros(row[4]), to_micros(row[5])) for row in rows}
            )
    return found
