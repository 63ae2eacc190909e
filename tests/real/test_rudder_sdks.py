"""RudderStack's own SDKs, unchanged and pointed here; the browser's from a page of another site."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.real.clients import bundle, failing_at_first, page_with, pages, run_node, visit
from tests.real.journeys import LANDING, QUERY, check_journey

PYTHON = """
import sys
from rudderstack.analytics import Client

rudder = Client(*sys.argv[1:3], on_error=lambda error, items: print(f"refused: {error}"))
page = {"url": sys.argv[3]}
rudder.page(anonymous_id="anon-1", properties=page, context={"page": page})
rudder.identify("user-1", {"email": "ann@acme.com"}, anonymous_id="anon-1")
order = {"order_id": "O1", "revenue": 99.5, "currency": "EUR"}
rudder.track("user-1", "Order Completed", order)
rudder.shutdown()
"""

NODE = """
const Rudder = require("@rudderstack/rudder-sdk-node");
const [writeKey, dataPlaneUrl, url] = process.argv.slice(1);
const client = new (Rudder.default ?? Rudder)(writeKey, { dataPlaneUrl, flushAt: 3 });
const failed = (error) => { if (error) { console.error(error); process.exit(1); } };
client.page({ anonymousId: "anon-1", properties: { url } }, failed);
client.identify({ userId: "user-1", anonymousId: "anon-1", traits: { email: "ann@acme.com" } }, failed);
const properties = { order_id: "O1", revenue: 99.5, currency: "EUR" };
client.track({ userId: "user-1", event: "Order Completed", properties }, failed);
client.flush().then(() => process.exit(0), failed);
"""

BROWSER = """
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";
const { url, key, options } = window.settings;
const analytics = new RudderAnalytics();
analytics.load(key, url, { configUrl: url, lockIntegrationsVersion: true, ...options });
analytics.page();
analytics.identify("user-1", { email: "ann@acme.com" });
analytics.track("Order Completed", { order_id: "O1", revenue: 99.5, currency: "EUR" });
analytics.group("acme", { name: "Acme" });
analytics.track("Played", { minutes: 3 });
analytics.ready(() => { document.documentElement.dataset.ready = "yes"; });
"""
BUNDLES: dict[str, str] = {}


def site(url: str, key: str, **options: Any) -> dict[str, str]:
    """A site whose pages run the client."""
    code = BUNDLES.get("client") or bundle(BROWSER, "@rudderstack/analytics-js")
    BUNDLES["client"] = code
    settings = json.dumps({"url": url, "key": key, "options": options})
    return page_with(f"window.settings = {settings};\n{code}")


FAILURES = [
    pytest.param([], id="at once"),
    pytest.param([(429, {"Retry-After": "1"})], id="after 429"),
    pytest.param([(500, {})], id="after 500"),
    pytest.param([(0, {})], id="stored, answer lost"),
]


def outcomes_after(failures: list[Any], count: int) -> dict[str, int]:
    """What was stored and then not answered comes again, and is a duplicate."""
    lost = [f for f in failures if f[0] == 0]
    return {"accepted": count} | ({"duplicate": count} if lost else {})


@pytest.mark.parametrize("failures", FAILURES)
def test_rudder_sdk_python(running: Any, failures: list[Any]) -> None:
    pytest.importorskip("rudderstack.analytics", reason="rudder-sdk-python is not installed")
    with failing_at_first(running.url, *failures) as proxy:
        words = [sys.executable, "-c", PYTHON, running.key, proxy.url, LANDING]
        subprocess.run(words, check=True, timeout=60)
        assert len(proxy.posts()) == 1 + len(failures)
    assert running.outcomes() == outcomes_after(failures, 3)
    check_journey(running)


@pytest.mark.parametrize("failures", FAILURES)
def test_rudder_sdk_node(running: Any, failures: list[Any]) -> None:
    with failing_at_first(running.url, *failures) as proxy:
        words = (running.key, proxy.url, LANDING)
        run_node(NODE, *words, packages=["@rudderstack/rudder-sdk-node"])
        assert len(proxy.posts()) >= 1 + len(failures)
    found = running.outcomes()
    assert found.pop("accepted") == 3
    assert set(found) <= {"duplicate"}
    assert bool(found) == any(status == 0 for status, _ in failures)
    check_journey(running)


@pytest.mark.browser
@pytest.mark.parametrize(
    "options",
    [{}, {"queueOptions": {"batch": {"enabled": True, "maxItems": 5, "flushInterval": 500}}}],
    ids=["one by one", "batches"],
)
@pytest.mark.parametrize("failures", FAILURES)
def test_analytics_js(running: Any, chromium: Any, options: Any, failures: list[Any]) -> None:
    with (
        failing_at_first(running.url, *failures) as proxy,
        pages(site(proxy.url, running.key, **options)) as shop,
        visit(chromium, shop.url + QUERY, expected="status of"),
    ):
        running.wait_for(5)
        proxy.wait_for_posts((1 if options else 5) + len(failures))
    found = running.outcomes()
    assert found.pop("accepted") == 5
    assert set(found) <= {"duplicate"}
    assert bool(found) == any(status == 0 for status, _ in failures)
    # The client keeps the `sentAt` of a message that it tries again, so on a slow machine the page
    # that failed may come to lie after its order, as one that was sent late: the order is there.
    late = not options and any(status for status, _ in failures)
    check_journey(running, after_the_page=not late)


@pytest.mark.browser
def test_analytics_js_by_beacon(running: Any, chromium: Any) -> None:
    """The key stands in the address, so it is a public one, and the order is refused."""
    with (
        pages(site(running.url, running.public_key, useBeacon=True)) as shop,
        visit(chromium, shop.url + QUERY) as page,
    ):
        page.wait_for_selector("html[data-ready]", state="attached")
        page.goto(f"{shop.url}/elsewhere")
        running.wait_for(4)
    assert running.outcomes() == {"accepted": 4, "scope_missing": 1}
