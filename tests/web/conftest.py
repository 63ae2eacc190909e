"""A dashboard over reports written by hand, and browsers that have and have not signed in."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from service.kit.db import make_engine
from service.ledger.append import Batch, NewFact, Refused, append
from service.ledger.keys import ensure_source_id
from service.ledger.migrate import migrate
from service.web.routes import mount_web
from service.web.session import SignIn
from tests.web.fake_desk import NOW, FakeDesk


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty ledger, for the pages that look into it."""
    made = make_engine(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    migrate(made)
    yield made
    made.dispose()


def tell(engine: Engine, site: str, taken: int = 0, refused: int = 0) -> None:
    """A site sends so many good and bad events."""
    source = ensure_source_id(engine, site, NOW)
    facts = [NewFact(source, f"e-{n}", "page", 0, 0, "{}") for n in range(taken)]
    bad = [Refused(source, n, "scope_missing", "type", "…", 0) for n in range(refused)]
    append(engine, [Batch(facts, bad)])


@pytest.fixture
def app(desk: FakeDesk, clock: Clock) -> FastAPI:
    """The dashboard alone."""
    return build_app(desk, clock)


def build_app(
    desk: FakeDesk,
    clock: Callable[[], datetime],
    base_url: str = "",
    engine: Engine | None = None,
) -> FastAPI:
    application = FastAPI()
    application.state.parts = SimpleNamespace(
        desk=desk,
        settings=SimpleNamespace(currency="EUR", timezone="Europe/Berlin", base_url=base_url),
        clock=clock,
        engine=engine,
        signin=SignIn(b"0123456789abcdef0123456789abcdef", clock),
    )
    mount_web(application)
    return application


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has not signed in."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://test",
        headers={"accept": "text/html", "sec-fetch-site": "same-origin"},
    ) as client:
        yield client


@pytest.fixture
async def reader(app: FastAPI, stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser that has signed in."""
    link = app.state.parts.signin.new_link("http://test")
    await stranger.post("/sign-in", data={"token": link.split("token=")[1]})
    return stranger


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
