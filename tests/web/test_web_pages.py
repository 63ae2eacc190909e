"""What the pages say, and what they must never say."""

import html
import json
import re
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.kit.errors import NotFound, ReconciliationError, Unavailable
from service.web.pages import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.anyio
HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}}\"'&amp;"
PAGES = ("/", "/channels/paid_search", "/journeys", "/journeys/deal%3AD1%3Awon")


def shown(page: str) -> str:
    """The text that eyes read."""
    return re.sub(r"<[^>]+>", "", re.sub(r'<span class="away">.*?</span>', "", page))


def names(page: str) -> list[str]:
    """The rows of the ROI table from top to bottom, without unattributed and total."""
    table = page.split('<table class="pin">')[1].split("</table>")[0]
    return re.findall(r'<th scope="row">.*?<a [^>]*>([^<]+)</a>', table, re.S)


def column(page: str, name: str) -> list[Decimal]:
    """The exact values of one column of the ROI table, rows first, then unattributed and total."""
    table = re.search(r"<table class=\"pin\">.*?</table>", page, re.S)
    assert table is not None
    heads = re.findall(r"<th scope=\"col\".*?</th>", table[0], re.S)
    place = next(i for i, head in enumerate(heads) if f">{name}" in head) - 1
    rows = re.findall(r"<th scope=\"row\".*?</tr>", table[0], re.S)
    cells = [re.findall(r"<td>(.*?)</td>", row, re.S)[place] for row in rows]
    return [
        Decimal(found[1] if (found := re.search(r'<data value="([^"]+)"', cell)) else "NaN")
        for cell in cells
    ]


