"""PostHog's clients for Python, Node and the browser, unchanged and pointed here."""

import json
from typing import Any

import pytest

from tests.real.analytics import (
    FAILURE_NAMES,
    FAILURES,
    LANDING,
    QUERY,
    channels,
    kinds,
    public_key,
    run_python,
)
from tests.real.clients import bundle, failing_at_first, page_with, pages, run_node, visit

PYTHON = """
import sys, uuid
from posthog import Posthog
url, key, landing, gzipped = sys.argv[1:5]
failed = []
client = Posthog(key, host=url, gzip=gzipped == "gzip", on_error=lambda *why: failed.append(why))
visitor = "01a1ffe5-803e-7930-a90e-b529c24c8d05"
client.capture("$pageview", distinct_id=visitor, properties={"$current_url": landing})
client.alias(previous_id=visitor, distinct_id="user-1")
client.set(distinct_id="user-1", properties={"email": "ann@acme.com"})
client.group_identify("company", "acme", {"name": "Acme", "domain": "acme.com"})
order = {"order_id": "O1", "revenue": 99.5, "currency": "EUR"}
client.capture("Order Completed", distinct_id="user-1", properties=order)
assert client.feature_enabled("anything", "user-1") in (None, False)
client.shutdown()
sys.exit(str(failed) if failed else 0)
"""
ORDER = """
import sys
from posthog import Posthog
client = Posthog(sys.argv[2], host=sys.argv[1], sync_mode=True, timeout=60)
order = {"order_id": "O1", "revenue": 99.5, "currency": "EUR"}
assert client.capture("Order Completed", distinct_id="user-1", properties=order)
"""
NODE = """
const { PostHog } = require("posthog-node");
const [host, key, landing] = process.argv.slice(1);
const client = new PostHog(key, { host, fetchRetryDelay: 200 });
client.on("error", (error) => { console.error(error); process.exitCode = 1; });
const visitor = "01a1ffe5-803e-7930-a90e-b529c24c8d05";
client.capture({ distinctId: visitor, event: "$pageview", properties: { $current_url: landing } });
client.alias({ distinctId: visitor, alias: "user-1" });
client.identify({ distinctId: "user-1", properties: { email: "ann@acme.com" } });
client.groupIdentify({ groupType: "company", groupKey: "acme", properties: { name: "Acme" } });
const properties = { order_id: "O1", revenue: 99.5, currency: "EUR" };
client.capture({ distinctId: "user-1", event: "Order Completed", properties });
client.shutdown(20000);
"""
BROWSER = """
import posthog from "posthog-js";
const { url, key } = window.settings;
posthog.init(key, {
  api_host: url,
  opt_out_useragent_filter: true,
  loaded: (client) => {
    client.capture("Played", { minutes: 3 });
    client.identify("user-1", { email: "ann@acme.com" });
    client.group("company", "acme");
  },
});
window.posthog = posthog;
"""
BUNDLES: dict[str, str] = {}
# Of five messages, the alias is two facts.
SIX = 6


def check(running: Any) -> None:
    journey = running.report("/v1/journeys/won:order:O1")
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["conversion"]["value"] == 99.5
    assert {"anonymous_id", "email", "user_id"} <= set(kinds(journey))
    assert channels(running) == {"paid_search": (1, 1, 99.5)}


@pytest.mark.parametrize("gzipped", ["plain", "gzip"])
def test_python(running: Any, gzipped: str) -> None:
    pytest.importorskip("posthog", reason="posthog is not installed")
    run_python(PYTHON, running.url, running.key, LANDING, gzipped)
    # Asking for a flag is an event of its own.
    assert running.wait_for(SIX + 1) == {"accepted": SIX + 1}
    check(running)


@pytest.mark.parametrize("failure", FAILURES, ids=FAILURE_NAMES)
def test_python_tries_again_and_it_is_stored_once(running: Any, failure: Any) -> None:
    pytest.importorskip("posthog", reason="posthog is not installed")
    script = PYTHON.replace("assert client.feature_enabled", "0 and client.feature_enabled")
    with failing_at_first(running.url, failure) as proxy:
        run_python(script, proxy.url, running.key, LANDING, "gzip")
        assert len(proxy.posts()) >= 2
    found = running.wait_for(SIX)
    assert found["accepted"] == SIX
    assert set(found) == ({"accepted", "duplicate"} if failure[0] == 0 else {"accepted"})
    check(running)


@pytest.mark.parametrize("failure", [None, *FAILURES], ids=["at once", *FAILURE_NAMES])
def test_node(running: Any, failure: Any) -> None:
    with failing_at_first(running.url, *([failure] if failure else [])) as proxy:
        run_node(NODE, proxy.url, running.key, LANDING, packages=["posthog-node"])
        assert len(proxy.posts()) == (2 if failure else 1)
    found = running.wait_for(SIX)
    lost = failure is not None and failure[0] == 0
    assert found == {"accepted": SIX, **({"duplicate": SIX} if lost else {})}
    check(running)


def site(url: str, key: str) -> dict[str, str]:
    code = BUNDLES.get("client") or bundle(BROWSER, "posthog-js")
    BUNDLES["client"] = code
    return page_with(f"window.settings = {json.dumps({'url': url, 'key': key})};\n{code}")


@pytest.mark.browser
@pytest.mark.parametrize(
    "failure", [None, FAILURES[1], FAILURES[2]], ids=["at once", *FAILURE_NAMES[1:]]
)
def test_from_another_site(running: Any, chromium: Any, failure: Any) -> None:
    # It drops what is answered 429, as all of 4xx; it tries again after 5xx.
    key = public_key(running)
    with (
        failing_at_first(running.url, *([failure] if failure else [])) as proxy,
        pages(site(proxy.url, key)) as shop,
        visit(chromium, shop.url + QUERY, expected="status of 500"),
    ):
        running.wait_for(4)
        paths = {path.partition("?")[0] for _, path, _ in proxy.seen}
    settings = {f"/array/{key}/config", f"/array/{key}/config.js"}
    assert paths & settings
    assert paths - settings <= {"/e/", "/flags/", "/i/v0/e/"}
    found = running.outcomes()
    assert found["accepted"] in (4, 5)  # and the end of the visit, where it was still sent
    assert set(found) <= {"accepted", "duplicate"}
    run_python(ORDER, running.url, running.key)
    check(running)
