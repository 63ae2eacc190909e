"""Our own snippet in Chromium, on pages of another site: what it sends, keeps and never sends."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep, time
from typing import Any

import httpx
import pytest

from service.collect.formats.snippet import script
from service.web.views_setup import snippet_for
from tests.real.clients import failing_at_first, listening, pages

pytestmark = pytest.mark.browser

QUERY = "?utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid=abc"
# Headless Chromium says so in its own agent, and the service takes it for the robot that it is.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0"


def shop(url: str, key: str, attributes: str = "", before: str = "") -> dict[str, str]:
    """A site whose pages hold the snippet as the dashboard shows it."""
    pasted = snippet_for(url, key).replace("data-key", f"{attributes} data-key")
    pasted = pasted.replace("</script>", f"{before}</script>", 1)
    head = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Shop</title>'
    return dict.fromkeys(("/", "/about"), head + pasted)


@contextmanager
def visitor(browser: Any, **options: Any) -> Iterator[Any]:
    """A fresh browser; fails where a page raised or complained."""
    context = browser.new_context(user_agent=AGENT, **options)
    wrong: list[str] = []
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    try:
        yield context
    finally:
        context.close()
    assert [said for said in wrong if "Failed to load resource" not in said] == []


@contextmanager
def hearing() -> Iterator[Any]:
    """A service that writes down what it is told; gives the script's file and the batches."""

    def answer(request: Any, _: bytes) -> Any:
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
        if request.command == "GET":
            return 200, headers, script()[0]
        return 200, {**headers, "Content-Type": "application/json"}, b"{}"

    with listening(answer, "127.0.0.1") as served:
        yield served


def events_of(served: Any) -> list[dict[str, Any]]:
    """The events heard so far, each once."""
    found = [e for _, body in served.posts() for e in json.loads(body)["events"]]
    return list({e["id"]: e for e in found}.values())


def public_key(running: Any) -> str:
    """A key with scope `collect` alone, as a page shows it."""
    made = httpx.post(
        f"{running.url}/v1/keys",
        json={"name": "shop", "scopes": ["collect"]},
        headers={"Authorization": f"Bearer {running.key}"},
    )
    return str(made.json()["key"])


def order(running: Any, user_id: str) -> int:
    """An order of the user, told by a server; gives the watermark that holds it."""
    event = {
        "id": "order-1",
        "type": "order",
        "occurred_at": datetime.now(UTC).isoformat(),
        "identifiers": {"user_id": user_id},
        "order": {"id": "O1", "status": "completed", "amount": "80.00", "currency": "EUR"},
    }
    headers = {"Authorization": f"Bearer {running.key}"}
    told = httpx.post(f"{running.url}/v1/events", json=event, headers=headers)
    return int(told.json()["watermark"])


def until(holds: Any) -> None:
    """Returns once it holds; fails where that takes a minute."""
    end = monotonic() + 60
    while not holds():
        assert monotonic() < end
        sleep(0.05)


def test_from_first_page_to_person(running: Any, chromium: Any) -> None:
    site = shop(running.url, public_key(running), before='throughline.track("Early", {n: 1});')
    with pages(site) as served, visitor(chromium) as context:
        page = context.new_page()
        page.goto(served.url + QUERY)
        running.wait_for(2)
        page.evaluate('history.pushState({}, "", "/plans")')
        page.evaluate('history.replaceState({}, "", "/plans")')  # the same address again
        running.wait_for(3)
        page.evaluate('throughline.track("Played", {minutes: 3}); throughline.identify("u-1")')
        assert running.wait_for(5) == {"accepted": 5}
    watermark = order(running, "u-1")
    journey = running.ask("/v1/journeys/won:order:O1", min_watermark=str(watermark))
    assert journey["conversion"]["channels"] == ["paid_search"]
    assert journey["touchpoints"][0]["page_views"] == 2
    assert {i["kind"] for i in journey["identifiers"]} == {"anonymous_id", "user_id"}


