"""Engines for SQLite (WAL, synchronous=FULL) and PostgreSQL, and the column type of an instant."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.types import TypeDecorator

from service.kit.time import from_micros, to_micros


class Instant(TypeDecorator[datetime]):
    """An aware datetime kept as microseconds since 1970-01-01T00:00Z: exact, small, and the same
    integer on both databases and in the mart. A naive datetime is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micros(value)


def make_engine(url: str) -> Engine:
    """An engine whose every transaction is durable at commit.

    SQLite transactions begin IMMEDIATE: a writer queues up at its start and cannot fail at its
    end; readers use autocommit connections and never wait.
    """
    parsed = make_url(url)
    if is_sqlite(parsed):
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(parsed, pool_pre_ping=True, pool_size=10)


def reading(engine: Engine) -> Engine:
    """The same engine for reads alone: no transaction is begun, so no writer waits or is kept."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def is_sqlite(url: str | URL) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _durable_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
