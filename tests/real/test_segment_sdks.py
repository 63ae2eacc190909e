"""Segment's own SDKs, unchanged and pointed here: a page, who it was, an order; and its journey."""

import subprocess
import sys
from typing import Any

import pytest

from tests.real.clients import run_node

LANDING = "https://shop.example.com/?utm_source=google&utm_medium=cpc&utm_campaign=spring"

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
const analytics = new Analytics({ writeKey, host, maxRetries: 0 });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });
analytics.page({ anonymousId: "anon-1", properties: { url } });
analytics.identify({ userId: "user-1", anonymousId: "anon-1", traits: { email: "ann@acme.com" } });
const properties = { order_id: "O1", revenue: 99.5, currency: "EUR" };
analytics.track({ userId: "user-1", event: "Order Completed", properties });
analytics.closeAndFlush({ timeout: 20000 });
"""


def check_journey(running: Any) -> None:
    """The order's journey begins with the channel of the anonymous page, and ROI has the order."""
    sources = running.ask("/v1/sources")["items"]
    outcomes = {k: v for s in sources for k, v in s["outcomes"].items()}
    assert outcomes == {"accepted": 3}
    journey = running.ask("/v1/journeys/won:order:O1", min_watermark="3")
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["conversion"]["value"] == 99.5
    assert [i["kind"] for i in journey["identifiers"]] == ["anonymous_id", "email", "user_id"]
    roi = running.ask("/v1/roi", model="first_touch")
    assert [(r["channel"], r["won"], r["revenue"]) for r in roi["rows"]] == [
        ("paid_search", 1, 99.5)
    ]


def test_segment_analytics_python(running: Any) -> None:
    pytest.importorskip("segment.analytics", reason="segment-analytics-python is not installed")
    words = [sys.executable, "-c", PYTHON, running.key, running.url, LANDING]
    subprocess.run(words, check=True, timeout=60)
    check_journey(running)


def test_segment_analytics_node(running: Any) -> None:
    words = (running.key, running.url, LANDING)
    run_node(NODE, *words, packages=["@segment/analytics-node"])
    check_journey(running)
