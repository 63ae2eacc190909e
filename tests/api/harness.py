"""A whole service over HTTP without a network, and the facts that tests tell it.

Events are written by small functions (`touch`, `order` …) that fill in what a test does not care
for; every event gets an id of its own.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import orjson
from fastapi import FastAPI

from service.api.parts import Parts
from service.kit.db import make_engine
from service.ledger.keys import SCOPES, create_key, revoke_key
from service.ledger.migrate import migrate
from service.main import Role, create_app
from service.settings import Settings

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
EVERYTHING = "everything"
REVOKED = "revoked"
Json = dict[str, Any]
_numbers = count(1)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Service:
    """A running service. `keys`: one per scope, one with all of them, one revoked; `watermark`: the
    newest of the receipts, which every answer asked for here includes."""

    app: FastAPI
    client: httpx.AsyncClient
    keys: dict[str, str]
    clock: Clock
    watermark: int = 0

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    def bearer(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[key]}"}

    async def post(
        self, body: Any, path: str = "/v1/events", key: str = EVERYTHING, **headers: str
    ) -> httpx.Response:
        """Post a body: bytes (or a stream of them) as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.client.post(path, content=raw, headers={**self.bearer(key), **named})
        if response.status_code in (200, 202):
            self.watermark = max(self.watermark, response.json().get("watermark", 0))
        return response

    async def tell(self, *items: Json, path: str = "/v1/events", key: str = EVERYTHING) -> Json:
        """Post items all of which must be accepted; gives the receipt."""
        response = await self.post(list(items), path, key)
        receipt: Json = response.json()
        assert response.status_code == 202, response.text
        assert receipt["rejected"] == [], response.text
        assert receipt["accepted"] == len(items), response.text
        return receipt

    async def get(self, path: str, key: str = EVERYTHING, **params: Any) -> httpx.Response:
        """`from_` stands for `from`, `filter_x` for `filter[x]`."""
        query = {_parameter(name): value for name, value in params.items()}
        return await self.client.get(path, params=query, headers=self.bearer(key))

    async def ask(self, path: str, key: str = EVERYTHING, **params: Any) -> Json:
        """The JSON answer of a report that includes all that was told before."""
        response = await self.get(path, key, min_watermark=self.watermark, **params)
        assert response.status_code == 200, f"{response.status_code} {response.text}"
        answer: Json = response.json()
        return answer


def _parameter(name: str) -> str:
    if name.startswith("filter_"):
        return f"filter[{name.removeprefix('filter_')}]"
    return name.rstrip("_")


@asynccontextmanager
async def running(
    folder: Path, database_url: str = "", role: Role = "all", **settings: Any
) -> AsyncIterator[Service]:
    """A service on an empty ledger: SQLite in the folder unless `database_url` says otherwise."""
    told = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=database_url,
        secret="a secret for tests, long enough.",
        **{"follow_interval": 0, "mart_memory": "512MB", "mart_threads": 1, **settings},
    )
    engine = make_engine(told.ledger_url)
    migrate(engine)
    keys = {scope: create_key(engine, scope, [scope], NOW)[0] for scope in SCOPES}
    keys[EVERYTHING] = create_key(engine, "website", SCOPES, NOW)[0]
    keys[REVOKED], row = create_key(engine, REVOKED, SCOPES, NOW)
    revoke_key(engine, row.id or 0, NOW)
    engine.dispose()
    clock = Clock()
    app = create_app(told, role, clock)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield Service(app, client, keys, clock)


def unique(prefix: str) -> str:
    """A text that no other test has."""
    return f"{prefix}-{next(_numbers)}"


def event(kind: str, at: str, who: str | Json | None, **parts: Any) -> Json:
    """`who`: an anonymous id, or the identifiers."""
    identifiers = {"anonymous_id": who} if isinstance(who, str) else who
    named = {"identifiers": identifiers} if identifiers else {}
    return {"id": unique("event"), "type": kind, "occurred_at": at, **named, **parts}


def touch(who: str | Json, at: str, via: str | None = None, **fields: Any) -> Json:
    """A click; `via` is `source/medium`, or None for one that says nothing of itself."""
    if via is not None:
        source, _, medium = via.partition("/")
        fields = {"source": source, **({"medium": medium} if medium else {}), **fields}
    return event("touch", at, who, touch=fields)


def page(who: str | Json, at: str, url: str, **fields: Any) -> Json:
    return event("page", at, who, page={"url": url, **fields})


def order(
    who: str | Json | None, at: str, amount: Any = "100.00", currency: str = "EUR", **fields: Any
) -> Json:
    """A completed order, unless the fields say otherwise."""
    told = {"id": unique("O"), "status": "completed", "amount": amount, "currency": currency}
    return event("order", at, who, order={**told, **fields})


def lead(who: str | Json | None, at: str, **fields: Any) -> Json:
    return event("lead", at, who, lead={"id": unique("L"), "stage": "lead", **fields})


def deal(who: str | Json | None, at: str, stage: str, **fields: Any) -> Json:
    return event("deal", at, who, deal={"id": unique("D"), "stage": stage, **fields})


def by(rows: Iterable[Json], *names: str) -> Json:
    """Rows by their label: by one grouping its value, by several the tuple of theirs."""
    return {
        row[names[0]] if len(names) == 1 else tuple(row[name] for name in names): row
        for row in rows
    }