async def test_rows_and_unattributed_make_the_total(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/")).text
    for name in ("Spend", "Leads", "Won", "Revenue"):
        *parts, total = column(page, name)
        assert len(parts) == 9
        assert sum(parts) == total
    assert column(page, "Revenue")[-1] == Decimal("254961.50")
    assert "Unattributed" in page


async def test_a_report_that_does_not_add_up_is_not_shown(
    reader: httpx.AsyncClient, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = desk.roi

    def wrong(question: Any) -> dict[str, Any]:
        report: dict[str, Any] = honest(question)
        report["totals"]["revenue"] += 0.01
        return report

    assert "254,96" in (await reader.get("/")).text
    monkeypatch.setattr(desk, "roi", wrong)
    answer = await reader.get("/")
    assert answer.status_code == 500
    # With its comma, for the id of the request is random and may hold any three digits.
    assert "254,96" not in answer.text


async def test_a_model_is_not_shown_without_its_warning(reader: httpx.AsyncClient) -> None:
    warning = "Shapley, rates: A conversion rate of whole journeys favours channels"
    assert warning in (await reader.get("/", params={"model": "shapley_rate"})).text
    assert warning not in (await reader.get("/", params={"model": "shapley"})).text


async def test_spend_without_sales_is_minus_100_percent(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/")).text
    row = re.search(r"Display</a></span>.*?</tr>", page, re.S)
    assert row is not None
    assert "−100\u00a0%" in row[0]
    assert 'title="Undefined: no new customers">–' in row[0]
    organic = re.search(r"Organic search</a></span>.*?</tr>", page, re.S)
    assert organic is not None
    assert 'title="Undefined: no spend">–' in organic[0]


@pytest.mark.parametrize(
    ("sort", "state", "first"),
    [
        ("-spend", "descending", "Paid search"),
        ("spend", "ascending", "Direct"),
        ("channel", "ascending", "Direct"),
        ("-roi", "descending", "Email"),
        ("roi", "ascending", "Display"),
    ],
)
async def test_sorting_is_in_the_address(
    reader: httpx.AsyncClient, sort: str, state: str, first: str
) -> None:
    page = (await reader.get(f"/?sort={sort}")).text
    key = sort.removeprefix("-")
    assert f'aria-sort="{state}"><a id="sort-{key}"' in page
    assert page.count('aria-sort="none"') == 8
    assert names(page)[0] == first
    assert len(names(page)) == 8


async def test_undefined_numbers_stand_last_in_either_direction(reader: httpx.AsyncClient) -> None:
    for sort in ("roi", "-roi"):
        page = (await reader.get(f"/?sort={sort}")).text
        assert names(page)[-3:] == ["Direct", "Organic search", "Organic social"]


async def test_choices_reach_the_desk_and_stay_in_the_links(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    address = (
        "/?period=custom&start=2026-03-01&end=2026-03-31&model=time_decay:half_life=14d"
        "&conversion=lead&lookback=30d&basis=touch&scope=account&compare=year"
    )
    page = (await reader.get(address)).text
    (_, now), (_, before), *_ = desk.asked
    # Berlin changes its clocks inside this March: the days are whole all the same.
    assert (now["from"], now["to"]) == ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00")
    assert before["from"] == "2025-03-01T00:00:00+01:00"
    assert now["model"] == "time_decay:half_life=14d"
    assert (now["conversion"], now["lookback"]) == ("lead", "30d")
    assert (now["basis"], now["scope"]) == ("touch", "account")
    drill = re.search(r'href="(/channels/email\?[^"]+)"', page)
    csv = re.search(r'href="(/v1/roi\.csv\?[^"]+)"', page)
    assert drill is not None
    assert csv is not None
    assert "start=2026-03-01" in drill[1]
    assert "basis=touch" in drill[1]
    query = dict(httpx.QueryParams(html.unescape(csv[1]).split("?")[1]))
    assert (query["from"], query["to"]) == ("2026-03-01", "2026-04-01")
    assert query["group_by"] == "channel"


@pytest.mark.parametrize(
    ("address", "shorter"),
    [
        ("/?period=7d&compare=previous&model=position_based&search=", "/?period=7d"),
        ("/journeys?scope=person", "/journeys"),
        # A preset goes before days that stand in the same form.
        ("/?period=30d&start=2026-01-01&end=2026-01-31", "/"),
        ("/?columns=spend&columns=won&basis=conversion", "/?columns=spend%2Cwon"),
        ("/channels/paid%20search?basis=conversion&period=7d", "/channels/paid%20search?period=7d"),
    ],
)
async def test_the_address_keeps_only_what_is_not_the_default(
    reader: httpx.AsyncClient, address: str, shorter: str
) -> None:
    # As a form is sent where no script helps.
    response = await reader.get(address)
    assert (response.status_code, response.headers["location"]) == (303, shorter)
    assert (await reader.get(shorter)).status_code in (200, 404)


@pytest.mark.parametrize(
    ("first_at", "compared"),
    [("2026-09-22T00:00:00+02:00", True), ("2026-09-23T00:00:00+02:00", False)],
)
async def test_days_before_the_data_are_not_compared_with(
    reader: httpx.AsyncClient, desk: Any, first_at: str, compared: bool
) -> None:
    desk.first_at = first_at
    page = (await reader.get("/")).text
    assert ("compared with 22 Sept – 21 Oct 2026" in page) is compared
    assert ("Not compared: the data begins on 23 Sept 2026" in page) is not compared
    assert ("Revenue change" in page) is compared
    assert ("Revenue is up" in page) is compared


async def test_drill_asks_for_exactly_the_campaign(reader: httpx.AsyncClient, desk: Any) -> None:
    page = (await reader.get("/channels/paid_search")).text
    link = re.search(r'href="(/channels/paid_search\?campaign=Gr[^"]+)"', page)
    assert link is not None
    desk.asked.clear()
    answer = await reader.get(html.unescape(link[1]))
    assert answer.status_code == 200
    asked = desk.asked[0][1]["filter[campaign]"].replace("\\,", ",")
    assert asked.startswith("Größe & Maß, Herbst 2026 / ")
    assert desk.asked[0][1]["filter[channel]"] == "paid_search"
    assert {"content", "campaign"} <= {params["group_by"] for _, params in desk.asked}


async def test_columns_can_be_chosen(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/?columns=spend&columns=clicks&columns=romi_margin")).text
    assert re.findall(r'<a id="sort-(\w+)"', page) == ["channel", "spend", "clicks", "romi_margin"]
    assert (await reader.get("/?columns=spend,clicks")).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/?period=aeon", "/?model=magic", "/?columns=moon", "/?start=2026-02-30", "/?lookback=soon",
     "/?period=custom&start=2026-03-02&end=2026-03-01", "/?conversion=wish", f"/?sort={'x' * 401}"],
)  # fmt: skip
async def test_a_choice_that_does_not_exist_is_explained(
    reader: httpx.AsyncClient, address: str
) -> None:
    answer = await reader.get(address)
    assert answer.status_code == 422
    assert "This cannot be shown" in answer.text
    assert "To the overview" in answer.text


@pytest.mark.parametrize("address", PAGES)
async def test_hostile_text_stays_text(reader: httpx.AsyncClient, desk: Any, address: str) -> None:
    desk.channels[HOSTILE] = desk.channels["email"]
    desk.names[HOSTILE] = desk.channels["email"]
    item = desk.some_conversions()[0]
    item["object"] = {"kind": HOSTILE, "id": HOSTILE}
    item["channels"] = [HOSTILE]
    desk.journey_items = [item | {"conversion_id": HOSTILE, "person_id": HOSTILE}]
    desk.touches = [
        dict.fromkeys(("source", "medium", "campaign", "content", "term", "kind"), HOSTILE)
        | {"position": 1, "occurred_at": "2026-10-14T08:12:00Z", "channel": HOSTILE}
        | {"landing_page": HOSTILE, "page_views": 1, "milestones": [HOSTILE], "facts": []}
    ]
    desk.reason = HOSTILE
    for query in ("", f"?search={HOSTILE}", f"?campaign={HOSTILE}"):
        page = (await reader.get(address + query)).text
        assert "<img" not in page
        assert "onerror=alert(1)>" not in page
        assert "49" not in re.findall(r"x onerror=alert\(1\)&gt;(..)", page)


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.com/a?b=1&c=2", True),
        ("http://example.com", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example/x", False),
        ("https://example.com/a b", False),
        ("java\nscript:alert(1)", False),
        ("https://[broken", False),
    ],
)
async def test_only_web_addresses_become_links(
    reader: httpx.AsyncClient, desk: Any, address: str, linked: bool
) -> None:
    touch = desk.some_touchpoints()[0] | {"landing_page": address}
    desk.touches = [touch]
    page = (await reader.get("/journeys/x")).text
    outward = re.findall(r'<a href="([^"]+)" rel="noopener noreferrer nofollow ugc"', page)
    assert [html.unescape(found) for found in outward] == ([address] if linked else [])
    assert html.escape(address, quote=False).replace("&amp;", "&") in html.unescape(page)


@pytest.mark.parametrize("address", [*PAGES, "/sign-in?token=x", "/nowhere", "/?period=aeon"])
async def test_every_page_carries_the_headers(reader: httpx.AsyncClient, address: str) -> None:
    answer = await reader.get(address)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "private, no-store"
    # What the policy forbids is not even written.
    assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.text)


def test_the_policy_lets_only_our_own_files_run() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules.pop("img-src") == "'self' data:"
    assert rules.pop("require-trusted-types-for") == "'script'"
    closed = {name for name, source in rules.items() if source == "'none'"}
    assert closed == {"default-src", "base-uri", "frame-ancestors"}
    assert {rules[name] for name in rules.keys() - closed} == {"'self'"}
    assert {"script-src", "style-src", "connect-src", "font-src", "form-action"} <= rules.keys()


async def test_chart_numbers_are_the_numbers_of_the_table(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    page = (await reader.get("/?metric=leads")).text
    island = re.search(r'<script type="application/json" data-points>(.*?)</script>', page, re.S)
    assert island is not None
    data = json.loads(island[1])
    table = re.search(r'id="trend-table">.*?</details>', page, re.S)
    assert table is not None
    texts = [shown(row.split("</td>")[0]) for row in table[0].split("<td>")[1:]][::2]
    assert data["series"][0]["texts"] == texts
    assert len(data["x"]) == len(texts) == 30
    total = sum(data["series"][0]["values"]) + 24
    assert f"Leads {total} in total, 24 of it unattributed and not drawn" in shown(page)


async def test_an_empty_ledger_shows_how_to_begin(reader: httpx.AsyncClient, desk: Any) -> None:
    desk.channels, desk.watermark = {}, 0
    page = (await reader.get("/")).text
    assert "curl http://test/v1/events" in page
    assert "throughline keys create" in page


async def test_a_period_without_anything_is_not_an_empty_ledger(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.channels, desk.names, desk.journey_items = {}, {}, []
    desk.rest = ["0"] * 11
    page = (await reader.get("/")).text
    assert "No spend and no results in these days." in page
    assert "Unattributed" in page
    assert "Nothing to draw in these days." in page
    assert "No money was spent and none came in" in page
    assert "No conversion of this kind" in (await reader.get("/journeys")).text
    assert (await reader.get("/channels/email")).status_code == 200


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (NotFound("no_journey", "There is no conversion deal:D9."), 404, "no conversion deal:D9"),
        (Unavailable("busy", "database is locked at x.db", 7), 503, "Nothing is lost"),
        (ReconciliationError("x", "12 is not 13"), 500, "Something went wrong on our side"),
        (RuntimeError("secret detail"), 500, "Something went wrong on our side"),
    ],
)
async def test_errors_are_pages_with_an_id(
    reader: httpx.AsyncClient, desk: Any, failure: Exception, status: int, words: str
) -> None:
    desk.failure = failure
    answer = await reader.get("/journeys/x", headers={"x-request-id": "req-42"})
    assert answer.status_code == status
    assert words in answer.text
    assert "req-42" in answer.text
    assert answer.headers["x-request-id"] == "req-42"
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)
    for hidden in ("secret detail", "x.db", "12 is not 13"):
        assert hidden not in answer.text


async def test_unknown_addresses_are_pages_for_browsers_only(
    app: FastAPI, reader: httpx.AsyncClient
) -> None:
    page = await reader.get("/nowhere")
    assert page.status_code == 404
    assert "There is no page at this address." in page.text
    forged = await reader.get("/nowhere", headers={"x-request-id": "<b>"})
    assert "<b>" not in forged.text
    data = await reader.get("/v1/nowhere", headers={"accept": "application/json"})
    assert data.json() == {"detail": "Not Found"}
