"""Sign-in links open one session each, and only forms of our own pages are heard."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer

from service.web.routes import own_path
from service.web.session import (
    LINK_LIFETIME,
    SESSION_LIFETIME,
    FolderStore,
    MemoryStore,
    SignIn,
    SignInStore,
)

pytestmark = pytest.mark.anyio
SECRET = b"0123456789abcdef0123456789abcdef"
Stores = Callable[[], SignInStore]


def token_of(link: str) -> str:
    return link.split("token=")[1]


@pytest.fixture(params=["memory", "folder"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Makes stores that share their memory, as processes do."""
    memory = MemoryStore()
    if request.param == "memory":
        return lambda: memory
    return lambda: FolderStore(tmp_path / "links")


def test_a_link_opens_one_session(stores: Stores, clock: Any) -> None:
    maker, worker = SignIn(SECRET, clock, stores()), SignIn(SECRET, clock, stores())
    token = token_of(maker.new_link("http://here/"))
    assert worker.is_open(token)
    assert worker.open(token) is not None
    assert not maker.is_open(token)
    assert maker.open(token) is None


def test_a_link_is_too_old_after_24_hours(stores: Stores, clock: Any) -> None:
    signin = SignIn(SECRET, clock, stores())
    early, late = (token_of(signin.new_link("http://here")) for _ in range(2))
    clock.now += LINK_LIFETIME - timedelta(seconds=1)
    assert signin.open(early) is not None
    clock.now += timedelta(seconds=1)
    assert not signin.is_open(late)
    assert signin.open(late) is None


def test_the_store_does_not_hold_the_token(tmp_path: Path, clock: Any) -> None:
    token = token_of(SignIn(SECRET, clock, FolderStore(tmp_path)).new_link("http://here"))
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1
    assert token not in kept[0].name + kept[0].read_text()


def test_signing_out_ends_the_session_everywhere(stores: Stores, clock: Any) -> None:
    signin, other = SignIn(SECRET, clock, stores()), SignIn(SECRET, clock, stores())
    session = signin.open(token_of(signin.new_link("http://here")))
    assert session is not None
    cookie = signin.write(session)
    assert other.read(cookie) == session
    signin.close(session)
    assert other.read(cookie) is None


def test_a_session_ends_after_its_lifetime(clock: Any) -> None:
    signin = SignIn(SECRET, clock)
    session = signin.open(token_of(signin.new_link("http://here")))
    assert session is not None
    cookie = signin.write(session)
    clock.now += SESSION_LIFETIME
    assert signin.read(cookie) is None


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param("", id="empty"),
        pytest.param("e30.x", id="no signature"),
        pytest.param(
            URLSafeSerializer(b"another secret of the thief").dumps(["a", "b", "c"]), id="forged"
        ),
        pytest.param(
            URLSafeSerializer(SECRET, salt="throughline.session").dumps({"a": 1}), id="other shape"
        ),
    ],
)
def test_other_cookies_are_no_session(cookie: str, clock: Callable[[], datetime]) -> None:
    assert SignIn(SECRET, clock).read(cookie) is None


def test_old_files_are_swept(tmp_path: Path, clock: Any) -> None:
    signin = SignIn(SECRET, clock, FolderStore(tmp_path))
    signin.new_link("http://here")
    clock.now += timedelta(days=30)
    signin.new_link("http://here")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_short_secret_is_refused(clock: Any) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        SignIn(b"short", clock)


async def test_looking_at_a_link_does_not_spend_it(
    app: FastAPI, stranger: httpx.AsyncClient
) -> None:
    link = app.state.parts.signin.new_link("http://test")
    for _ in range(2):
        page = await stranger.get(link)
        assert page.status_code == 200
        assert "Sign in on this browser" in page.text
        assert not stranger.cookies
    answer = await stranger.post("/sign-in", data={"token": token_of(link)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("throughline=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert (await stranger.get("/")).status_code == 200


async def test_a_spent_link_says_so(app: FastAPI, reader: httpx.AsyncClient) -> None:
    link = app.state.parts.signin.new_link("http://test")
    assert (await reader.post("/sign-in", data={"token": token_of(link)})).status_code == 303
    for answer in (
        await reader.post("/sign-in", data={"token": token_of(link)}),
        await reader.get(link),
    ):
        assert answer.status_code == 410
        assert "has been used or is too old" in answer.text


async def test_over_tls_the_cookie_is_bound_to_the_host(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        link = app.state.parts.signin.new_link("https://test")
        answer = await client.post(
            "/sign-in", data={"token": token_of(link)}, headers={"origin": "https://test"}
        )
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-throughline=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert (await client.get("/")).status_code == 200


async def test_signing_out_closes_the_session(reader: httpx.AsyncClient) -> None:
    kept = reader.cookies["throughline"]
    assert (await reader.post("/sign-out")).headers["location"] == "/sign-in"
    reader.cookies.set("throughline", kept)
    assert (await reader.get("/")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://test"}, 403),
        ({"origin": "http://test"}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("address", ["/sign-in", "/sign-out", "/theme"])
async def test_forms_of_other_sites_are_refused(
    app: FastAPI, address: str, headers: dict[str, str], status: int
) -> None:
    token = token_of(app.state.parts.signin.new_link("http://test"))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.post(address, data={"token": token, "theme": "dark"}, headers=headers)
    assert answer.status_code == status
    assert app.state.parts.signin.is_open(token) is (status == 403 or address != "/sign-in")


@pytest.mark.parametrize("address", ["/", "/journeys", "/journeys/x", "/channels/email"])
async def test_pages_ask_a_stranger_to_sign_in(stranger: httpx.AsyncClient, address: str) -> None:
    answer = await stranger.get(address)
    assert answer.status_code == 401
    assert "Sign in to see the numbers" in answer.text
    assert "€" not in answer.text


async def test_the_theme_is_remembered(reader: httpx.AsyncClient) -> None:
    answer = await reader.post("/theme", data={"theme": "dark", "next": "/journeys?model=linear"})
    assert answer.headers["location"] == "/journeys?model=linear"
    assert 'data-theme="dark"' in (await reader.get("/")).text
    assert (await reader.post("/theme", data={"theme": "pink"})).status_code == 400


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/x", "evil", "", "http://["],
)
def test_no_form_leads_out_of_the_dashboard(address: str) -> None:
    assert own_path(address) == "/"


async def test_a_form_too_large_is_refused(reader: httpx.AsyncClient) -> None:
    assert (await reader.post("/theme", content=b"a" * 5000)).status_code == 400
    assert (await reader.post("/theme", content=b"\xff\xfe")).status_code == 400
