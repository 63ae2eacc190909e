"""Bring a ledger's tables to this version, once, however many processes start at a time."""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATION_LOCK = 0x7468726D
# Alembic keeps the running migration in globals: one at a time in a process.
_one_at_a_time = Lock()


def migrations_folder() -> Path:
    """Beside the package in a checkout, inside it in an installed wheel."""
    spec = find_spec("service")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> None:
    """Upgrade to the newest version; does nothing where it is there already."""
    with _one_at_a_time, engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
        command.upgrade(alembic_config(connection), "head")
        connection.commit()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def is_current(engine: Engine) -> bool:
    """Whether the ledger's tables are of this version."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
        here = MigrationContext.configure(connection).get_current_revision()
        return here == script.get_current_head()
