"""Tail the ledger: facts after a seq, in order, as Arrow columns. No row passes through Python."""

from contextlib import closing
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, func, make_url, select

from service.kit.db import is_sqlite, reading
from service.ledger.append import FACTS

COLUMNS = "seq, source_id, fact_id, type, occurred_at, received_at, payload, COALESCE(subject, '') AS subject"


class Tail:
    """A reader of one ledger; open while in use, one thread at a time."""

    def __init__(self, url: str) -> None:
        self._connection = _connect(url)

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def facts(self, after: int, up_to: int, limit: int) -> pa.Table:
        """Facts with after < seq <= up_to, ascending, at most `limit`.

        Columns: seq, source_id, fact_id, type, occurred_at and received_at (microseconds),
        payload (canonical JSON), subject ('' where there is none).
        """
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(
                f"SELECT {COLUMNS} FROM facts WHERE seq > {int(after)} AND seq <= {int(up_to)} "
                f"ORDER BY seq LIMIT {int(limit)}"
            )
            return cursor.fetch_arrow_table()

    def sources(self) -> pa.Table:
        """Every source: id and name."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("SELECT id AS source_id, name FROM sources ORDER BY id")
            return cursor.fetch_arrow_table()


def _connect(url: str) -> Any:
    parsed = make_url(url)
    if is_sqlite(parsed):
        from adbc_driver_sqlite import dbapi as sqlite_dbapi

        return sqlite_dbapi.connect(parsed.database, autocommit=True)
    from adbc_driver_postgresql import dbapi as postgresql_dbapi

    return postgresql_dbapi.connect(
        parsed.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )


def last_seq(engine: Engine) -> int:
    """The newest seq; every seq up to it is visible (see `append`). 0 for an empty ledger."""
    with reading(engine).connect() as connection:
        return connection.execute(select(func.max(FACTS.c.seq))).scalar() or 0


def seq_received_by(engine: Engine, moment: Any) -> int:
    """The last seq received at or before an aware moment; 0 where there is none."""
    with reading(engine).connect() as connection:
        statement = select(func.max(FACTS.c.seq)).where(FACTS.c.received_at <= moment)
        return connection.execute(statement).scalar() or 0
