"""What would not have happened without each channel, on the page of the models."""

import re
from html import unescape
from zoneinfo import ZoneInfo

import httpx
import pytest

from service.web.format import Formatter
from service.web.views_incremental import told_test
from tests.web.fake_desk import FakeDesk
from tests.web.fake_parts import LIFT_TEST

pytestmark = pytest.mark.anyio
PAGE = "/compare/incremental"


def row(page: str, name: str) -> str:
    found = re.search(rf"<tr[^>]*>\s*<th scope=\"row\"(?:(?!<tr).)*?{name}.*?</tr>", page, re.S)
    assert found is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


async def test_calibrated_stands_beside_what_is_not(reader: httpx.AsyncClient) -> None:
    page = (await reader.get(PAGE)).text
    assert row(page, "Paid search") == (
        "Paid search €18,240 22.5 11.25 , from 5.6 to 22.5 €48,240 2.64× "
        "5.62 , from 2.8 to 11.2 × 0.50 €24,120 1.32×"
    )
    assert row(page, "Email").endswith("no lift test")
    assert row(page, "Would have come anyway").endswith("2 30.5 €9,000 36.12 €33,120")
    assert "Exposure was not assigned at random." in page


async def test_a_lift_test_is_told_with_what_the_model_said(reader: httpx.AsyncClient) -> None:
    page = (await reader.get(PAGE)).text
    assert row(page, "spring-holdout") == (
        "spring-holdout Paid search 1 – 7 Nov 2026 User holdout 4 ± 1.5 8 yes"
    )


async def test_without_lift_tests_only_the_model_speaks(
    reader: httpx.AsyncClient, desk: FakeDesk
) -> None:
    desk.lift_tests = False
    page = (await reader.get(PAGE)).text
    assert "Calibrated" not in page
    assert "No lift test is known yet" in page


async def test_nobody_touched_is_said(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    desk.channels = {}
    assert "nothing to learn from" in (await reader.get(PAGE)).text


async def test_the_comparison_loads_it_for_the_same_question(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/compare?period=90d&metric=share")).text
    assert f'hx-get="{PAGE}?period=90d"' in page


async def test_strangers_see_nothing_of_it(stranger: httpx.AsyncClient, desk: FakeDesk) -> None:
    assert (await stranger.get(PAGE)).status_code == 401
    assert desk.asked == []


def test_money_is_in_the_currency_of_the_test() -> None:
    measured = {
        **LIFT_TEST,
        "measure": "revenue",
        "currency": "USD",
        "estimate": 400,
        "model": None,
    }
    told = told_test(measured, Formatter("EUR", ZoneInfo("UTC")))
    assert (told["found"], told["expected"]) == ("US$400.00 ± US$1.50", "–")
