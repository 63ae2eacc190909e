"""Registered links. Each is a named piece of configuration, `link:CODE`; one that ended is null.

One setting each, not one of all: two people may register at once, and a thousand codes are not
written anew with every one that is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from service.kit.db import reading
from service.kit.errors import Conflict, NotFound
from service.kit.time import iso, to_micros
from service.ledger.configuration import CONFIGURATIONS, read_setting
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.remembered import Remembered

PREFIX = "link:"


@dataclass(frozen=True, slots=True)
class Linked:
    """A link as its visitors are received: whose the clicks are, and what is registered."""

    caller: Caller
    options: Mapping[str, Any]


def create_link(
    engine: Engine, code: str, options: Mapping[str, Any], now: datetime, author: str
) -> dict[str, Any]:
    """Register a code; `options` are validated and name their `sender`. Returns it as of `list_links`.

    Raises Conflict for a code that is taken, Refusal for a bad name of the sender.
    """
    version, taken = read_setting(engine, PREFIX + code)
    if taken is not None:
        raise _taken(code)
    source_id = ensure_source_id(engine, options["sender"], now)
    value = {**options, "source_id": source_id}
    try:
        _write(engine, code, version + 1, value, now, author)
    except IntegrityError:  # somebody else was quicker
        raise _taken(code) from None
    return _shown(code, value, now)


def end_link(engine: Engine, code: str, now: datetime, author: str) -> None:
    """End a code; what came by it stays. Raises NotFound."""
    version, known = read_setting(engine, PREFIX + code)
    if known is None:
        raise NotFound("no_such_link", f"There is no link {code[:64]!r}.")
    try:
        _write(engine, code, version + 1, None, now, author)
    except IntegrityError:  # somebody else ended it
        raise NotFound("no_such_link", f"The link {code!r} has just ended.") from None


def list_links(engine: Engine) -> list[dict[str, Any]]:
    """Every link that leads somewhere, by its code."""
    newest = (
        select(CONFIGURATIONS.c.name, func.max(CONFIGURATIONS.c.version).label("version"))
        .where(CONFIGURATIONS.c.name.startswith(PREFIX, autoescape=True))
        .group_by(CONFIGURATIONS.c.name)
        .subquery()
    )
    asked = select(CONFIGURATIONS.c.name, CONFIGURATIONS.c.value, CONFIGURATIONS.c.created_at).join(
        newest,
        (newest.c.name == CONFIGURATIONS.c.name) & (newest.c.version == CONFIGURATIONS.c.version),
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(asked).all()
    found = [
        (row.name.removeprefix(PREFIX), orjson.loads(row.value), row.created_at) for row in rows
    ]
    return [_shown(code, value, at) for code, value, at in sorted(found) if value is not None]


def _write(engine: Engine, code: str, version: int, value: Any, now: datetime, author: str) -> None:
    row = {
        "name": PREFIX + code,
        "version": version,
        "value": orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode(),
        "created_at": now,
        "author": author,
    }
    with engine.begin() as connection:
        connection.execute(insert(CONFIGURATIONS).values(row))


def _shown(code: str, value: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    own = {name: said for name, said in value.items() if name != "source_id"}
    return {"code": code, **own, "created_at": iso(to_micros(at))}


def _taken(code: str) -> Conflict:
    return Conflict(
        "link_exists",
        f"The code {code!r} is taken. To send it elsewhere, end it and register it again.",
    )


class LinkRing:
    """Looks links up by their code, remembering each for a few seconds. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._remembered = Remembered(self._look_up)
        self.forget = self._remembered.forget

    def linked(self, code: str) -> Linked | None:
        """What the code leads to; None where it is unknown or ended."""
        return self._remembered.get(code)

    def _look_up(self, code: str) -> Linked | None:
        options = read_setting(self._engine, PREFIX + code)[1]
        if options is None:
            return None
        # Who registered it may name a channel; the clicks themselves bring nothing that is a word.
        scopes = frozenset({"collect", "facts"})
        return Linked(Caller(0, options["source_id"], options["sender"], scopes), options)
