"""The dashboard in Chromium: legible to machines, driven by keys, silent under its policy."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from service.kit.db import make_engine
from service.ledger.hooks import create_hook
from service.ledger.migrate import migrate
from service.reports import publishing
from service.reports.configuration import Edition
from tests.web.conftest import Clock, build_app
from tests.web.fake_desk import CHANNELS, LONG_NAME, NOTHING, NOW, FakeDesk

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]
HOSTILE = "<img src=x onerror=alert(1)>" + "W" * 60
DESKS = {
    "full": FakeDesk,
    "hostile": lambda: FakeDesk(
        channels=CHANNELS | {HOSTILE: CHANNELS["email"], "x" * 90: CHANNELS["direct"]},
        names={HOSTILE: CHANNELS["email"], LONG_NAME: NOTHING},
    ),
    "still": lambda: FakeDesk(channels={}, rest=NOTHING, names={}, journey_items=[], touches=[]),
    "new": lambda: FakeDesk(channels={}, rest=NOTHING, names={}, journey_items=[], watermark=0),
}
ADDRESSES = {
    "full": [
        *("/", "/channels/paid_search", "/channels/paid_search?campaign=spring", "/journeys"),
        *("/explain?cell=channel:paid_search", "/explain?cell=channel:email&measure=roi"),
        *("/explain?measure=spend", "/explain?measure=visits", "/explain?cell=channel:none"),
        *("/journeys/deal%3AD1%3Awon", "/compare", "/compare/incremental", "/changes"),
        *("/configuration", "/nowhere", "/?model=magic", "/sign-in?token=x"),
    ],
    "hostile": [
        *("/", "/channels/x", "/journeys", "/compare", "/compare/incremental", "/changes"),
        *("/explain", "/explain?measure=spend", "/configuration"),
    ],
    "still": [
        *("/", "/channels/x", "/journeys", "/journeys/x", "/compare", "/explain", "/changes"),
        "/configuration",
    ],
    "new": ["/", "/compare", "/configuration"],
}


class Site:
    """The dashboard on a loopback port, over one fake desk."""

    def __init__(self, desk: FakeDesk) -> None:
        self._folder = TemporaryDirectory()
        self.engine = make_engine(f"sqlite:///{self._folder.name}/ledger.sqlite3")
        migrate(self.engine)
        self.app = build_app(desk, Clock(), engine=self.engine)
        self._server = uvicorn.Server(
            uvicorn.Config(self.app, port=0, log_level="error", ws="none", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> "Site":
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.engine.dispose()
        self._folder.cleanup()

    def draft(self, text: str, publish: bool = False) -> None:
        """Rules of a channel and an exclusion of this name, drafted and perhaps published."""
        match = {"source": text, "campaign": ""}
        content = {
            "channel_rules": [{"match": match, "channel": text}],
            "exclusions": [{"match": match, "note": text}],
            "model_presets": {"house": "linear"} if publish else {},
        }
        asked = publishing.parse_draft({"configuration": content})
        publishing.save_draft(self.engine, asked, NOW, text[:100])
        if publish:
            publishing.publish(self.engine, text, NOW, text[:100])
        else:
            self.app.state.parts.desk.drafted = Edition(1, asked.configuration, draft=True)


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[str, Site]]:
    with (
        Site(DESKS["full"]()) as full,
        Site(DESKS["hostile"]()) as hostile,
        Site(DESKS["still"]()) as still,
        Site(DESKS["new"]()) as new,
    ):
        for site, text in ((full, "partners"), (hostile, HOSTILE)):
            create_hook(site.engine, "bitrix24", "crm", {"stages": {text: "won"}}, NOW)
            site.draft(text, publish=True)
            site.draft(text)
        yield {"full": full, "hostile": hostile, "still": still, "new": new}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


class Watched:
    """A signed-in page that keeps what the browser complained about."""

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.site = site

    def _hear(self, message: Any) -> None:
        # A page that answers 404 or 422 on purpose is no fault.
        if message.type in ("error", "warning") and "the server responded" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self) -> Page:
        self.page.goto(self.site.app.state.parts.signin.new_link(self.site.address))
        self.page.get_by_role("button", name="Sign in on this browser").click()
        expect(self.page).to_have_url(self.site.address + "/")
        return self.page

    def go(self, address: str) -> None:
        self.page.goto(self.site.address + address)
        self.page.wait_for_load_state("networkidle")


@pytest.fixture
def watched(browser: Browser, sites: dict[str, Site]) -> Iterator[Watched]:
    made = Watched(browser, sites["full"], viewport={"width": 1280, "height": 800})
    yield made
    assert made.complaints == []
    made.context.close()


@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [
        *(("full", theme, width) for theme in ("light", "dark") for width in (1280, 360)),
        *(("hostile", "light", 360), ("hostile", "dark", 1280)),
        *(("still", "light", 1280), ("still", "dark", 360)),
        *(("new", "light", 360), ("new", "dark", 1280)),
    ],
)
def test_pages_are_accessible_and_quiet(
    browser: Browser, sites: dict[str, Site], name: str, theme: Any, width: int
) -> None:
    watched = Watched(
        browser, sites[name], color_scheme=theme, viewport={"width": width, "height": 800}
    )
    page = watched.sign_in()
    for address in ADDRESSES[name]:
        watched.go(address)
        found = Axe().run(page).response["violations"]
        serious = [
            (address, fault["id"], [node["html"][:120] for node in fault["nodes"]])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == []
        # Wide tables scroll inside their own region, the page does not.
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("img").count() == 0
    assert watched.complaints == []
    watched.context.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_targets_are_large_enough(browser: Browser, sites: dict[str, Site], width: int) -> None:
    watched = Watched(browser, sites["full"], viewport={"width": width, "height": 800})
    page = watched.sign_in()
    for address in ("/", "/journeys", "/explain", "/explain?measure=roi", "/configuration"):
        watched.go(address)
        small = page.evaluate(
            """() => [...document.querySelectorAll("a, button, select, summary")]
            .filter(node => !node.closest(".away, dialog, p, .skip, .panel")
              && !node.classList.contains("skip"))
            .map(node => [node.textContent.trim(), node.getBoundingClientRect()])
            .filter(([, box]) => box.height && (box.height < 23.5 || box.width < 23.5)
              && !(box.height >= 16 && box.width >= 80))
            .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""
        )
        assert small == [], small
    watched.context.close()


