"""The mart's file: opened, followed, rebuilt, swapped. Readers never see half a refresh."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlalchemy import Engine

from service.journeys.build import Configuration, advance, create_mart
from service.kit.duck import open_duck
from service.kit.log import log
from service.ledger.read import Tail, last_seq
from service.ledger.tombstones import last_erasure

CHUNK_FACTS = 500_000


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
        # Counts readers, so that the file is changed over only between their questions.
        self._gate = threading.Condition()
        self._readers = 0
        self._changing = False
        self._connection, self._identity = self._open()
        self.watermark, self.erasure = self._stored()

    def close(self) -> None:
        with self._refreshing, self._without_readers():
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees one consistent state of the mart from first to last query."""
        with self._gate:
            self._gate.wait_for(lambda: not self._changing)
            self._readers += 1
            cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION")
            yield cursor
        finally:
            cursor.close()
            with self._gate:
                self._readers -= 1
                self._gate.notify_all()

    @contextmanager
    def _without_readers(self) -> Iterator[None]:
        """Hold new readers back and wait for those there are; reports are short."""
        with self._gate:
            self._gate.wait_for(lambda: not self._changing)
            self._changing = True
            self._gate.wait_for(lambda: self._readers == 0)
        try:
            yield
        finally:
            with self._gate:
                self._changing = False
                self._gate.notify_all()

    def refresh(self, up_to: int | None = None) -> int:
        """Take in what the ledger has since; returns the new watermark. After an erasure the whole
        mart is made anew.

        Args: up_to: stop at this seq (for as-of marts); default: the ledger's newest.
        """
        with self._refreshing:
            self._reopen_if_replaced()
            target = last_seq(self._engine) if up_to is None else up_to
            if last_erasure(self._engine) != self.erasure:
                self._make_anew(target)
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

    @contextmanager
    def supposing(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, Tail]]:
        """A connection on which facts may be taken in that this mart forgets afterwards, and a
        reader of its ledger. Other readers see the mart as it is; one supposes at a time."""
        with self._refreshing, Tail(self._url) as tail:
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN TRANSACTION")
                yield cursor, tail
            finally:
                cursor.execute("ROLLBACK")
                cursor.close()

    def include(self, watermark: int) -> bool:
        """Take in the ledger's facts up to `watermark` at least, now; False where it has not come
        so far."""
        return self.watermark >= watermark or self.refresh() >= watermark

    def rebuild(self) -> int:
        """Make the same mart anew from the ledger, beside this one, and put it in its place."""
        with self._refreshing:
            self._make_anew(last_seq(self._engine))
            return self.watermark

    def _make_anew(self, target: int) -> None:
        if self._path is None:
            with self._without_readers():
                self._connection.close()
                self._connection, self._identity = self._open()
                self._advance(self._connection, target)
            self.watermark, self.erasure = self._stored()
        else:
            rebuild_file(self._path, self._engine, self.configuration, self._memory, self._threads)
            self._reopen_if_replaced()

    def _advance(self, connection: duckdb.DuckDBPyConnection, target: int) -> None:
        watermark = connection.execute("SELECT watermark FROM state").fetchall()[0][0]
        with Tail(self._url) as tail:
            advance(
                connection,
                _chunks(tail, watermark, target),
                tail.sources(),
                target,
                self.configuration,
            )

    def _open(self) -> tuple[duckdb.DuckDBPyConnection, tuple[int, int]]:
        """Open the file; one of another configuration is discarded: it can be made again."""
        if self._path is None:
            connection = open_duck(":memory:", self._memory, self._threads)
            create_mart(connection, self.configuration, last_erasure(self._engine))
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
        create_mart(connection, self.configuration, last_erasure(self._engine))
        return connection

    def _reopen_if_replaced(self) -> None:
        if self._path is None or not self._path.exists():
            return
        stat = self._path.stat()
        if (stat.st_dev, stat.st_ino) != self._identity:
            # Closed before it is opened: within a process DuckDB gives the same open database to
            # everyone who names the same path, whatever file lies there by now.
            with self._without_readers():
                self._connection.close()
                self._connection, self._identity = self._open()
            self.watermark, self.erasure = self._stored()

    def _stored(self) -> tuple[int, int]:
        watermark, erasure = self._connection.execute(
            "SELECT watermark, erasure FROM state"
        ).fetchall()[0]
        return int(watermark), int(erasure)


def rebuild_file(
    path: Path, engine: Engine, configuration: Configuration, memory: str, threads: int
) -> int:
    """Build the mart from the whole ledger into a new file and move it over `path`."""
    building = path.with_name(f"{path.name}.building-{os.getpid()}")
    building.unlink(missing_ok=True)
    connection = open_duck(building, memory, threads)
    try:
        create_mart(connection, configuration, last_erasure(engine))
        connection.execute(
            "SET preserve_insertion_order = false"
        )  # facts need none: a fifth less work
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
    """The facts in stretches; the next is read while one is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="ledger-tail") as reader:
        coming = reader.submit(tail.facts, after, target, CHUNK_FACTS)
        while (chunk := coming.result()).num_rows:
            after = chunk.column("seq")[-1].as_py()
            if after < target:
                coming = reader.submit(tail.facts, after, target, CHUNK_FACTS)
            yield chunk
            if after >= target:
                return
