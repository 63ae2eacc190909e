"""Clients of Google Analytics 4, pointed here: ga4mp from a server, minimal-analytics in a browser."""

import subprocess
import sys
from typing import Any

import pytest

from tests.real.clients import bundle, page_with, pages, visit

QUERY = "?utm_source=google&utm_medium=cpc&gclid=abc"

PYTHON = """
import http.client, sys, urllib.request
from ga4mp import GtagMP

key, url = sys.argv[1:]
client = GtagMP(api_secret=key, measurement_id="G-TEST", client_id="123.456")
client._base_domain = url + "/mp/collect"  # the one thing that it does not let one set
page = client.create_new_event("page_view")
page.set_event_param("page_location", "https://shop.example.com/?utm_source=google&utm_medium=cpc")
purchase = client.create_new_event("purchase")
for name, value in (("transaction_id", "O1"), ("value", 99.5), ("currency", "EUR")):
    purchase.set_event_param(name, value)
client.send([page, purchase])
"""

BROWSER = """
import { track } from "@minimal-analytics/ga4";
window.minimalAnalytics = { analyticsEndpoint: window.settings.url + "/g/collect" };
track(window.settings.key);
"""


def test_ga4mp(running: Any) -> None:
    pytest.importorskip("ga4mp", reason="ga4mp is not installed")
    subprocess.run([sys.executable, "-c", PYTHON, running.key, running.url], check=True, timeout=60)
    assert running.wait_for(2) == {"accepted": 2}
    journey = running.report("/v1/journeys/won:order:O1")
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["conversion"]["value"] == 99.5
    assert [i["kind"] for i in journey["identifiers"]] == ["ga_client_id"]


@pytest.mark.browser
def test_minimal_analytics(running: Any, chromium: Any) -> None:
    settings = f'{{url: "{running.url}", key: "{running.public_key}"}}'
    code = bundle(BROWSER, "@minimal-analytics/ga4")
    files = page_with(f"window.settings = {settings};\n{code}")
    with pages(files) as shop, visit(chromium, shop.url + QUERY):
        running.wait_for(1)
    report = running.report("/v1/roi")
    assert [(r["channel"], r["visits"]) for r in report["rows"]] == [("paid_search", 1)]
