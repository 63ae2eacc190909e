"""Named pieces of configuration, each a row of versions: the newest holds and none is changed."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from service.kit.db import reading
from service.ledger.tables import TABLES

CONFIGURATIONS = TABLES["configurations"]


def read_setting(engine: Engine, name: str) -> tuple[int, Any]:
    """Version and value of the newest; (0, None) where there is none."""
    newest = (
        select(CONFIGURATIONS.c.version, CONFIGURATIONS.c.value)
        .where(CONFIGURATIONS.c.name == name)
        .order_by(CONFIGURATIONS.c.version.desc())
        .limit(1)
    )
    with reading(engine).connect() as connection:
        row = connection.execute(newest).first()
    return (row.version, orjson.loads(row.value)) if row else (0, None)


def read_setting_as_of(engine: Engine, name: str, moment: datetime) -> tuple[int, Any]:
    """Version and value that held at an aware moment; (0, None) where none did yet."""
    then = (
        select(CONFIGURATIONS.c.version, CONFIGURATIONS.c.value)
        .where(CONFIGURATIONS.c.name == name, CONFIGURATIONS.c.created_at <= moment)
        .order_by(CONFIGURATIONS.c.version.desc())
        .limit(1)
    )
    with reading(engine).connect() as connection:
        row = connection.execute(then).first()
    return (row.version, orjson.loads(row.value)) if row else (0, None)


TRIES = 5
"""Of two that write one name at once the slower takes the next number."""


def write_setting(engine: Engine, name: str, value: Any, now: datetime, author: str) -> int:
    """Make the value the newest version; returns its number. Saying the same again makes none."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    for _ in range(TRIES - 1):
        try:
            return _write(engine, name, text, now, author)
        except IntegrityError:
            continue
    return _write(engine, name, text, now, author)


def _write(engine: Engine, name: str, text: str, now: datetime, author: str) -> int:
    with engine.begin() as connection:
        newest = select(func.max(CONFIGURATIONS.c.version)).where(CONFIGURATIONS.c.name == name)
        version: int = connection.execute(newest).scalar() or 0
        same = select(CONFIGURATIONS.c.value).where(
            CONFIGURATIONS.c.name == name, CONFIGURATIONS.c.version == version
        )
        if connection.execute(same).scalar() == text:
            return version
        connection.execute(
            insert(CONFIGURATIONS).values(
                name=name, version=version + 1, value=text, created_at=now, author=author
            )
        )
    return version + 1


def read_settings(
    engine: Engine, prefix: str, known_at: datetime | None = None
) -> list[tuple[str, int, Any, datetime]]:
    """Name without the prefix, version, value and moment of the newest of every setting whose name
    begins so, by name; `known_at`: as they were at that moment."""
    newest = select(CONFIGURATIONS.c.name, func.max(CONFIGURATIONS.c.version).label("version"))
    newest = newest.where(CONFIGURATIONS.c.name.startswith(prefix, autoescape=True))
    if known_at is not None:
        newest = newest.where(CONFIGURATIONS.c.created_at <= known_at)
    held = newest.group_by(CONFIGURATIONS.c.name).subquery()
    asked = select(CONFIGURATIONS).join(
        held, (held.c.name == CONFIGURATIONS.c.name) & (held.c.version == CONFIGURATIONS.c.version)
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(asked).all()
    return sorted(
        (row.name.removeprefix(prefix), row.version, orjson.loads(row.value), row.created_at)
        for row in rows
    )
