"""The list of journeys and the page of one: each conversion's credit, and why."""

import html
import re
from decimal import Decimal
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_journeys_page_by_cursor(reader: httpx.AsyncClient, desk: Any) -> None:
    first = (await reader.get("/journeys?model=linear")).text
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link is not None
    second = (await reader.get(html.unescape(link[1]))).text
    shown = [re.findall(r">Deal (D\d+)</a>", page) for page in (first, second)]
    assert shown == [[f"D{i}" for i in range(1, 11)], ["D11", "D12"]]
    assert "First page" in second
    assert 'rel="next"' not in second


async def test_each_model_adds_up_to_the_conversion(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/journeys/deal%3AD1%3Awon?model=linear")).text
    body, foot = page.split("<tfoot>")
    assert foot.count("€1,511.50") == 8
    rows = body.split("<tbody>")[-1].split("</tr>")[:4]
    cells = [
        [Decimal(text.replace(",", "")) for text in re.findall(r"€([\d,.]+)<svg", row)]
        for row in rows
    ]
    assert [sum(column) for column in zip(*cells, strict=True)] == [Decimal("1511.50")] * 8
    assert "Linear<span" in page


async def test_each_touch_says_why_it_has_its_credit(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/journeys/deal%3AD1%3Awon?model=time_decay")).text
    assert "2^(-3.5d / 7d) = 0.7071; divided by the sum 1.9 = 0.3722" in page
    assert "<code>w_i = 2^(-(T - t_i) / half_life)</code>" in page
    assert "website, record evt-7, received" in page
    assert "Browser id and email are one: crm, record evt-8, received" in page
    assert "Touch and conversion name the same email" in page
    assert "Somebody else of the same account" in page


async def test_a_model_of_all_journeys_says_that_it_need_not(reader: httpx.AsyncClient) -> None:
    said = "except Markov: it speaks of all journeys"
    assert said in (await reader.get("/journeys/deal%3AD1%3Awon?model=markov")).text
    assert said not in (await reader.get("/journeys/deal%3AD1%3Awon?model=linear")).text


async def test_the_model_with_a_baseline_is_offered_on_every_page(
    reader: httpx.AsyncClient,
) -> None:
    for page in ("/", "/journeys", "/journeys/deal%3AD1%3Awon"):
        answer = await reader.get(f"{page}?model=incremental")
        assert answer.status_code == 200, page
        assert re.search(r'<option value="incremental"[^>]*selected', answer.text), page
        if page == "/":
            assert "only a lift test tells by how much" in answer.text
    # Its credit of one conversion is that conversion's.
    assert "it speaks of all journeys" not in answer.text


async def test_an_unattributed_conversion_says_why(reader: httpx.AsyncClient, desk: Any) -> None:
    desk.touches, desk.reason = [], "no_person"
    page = (await reader.get("/journeys/deal%3AD1%3Awon")).text
    assert "Unattributed: No person is linked to it" in page
    assert "Who earned what" not in page
