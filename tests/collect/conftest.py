"""What the tests of imports share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.kit.db import make_engine
from service.ledger.keys import create_key
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
def ledger(tmp_path: Path) -> Callable[[], Engine]:
    """Makes empty ledgers that know the source of `sending.sender`."""

    def make() -> Engine:
        engine = make_engine(f"sqlite:///{tmp_path / f'{len(list(tmp_path.iterdir()))}.sqlite3'}")
        migrate(engine)
        create_key(engine, "site", ["facts"], RECEIVED)
        return engine

    return make