def test_pages_work_without_scripts(browser: Browser, sites: dict[str, Site]) -> None:
    watched = Watched(browser, sites["full"], java_script_enabled=False)
    page = watched.sign_in()
    expect(page.locator("svg.lines")).to_be_visible()
    page.locator("#period").select_option("7d")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("period=7d"))
    page.get_by_role("link", name="Spend", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text(re.compile("Spend"))
    page.get_by_text("Show as a table").click()
    expect(page.get_by_role("table").nth(1)).to_be_visible()
    watched.context.close()


def test_choices_take_effect_at_once_and_back_undoes_them(watched: Watched) -> None:
    page = watched.sign_in()
    page.get_by_label("Model").select_option("linear")
    expect(page).to_have_url(re.compile("model=linear"))
    expect(page.get_by_text("Linear credit.")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(1)
    rows = page.get_by_role("table", name=re.compile("Channels"))
    rows.get_by_role("link", name="Paid search", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid search")
    expect(page).to_have_url(re.compile(r"/channels/paid_search\?model=linear"))
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("link", name="spring", exact=True).click()
    expect(page).to_have_url(re.compile("campaign=spring"))
    page.get_by_role("link", name="Deal D1", exact=True).click()
    expect(page.get_by_text("Who earned what, under each model")).to_be_visible()
    for _ in range(3):
        page.go_back()
    expect(page.get_by_text("Linear credit.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("Position based credit.")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(1)


def test_the_chart_is_read_by_keys(watched: Watched) -> None:
    page = watched.sign_in()
    chart = page.get_by_role("group", name=re.compile(", chart"))
    chart.focus()
    page.keyboard.press("Home")
    said = page.locator("#said")
    expect(said).to_have_text(re.compile(r"^22 Oct 2026: Revenue €3,000, Spend €700, "))
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile("^23 Oct 2026: "))
    page.keyboard.press("End")
    expect(said).to_have_text(re.compile("^20 Nov 2026: "))
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text(re.compile("^19 Nov 2026: "))
    expect(page.locator(".bubble")).to_contain_text("19 Nov 2026")


def test_the_chart_answers_the_mouse_with_text_only(
    browser: Browser, sites: dict[str, Site]
) -> None:
    watched = Watched(browser, sites["hostile"], viewport={"width": 1280, "height": 800})
    page = watched.sign_in()
    page.locator(".u-over").hover(position={"x": 300, "y": 100})
    expect(page.locator(".bubble")).to_be_visible()
    expect(page.locator(".bubble p")).to_have_count(3)
    assert watched.complaints == []
    watched.context.close()


def test_single_keys_choose_and_can_be_switched_off(watched: Watched) -> None:
    page = watched.sign_in()
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile("period=7d"))
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("compare=none"))
    page.keyboard.press("x")
    expect(page).not_to_have_url(re.compile("compare="))
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("start=2026-11-07&end=2026-11-13"))
    page.keyboard.press("c")
    expect(page.get_by_label("First day")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#days")).not_to_have_attribute("open", "")
    page.goto(watched.site.address + "/journeys")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("D1")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=D1"))
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    dialog.get_by_role("checkbox").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("w")
    page.reload()
    page.keyboard.press("d")
    expect(page).to_have_url(re.compile(r"\?(?!.*period)"))


def test_a_reader_without_a_mouse_gets_from_total_to_touch(watched: Watched) -> None:
    page = watched.sign_in()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the numbers")).to_be_focused()
    page.keyboard.press("Enter")

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                box = page.evaluate(
                    "(() => { const b = document.activeElement.getBoundingClientRect();"
                    " return [b.top, b.bottom, innerHeight] })()"
                )
                assert box[0] >= 0
                assert box[1] <= box[2]
                page.keyboard.press("Enter")
                return
        raise AssertionError(f"no way to {name} by keys")

    tab_to("Email")
    expect(page.get_by_role("heading", level=1)).to_have_text("Email")
    tab_to("Deal D2")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deal D2")


def test_the_theme_is_kept_without_a_flash(watched: Watched) -> None:
    page = watched.sign_in()
    for theme, colour in (("dark", "rgb(18, 20, 19)"), ("light", "rgb(250, 249, 246)")):
        page.get_by_role("button", name=f"{theme.capitalize()} colours").click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        expect(page.locator("body")).to_have_css("background-color", colour)
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        expect(page.locator("body")).to_have_css("background-color", colour)


def test_a_lost_service_is_told(watched: Watched) -> None:
    page = watched.sign_in()
    watched.context.set_offline(True)
    page.get_by_label("Model").select_option("linear")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    watched.context.set_offline(False)
    page.get_by_label("Model").select_option("last_touch")
    expect(page.get_by_role("alert")).to_be_hidden()
    watched.complaints.clear()


def test_an_answer_from_before_the_loss_does_not_hide_it(watched: Watched) -> None:
    """The card of changes is asked for beside the page, and may answer after the loss was told."""
    page = watched.page
    held: list[Route] = []
    # Playwright marks its handlers, which a built-in method does not let it.
    page.route("**/changes/card*", lambda route: held.append(route))  # noqa: PLW0108
    with page.expect_request("**/changes/card*"):
        watched.sign_in()
    watched.context.set_offline(True)
    page.get_by_label("Model").select_option("linear")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    held[0].fulfill(content_type="text/html", body="<p>An answer of old.</p>")
    expect(page.get_by_text("An answer of old.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    watched.complaints.clear()


def test_the_waiting_page_goes_on_by_itself(browser: Browser, sites: dict[str, Site]) -> None:
    waiting = Watched(browser, sites["new"])
    page = waiting.sign_in()
    expect(page.get_by_text("Waiting for the first event.")).to_be_visible()
    desk = sites["new"].app.state.parts.desk
    desk.channels, desk.watermark = dict(CHANNELS), 1
    try:
        expect(page.get_by_role("table").first).to_be_visible(timeout=15_000)
    finally:
        desk.channels, desk.watermark = {}, 0
    assert waiting.complaints == []
    waiting.context.close()
