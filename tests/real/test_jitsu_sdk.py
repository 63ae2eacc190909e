"""Jitsu's own SDK, unchanged and pointed here: as a server, and in Chromium from another site.

It sends every message once: what is refused or lost on its way it never sends again.
"""

import json
from typing import Any

import pytest

from tests.real.clients import bundle, failing_at_first, page_with, pages, run_node, visit
from tests.real.journeys import LANDING, QUERY, check_journey

STORY = """
    await jitsu.identify("user-1", { email: "ann@acme.com" });
    await jitsu.track("Order Completed", { order_id: "O1", revenue: 99.5, currency: "EUR" });
    await jitsu.group("acme", { name: "Acme" });
    await jitsu.track("Played", { minutes: 3 });
"""
NODE = """
const { jitsuAnalytics } = require("@jitsu/js");
const [writeKey, host, url] = process.argv.slice(1);
const jitsu = jitsuAnalytics({ host, writeKey, s2s: true, errorPolicy: "throw" });
(async () => {
    await jitsu.page({ url });STORY
})().catch((error) => { console.error(error); process.exit(1); });
""".replace("STORY", STORY)
BROWSER = """
import { jitsuAnalytics } from "@jitsu/js";
const jitsu = jitsuAnalytics(window.settings);
(async () => {
    await jitsu.page();STORY
})();
""".replace("STORY", STORY)


@pytest.mark.parametrize("key", ["{key}:anything", "site:{key}"], ids=["first", "second"])
def test_jitsu_as_a_server(running: Any, key: str) -> None:
    words = (key.format(key=running.key), running.url, LANDING)
    run_node(NODE, *words, packages=["@jitsu/js"])
    assert running.wait_for(5) == {"accepted": 5}
    check_journey(running)


@pytest.mark.browser
def test_jitsu_from_another_site(running: Any, chromium: Any) -> None:
    settings = {"host": running.url, "writeKey": f"{running.key}:secret"}
    code = bundle(BROWSER, "@jitsu/js")
    site = page_with(f"window.settings = {json.dumps(settings)};\n{code}")
    with pages(site) as shop, visit(chromium, shop.url + QUERY):
        assert running.wait_for(5) == {"accepted": 5}
    check_journey(running)


def test_what_is_lost_on_its_way_costs_nothing_else(running: Any) -> None:
    failure = (500, {"Retry-After": "1"})
    script = NODE.replace('"throw"', '"log"')
    with failing_at_first(running.url, failure) as proxy:
        run_node(script, f"{running.key}:x", proxy.url, LANDING, packages=["@jitsu/js"])
        assert [path.rpartition("/")[2] for path, _ in proxy.posts()] == [
            "page",
            "identify",
            "track",
            "group",
            "track",
        ]
    assert running.outcomes() == {"accepted": 4}
