"""One ledger of each database for the whole session; laws empty it between worlds."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.kit.db import make_engine
from service.ledger.migrate import migrate
from tests.laws.ledgers import Ledger


def _ledger(url: str) -> Iterator[Ledger]:
    engine = make_engine(url)
    migrate(engine)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    yield from _ledger(f"sqlite:///{tmp_path_factory.mktemp('laws') / 'ledger.sqlite3'}")


@pytest.fixture(scope="session")
def postgres_world(postgres_cluster: Any) -> Iterator[Ledger]:
    yield from _ledger(postgres_cluster.url(postgres_cluster.fresh_database()))
