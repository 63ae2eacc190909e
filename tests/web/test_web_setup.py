"""Set up: who may make a key, what is shown of it, and what the page says has arrived."""

import re
from collections.abc import AsyncIterator
from html import unescape
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from service.ledger.keys import list_keys
from service.web.views_setup import snippet_for
from tests.web.conftest import Clock, build_app, tell
from tests.web.fake_desk import FakeDesk

pytestmark = pytest.mark.anyio
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def app(desk: FakeDesk, clock: Clock, engine: Engine) -> FastAPI:
    return build_app(desk, clock, engine=engine)


@pytest.fixture
async def no_script(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Another browser, of another site."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def arrival(reader: httpx.AsyncClient, site: str, seen: int = 0) -> httpx.Response:
    return await reader.get(f"/setup/arrival?site={quote(site)}&seen={seen}")


async def test_the_page_before_a_key_is_made(reader: httpx.AsyncClient) -> None:
    page = await reader.get("/setup")
    assert page.status_code == 200
    assert 'href="/setup" aria-current="page"' in page.text
    shown = unescape(page.text)
    assert '<script async src="http://test/t.js" data-key="YOUR_PUBLIC_KEY"></script>' in shown
    assert "http://test/v1/batch" not in shown or "Segment" in shown
    assert "hx-get" not in page.text


async def test_a_key_is_shown_once_and_can_add_visits_only(
    reader: httpx.AsyncClient, engine: Engine
) -> None:
    made = await reader.post("/setup", data={"site": " shop.example "})
    assert made.status_code == 200
    assert made.headers["cache-control"] == "private, no-store"
    (key,) = set(re.findall(r"pk_[\w-]{40,}", made.text))
    assert snippet_for("http://test", key) in unescape(made.text)
    (row,) = list_keys(engine)
    assert (row["name"], row["source"], row["scopes"]) == (
        "shop.example", "shop.example", ["collect"],
    )  # fmt: skip
    assert key not in (await reader.get("/setup?site=shop.example")).text


async def test_the_configured_address_stands_in_the_snippet(
    app: FastAPI, reader: httpx.AsyncClient
) -> None:
    app.state.parts.settings.base_url = "http://tl.example/"
    page = unescape((await reader.get("/setup")).text)
    assert 'src="http://tl.example/t.js"' in page
    assert "http://tl.example/v1/events" in page
    assert "http://test" not in page


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 101, "\u202e"])
async def test_a_name_that_cannot_be_taken(
    reader: httpx.AsyncClient, engine: Engine, name: str
) -> None:
    answer = await reader.post("/setup", data={"site": name})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert list_keys(engine) == []


async def test_what_a_name_holds_is_text(reader: httpx.AsyncClient, engine: Engine) -> None:
    made = await reader.post("/setup", data={"site": HOSTILE})
    tell(engine, HOSTILE, refused=1)
    for page in (made, await reader.get(f"/setup?site={quote(HOSTILE)}")):
        assert "<script>alert" not in page.text
    assert "<script>alert" not in (await arrival(reader, HOSTILE)).text


async def test_who_may_make_a_key(
    app: FastAPI, stranger: httpx.AsyncClient, no_script: httpx.AsyncClient, engine: Engine
) -> None:
    assert (await stranger.get("/setup")).status_code == 401
    assert (await stranger.post("/setup", data={"site": "x"})).status_code == 401
    link = app.state.parts.signin.new_link("http://test")
    await stranger.post("/sign-in", data={"token": link.split("token=")[1]})
    no_script.cookies = stranger.cookies
    for headers in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        sent = await no_script.post("/setup", data={"site": "x"}, headers=headers)
        assert sent.status_code == 403, headers
    assert list_keys(engine) == []


async def test_what_arrives_is_noticed(reader: httpx.AsyncClient, engine: Engine) -> None:
    await reader.post("/setup", data={"site": "shop"})
    page = await reader.get("/setup?site=shop")
    assert 'hx-get="/setup/arrival?site=shop&amp;seen=0"' in page.text
    assert (await arrival(reader, "shop")).status_code == 204
    tell(engine, "shop", refused=2)
    refused = await arrival(reader, "shop")
    assert refused.status_code == 200
    assert "2 × <code>scope_missing</code>" in refused.text
    assert 'hx-get="/setup/arrival?site=shop&amp;seen=2"' in refused.text
    assert (await arrival(reader, "shop", seen=2)).status_code == 204
    tell(engine, "shop", taken=3)
    taken = await arrival(reader, "shop", seen=2)
    assert "The first event of shop has arrived." in taken.text
    assert "3 events so far" in taken.text
    assert "hx-get" not in taken.text  # nothing is asked any more
    assert "<html" not in taken.text


async def test_what_arrives_is_for_readers_who_are_signed_in(
    stranger: httpx.AsyncClient, engine: Engine
) -> None:
    tell(engine, "shop", taken=1)
    answer = await arrival(stranger, "shop")
    assert answer.status_code == 401
    assert "signed out" in answer.text
    assert "shop" not in answer.text
    assert "hx-get" not in answer.text


async def test_an_unknown_site_is_not_waited_for(reader: httpx.AsyncClient) -> None:
    answer = await arrival(reader, "nowhere")
    assert "hx-get" not in answer.text
