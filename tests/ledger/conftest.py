"""Migrated ledgers, one of each database for the whole session, emptied for every test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from service.kit.db import make_engine
from service.ledger.migrate import migrate
from tests.ledger.samples import NOW, Ledger, empty


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("ledger")
    engine = make_engine(f"sqlite:///{folder / 'ledger.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_ledger(postgres_cluster: Any) -> Iterator[Engine]:
    engine = make_engine(postgres_cluster.url(postgres_cluster.fresh_database()))
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(
    params=[
        pytest.param("sqlite_ledger", id="sqlite"),
        pytest.param("postgres_ledger", id="postgres", marks=pytest.mark.postgres),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty ledger, on SQLite and again on PostgreSQL."""
    found: Engine = request.getfixturevalue(request.param)
    empty(found)
    return found


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """The same with the sources `web` and `crm`."""
    return Ledger(engine, NOW)
