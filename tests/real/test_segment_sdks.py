"""Segment's own SDKs, unchanged and pointed here: a page, who it was, an order; and its journey."""

import subprocess
import sys
from typing import Any

import pytest

from tests.real.clients import failing_at_first, run_node
from tests.real.journeys import LANDING, check_journey

PYTHON = """
import sys
import segment.analytics as analytics

analytics.write_key, analytics.host = sys.argv[1:3]
analytics.on_error = lambda error, items: sys.exit(f"refused: {error}")
page = {"url": sys.argv[3]}
analytics.page(anonymous_id="anon-1", properties=page, context={"page": page})
analytics.identify("user-1", {"email": "ann@acme.com"}, anonymous_id="anon-1")
order = {"order_id": "O1", "revenue": 99.5, "currency": "EUR"}
analytics.track("user-1", "Order Completed", order)
analytics.shutdown()
"""

NODE = """
const { Analytics } = require("@segment/analytics-node");
const [writeKey, host, url] = process.argv.slice(1);
const analytics = new Analytics({ writeKey, host });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });
analytics.page({ anonymousId: "anon-1", properties: { url } });
analytics.identify({ userId: "user-1", anonymousId: "anon-1", traits: { email: "ann@acme.com" } });
const properties = { order_id: "O1", revenue: 99.5, currency: "EUR" };
analytics.track({ userId: "user-1", event: "Order Completed", properties });
analytics.closeAndFlush({ timeout: 20000 });
"""


FAILURES = [
    pytest.param([], id="at once"),
    pytest.param([(429, {"Retry-After": "1"})], id="after 429"),
    pytest.param([(500, {})], id="after 500"),
    pytest.param([(0, {})], id="stored, answer lost"),
]


def outcomes_after(failures: list[Any]) -> dict[str, int]:
    """What was stored and then not answered comes again, and is a duplicate."""
    lost = [f for f in failures if f[0] == 0]
    return {"accepted": 3} | ({"duplicate": 3} if lost else {})


@pytest.mark.parametrize("failures", FAILURES)
def test_segment_analytics_python(running: Any, failures: list[Any]) -> None:
    pytest.importorskip("segment.analytics", reason="segment-analytics-python is not installed")
    with failing_at_first(running.url, *failures) as proxy:
        words = [sys.executable, "-c", PYTHON, running.key, proxy.url, LANDING]
        subprocess.run(words, check=True, timeout=60)
        assert len(proxy.posts()) == 1 + len(failures)
    assert running.outcomes() == outcomes_after(failures)
    check_journey(running)


@pytest.mark.parametrize("failures", FAILURES)
def test_segment_analytics_node(running: Any, failures: list[Any]) -> None:
    with failing_at_first(running.url, *failures) as proxy:
        words = (running.key, proxy.url, LANDING)
        run_node(NODE, *words, packages=["@segment/analytics-node"])
        assert len(proxy.posts()) == 1 + len(failures)
    assert running.outcomes() == outcomes_after(failures)
    check_journey(running)
