"""Facts and refusals by their shortest names, and what a ledger holds of them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sqlalchemy import Engine, text

from service.kit.time import to_micros
from service.ledger.append import Batch, NewFact, Receipt, Refused, append
from service.ledger.keys import ensure_source_id

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
AT = to_micros(NOW)
PATIENCE_SECONDS = 30
TABLES = (
    "facts", "quarantine", "intake_counts", "intake_hours", "tasks", "erasures", "tombstones", "keys",
    "sources",
)  # fmt: skip


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))


def until(happened: Callable[[], bool]) -> None:
    """Wait for a condition that other threads bring about."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not happened():
        assert monotonic() < deadline, "it did not happen in time"


class Ledger:
    """An engine with two sources; every fact is `id=content` at one moment unless said otherwise."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine = engine
        self.web = ensure_source_id(engine, "web", now)
        self.crm = ensure_source_id(engine, "crm", now)

    def fact(self, said: str, source: int | None = None, at: int = AT, **more: Any) -> NewFact:
        """`e1=x`: the fact e1 with the content x."""
        fact_id, _, content = said.partition("=")
        given = {
            "source_id": source or self.web,
            "fact_id": fact_id,
            "type": "track",
            "occurred_at": at,
            "received_at": AT,
            "payload": f'{{"track":"{content}"}}',
        }
        return NewFact(**(given | more))

    def refused(self, code: str, source: int | None = None, **more: Any) -> Refused:
        given = {"field": "page.url", "detail": "why", "received_at": AT, "index": 0}
        return Refused(source_id=source or self.web, code=code, **(given | more))

    def facts(self, *said: str, source: int | None = None) -> Batch:
        return Batch([self.fact(s, source, index=i) for i, s in enumerate(said)])

    def line(self, amount: str, source: int | None = None, subject: str = "day:line") -> NewFact:
        """A statement about a subject, without an id of its own."""
        return self.fact(f"={amount}", source, type="spend", subject=subject)

    def append(self, *batches: Batch) -> list[Receipt]:
        return append(self.engine, batches)

    def rows(
        self, columns: str = "fact_id, payload", table: str = "facts"
    ) -> list[tuple[Any, ...]]:
        order = {"facts": "seq", "quarantine": "id"}.get(table, "1, 2")
        with self.engine.connect() as connection:
            found = connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY {order}"))
            return [tuple(row) for row in found]

    def counts(self) -> dict[tuple[int, str], int]:
        found = self.rows("source_id, outcome, count", "intake_counts")
        return {(source, outcome): count for source, outcome, count in found}


def contents(rows: Iterable[Sequence[str]]) -> list[str]:
    """`id=content` of each row of `Ledger.rows()`."""
    return [f"{row[0]}={row[1].split(':', 1)[1].strip('}').strip(chr(34))}" for row in rows]


def outcome(receipt: Receipt) -> tuple[int, int, list[str]]:
    """Accepted, duplicates, and the codes of what was refused."""
    return receipt.accepted, receipt.duplicates, [r.code for r in receipt.refused]
