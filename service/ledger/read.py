"""Tail the ledger: facts after a seq, in order, as Arrow columns. No row passes through Python."""

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, func, make_url, select

from service.kit.db import is_sqlite, reading
from service.ledger.append import FACTS

COLUMNS = "seq, source_id, fact_id, type, occurred_at, received_at, payload, COALESCE(subject, '') AS subject"
# SQLite puts a slice of a column into one value, and a value holds at most 10**9 bytes.
SLICE_FACTS = 4_096
TEXTS = frozenset({"fact_id", "type", "payload", "subject", "name"})


class Tail:
    """A reader of one ledger; open while in use, one thread at a time."""

    def __init__(self, url: str) -> None:
        self._reader = _open(url)

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def facts(self, after: int, up_to: int, limit: int) -> pa.Table:
        """Facts with after < seq <= up_to, ascending, at most `limit`.

        Columns: seq, source_id, fact_id, type, occurred_at and received_at (microseconds),
        payload (canonical JSON), subject ('' where there is none).
        """
        return self._reader.facts(after, up_to, limit)

    def sources(self) -> pa.Table:
        """Every source: id and name."""
        return self._reader.table("SELECT id AS source_id, name FROM sources ORDER BY id")


class _Reader(Protocol):
    def facts(self, after: int, up_to: int, limit: int) -> pa.Table: ...
    def table(self, sql: str) -> pa.Table: ...
    def close(self) -> None: ...


def _slice_of(after: int, up_to: int, limit: int) -> str:
    return (
        f"SELECT {COLUMNS} FROM facts WHERE seq > {int(after)} AND seq <= {int(up_to)} "
        f"ORDER BY seq LIMIT {int(limit)}"
    )


class _PostgresReader:
    def __init__(self, url: str) -> None:
        from adbc_driver_postgresql import dbapi

        self._connection = dbapi.connect(url, autocommit=True)

    def facts(self, after: int, up_to: int, limit: int) -> pa.Table:
        return self.table(_slice_of(after, up_to, limit))

    def table(self, sql: str) -> pa.Table:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def close(self) -> None:
        self._connection.close()


class _SqliteReader:
    """Through the one SQLite library that the writer uses, and no other.

    A second copy in the process (an Arrow driver brings its own) does not see the first one's
    locks: on closing it took itself for the last, deleted the write-ahead log under the writer,
    and what was acknowledged from then on was lost with the process.
    See https://www.sqlite.org/howtocorrupt.html, 2.2.1.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )

    def facts(self, after: int, up_to: int, limit: int) -> pa.Table:
        slices = []
        while True:
            size = min(limit, SLICE_FACTS)
            slices.append(self.table(_slice_of(after, up_to, size)))
            limit -= slices[-1].num_rows
            if slices[-1].num_rows < size or limit == 0:
                return pa.concat_tables(slices)
            after = slices[-1].column("seq")[-1].as_py()

    def table(self, sql: str) -> pa.Table:
        """SQLite itself joins each column into one value: numbers with commas, texts end to end
        with their lengths beside them, whatever the texts hold."""
        names = [
            c[0] for c in self._connection.execute(f"SELECT * FROM ({sql}) LIMIT 0").description
        ]
        parts = [
            f"GROUP_CONCAT(LENGTH(CAST({name} AS BLOB))), CAST(GROUP_CONCAT({name}, '') AS BLOB)"
            if name in TEXTS
            else f"GROUP_CONCAT({name})"
            for name in names
        ]
        joined = iter(
            self._connection.execute(f"SELECT {', '.join(parts)} FROM ({sql})").fetchone()
        )
        return pa.table(
            {
                name: _texts(next(joined), next(joined))
                if name in TEXTS
                else _numbers(next(joined))
                for name in names
            }
        )

    def close(self) -> None:
        self._connection.close()


def _numbers(joined: str | None) -> pa.Array:
    return pa.array(np.fromstring(joined, np.int64, sep=",") if joined else np.zeros(0, np.int64))


def _texts(lengths: str | None, body: bytes | None) -> pa.Array:
    sizes = _numbers(lengths).to_numpy()
    offsets = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.StringArray.from_buffers(len(sizes), pa.py_buffer(offsets), pa.py_buffer(body or b""))


def _open(url: str) -> _Reader:
    parsed = make_url(url)
    if is_sqlite(parsed):
        return _SqliteReader(parsed.database or "")
    return _PostgresReader(
        parsed.set(drivername="postgresql").render_as_string(hide_password=False)
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


def received_at(engine: Engine, seq: int) -> Any:
    """When the newest fact up to a seq was received; None where there is none."""
    with reading(engine).connect() as connection:
        newest = select(FACTS.c.received_at).where(FACTS.c.seq <= seq)
        return connection.execute(newest.order_by(FACTS.c.seq.desc()).limit(1)).scalar()


def next_received(engine: Engine, seq: int) -> datetime | None:
    """When the first fact after `seq` was received, as an aware moment; None where none is."""
    following = select(FACTS.c.received_at).where(FACTS.c.seq > seq).order_by(FACTS.c.seq).limit(1)
    with reading(engine).connect() as connection:
        moment: datetime | None = connection.execute(following).scalar()
    return moment
