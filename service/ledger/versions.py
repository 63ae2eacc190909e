"""The versions of one setting: who made them and when, and a next one made only from the newest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from service.kit.db import reading
from service.kit.errors import Conflict
from service.ledger.configuration import CONFIGURATIONS


@dataclass(frozen=True)
class Version:
    """One version of a setting. `made_at` is aware UTC."""

    version: int
    value: Any
    author: str
    made_at: datetime


def list_versions(
    engine: Engine, name: str, limit: int, before: int | None = None
) -> list[Version]:
    """The newest first; `before`: only those with a lower number."""
    wanted = (
        select(CONFIGURATIONS)
        .where(CONFIGURATIONS.c.name == name)
        .order_by(CONFIGURATIONS.c.version.desc())
        .limit(limit)
    )
    if before is not None:
        wanted = wanted.where(CONFIGURATIONS.c.version < before)
    with reading(engine).connect() as connection:
        rows = connection.execute(wanted).all()
    return [Version(r.version, orjson.loads(r.value), r.author, r.created_at) for r in rows]


def list_newest(engine: Engine, prefix: str) -> dict[str, Version]:
    """The newest version of every setting whose name begins so, by name."""
    newest = (
        select(CONFIGURATIONS.c.name, func.max(CONFIGURATIONS.c.version).label("version"))
        .where(CONFIGURATIONS.c.name.startswith(prefix, autoescape=True))
        .group_by(CONFIGURATIONS.c.name)
        .subquery()
    )
    wanted = (
        select(CONFIGURATIONS)
        .join(
            newest,
            (newest.c.name == CONFIGURATIONS.c.name)
            & (newest.c.version == CONFIGURATIONS.c.version),
        )
        .order_by(CONFIGURATIONS.c.name)
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(wanted).all()
    return {r.name: Version(r.version, orjson.loads(r.value), r.author, r.created_at) for r in rows}


def read_version(engine: Engine, name: str, version: int | None = None) -> Version | None:
    """That version, by default the newest; None where there is none."""
    found = list_versions(engine, name, 1, None if version is None else version + 1)
    return found[0] if found and version in (None, found[0].version) else None


def write_next(
    engine: Engine,
    name: str,
    value: Any,
    now: datetime,
    author: str,
    *,
    after: int,
    also: Mapping[str, Any],
) -> int:
    """Make the value version `after + 1`, and each value of `also` the newest of its own name; all
    of them or none. Returns the new version.

    Raises:
        Conflict: `newer_version` where `after` is not the newest, so nobody undoes unseen what
            another has changed.
    """
    try:
        with engine.begin() as connection:
            newest = _newest(connection, name)
            if newest == after:
                for each, new, number in (
                    (name, value, after + 1),
                    *((n, v, _newest(connection, n) + 1) for n, v in also.items()),
                ):
                    text = orjson.dumps(new, option=orjson.OPT_SORT_KEYS).decode()
                    connection.execute(
                        insert(CONFIGURATIONS).values(
                            name=each, version=number, value=text, created_at=now, author=author
                        )
                    )
                return after + 1
    except IntegrityError:
        newest = after + 1
    raise Conflict(
        "newer_version", f"Version {newest} was published since this was made from version {after}."
    )


def _newest(connection: Connection, name: str) -> int:
    newest = select(func.max(CONFIGURATIONS.c.version)).where(CONFIGURATIONS.c.name == name)
    return connection.execute(newest).scalar() or 0
