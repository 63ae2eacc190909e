"""Set up in Chromium: by keys, copied, and the first event noticed without loading the page again."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from tests.web.conftest import tell
from tests.web.fake_desk import FakeDesk
from tests.web.test_web_browser import CHROMIUM, Site, Watched, browser

__all__ = ["browser"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]
LONG = "W" * 90 + ".example"


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    made = Site(FakeDesk())
    made.app.state.parts.engine = engine
    with made:
        yield made


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
)
def test_it_is_accessible_in_every_state(
    browser: Browser, site: Site, engine: Engine, theme: Any, width: int
) -> None:
    watched = Watched(browser, site, color_scheme=theme, viewport={"width": width, "height": 800})
    page = watched.sign_in()

    def check(state: str) -> None:
        found = Axe().run(page).response["violations"]
        assert [(state, fault["id"], fault["nodes"][0]["html"][:120]) for fault in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width, state

    watched.go("/setup")
    check("no key")
    page.get_by_label("Name of the website").fill("\u202e")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("alert").first).to_contain_text("printable")
    expect(page.get_by_label("Name of the website")).to_be_focused()
    check("bad name")
    page.get_by_label("Name of the website").fill(LONG)
    page.keyboard.press("Enter")
    expect(page.locator("#arrival")).to_contain_text("Waiting")
    check("waiting")
    tell(engine, LONG, refused=1)
    expect(page.locator("#arrival")).to_contain_text("refused")
    check("refused")
    tell(engine, LONG, taken=1)
    expect(page.locator("#arrival")).to_contain_text("has arrived")
    check("arrived")
    assert watched.complaints == []
    watched.context.close()


def test_the_first_event_is_noticed_and_then_nothing_is_asked(
    browser: Browser, site: Site, engine: Engine
) -> None:
    watched = Watched(browser, site)
    page = watched.sign_in()
    watched.go("/setup")
    page.get_by_label("Name of the website").fill("shop")
    page.keyboard.press("Enter")
    expect(page.locator("#arrival")).to_contain_text("Waiting")
    page.evaluate("window.same = true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response(re.compile("/setup/arrival")) as answered:
        pass
    assert answered.value.status == 204
    # Who looks at another part of the page is not told again and again that nothing happened.
    assert page.locator("#said").text_content() == ""
    page.get_by_role("button", name="Copy").focus()
    tell(engine, "shop", taken=2)
    expect(page.locator("#arrival")).to_contain_text("has arrived")
    expect(page.get_by_role("button", name="Copy")).to_be_focused()
    assert page.evaluate("window.same") is True
    assert page.locator("[hx-trigger]").count() == 0
    before = len(asked)
    page.wait_for_timeout(2_500)  # longer than one round would take
    assert len(asked) == before
    assert watched.complaints == []
    watched.context.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_the_snippet_is_copied(browser: Browser, site: Site, allowed: bool) -> None:
    watched = Watched(browser, site)
    permissions = ["clipboard-read", *(["clipboard-write"] if allowed else [])]
    watched.context.grant_permissions(permissions)
    if not allowed:  # as on a page without TLS
        watched.context.add_init_script(
            "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
        )
    page = watched.sign_in()
    watched.go("/setup")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    expect(page.locator("#said")).to_have_text("Copied")
    if allowed:
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("#snippet").text_content()
        assert 't.js" data-key="' in copied
    else:
        assert "t.js" in page.evaluate("getSelection().toString()")
    expect(page.locator("[data-copy]")).to_have_text("Copy")
    watched.context.close()


def test_it_works_without_scripts(browser: Browser, site: Site, engine: Engine) -> None:
    watched = Watched(browser, site, java_script_enabled=False)
    page = watched.sign_in()
    page.get_by_role("link", name="Set up", exact=True).click()
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    page.get_by_label("Name of the website").fill("plain")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("#snippet")).to_contain_text(re.compile(r'data-key="pk_[\w-]{40,}"'))
    expect(page.locator("#arrival")).to_contain_text("load this page again")
    watched.context.close()
