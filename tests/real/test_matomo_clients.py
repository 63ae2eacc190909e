"""Matomo's clients for Python and Node, unchanged and pointed here."""

from typing import Any

import pytest

from tests.real.analytics import LANDING, channels, kinds, public_key, run_python
from tests.real.clients import failing_at_first, run_node

PYTHON = """
import sys
from matomopy import MatomoTracker
url, key, landing = sys.argv[1:4]
matomo = MatomoTracker(url, 1, token_auth=key)
matomo.set_visitor_id("0123456789abcdef").set_user_id("user-1").set_url(landing)
matomo.track_page_view("Home")
matomo.track_event("Video", "Played", name="Tour", value=3)
matomo.track_goal(2, revenue=10.5)
"""
ORDER = """
from matomopy.exceptions import MatomoHTTPError
matomo.enable_bulk_tracking()
matomo.set_custom_timestamp(int(__import__("time").time()) - 60)
matomo.track_page_view("Basket")
items = [("A", "Shoe", "Shoes", 49.75, 2)]
matomo.track_ecommerce_order("O1", 99.5, items=items)
for _ in range(3):
    try:
        answer = matomo.flush()
        break
    except MatomoHTTPError as error:
        print("failed", error.status_code)
assert answer == {"status": "success", "tracked": 2, "invalid": 0, "invalid_indices": []}, answer
"""
NODE = """
const Matomo = require("matomo-tracker");
const [url, publicKey, key, landing] = process.argv.slice(1);
const failed = (error) => { console.error(error); process.exitCode = 1; };
const page = new Matomo(publicKey, `${url}/matomo.php`);
page.on("error", failed);
page.track({ url: landing, action_name: "Home", _id: "0123456789abcdef", rand: "1" });
const shop = new Matomo(1, `${url}/piwik.php`);
shop.on("error", failed);
const who = { _id: "0123456789abcdef", uid: "user-1", token_auth: key };
shop.trackBulk([
  { url: landing, e_c: "Video", e_a: "Played", ...who, rand: "2" },
  { url: landing, idgoal: 0, ec_id: "O1", revenue: 99.5, ...who, rand: "3" },
], (told) => console.log(told));
"""


def check(running: Any) -> None:
    journey = running.report("/v1/journeys/won:order:O1")
    assert journey["conversion"]["first_channel"] == "paid_search"
    assert journey["conversion"]["value"] == 99.5
    assert journey["conversion"]["currency"] == "EUR"
    assert kinds(journey) == ["anonymous_id", "user_id"]
    assert channels(running) == {"paid_search": (1, 1, 99.5)}


def test_python(running: Any) -> None:
    pytest.importorskip("matomopy", reason="matomopy is not installed")
    run_python(PYTHON + ORDER, running.url, running.key, LANDING)
    assert running.wait_for(5) == {"accepted": 5}
    check(running)


@pytest.mark.parametrize("failure", [500, 0], ids=["500", "stored, answer lost"])
def test_python_flushes_a_bulk_again(running: Any, failure: int) -> None:
    pytest.importorskip("matomopy", reason="matomopy is not installed")
    script = PYTHON.partition("matomo.track_page_view")[0] + ORDER
    with failing_at_first(running.url, (failure, {})) as proxy:
        assert run_python(script, proxy.url, running.key, LANDING) == "failed 500\n"
        first, again = proxy.posts()
    assert first == again
    more = {"duplicate": 2} if failure == 0 else {}
    assert running.wait_for(2) == {"accepted": 2, **more}
    check(running)


def test_node(running: Any) -> None:
    told = run_node(
        NODE, running.url, public_key(running), running.key, LANDING, packages=["matomo-tracker"]
    )
    assert '"tracked":2,"invalid":0' in told
    assert running.wait_for(3) == {"accepted": 3}
    check(running)