def test_routes_are_pages_and_places_on_them_are_not(chromium: Any) -> None:
    with hearing() as heard, pages(shop(heard.url, "pk_x")) as served, visitor(chromium) as context:
        page = context.new_page()
        page.goto(served.url + "/?a=1")
        page.wait_for_function("window.throughline && !throughline.q")
        page.evaluate('history.pushState({}, "", "/plans"); document.title = "Plans"')
        page.evaluate("new Promise((done) => setTimeout(done))")
        page.evaluate('location.hash = "prices"')
        page.evaluate("new Promise((done) => setTimeout(done))")
        page.evaluate('location.hash = "/basket"')
        page.evaluate("new Promise((done) => setTimeout(done))")
        for place in ("#prices", ""):
            page.go_back()
            page.wait_for_function("place => location.hash == place", arg=place)
            page.evaluate("new Promise((done) => setTimeout(done))")
        page.evaluate('throughline.track("Last")')
        until(lambda: any(e["type"] == "track" for e in events_of(heard)))
        found = events_of(heard)
    seen = [(e["url"].removeprefix(served.url), e["title"]) for e in found if e["type"] == "page"]
    assert seen == [
        ("/?a=1", "Shop"),
        ("/plans", "Plans"),
        ("/plans#/basket", "Plans"),
        ("/plans#prices", "Plans"),
    ]
    referrers = [e["referrer"].removeprefix(served.url) for e in found if e["type"] == "page"]
    assert referrers == ["", "/?a=1", "/plans", "/plans#/basket"]
    assert len({e["anonymous_id"] for e in found}) == 1


def test_what_was_done_last_leaves_with_the_page(running: Any, chromium: Any) -> None:
    with (
        pages(shop(running.url, public_key(running))) as served,
        visitor(chromium) as context,
    ):
        page = context.new_page()
        page.goto(served.url)
        running.wait_for(1)
        # The fetch that usually sends is taken away: what arrives came by beacon.
        page.evaluate(
            "window.fetch = () => new Promise(() => {});"
            'throughline.track("Went"); location.href = "about:blank"'
        )
        assert running.wait_for(2) == {"accepted": 2}


@pytest.mark.parametrize("failure", [(429, {}), (503, {}), (0, {})], ids=["429", "503", "lost"])
def test_tried_again_it_is_stored_once(
    running: Any, chromium: Any, failure: tuple[int, dict[str, str]]
) -> None:
    with (
        failing_at_first(running.url, failure) as proxy,
        pages(shop(proxy.url, public_key(running))) as served,
        visitor(chromium) as context,
    ):
        context.new_page().goto(served.url)
        running.wait_for(1)
        first, second = (json.loads(body) for _, body in proxy.wait_for_posts(2))
        assert first["events"] == second["events"]
        assert first["sent_at"] < second["sent_at"]
        until(lambda: sum(running.outcomes().values()) == 1 + (failure[0] == 0))
    assert running.outcomes() == {"accepted": 1} | ({"duplicate": 1} if failure[0] == 0 else {})


def test_offline_nothing_is_lost_and_online_nothing_is_doubled(running: Any, chromium: Any) -> None:
    with (
        pages(shop(running.url, public_key(running))) as served,
        visitor(chromium) as context,
    ):
        page = context.new_page()
        page.goto(served.url)
        running.wait_for(1)
        waiting = "Object.keys(localStorage).filter((k) => k.startsWith('throughline:')).length"
        page.wait_for_function(f"{waiting} == 0")
        context.set_offline(True)
        page.evaluate('throughline.track("Away", {n: 1}); throughline.track("Away", {n: 2})')
        assert page.evaluate(waiting) == 2
        page.close()  # and what waits outlives the page
        context.set_offline(False)
        again = context.new_page()
        again.goto(served.url + "/about")
        found = running.wait_for(4)
        again.wait_for_function(f"{waiting} == 0")
    assert found["accepted"] == 4
    assert running.outcomes()["accepted"] == 4


def test_what_waits_has_an_end(chromium: Any) -> None:
    with hearing() as heard, pages(shop(heard.url, "pk_x")) as served, visitor(chromium) as context:
        page = context.new_page()
        page.goto(served.url)
        until(lambda: heard.answered == 1)
        context.set_offline(True)
        page.evaluate('for (let n = 0; n < 130; n++) throughline.track("Many", {n})')
        kept = page.evaluate(
            "Object.entries(localStorage).filter(([k]) => k[11] == ':').map((e) => e[1])"
        )
    numbers = sorted(json.loads(text)["properties"]["n"] for text in kept)
    assert numbers == list(range(30, 130))


