"""The mart's file: opened, followed, rebuilt, swapped. Readers never see half a refresh."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlalchemy import Engine

from service.journeys.build import Configuration, advance, create_mart
from service.kit.duck import open_duck
from service.kit.log import log
from service.ledger.read import Tail, last_seq

CHUNK_FACTS = 1_000_000


class Mart:
    """One mart that follows one ledger. Thread-safe: any number of readers, one refresh at a time."""

    def __init__(
        self,
        path: Path | None,
        engine: Engine,
        configuration: Configuration,
        memory: str = "2GB",
        threads: int = 0,
    ) -> None:
        """`path` None keeps the mart in memory."""
        self.configuration = configuration
        self._path = path
        self._engine = engine
        self._url = engine.url.render_as_string(hide_password=False)
        self._memory, self._threads = memory, threads
        self._refreshing = threading.Lock()
        self._connection, self._identity = self._open()
        self.watermark = self._stored_watermark()

    def close(self) -> None:
        with self._refreshing:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees one consistent state of the mart from first to last query."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION")
            yield cursor
        finally:
            cursor.close()

    def refresh(self, up_to: int | None = None) -> int:
        """Take in what the ledger has since; returns the new watermark.

        Args: up_to: stop at this seq (for as-of marts); default: the ledger's newest.
        """
        with self._refreshing:
            self._reopen_if_replaced()
            target = last_seq(self._engine) if up_to is None else up_to
            if target > self.watermark:
                cursor = self._connection.cursor()
                try:
                    cursor.execute("BEGIN TRANSACTION")
                    self._advance(cursor, target)
                    cursor.execute("COMMIT")
                finally:
                    cursor.close()
                self.watermark = target
            return self.watermark

    def include(self, watermark: int) -> bool:
        """Take in the ledger's facts up to `watermark` at least, now; False where it has not come
        so far."""
        return self.watermark >= watermark or self.refresh() >= watermark

    def rebuild(self) -> int:
        """Make the same mart anew from the ledger, beside this one, and put it in its place."""
        with self._refreshing:
            if self._path is None:
                self._connection.close()
                self._connection, self._identity = self._open()
                self.watermark = 0
                target = last_seq(self._engine)
                self._advance(self._connection, target)
            else:
                rebuild_file(
                    self._path, self._engine, self.configuration, self._memory, self._threads
                )
                self._reopen_if_replaced()
                target = self.watermark
            self.watermark = target
            return target

    def _advance(self, connection: duckdb.DuckDBPyConnection, target: int) -> None:
        with Tail(self._url) as tail:
            advance(
                connection,
                _chunks(tail, self._watermark_of(connection), target),
                tail.sources(),
                target,
                self.configuration,
            )

    def _open(self) -> tuple[duckdb.DuckDBPyConnection, tuple[int, int]]:
        """Open the file; one of another configuration is discarded: it can be made again."""
        if self._path is None:
            connection = open_duck(":memory:", self._memory, self._threads)
            create_mart(connection, self.configuration)
            return connection, (0, 0)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._open_current()
        stat = self._path.stat()
        return connection, (stat.st_dev, stat.st_ino)

    def _open_current(self) -> duckdb.DuckDBPyConnection:
        assert self._path is not None
        fresh = not self._path.exists()
        connection = open_duck(self._path, self._memory, self._threads)
        if not fresh:
            try:
                version = connection.execute("SELECT configuration FROM state").fetchall()
            except duckdb.CatalogException:
                version = []
            if version == [(self.configuration.version,)]:
                return connection
            connection.close()
            log.info("mart_discarded", reason="another configuration", path=self._path.name)
            self._path.unlink()
            self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)
            connection = open_duck(self._path, self._memory, self._threads)
        create_mart(connection, self.configuration)
        return connection

    def _reopen_if_replaced(self) -> None:
        if self._path is None or not self._path.exists():
            return
        stat = self._path.stat()
        if (stat.st_dev, stat.st_ino) != self._identity:
            before = self._connection
            self._connection, self._identity = self._open()
            before.close()
            self.watermark = self._stored_watermark()

    def _stored_watermark(self) -> int:
        return self._watermark_of(self._connection)

    @staticmethod
    def _watermark_of(connection: duckdb.DuckDBPyConnection) -> int:
        return int(connection.execute("SELECT watermark FROM state").fetchall()[0][0])


def rebuild_file(
    path: Path, engine: Engine, configuration: Configuration, memory: str, threads: int
) -> int:
    """Build the mart from the whole ledger into a new file and move it over `path`."""
    building = path.with_name(f"{path.name}.building-{os.getpid()}")
    building.unlink(missing_ok=True)
    connection = open_duck(building, memory, threads)
    try:
        create_mart(connection, configuration)
        target = last_seq(engine)
        with Tail(engine.url.render_as_string(hide_password=False)) as tail:
            advance(connection, _chunks(tail, 0, target), tail.sources(), target, configuration)
        connection.execute("CHECKPOINT")
    except BaseException:
        connection.close()
        building.unlink(missing_ok=True)
        raise
    connection.close()
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    building.replace(path)
    return target


def _chunks(tail: Tail, after: int, target: int) -> Iterator[pa.Table]:
    while after < target:
        chunk = tail.facts(after, target, CHUNK_FACTS)
        if chunk.num_rows == 0:
            return
        yield chunk
        after = chunk.column("seq")[-1].as_py()
