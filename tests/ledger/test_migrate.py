"""The ledger's tables come up from nothing, once, whoever is first; and never go down."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from service.kit.db import make_engine
from service.ledger.migrate import alembic_config, is_current, migrate
from tests.ledger.samples import NOW, Ledger

ROOT = Path(__file__).parents[2]
MIGRATE = """
import sys
from service.kit.db import make_engine
from service.ledger.migrate import migrate
migrate(make_engine(sys.argv[1]))
"""


@pytest.fixture
def fresh(database_url: str) -> Engine:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_an_empty_database_becomes_a_ledger(fresh: Engine) -> None:
    assert not is_current(fresh)
    migrate(fresh)
    assert is_current(fresh)
    tables = set(inspect(fresh).get_table_names())
    assert tables == {*SQLModel.metadata.tables, "alembic_version"}
    Ledger(fresh, NOW).append()


def test_the_migrations_make_what_the_tables_say(fresh: Engine) -> None:
    migrate(fresh)
    with fresh.connect() as connection:
        command.check(alembic_config(connection))


def test_migrating_again_changes_nothing(fresh: Engine) -> None:
    migrate(fresh)
    ledger = Ledger(fresh, NOW)
    ledger.append(ledger.facts("e1=x"))
    migrate(fresh)
    assert is_current(fresh)
    assert [fact_id for (fact_id,) in ledger.rows("fact_id")] == ["e1"]


def test_threads_may_migrate_at_once(fresh: Engine, database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate, engine) for engine in engines]:
            done.result()
    for engine in engines:
        engine.dispose()
    assert is_current(fresh)


def test_processes_may_migrate_at_once(fresh: Engine, database_url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, database_url],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    assert [(child.communicate()[1], child.returncode) for child in started] == 2 * [("", 0)]
    assert is_current(fresh)


def test_going_down_is_refused_and_loses_nothing(fresh: Engine) -> None:
    migrate(fresh)
    ledger = Ledger(fresh, NOW)
    ledger.append(ledger.facts("e1=x"))
    with fresh.connect() as connection, pytest.raises(RuntimeError, match="restore a backup"):
        command.downgrade(alembic_config(connection), "base")
    assert is_current(fresh)
    assert [fact_id for (fact_id,) in ledger.rows("fact_id")] == ["e1"]


def test_an_unknown_version_is_not_current(fresh: Engine) -> None:
    migrate(fresh)
    with fresh.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of the future'"))
    assert not is_current(fresh)
