"""Segment's browser SDK in Chromium, on a page of another site: CORS is asked for and obeyed."""

import json
from typing import Any

import pytest

from tests.real.clients import bundle, failing_at_first, page_with, pages, visit
from tests.real.journeys import QUERY, check_journey

pytestmark = pytest.mark.browser

SCRIPT = """
import { AnalyticsBrowser } from "@segment/analytics-next";
const { url, key, strategy } = window.settings;
const apiHost = new URL(url).host + "/v1";
const destination = { apiHost, protocol: "http", deliveryStrategy: strategy };
const integrations = { "Segment.io": destination };
const analytics = AnalyticsBrowser.load({ writeKey: key, cdnURL: url }, { integrations });
analytics.page();
analytics.identify("user-1", { email: "ann@acme.com" });
analytics.track("Order Completed", { order_id: "O1", revenue: 99.5, currency: "EUR" });
analytics.group("acme", { name: "Acme" });
analytics.track("Played", { minutes: 3 });
"""
BATCHING = {"strategy": "batching", "config": {"size": 10, "timeout": 300}}
BUNDLES: dict[str, str] = {}


def site(url: str, key: str, strategy: Any) -> dict[str, str]:
    """A site whose pages run the client."""
    code = BUNDLES.get("client") or bundle(SCRIPT, "@segment/analytics-next")
    BUNDLES["client"] = code
    settings = json.dumps({"url": url, "key": key, "strategy": strategy})
    return page_with(f"window.settings = {settings};\n{code}")


@pytest.mark.parametrize("strategy", [None, BATCHING], ids=["single", "batching"])
def test_from_another_site(running: Any, chromium: Any, strategy: Any) -> None:
    with pages(site(running.url, running.key, strategy)) as shop, visit(chromium, shop.url + QUERY):
        assert running.wait_for(5) == {"accepted": 5}
    check_journey(running)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param((429, {"Retry-After": "1"}), id="429"),
        pytest.param((500, {}), id="500"),
        pytest.param((0, {}), id="stored, answer lost"),
    ],
)
def test_tried_again_it_is_stored_once(
    running: Any, chromium: Any, failure: tuple[int, dict[str, str]]
) -> None:
    with (
        failing_at_first(running.url, failure) as proxy,
        pages(site(proxy.url, running.key, BATCHING)) as shop,
        visit(chromium, shop.url + QUERY, expected="status of"),
    ):
        running.wait_for(5)
        retried = proxy.wait_for_posts(2)
    assert [path for path, _ in retried] == ["/v1/b"] * 2
    found = running.outcomes()
    stored_before = 5 if failure[0] == 0 else 0
    assert found == {"accepted": 5} | ({"duplicate": stored_before} if stored_before else {})
    check_journey(running)
