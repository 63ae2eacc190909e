"""The hot statements of the ledger, as plain SQL: one round to the database each.

SQLAlchemy's own bulk insert costs five times as much per row as the driver's, which is what
bounds how many events a second one process can take.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from sqlalchemy import Connection

Row = tuple[int, str, str, int, int, str, str | None]
"""source_id, fact_id, type, occurred_at and received_at (microseconds), payload, subject."""

_COLUMNS = "source_id, fact_id, type, occurred_at, received_at, payload, subject"
_IGNORE = "ON CONFLICT (source_id, fact_id) DO NOTHING"
_ROW = "(?, ?, ?, ?, ?, ?, ?)"
# Rows of one SQLite statement. The driver lets other threads run during each statement and then
# queues up for the interpreter again: row by row the writer would wait more than it writes.
_AT_ONCE = 1_000
_POSTGRESQL = (
    f"INSERT INTO facts ({_COLUMNS}) SELECT {_COLUMNS} FROM unnest("
    "%s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[]) "
    f"WITH ORDINALITY AS new ({_COLUMNS}, place) ORDER BY place {_IGNORE}"
)


def newest_seq(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT MAX(seq) FROM facts").scalar() or 0


def insert_facts(connection: Connection, rows: Sequence[Row]) -> set[tuple[int, str]] | None:
    """Insert what is new, in order.

    The caller keeps other writers out until the transaction ends. Returns None when all rows were
    new, else the (source_id, fact_id) of those that were.
    """
    if not rows:
        return None
    before = newest_seq(connection)
    if connection.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        inserted = connection.exec_driver_sql(_POSTGRESQL, columns).rowcount
    else:
        inserted = _insert_in_sqlite(connection, rows)
    if inserted == len(rows):
        return None
    fresh = connection.exec_driver_sql(
        f"SELECT source_id, fact_id FROM facts WHERE seq > {before:d}"
    )
    return {(source_id, fact_id) for source_id, fact_id in fresh}


@lru_cache(maxsize=64)
def _sqlite_insert(rows: int) -> str:
    return f"INSERT INTO facts ({_COLUMNS}) VALUES {', '.join([_ROW] * rows)} {_IGNORE}"


def _insert_in_sqlite(connection: Connection, rows: Sequence[Row]) -> int:
    inserted = 0
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        values = tuple(chain.from_iterable(some))
        inserted += connection.exec_driver_sql(_sqlite_insert(len(some)), values).rowcount
    return inserted
