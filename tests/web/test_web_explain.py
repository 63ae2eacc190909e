"""The page that says what a number is made of, and the links that lead to it."""

import re
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from service.reports.cell_parts import Cell
from service.web.explaining import title
from service.web.format import Formatter
from service.web.state import State
from service.web.why import Why

pytestmark = pytest.mark.anyio
EUR = Formatter("EUR", ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("measure", "cell", "number", "words"),
    [
        ("revenue", "channel:paid_search", 80, "€80.00 of revenue credited to Paid search"),
        ("revenue", "total", 1234.5, "€1,234.50 of revenue in all"),
        ("revenue", "unattributed", 7, "€7.00 of revenue that no touch earned"),
        ("leads", "channel:", 1, "1 lead credited to (not set)"),
        ("leads", "channel:email,campaign:Spring", 2.5, "2.5 leads credited to Email, Spring"),
        ("spend", "channel:email", 3, "€3.00 spent on Email"),
        ("spend", "day:2026-03-02", 3, "€3.00 spent on 2 Mar 2026"),
        ("won", "week:2026-03-02", 1, "1 win in the week from 2 Mar 2026"),
        ("visits", "month:2026-03-01", 9, "9 visits in the month from 1 Mar 2026"),
        ("clicks", "channel:email", 1, "1 click from Email"),
        ("roi", "channel:email", -0.5, "ROI of Email: −50.00\u00a0%"),
        ("roas", "total", 3, "ROAS in all: 3.00×"),
        ("cpl", "channel:email", None, "CPL of Email: –"),
        ("share", "unattributed", 0.25, "Share, unattributed: 25.00\u00a0%"),
    ],
)
def test_a_number_in_words(measure: str, cell: str, number: float | None, words: str) -> None:
    assert title(measure, Cell.parse(cell), {}, number, EUR) == words


def test_what_a_number_lies_inside_is_said() -> None:
    where = {"channel": "paid_search", "campaign": "spring"}
    inside = title("revenue", Cell.parse("campaign:spring"), where, 5, EUR)
    assert inside == "€5.00 of revenue credited to spring, Paid search"


def test_a_link_asks_the_same_question() -> None:
    state = State(period="7d", model="linear", basis="touch", include="bots", sort="-roi",
                  columns="spend", metric="leads", search="x", cursor="y")  # fmt: skip
    why = Why(state, {"channel": "email"}, (date(2026, 3, 1), date(2026, 3, 7)))
    asked = {"model": "linear", "basis": "touch", "include": "bots", "channel": "email"}
    assert _query(why("campaign:a,b", "won")) == asked | {
        "period": "7d", "cell": "campaign:a,b", "measure": "won"}  # fmt: skip
    assert _query(why("total", "revenue")) == asked | {"period": "7d"}
    days = {"period": "custom", "start": "2026-03-01", "end": "2026-03-07", "compare": "none"}
    assert _query(why("total", "revenue", earlier=True)) == asked | days


def _query(address: str) -> dict[str, str]:
    path, _, query = address.partition("?")
    assert path == "/explain"
    return {name: value for name, (value,) in parse_qs(query).items()}


async def test_numbers_say_which_they_are_to_those_who_do_not_see(
    reader: httpx.AsyncClient,
) -> None:
    page = (await reader.get("/")).text
    said = re.findall(r'class="why"[^>]*>.*?<span class="away"> ([^<]+)</span></a>', page, re.S)
    assert len(said) == page.count('class="why"')
    assert all(text.endswith(", explained") for text in said)
    assert {"Revenue, Paid search, explained", "ROI, explained", "Spend, Total, explained"} <= {
        *said
    }


async def test_parts_page_by_page_make_the_number(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/explain?cell=channel:paid_search")).text
    assert "€96,480.25 of revenue credited to Paid search" in page
    assert "60 conversions have a part in it; together they are €96,480.25 exactly." in page
    assert "On this page: 50 of 60" in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    second = (await reader.get(following[1].replace("&amp;", "&"))).text
    found = [
        Decimal(x) for p in (page, second) for x in re.findall(r'<td.*?<data value="(.*?)"', p)
    ]
    assert (len(found), sum(found)) == (60, Decimal("96480.25"))
    assert "First page" in second
    assert 'rel="next"' not in second


async def test_each_part_leads_on(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/explain?cell=channel:paid_search&model=linear&period=7d")).text
    assert 'href="/journeys/won%3Adeal%3AD2?period=7d&amp;model=linear"' in page
    assert "2 more in its journey" in page
    assert "Paid search</b>, visit" in page
    assert "call <span" in page
    assert "No person is linked to it" in page
    lines = (await reader.get("/explain?cell=channel:paid_search&measure=spend")).text
    assert 'href="/sources#source-google-ads"' in lines
    assert "stated 2 times" in lines
    csv = re.search(r'href="(/v1/explain\.csv[^"]+)" download', page)
    assert csv
    asked = parse_qs(urlsplit(csv[1].replace("&amp;", "&")).query)
    assert {name: asked[name] for name in ("cell", "measure", "report", "group_by", "model")} == {
        "cell": ["channel:paid_search"], "measure": ["revenue"], "report": ["roi"],
        "group_by": ["channel"], "model": ["linear"]}  # fmt: skip


async def test_a_ratio_shows_its_terms_and_leads_to_each(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/explain?cell=channel:email&measure=roi")).text
    text = re.sub(r"<[^>]+>", "", re.sub(r'<span class="away">.*?</span>', "", page))
    assert "(€61,250.75 − €1,200.00) ÷ €1,200.00 = 5,004.23\u00a0%" in text
    assert "ROI is (revenue − spend) ÷ spend." in text
    terms = page.split('<ul class="cards terms"')[1].split("</ul>")[0]
    assert re.findall(r'href="([^"]+)"', terms) == [
        "/explain?cell=channel%3Aemail",
        *["/explain?cell=channel%3Aemail&amp;measure=spend"] * 2,
    ]


async def test_the_number_stands_beside_the_compared_days_and_the_total(
    reader: httpx.AsyncClient,
) -> None:
    page = (await reader.get("/explain?cell=channel:email")).text
    assert "€49,000.60" in page
    assert "24.0\u00a0% of" in page
    alone = (await reader.get("/explain?cell=channel:email&compare=none")).text
    assert "€49,000.60" not in alone


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/explain?cell=channel:none", 200, "There is nothing here in these days."),
        ("/explain?cell=channel:direct&measure=spend", 200, "Nothing makes it up"),
        ("/explain?cell=channel:none&measure=roi", 200, "The number is not defined"),
        ("/explain?cell=nonsense", 422, "This cannot be shown"),
        ("/explain?cell=unattributed:nonsense", 422, "This cannot be shown"),
    ],
)
async def test_where_there_is_nothing_to_show(
    reader: httpx.AsyncClient, address: str, status: int, said: str
) -> None:
    answer = await reader.get(address)
    assert (answer.status_code, said in answer.text) == (status, True)


async def test_strangers_are_told_nothing(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/explain")
    assert answer.status_code == 401
    assert "€" not in answer.text


async def test_the_question_that_the_page_asks(reader: httpx.AsyncClient, desk: Any) -> None:
    desk.asked.clear()
    await reader.get("/explain?channel=email&cell=campaign:spring&measure=won&compare=none")
    (name, asked), *_ = desk.asked
    assert name == "cell roi campaign:spring won"
    assert (asked["group_by"], asked["filter[channel]"]) == ("campaign", "email")
