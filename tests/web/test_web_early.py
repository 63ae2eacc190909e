"""Rows of which the reader is told that it is too early to judge them."""

import re
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.web.test_web_pages import column, shown

pytestmark = pytest.mark.anyio


def badges(page: str) -> dict[str, str]:
    """The explanation of each badge of the ROI table, by its row."""
    table = page.split('<table class="pin">')[1].split("</table>")[0]
    found = {}
    for row in re.findall(r'<th scope="row".*?</th>', table, re.S):
        badge = re.search(r'title="([^"]*)">Too early to judge</span>', row)
        if badge:
            name = re.search(r">([^<>]+)</(?:a|b)>", row)
            found[name[1] if name else "Total"] = badge[1]
    return found


async def test_rows_too_early_to_judge_say_so(reader: httpx.AsyncClient, desk: Any) -> None:
    """A badge in the row, and for everybody to read what it rests on."""
    page = (await reader.get("/")).text
    social = (
        "54\u00a0% of this spend has had time to convert. The touches of these days earned "
        "3.2 conversions so far; 5.9 are expected in the end (4.3 to 8.4, with a probability of "
        "90\u00a0%)."
    )
    display = (
        "0\u00a0% of this spend has had time to convert. What it will bring cannot be foreseen yet."
    )
    assert badges(page) == {"Paid social": social, "Display": display}
    assert f"<li>Paid social: {social}</li>" in page
    assert f"<li>Display: {display}</li>" in page
    assert "has sold nothing yet; it is too early to judge" in page
    desk.early = {"total": (0.5, None)}
    assert list(badges((await reader.get("/")).text)) == ["Total"]
    asked = [params for name, params in desk.asked if name == "maturity period"]
    assert [params["group_by"] for params in asked] == ["channel", "channel"]


async def test_where_nothing_is_early_nothing_is_said_of_it(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.early = {}
    page = (await reader.get("/")).text
    assert (badges(page), "Too early" in page) == ({}, False)
    assert "Display spent €4,315 and sold nothing" in " ".join(shown(page).split())
    assert [name for name, _ in desk.asked if name.startswith("maturity")] == []


async def test_the_total_and_a_channels_campaigns_can_be_early_too(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.early = {"spring": (0.699, (40.0, 30.0, 50.0)), "paid_search": (0.5, None)}
    page = (await reader.get("/channels/paid_search")).text
    assert list(badges(page)) == ["spring", "Total"]
    assert "69\u00a0% of this spend" in badges(page)["spring"]


async def test_maturity_is_a_column_that_says_why_it_is_undefined(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    page = (await reader.get("/?columns=spend&columns=maturity")).text
    assert column(page, "Maturity")[:2] == [Decimal("0.97"), Decimal("0.548")]
    desk.early = {"email": (None, None)}
    page = (await reader.get("/?columns=spend&columns=maturity")).text
    assert "Undefined: no spend, or too few conversions to tell how long they take" in page
