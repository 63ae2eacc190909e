"""Snowplow's own trackers, unchanged and pointed here: Python, Node, and a browser of another site."""

import subprocess
import sys
from typing import Any

import pytest

from tests.real.clients import bundle, failing_at_first, page_with, pages, run_node, visit

LANDING = "https://shop.example.com/?utm_source=google&utm_medium=cpc&utm_campaign=spring"

PYTHON = """
import sys
from snowplow_tracker import Emitter, PageView, SelfDescribing, SelfDescribingJson, Subject, Tracker

key, url, landing = sys.argv[1:]
host, port = url.removeprefix("http://").split(":")
emitter = Emitter(host, protocol="http", port=int(port), method="post", batch_size=1)
subject = Subject().set_user_id("user-1").set_domain_user_id("anon-1")
tracker = Tracker(namespace="shop", emitters=emitter, subject=subject, app_id=key)
tracker.track(PageView(landing))
tracker.track(SelfDescribing(SelfDescribingJson("iglu:com.acme/played/jsonschema/1-0-0", {"minutes": 3})))
tracker.flush()
"""

NODE = """
const { newTracker, buildPageView, buildSelfDescribingEvent } = require("@snowplow/node-tracker");
const [key, url, landing] = process.argv.slice(1);
const emitter = { endpoint: url, eventMethod: "post", bufferSize: 1 };
const tracker = newTracker({ namespace: "shop", appId: key }, emitter);
tracker.setUserId("user-1");
tracker.setDomainUserId("anon-1");
tracker.track(buildPageView({ pageUrl: landing }));
tracker.track(buildSelfDescribingEvent({ event: { schema: "iglu:com.acme/played/jsonschema/1-0-0", data: { minutes: 3 } } }));
"""

BROWSER = """
import { newTracker, setUserId, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker";
const { url, key, method } = window.settings;
newTracker("shop", url, { appId: key, eventMethod: method, bufferSize: 1 });
setUserId("user-1");
trackPageView();
trackSelfDescribingEvent({ event: { schema: "iglu:com.acme/played/jsonschema/1-0-0", data: { minutes: 3 } } });
"""
QUERY = "?utm_source=google&utm_medium=cpc&gclid=abc"
BUNDLES: dict[str, str] = {}


def check_person(running: Any, landing: str = "google") -> None:
    """An order of the same user has the page among its touches."""
    order = {"id": "O1", "status": "completed", "amount": "10.00", "currency": "EUR"}
    receipt = running.post(
        {"id": "order", "type": "order", "identifiers": {"user_id": "user-1"}, "order": order}
    )
    journey = running.ask("/v1/journeys/won:order:O1", min_watermark=str(receipt["watermark"]))
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["touchpoints"][0]["source"] == landing


def test_snowplow_tracker_python(running: Any) -> None:
    pytest.importorskip("snowplow_tracker", reason="snowplow-tracker is not installed")
    subprocess.run(
        [sys.executable, "-c", PYTHON, running.key, running.url, LANDING], check=True, timeout=60
    )
    assert running.wait_for(2) == {"accepted": 2}
    check_person(running)


def test_snowplow_tracker_node(running: Any) -> None:
    run_node(NODE, running.key, running.url, LANDING, packages=["@snowplow/node-tracker"])
    assert running.wait_for(2) == {"accepted": 2}
    check_person(running)


def site(running: Any, url: str, method: str) -> dict[str, str]:
    code = BUNDLES.get("client") or bundle(BROWSER, "@snowplow/browser-tracker")
    BUNDLES["client"] = code
    settings = f'{{url: "{url}", key: "{running.public_key}", method: "{method}"}}'
    return page_with(f"window.settings = {settings};\n{code}")


@pytest.mark.browser
@pytest.mark.parametrize("method", ["post", "get"])
def test_from_another_site_with_its_cookies(running: Any, chromium: Any, method: str) -> None:
    files = site(running, running.url, method)
    with pages(files) as shop, visit(chromium, shop.url + QUERY):
        assert running.wait_for(2) == {"accepted": 2}
    check_person(running)


@pytest.mark.browser
@pytest.mark.parametrize(
    "failure", [pytest.param((500, {}), id="500"), pytest.param((0, {}), id="answer lost")]
)
def test_tried_again_it_is_stored_once(running: Any, chromium: Any, failure: Any) -> None:
    status, headers = failure
    with_cookies = {**headers, "Access-Control-Allow-Credentials": "true"}
    with (
        failing_at_first(running.url, (status, with_cookies)) as proxy,
        pages(site(running, proxy.url, "post")) as shop,
        visit(chromium, shop.url + QUERY, expected="status of") as page,
    ):
        proxy.wait_for_posts(1)
        # What was not taken stays in the tracker's queue, and goes out again with the next page.
        page.reload()
        running.wait_for(4)
    assert running.outcomes()["accepted"] == 4
    check_person(running)
