"""The pages of the sources and the quarantine, over a whole service."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from service.collect.formats import formats
from service.collect.intake import collect_messages
from service.collect.native import Sender
from service.ledger.append import append
from service.ledger.hooks import create_hook, list_hooks
from service.ledger.intake import list_sources
from service.ledger.quarantine import find_quarantined
from tests.api.harness import EVERYTHING, NOW, Json, Service, page, running, touch
from tests.api.test_api_quarantine import crm  # noqa: F401

pytestmark = pytest.mark.anyio
AT = "2026-02-01T10:00:00Z"
OURS = {"accept": "text/html", "sec-fetch-site": "same-origin"}
LIST = "/sources/quarantine"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(tmp_path) as own:
        yield own


@asynccontextmanager
async def sign_in(service: Service, admin: bool) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=service.app)
    token = service.parts.signin.new_link("http://test", admin).split("token=")[1]
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=OURS
    ) as client:
        answer = await client.post("/sign-in", data={"token": token})
        assert answer.status_code == 303
        yield client


@pytest.fixture
async def admin(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with sign_in(service, True) as client:
        yield client


@pytest.fixture
async def reader(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with sign_in(service, False) as client:
        yield client


async def refuse(service: Service, *events: Json, key: str = "facts") -> list[int]:
    """Ids of the items that the events become."""
    assert (await service.post(list(events), key=key)).json()["accepted"] == 0
    items = (await service.ask("/v1/quarantine", limit=len(events)))["items"]
    return [item["id"] for item in reversed(items)]


def words(answer: httpx.Response) -> str:
    assert answer.headers["content-type"].startswith("text/html")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def test_every_source_says_how_it_does(service: Service, reader: httpx.AsyncClient) -> None:
    await service.tell(touch("a1", AT), touch("a2", AT) | {"context": {"consent": "denied"}})
    await service.post(b"{")
    bad = page("a1", AT, "<script>alert(1)</script>")
    await refuse(service, bad, bad)
    text = words(await reader.get("/sources"))
    assert "2 items wait in the quarantine An administrator can mend and replay them." in text
    assert "website" in text
    assert "1 malformed_json" in text
    assert "2 bad_url" in text
    assert LIST not in (await reader.get("/sources")).text
    assert 'href="/sources" aria-current="page"' in (await reader.get("/sources")).text


async def test_nobody_sends_yet(service: Service, admin: httpx.AsyncClient) -> None:
    with service.parts.engine.begin() as connection:
        for table in ("keys", "sources"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert "Nobody sends anything yet" in words(await admin.get("/sources"))


async def test_only_administrators(service: Service, reader: httpx.AsyncClient) -> None:
    (item,) = await refuse(service, page("a1", AT, "ann@example.com"))
    for path in (LIST, f"{LIST}/{item}"):
        answer = await reader.get(path)
        assert answer.status_code == 403
        assert "ann@example.com" not in answer.text
    for action in ("replay", "dismiss", "stage"):
        assert (await reader.post(f"{LIST}/{item}/{action}", data={})).status_code == 403
    assert (await reader.post(f"{LIST}/replay", data={})).status_code == 403
    # A session, of whatever grade, is no key: the API's doors stay shut.
    assert (await reader.get("/v1/quarantine")).status_code == 403
    async with sign_in(service, True) as admin:
        assert (await admin.get("/v1/quarantine")).status_code == 403
        assert (await admin.post(f"/v1/quarantine/{item}/replay")).status_code == 403
    assert find_quarantined(service.parts.engine, item)["outcome"] is None


async def test_another_site_can_change_nothing(service: Service, admin: httpx.AsyncClient) -> None:
    (item,) = await refuse(service, page("a1", AT, "no address"))
    for path in (f"{item}/replay", f"{item}/dismiss", f"{item}/stage", "replay"):
        for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "none"}):
            answer = await admin.post(f"{LIST}/{path}", data={"stage": "won"}, headers=headers)
            assert answer.status_code == 403, path
    assert find_quarantined(service.parts.engine, item)["outcome"] is None


async def test_the_list_is_filtered_and_paged(service: Service, admin: httpx.AsyncClient) -> None:
    await refuse(service, *(page("a1", AT, f"no address {n}") for n in range(60)))
    await refuse(service, page("a1", "2026-02-01T10:00:00", "https://x.test/"), key=EVERYTHING)
    first = await admin.get(LIST)
    assert "Replay 61 items" in words(first)
    older = re.search(r'href="(/sources/quarantine\?cursor=[^"]+)"', first.text)
    assert older
    assert (await admin.get(unescape(older[1]))).text.count('<th scope="row">') == 11
    filtered = await admin.get(LIST, params={"code": "naive_timestamp"})
    assert filtered.text.count('<th scope="row">') == 1
    for odd in ({"source": "\0"}, {"cursor": "x"}, {"state": "x"}, {"code": "<b>"}):
        assert (await admin.get(LIST, params=odd)).status_code == 200


async def test_an_item_is_mended(service: Service, admin: httpx.AsyncClient) -> None:
    hostile = page("a1", AT, "no address", title="</textarea><script>alert(1)</script>")
    (item,) = await refuse(service, hostile)
    shown = await admin.get(f"{LIST}/{item}")
    assert "<script>alert" not in shown.text
    assert "page.url" in words(shown)
    for text in ("{", '{"id": "x"}', "[]", "null", ""):
        answer = await admin.post(f"{LIST}/{item}/replay", data={"message": text})
        assert answer.status_code in (400, 422), text
        assert "Still refused" in words(answer)
        assert not text or text in unescape(answer.text)
    box = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown.text, re.DOTALL)
    assert box
    mended = unescape(box[1]).replace("no address", "https://shop.test/")
    answer = await admin.post(f"{LIST}/{item}/replay", data={"message": mended})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}?replayed=1")
    assert find_quarantined(service.parts.engine, item)["outcome"] == "accepted"
    after = await admin.get(f"{LIST}/{item}")
    assert "<textarea" not in after.text
    answer = await admin.post(f"{LIST}/{item}/replay", data={"message": ""})
    assert answer.status_code == 303


async def test_an_item_is_dismissed(service: Service, admin: httpx.AsyncClient) -> None:
    (item,) = await refuse(service, page("a1", AT, "no address"))
    assert (await admin.post(f"{LIST}/{item}/dismiss")).status_code == 303
    assert "Nothing here." in words(await admin.get(LIST))
    assert "Dismissed" in words(await admin.get(LIST, params={"state": "ended"}))
    assert (await admin.get(f"{LIST}/999")).status_code == 404
    assert (await admin.post(f"{LIST}/999/dismiss")).status_code == 404


async def test_all_of_a_list_are_replayed(service: Service, admin: httpx.AsyncClient) -> None:
    await refuse(service, *(page("a1", AT, "no address") for _ in range(3)))
    answer = await admin.post(f"{LIST}/replay", data={"source": "facts", "code": "bad_url"})
    assert answer.status_code == 303
    assert "0 replayed, 3 still refused." in words(await admin.get(answer.headers["location"]))


async def test_a_status_is_mapped(service: Service, admin: httpx.AsyncClient, crm) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    parts = service.parts
    create_hook(parts.engine, "testcrm", "crm", {}, NOW)
    source = next(s["id"] for s in list_sources(parts.engine, NOW) if s["name"] == "crm")
    caller = replace(parts.keys.caller(service.keys["facts"]), source_id=source)
    sender = Sender(caller, NOW, parts.reader, options=crm.options(), currency="EUR")
    sent = [{"id": f"c{n}", "deal": f"D{n}", "status": s} for n, s in enumerate(("W <1>", "W <1>"))]
    append(parts.engine, [collect_messages(sent, sender, formats()["testcrm"], 32_768)])
    item = (await service.ask("/v1/quarantine"))["items"][0]["id"]
    assert "What does “W <1>” mean?" in words(await admin.get(f"{LIST}/{item}"))
    wrong = await admin.post(f"{LIST}/{item}/stage", data={"stage": "nonsense"})
    assert wrong.status_code == 422
    answer = await admin.post(f"{LIST}/{item}/stage", data={"stage": "lost", "reason": "price"})
    assert answer.status_code == 303
    assert "2 replayed." in words(await admin.get(answer.headers["location"]))
    assert list_hooks(parts.engine)[0]["options"]["stages"] == {"W <1>": "lost:price"}
    (outcomes,) = (s["outcomes"] for s in list_sources(parts.engine, NOW) if s["name"] == "crm")
    assert set(outcomes) == {"accepted"}
    again = await admin.post(f"{LIST}/{item}/stage", data={"stage": "won"})
    assert again.status_code == 422
