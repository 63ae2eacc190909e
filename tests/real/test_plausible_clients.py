"""Plausible's browser clients, new and old, unchanged, on a page of another site."""

import json
from typing import Any

import pytest

from tests.real.analytics import QUERY, channels, public_key
from tests.real.clients import bundle, page_with, pages, visit

pytestmark = pytest.mark.browser
NEW = """
import { init, track } from "@plausible-analytics/tracker";
const { url, key } = window.settings;
init({ domain: "shop.example.com", endpoint: `${url}/api/event?key=${key}`, captureOnLocalhost: true });
const revenue = { amount: 99.5, currency: "EUR" };
track("Played", { props: { minutes: 3 }, revenue, callback: (told) => { window.told = told; } });
"""
OLD = """
import Plausible from "plausible-tracker";
const { url, key } = window.settings;
const plausible = Plausible({ domain: key, apiHost: url, trackLocalhost: true });
plausible.enableAutoPageviews();
const callback = () => { window.told = { status: 202 }; };
plausible.trackEvent("Played", { props: { minutes: 3 }, callback });
"""


@pytest.mark.parametrize(
    ("script", "package"),
    [
        pytest.param(NEW, "@plausible-analytics/tracker", id="tracker"),
        pytest.param(OLD, "plausible-tracker", id="plausible-tracker"),
    ],
)
def test_from_another_site(running: Any, chromium: Any, script: str, package: str) -> None:
    settings = json.dumps({"url": running.url, "key": public_key(running)})
    files = page_with(f"window.settings = {settings};\n{bundle(script, package)}")
    with pages(files) as shop, visit(chromium, shop.url + QUERY) as page:
        running.wait_for(2)
        page.wait_for_function("window.told")
        assert page.evaluate("window.told.status") == 202
    found = running.outcomes()
    assert found["accepted"] in (2, 3)  # and how far it was read, where that was still sent
    assert set(found) == {"accepted"}
    assert channels(running) == {"paid_search": (1, 0, 0)}
