"""A dashboard over reports written by hand, and browsers that have and have not signed in."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

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
def app(desk: FakeDesk, clock: Clock) -> FastAPI:
    """The dashboard alone."""
    return build_app(desk, clock)


def build_app(desk: FakeDesk, clock: Callable[[], datetime], base_url: str = "") -> FastAPI:
    application = FastAPI()
    application.state.parts = SimpleNamespace(
        desk=desk,
        settings=SimpleNamespace(currency="EUR", timezone="Europe/Berlin", base_url=base_url),
        clock=clock,
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