def test_the_visitor_is_remembered_for_13_months_at_most(chromium: Any) -> None:
    with hearing() as heard, pages(shop(heard.url, "pk_x")) as served, visitor(chromium) as context:
        page = context.new_page()
        page.goto(served.url)
        until(lambda: events_of(heard))
        (cookie,) = context.cookies()
        assert (cookie["name"], cookie["sameSite"]) == ("throughline_id", "Lax")
        assert 394 < (cookie["expires"] - time()) / 86_400 <= 395
        made = events_of(heard)[0]["anonymous_id"]
        assert cookie["value"] == made == page.evaluate("localStorage.throughline_id")
        old = int(time() * 1000) - 394 * 86_400_000
        for age, kept in ((0, True), (2 * 86_400_000, False)):
            value = f"{page.evaluate(f'({old - age}).toString(36)')}.x-1"
            context.add_cookies([{"name": "throughline_id", "value": value, "url": served.url}])
            before = len(events_of(heard))
            page.goto(served.url + f"/about?{age}")
            until(lambda before=before: len(events_of(heard)) > before)
            assert (events_of(heard)[-1]["anonymous_id"] == value) is kept
        context.clear_cookies()  # and the other store knows him still
        before, known = len(events_of(heard)), page.evaluate("localStorage.throughline_id")
        page.goto(served.url)
        until(lambda: len(events_of(heard)) > before)
        assert events_of(heard)[-1]["anonymous_id"] == known


def test_cookieless_leaves_no_storage(running: Any, chromium: Any) -> None:
    site = shop(running.url, public_key(running), 'data-mode="cookieless"')
    with pages(site) as served, visitor(chromium) as context:
        page = context.new_page()
        page.goto(served.url + QUERY)
        running.wait_for(1)
        page.goto(served.url + "/about")
        page.wait_for_function("window.throughline && !throughline.q")
        page.evaluate('throughline.identify({user_id: "u-1"})')
        assert running.wait_for(3)["accepted"] == 3
        assert context.cookies() == []
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    watermark = order(running, "u-1")
    journey = running.ask("/v1/journeys/won:order:O1", min_watermark=str(watermark))
    assert journey["conversion"]["channels"] == ["paid_search"]
    assert journey["touchpoints"][0]["page_views"] == 2


@pytest.mark.parametrize("signal", ["globalPrivacyControl", "doNotTrack"])
@pytest.mark.parametrize("honoured", [True, False])
def test_who_asks_not_to_be_tracked_is_not(chromium: Any, signal: str, honoured: bool) -> None:
    site_of = "data-respect-dnt" if honoured else ""
    with (
        hearing() as heard,
        pages(shop(heard.url, "pk_x", site_of)) as served,
        visitor(chromium) as context,
    ):
        value = '"1"' if signal == "doNotTrack" else "true"
        context.add_init_script(f"Object.defineProperty(navigator, {signal!r}, {{value: {value}}})")
        page = context.new_page()
        page.goto(served.url)
        page.wait_for_function("window.throughline && !throughline.q")
        page.evaluate('throughline.identify("u-1"); throughline.track("Done")')
        if not honoured:
            until(lambda: len(events_of(heard)) == 3)
        page.goto("about:blank")
        page.goto(served.url + "/about")
        page.wait_for_function("window.throughline && !throughline.q")
        if honoured:
            assert heard.posts() == []
            assert context.cookies() == []
            assert page.evaluate("localStorage.length") == 0


def test_debugging_says_what_is_sent_and_answered(running: Any, chromium: Any) -> None:
    said: list[str] = []
    with (
        pages(shop(running.url, public_key(running), "data-debug")) as served,
        visitor(chromium) as context,
    ):
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(served.url)
        page.wait_for_function("window.throughline && !throughline.q")
        page.evaluate("window.self_holding = {}; self_holding.self = self_holding")
        with page.expect_console_message(lambda message: "rejected" in message.text):
            page.evaluate(
                'throughline.track("Bad", self_holding); throughline.track("Order Completed")'
            )
    assert any('"type":"page"' in text for text in said)
    assert any("circular" in text for text in said)
    assert running.outcomes() == {"accepted": 1, "scope_missing": 1}


def test_a_page_that_keeps_nothing_is_cookieless(running: Any, chromium: Any) -> None:
    with (
        pages(shop(running.url, public_key(running))) as served,
        visitor(chromium) as context,
    ):
        # As in a frame that may not touch what its site keeps.
        context.add_init_script(
            "for (const [of, name] of [[window, 'localStorage'], [Document.prototype, 'cookie']])"
            "  Object.defineProperty(of, name, {get() { throw new DOMException('no'); }});"
        )
        context.new_page().goto(served.url)
        assert running.wait_for(1) == {"accepted": 1}
