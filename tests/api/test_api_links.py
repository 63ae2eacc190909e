"""Links over HTTP: registered, followed, ended; and a pixel that answers the same to everybody."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app as commands
from service.collect.wire import GIF
from service.kit.errors import Conflict, Overloaded
from service.ledger.links import LinkRing, create_link, end_link, list_links
from tests.api.harness import NOW, Service, running

pytestmark = pytest.mark.anyio
TARGET = "https://example.com/spring"
POSTER = {"target": TARGET, "sender": "posters", "source": "poster", "medium": "print"}
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/147.0.0.0"}


async def register(service: Service, **more: Any) -> Any:
    made = await service.post({**POSTER, **more}, "/v1/links", key="admin")
    assert made.status_code == 201, made.text
    return made.json()


async def touches(service: Service, sender: str) -> int:
    sources = (await service.ask("/v1/sources"))["items"]
    found = [s["outcomes"].get("accepted", 0) for s in sources if s["name"] == sender]
    return sum(found)


async def test_a_click_is_recorded_and_sent_on(either: Service) -> None:
    made = await register(either, code="p-1", campaign="spring")
    assert made["address"].endswith("/r/p-1")
    answer = await either.client.get("/r/p-1?gclid=abc&junk=1", headers=BROWSER)
    assert answer.status_code == 302
    assert answer.headers["location"] == (
        f"{TARGET}?utm_source=poster&utm_medium=print&utm_campaign=spring&gclid=abc"
    )
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert await touches(either, "posters") == 1


async def test_click_and_page_are_one_journey(fresh: Service) -> None:
    await register(fresh, code="p-2", carry_click=True)
    followed = await fresh.client.get("/r/p-2", headers=BROWSER)
    page = {
        "id": "e-1",
        "type": "page",
        "at": "2026-03-31T12:00:00Z",
        "anonymous_id": "a-1",
        "url": followed.headers["location"],
    }
    sent = await fresh.post({"events": [page]}, "/t", key="collect", **BROWSER)
    assert sent.json()["rejected"] == []
    await fresh.tell(
        {
            "id": "o-1",
            "type": "order",
            "occurred_at": "2026-03-31T12:00:01Z",
            "identifiers": {"anonymous_id": "a-1"},
            "order": {"id": "O1", "status": "completed", "amount": "80", "currency": "EUR"},
        }
    )
    journey = await fresh.ask("/v1/journeys/won:order:O1")
    assert [t["kind"] for t in journey["touchpoints"]] == ["click", "visit"]
    assert {t["source"] for t in journey["touchpoints"]} == {"poster"}


@pytest.mark.parametrize(
    "address",
    [
        "/r/nowhere",
        "/r/nowhere?url=https://evil.example",
        "/r/%2F%2Fevil.example",
        "/r/%5C%5Cevil.example",
        "/r/https:%2F%2Fevil.example",
        "/r/javascript:alert(1)",
        "/r/user@evil.example",
        "/r/x%0d%0aLocation:%20https:%2F%2Fevil.example",
        "/r/%00",
        "/r/%ff",
        "/r/" + "x" * 500,
        "/r/%D0%BB",
    ],
)
async def test_an_unknown_code_leads_nowhere(service: Service, address: str) -> None:
    for method in ("GET", "HEAD"):
        answer = await service.client.request(method, address, headers=BROWSER)
        assert answer.status_code == 404
        assert "location" not in answer.headers
    assert "evil" not in answer.text


@pytest.mark.parametrize("address", ["/r//evil.example", "/r/", "/r/a/b", "//evil.example/r/p-1"])
async def test_what_is_no_code_at_all(service: Service, address: str) -> None:
    answer = await service.client.get(f"http://test{address}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def kept(service: Service) -> str:
    with service.parts.engine.connect() as connection:
        return repr(connection.exec_driver_sql("SELECT payload FROM facts").fetchall())


@pytest.mark.parametrize(
    ("policy", "said", "query", "declined"),
    [
        ("honour", {}, "", False),
        ("honour", {"sec-gpc": "1"}, "", True),
        ("honour", {"dnt": "1"}, "", True),
        ("honour", {}, "?gdpr=1&gdpr_consent=", True),
        ("require", {}, "", True),
        ("ignore", {"sec-gpc": "1"}, "", False),
    ],
)
async def test_who_declined_follows_a_link_as_nobody(
    tmp_path: Path, policy: Any, said: dict[str, str], query: str, declined: bool
) -> None:
    async with running(tmp_path, consent=policy) as service:
        await register(service, code="p-9", carry_click=True)
        answer = await service.client.get(f"/r/p-9{query}", headers={**BROWSER, **said})
        assert answer.status_code == 302
        assert await touches(service, "posters") == 1
        assert ("unlinked:" in await kept(service)) is declined
        assert ("anonymous_id:" in await kept(service)) is not declined


async def test_the_deployments_own_spam_is_flagged_of_links_too(tmp_path: Path) -> None:
    hosts = tmp_path / "spam.txt"
    hosts.write_text("spam.example")
    async with running(tmp_path, spam_referrers=hosts) as service:
        await register(service, code="p-9")
        await service.client.get("/r/p-9", headers={**BROWSER, "referer": "https://spam.example/x"})
        assert '"spam":true' in await kept(service)


async def test_what_looks_and_does_not_come_is_not_counted(fresh: Service) -> None:
    await register(fresh, code="p-3")
    looked = await fresh.client.head("/r/p-3", headers=BROWSER)
    ahead = {**BROWSER, "sec-purpose": "prefetch;prerender"}
    fetched = await fresh.client.get("/r/p-3", headers=ahead)
    assert (looked.status_code, fetched.status_code) == (302, 302)
    assert await touches(fresh, "posters") == 0


async def test_the_visitor_goes_on_where_his_click_cannot_be_kept(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(fresh, code="p-4")

    def full(_: Any) -> Any:
        raise Overloaded("overloaded", "full")

    monkeypatch.setattr(fresh.parts.writer, "submit", full)
    answer = await fresh.client.get("/r/p-4", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"][: len(TARGET)]) == (302, TARGET)


async def test_a_code_lives_from_its_registration_to_its_end(either: Service) -> None:
    made = await register(either, code="p-5")
    taken = await either.post({**POSTER, "code": "p-5"}, "/v1/links", key="admin")
    assert (taken.status_code, taken.json()["code"]) == (409, "link_exists")
    listed = await either.client.get("/v1/links", headers=either.bearer("admin"))
    assert listed.json()["items"] == [made]
    ended = await either.client.delete("/v1/links/p-5", headers=either.bearer("admin"))
    assert (ended.status_code, ended.content) == (204, b"")
    assert (await either.client.get("/r/p-5")).status_code == 404
    again = await either.client.delete("/v1/links/p-5", headers=either.bearer("admin"))
    assert (again.status_code, again.json()["code"]) == (404, "no_such_link")
    # A printed code can be sent elsewhere.
    await register(either, code="p-5", target="https://example.com/autumn")
    answer = await either.client.get("/r/p-5", headers=BROWSER)
    assert answer.headers["location"].startswith("https://example.com/autumn?")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 400, "malformed_json", None),
        (b"[]", 422, "wrong_type", ""),
        (b"{}", 422, "missing_field", "target"),
        (b'{"target": "javascript:alert(1)"}', 422, "bad_target", "target"),
        (b'{"target": "https://a.example", "code": "a b"}', 422, "bad_code", "code"),
        (b'{"target": "https://a.example", "sender": "\\u0000"}', 422, "nul_character", "sender"),
        (b'{"target": "https://a.example", "sender": "a\\nb"}', 422, "bad_name", "name"),
        (b'{"target": "https://a.example", "source": "\\ud800"}', 422, "invalid_text", "source"),
        (b'{"target": "https://a.example", "term": NaN}', 422, "wrong_type", "term"),
    ],
)
async def test_a_link_asked_for_wrongly(
    service: Service, body: bytes, status: int, code: str, field: str | None
) -> None:
    answer = await service.post(body, "/v1/links", key="admin")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json().get("field") == field


async def test_of_two_that_register_at_once_one_is_told(either: Service) -> None:
    options = {"target": TARGET, "sender": "posters"}

    def make() -> Any:
        return create_link(either.parts.engine, "race", options, NOW, "test")

    made = await asyncio.gather(
        *(asyncio.to_thread(make) for _ in range(6)), return_exceptions=True
    )
    assert len([m for m in made if isinstance(m, dict)]) == 1
    assert {m.code for m in made if isinstance(m, Conflict)} == {"link_exists"}
    assert len(made) == 1 + len([m for m in made if isinstance(m, Conflict)])
    assert [link["code"] for link in list_links(either.parts.engine)] == ["race"]


async def test_a_ring_remembers_and_forgets(fresh: Service) -> None:
    engine, ring = fresh.parts.engine, LinkRing(fresh.parts.engine)
    assert ring.linked("r") is None
    create_link(engine, "r", {"target": TARGET, "sender": "posters"}, NOW, "test")
    assert ring.linked("r") is None  # for some seconds
    ring.forget()
    known = ring.linked("r")
    assert known is not None
    assert known.caller.source == "posters"
    end_link(engine, "r", NOW, "test")
    ring.forget()
    assert ring.linked("r") is None


async def test_the_commands(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fresh.parts.settings
    monkeypatch.setenv("THROUGHLINE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("THROUGHLINE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("THROUGHLINE_BASE_URL", "https://tl.example/")

    def run(*words: str) -> str:
        done = CliRunner().invoke(commands, ["links", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("add", TARGET, "--code", "cli", "--source", "tv") == "https://tl.example/r/cli\n"
    assert "cli" in run("list")
    found = await fresh.client.get("/r/cli", headers=BROWSER)
    assert found.headers["location"] == f"{TARGET}?utm_source=tv"
    assert run("add", TARGET).startswith("https://tl.example/r/")
    assert run("remove", "cli") == ""
    assert "cli" not in run("list")
    for words in (["add", "http://example.com"], ["remove", "cli"]):
        assert CliRunner().invoke(commands, ["links", *words]).exit_code != 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "key=pk_unknown",
        "key=sk_secret",
        "key={KEY}&kind=click",
        "key={KEY}&kind=email_open",
        "key={KEY}&" + "&".join(f"a{n}=1" for n in range(1_100)),
        "key={KEY}&campaign=%ff%00",
    ],
)
async def test_the_pixel_answers_the_same_whatever_becomes_of_it(
    service: Service, query: str
) -> None:
    address = "/pixel.gif?" + query.replace("{KEY}", service.keys["collect"])
    answer = await service.client.get(address, headers=BROWSER)
    assert (answer.status_code, answer.content) == (200, GIF)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_pixel_counts_and_says_in_the_quarantine_what_it_could_not(
    fresh: Service,
) -> None:
    key = fresh.keys["collect"]
    for more in ("kind=impression&campaign=spring", "kind=email_open&user_id=ann%40example.com"):
        await fresh.client.get(f"/pixel.gif?key={key}&{more}", headers=BROWSER)
    sources = (await fresh.ask("/v1/sources"))["items"]
    assert [s["outcomes"] for s in sources if s["outcomes"]] == [
        {"accepted": 1, "bad_identifier": 1}
    ]
    (refused,) = (await fresh.ask("/v1/quarantine"))["items"]
    assert (refused["code"], refused["field"]) == ("bad_identifier", "user_id")
    assert "ann" not in str(refused)


async def test_the_snippet_is_for_any_site(service: Service) -> None:
    answer = await service.client.get("/t.js", headers={"origin": "https://shop.example"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    same = {"if-none-match": answer.headers["etag"]}
    assert (await service.client.get("/t.js", headers=same)).status_code == 304
    refused = await service.client.post("/t", content=b'{"key": "pk_x", "events": []}')
    assert (refused.status_code, refused.json()["code"]) == (401, "unknown_key")
    assert refused.headers["access-control-allow-origin"] == "*"
    secret = await service.client.post("/t", content=b'{"key": "sk_x", "events": []}')
    assert (secret.status_code, secret.json()["code"]) == (403, "secret_in_page")
