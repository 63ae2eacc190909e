"""What the tests of imports share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.kit.db import make_engine
from service.ledger.keys import ensure_source_id
from service.ledger.migrate import migrate
from tests.collect.sending import RECEIVED
from tests.collect.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of text or bytes and gives its path."""

    def write_file(content: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def crm_ledger(tmp_path: Path) -> Iterator[Engine]:
    """An empty ledger on SQLite with one source."""
    engine = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(engine)
    assert ensure_source_id(engine, "crm", RECEIVED) == 1
    yield engine
    engine.dispose()
