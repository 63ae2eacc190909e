"""The mart's file may be made anew, by this process or another, while readers look on."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.collect.identifiers import IdentifierReader
from service.collect.intake import collect
from service.collect.native import Sender
from service.journeys.build import Configuration
from service.journeys.mart import Mart, rebuild_file
from service.kit.db import make_engine
from service.ledger.append import append
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.migrate import migrate

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CONFIGURATION = Configuration(frozenset(), timedelta(minutes=30), 20, "UTC")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


def post(engine: Engine, *names: str) -> None:
    """A page view of each visitor."""
    source = ensure_source_id(engine, "website", NOW)
    caller = Caller(0, source, "website", frozenset({"facts"}))
    sender = Sender(caller, NOW, IdentifierReader(b"s" * 32, None))
    events = [
        {
            "id": name,
            "type": "page",
            "occurred_at": "2026-03-01T10:00:00Z",
            "identifiers": {"anonymous_id": name},
            "page": {"url": "https://example.com/"},
        }
        for name in names
    ]
    append(engine, [collect(events, sender, 32_768)])


def visits(mart: Mart) -> int:
    with mart.reading() as connection:
        return int(connection.execute("SELECT COUNT(*) FROM touchpoints").fetchall()[0][0])


def test_a_mart_rebuilt_by_another_process_is_taken_up(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "mart.duckdb"
    mart = Mart(path, engine, CONFIGURATION)
    post(engine, "one")
    mart.refresh()
    with mart.reading() as connection:  # spoil it, to see which file is read
        connection.execute("COMMIT")
        connection.execute("DELETE FROM touchpoints")
    assert visits(mart) == 0

    rebuild_file(path, engine, CONFIGURATION, "1GB", 1)
    post(engine, "two")
    mart.refresh()

    assert visits(mart) == 2
    assert mart.watermark == 2
    mart.close()


def test_a_change_over_waits_for_readers_and_they_keep_what_they_see(
    engine: Engine, tmp_path: Path
) -> None:
    mart = Mart(tmp_path / "mart.duckdb", engine, CONFIGURATION)
    post(engine, "one")
    mart.refresh()
    with mart.reading() as connection:
        rebuilding = threading.Thread(target=mart.rebuild)
        rebuilding.start()
        rebuilding.join(0.2)
        assert rebuilding.is_alive()
        assert connection.execute("SELECT COUNT(*) FROM touchpoints").fetchall() == [(1,)]
    rebuilding.join(30)
    assert not rebuilding.is_alive()
    assert visits(mart) == 1
    mart.close()


def test_a_mart_of_another_configuration_is_made_anew(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "mart.duckdb"
    post(engine, "one")
    mart = Mart(path, engine, CONFIGURATION)
    mart.refresh()
    mart.close()
    other = Configuration(frozenset({"example.com"}), timedelta(minutes=30), 20, "UTC")
    mart = Mart(path, engine, other)
    assert (mart.watermark, visits(mart)) == (0, 0)
    mart.refresh()
    assert (mart.watermark, visits(mart)) == (1, 1)
    mart.close()


def test_a_deleted_mart_loses_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "mart.duckdb"
    post(engine, "one")
    mart = Mart(path, engine, CONFIGURATION)
    mart.refresh()
    mart.close()
    path.unlink()
    mart = Mart(path, engine, CONFIGURATION)
    mart.refresh()
    assert visits(mart) == 1
    mart.close()
