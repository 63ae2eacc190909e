"""From a number to the deal behind it in Chromium: by keys, and back again."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.web.fake_desk import FakeDesk
from tests.web.test_web_browser import CHROMIUM, Site, Watched, browser

__all__ = ["browser"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(FakeDesk()) as made:
        yield made


def test_a_number_leads_by_keys_to_the_deal_and_back(browser: Browser, site: Site) -> None:
    watched = Watched(browser, site, viewport={"width": 1280, "height": 800})
    page = watched.sign_in()
    link = page.get_by_role("link", name="€96,480 Revenue, Paid search, explained", exact=True)
    link.focus()
    assert link.evaluate("node => getComputedStyle(node).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "€96,480.25 of revenue credited to Paid search"
    )
    expect(page).to_have_url(re.compile(r"/explain\?cell=channel%3Apaid_search$"))
    page.get_by_label("Model").select_option("linear")
    expect(page).to_have_url(re.compile(r"model=linear&cell=channel%3Apaid_search$"))
    page.get_by_role("link", name="Deal D3", exact=True).click()
    expect(page.get_by_text("Who earned what, under each model")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/journeys/won%3Adeal%3AD3\?model=linear$"))
    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("of spend brought"))
    assert watched.complaints == []
    watched.context.close()


def test_a_ratio_leads_to_its_terms(browser: Browser, site: Site) -> None:
    watched = Watched(browser, site, viewport={"width": 360, "height": 800}, color_scheme="dark")
    page = watched.sign_in()
    page.get_by_label("Key figures").get_by_role("link", name=re.compile("ROI")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^ROI in all: "))
    terms = page.get_by_role("list", name="The terms of the ratio")
    terms.get_by_role("link", name=re.compile("Spend")).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("spent in all$"))
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_text("First page")).to_be_visible()
    assert watched.complaints == []
    watched.context.close()
