"""Why a number is not what it was: the page, the card of the overview, and the moment of a report."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.api.harness import Service, event, order, running, touch
from tests.api.test_api_campaigns import rule
from tests.api.test_api_configuration import draft, publish
from tests.web.conftest import Clock
from tests.web.fake_desk import FakeDesk
from tests.web.test_web_sources import sign_in

pytestmark = pytest.mark.anyio
MARCH = "period=custom&start=2026-03-01&end=2026-03-31&model=linear"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(tmp_path) as own:
        yield own


@pytest.fixture
async def reading(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with sign_in(service, False) as client:
        yield client


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def cause(page: str, name: str) -> str:
    """What the page says of one cause."""
    found = re.search(rf"<li[^>]*>\s*<h3>{name}</h3>.*?</li>", page, re.S)
    assert found is not None
    return text_of(found[0])


async def grow(service: Service) -> int:
    """An order of 100, and after the watermark returned: 30.25 of it back, and a late one of 7.50."""
    await service.tell(
        touch("a-1", "2026-03-05T10:00:00Z", "google/cpc"),
        order("a-1", "2026-03-06T10:00:00Z", "100.00", id="O1"),
    )
    then = (await service.ask("/v1/roi"))["meta"]["watermark"]
    service.clock.now += timedelta(hours=1)
    await service.tell(
        order("a-1", "2026-03-07T10:00:00Z", "30.25", id="O1", status="refunded"),
        order("a-1", "2026-03-08T10:00:00Z", "7.50"),
    )
    await service.ask("/v1/roi")
    return int(then)


async def test_each_cause_has_its_part_to_the_cent(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = await grow(service)
    page = (await reading.get(f"/changes?{MARCH}&since={then}")).text
    assert "Revenue of these days was €100.00 and is €77.25: −€22.75." in unescape(page)
    assert "Deals changed −€30.25" in cause(page, "Deals changed")
    assert "1 fact of deals changed" in cause(page, "Deals changed")
    assert "Late facts +€7.50" in cause(page, "Late facts")
    assert "Spend restated no change" in cause(page, "Spend restated")
    assert "fact of" not in cause(page, "Spend restated")
    row = re.search(r"<b>Paid search</b>.*?</tr>", page, re.S)
    assert row is not None
    assert text_of(row[0]) == "Paid search €100.00 −€30.25 +€7.50 €77.25 −€22.75"


async def test_what_moves_between_channels_alone_is_said_so(
    service: Service, reading: httpx.AsyncClient
) -> None:
    """Who had seen the ad on a telephone turns out to be the buyer."""
    await service.tell(
        touch("telephone", "2026-03-04T10:00:00Z", "facebook/cpc"),
        touch("a-1", "2026-03-05T10:00:00Z", "google/cpc"),
        order("a-1", "2026-03-06T10:00:00Z", "100.00"),
    )
    then = (await service.ask("/v1/roi"))["meta"]["watermark"]
    service.clock.now += timedelta(hours=1)
    for browser in ("telephone", "a-1"):
        known = {"anonymous_id": browser, "user_id": "u-1"}
        await service.tell(event("identify", "2026-03-07T10:00:00Z", known))
    await service.ask("/v1/roi")
    asked = f"{MARCH.replace('linear', 'first_touch')}&since={then}"
    page = (await reading.get(f"/changes?{asked}")).text
    assert "Revenue of these days is what it was: €100.00." in unescape(page)
    assert "Identity between channels only" in cause(page, "Identity")
    assert "New facts no change" in cause(page, "New facts")
    moved = [text_of(row) for row in re.findall(r"<b>Paid s.*?</tr>", page, re.S)]
    assert moved == [
        "Paid social €0.00 +€100.00 €100.00 +€100.00",
        "Paid search €100.00 −€100.00 €0.00 −€100.00",
    ]
    card = (await reading.get(f"/changes/card?{asked}")).text
    assert "Identity between channels only" in text_of(card)


async def test_a_number_then_is_explained_as_it_was(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = await grow(service)
    page = unescape((await reading.get(f"/changes?{MARCH}&since={then}")).text)
    was, now_is = re.findall(
        r'href="(/explain\?[^"]*cell=channel%3Apaid_search[^"]*)"',
        page.split("<tbody>")[1],
    )
    assert "€100.00" in (await reading.get(was)).text
    assert "€77.25" in (await reading.get(now_is)).text


async def test_a_cause_opens_its_facts(service: Service, reading: httpx.AsyncClient) -> None:
    then = await grow(service)
    page = (await reading.get(f"/changes?{MARCH}&since={then}&cause=late_facts")).text
    table = text_of(page.split('id="facts"')[1].split("</table>")[0])
    assert re.search(r"Received \d+ Order \S+ 8 Mar 2026, \d\d:00 \d+ \w+ 2026, \d\d:\d\d$", table)
    assert len(re.findall(r"<tr><th scope=\"row\"", page.split('id="facts"')[1])) == 1


async def test_configuration_lists_its_versions(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = service.clock.now.isoformat()
    service.clock.now += timedelta(hours=1)
    await rule(service, ({"campaign": "summer"}, {"campaign": "spring"}))
    query = urlencode({"since": then, "cause": "configuration"})
    page = (await reading.get(f"/changes?{query}")).text
    assert "1 version of configuration" in cause(page, "Configuration")
    table = text_of(page.split('id="facts"')[1].split("</table>")[0])
    assert re.search(r"Campaigns 1 31 Mar 2026, \d\d:00", table)


async def test_another_usual_model_is_a_cause(service: Service, reading: httpx.AsyncClient) -> None:
    """Who chooses no model is shown what the page showed then, and shows now."""
    await service.tell(
        touch("a-1", "2026-03-05T10:00:00Z", "google/cpc"),
        touch("a-1", "2026-03-06T10:00:00Z", "news/email"),
        order("a-1", "2026-03-07T10:00:00Z", "100.00", id="O1"),
    )
    await service.ask("/v1/roi")
    then = service.clock.now.isoformat()
    service.clock.now += timedelta(hours=1)
    await draft(service, default_model="last_touch")
    await publish(service)
    march = MARCH.removesuffix("&model=linear")
    page = text_of((await reading.get(f"/changes?{march}&{urlencode({'since': then})}")).text)
    assert "Email €50.00 +€50.00 €100.00" in page
    assert "Paid search €50.00 \u2212€50.00 €0.00" in page
    chosen = text_of((await reading.get(f"/changes?{MARCH}&{urlencode({'since': then})}")).text)
    assert "is what it was: €100.00" in chosen
    assert "1 version of configuration" in chosen


async def test_the_overview_shows_what_was_shown(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = await grow(service)
    page = (await reading.get(f"/?{MARCH}&as_of={then}")).text
    assert 'value="100"' in page
    assert f"As it was shown on ledger up to {then}." in page
    back = re.search(r'<a href="([^"]+)">What has changed since</a>', page)
    assert back is not None
    changed = (await reading.get(unescape(back[1]))).text
    assert "was €100.00 and is €77.25" in changed


async def test_the_card_counts_from_the_last_visit(
    reader: httpx.AsyncClient, desk: FakeDesk, clock: Clock
) -> None:
    await reader.get("/")
    first = dict(desk.asked)
    assert "changes" not in first
    await reader.get("/changes/card")
    a_week_ago = clock.now - timedelta(days=7)
    assert dict(desk.asked)["changes"]["since"].startswith(f"{a_week_ago:%Y-%m-%d}")
    visited = clock.now
    clock.now += timedelta(hours=5)
    await reader.get("/")
    clock.now += timedelta(minutes=2)
    card = text_of((await reader.get("/changes/card")).text)
    assert dict(desk.asked)["changes"]["since"].startswith(f"{visited:%Y-%m-%d}")
    assert card.startswith("Since your last visit, 20 Nov 2026, 15:32, revenue of these days went")
    assert "Deals changed +€100.00" in card
    assert "Spend restated" not in card


async def test_of_a_time_before_the_first_fact_the_card_says_nothing(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = await grow(service)
    before = await reading.get(f"/changes/card?{MARCH}")
    assert (before.status_code, before.text) == (200, "")
    assert "€100.00 to €77.25" in (await reading.get(f"/changes/card?{MARCH}&since={then}")).text


async def test_a_card_of_nothing_says_so(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    desk.channels = {}
    card = text_of((await reader.get("/changes/card?since=48000")).text)
    assert card.startswith("Nothing you see here has changed since ledger up to 48,000.")


@pytest.mark.parametrize(
    ("cookie", "since"),
    [("x.y", "13 Nov"), ("99999999999.99999999999", "13 Nov"), ("1763000000", "13 Nov")],
)
async def test_a_strange_cookie_is_no_visit(
    reader: httpx.AsyncClient, cookie: str, since: str
) -> None:
    reader.cookies.set("throughline_visits", cookie)
    assert f"Since {since} 2026" in text_of((await reader.get("/changes/card")).text)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("measure=magic", "measure"),
        ("cause=magic&since=48000", "cause"),
        ("since=yesterday", "since"),
        ("as_of=soon", "as_of"),
        ("cause=late_facts&cursor=x", "cursor"),
    ],
)
async def test_what_is_not_known_is_refused(
    reader: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await reader.get(f"/changes?{query}")
    assert answer.status_code == 422
    assert field in answer.text


async def test_strangers_see_no_changes(stranger: httpx.AsyncClient, desk: FakeDesk) -> None:
    for address in ("/changes", "/changes/card"):
        assert (await stranger.get(address)).status_code == 401
    assert desk.asked == []


@pytest.mark.parametrize("by", ["moment", "watermark"])
async def test_of_a_report_as_it_was_the_week_before_is_told(service: Service, by: str) -> None:
    """The page that the menu leads to, long after the moment that is shown."""
    then = await grow(service)
    as_of = then if by == "watermark" else service.clock.now.isoformat()
    service.clock.now += timedelta(days=40)
    async with sign_in(service, False) as reading:
        response = await reading.get(f"/changes?{MARCH}&{urlencode({'as_of': as_of})}")
    assert response.status_code == 200
    assert "from 24 Mar 2026" in text_of(response.text)


async def test_moments_in_the_wrong_order_are_explained(
    service: Service, reading: httpx.AsyncClient
) -> None:
    then = await grow(service)
    response = await reading.get(f"/changes?{MARCH}&since={then + 1}&as_of={then}")
    assert response.status_code == 422
    assert "the first moment must not lie after the second" in text_of(response.text)
