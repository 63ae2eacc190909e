"""Umami's clients for Python and Node, unchanged and pointed here."""

from typing import Any

import pytest

from tests.real.analytics import QUERY, channels, kinds, public_key, run_python
from tests.real.clients import run_node

PYTHON = """
import sys, umami
url, website, path = sys.argv[1:4]
umami.set_url_base(url)
umami.set_website_id(website)
umami.set_hostname("shop.example.com")
told = umami.new_page_view("Home", path, distinct_id="user-1", ip_address="203.0.113.7")
assert set(told) == {"cache", "sessionId", "visitId"}, told
umami.new_event("Played", url="/tour", custom_data={"minutes": 3}, ip_address="203.0.113.7")
if website.startswith("sk_"):
    data = {"order_id": "O1"}
    umami.new_revenue_event(99.5, "EUR", event_name="purchase", custom_data=data,
                            distinct_id="user-1")
"""
NODE = """
const { Umami } = require("@umami/node");
const [hostUrl, websiteId, url] = process.argv.slice(1);
const client = new Umami({ hostUrl, websiteId });
const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/147.0.0.0 Safari/537.36";
const visitor = { hostname: "shop.example.com", ip: "203.0.113.7", userAgent: agent };
const read = async (answer) => {
  const told = await answer.json();
  if (answer.status !== 200 || !told.cache) { console.error(told); process.exitCode = 1; }
};
(async () => {
  await read(await client.track({ ...visitor, url, title: "Home" }));
  await read(await client.track({ ...visitor, url: "/tour", name: "Played", data: { minutes: 3 } }));
  await read(await client.send({ website: websiteId, ...visitor, id: "user-1" }, "identify"));
  const data = { order_id: "O1", revenue: 99.5, currency: "EUR" };
  await read(await client.track({ ...visitor, id: "user-1", url: "/thanks", name: "purchase", data }));
})();
"""


def check(running: Any) -> None:
    journey = running.report("/v1/journeys/won:order:O1")
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["conversion"]["value"] == 99.5
    assert kinds(journey) == ["user_id", "visitor"]
    assert channels(running) == {"paid_search": (1, 1, 99.5)}


def test_python(running: Any) -> None:
    pytest.importorskip("umami", reason="umami-analytics is not installed")
    run_python(PYTHON, running.url, running.key, f"/{QUERY}")
    assert running.wait_for(3) == {"accepted": 3}
    check(running)


def test_python_with_a_public_key(running: Any) -> None:
    pytest.importorskip("umami", reason="umami-analytics is not installed")
    run_python(PYTHON, running.url, public_key(running), f"/{QUERY}")
    assert running.wait_for(2) == {"accepted": 2}
    assert channels(running) == {"paid_search": (1, 0, 0)}


def test_node(running: Any) -> None:
    run_node(NODE, running.url, running.key, f"/{QUERY}", packages=["@umami/node"])
    assert running.wait_for(4) == {"accepted": 4}
    check(running)
