"""Pages asked for by addresses that somebody else wrote, and the addresses that pages give."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.harness import Service, order, running, touch
from tests.api.test_api_configuration import draft, publish
from tests.web.test_web_sources import sign_in

pytestmark = pytest.mark.anyio
MARCH = "period=custom&start=2026-03-01&end=2026-03-31"
LONG = "Spring, " * 100


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A sale of 100, half of it by each of two campaigns under the linear model."""
    async with running(tmp_path) as own:
        await own.tell(
            touch("a-1", "2026-03-05T10:00:00Z", "google/cpc", campaign="spring, sale"),
            touch("a-1", "2026-03-05T11:00:00Z", "google/cpc", campaign=LONG),
            order("a-1", "2026-03-06T10:00:00Z", "100.00", id="O1"),
        )
        await own.ask("/v1/roi")
        yield own


@pytest.fixture
async def reading(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with sign_in(service, False) as client:
        yield client


def links(page: str, start: str) -> list[str]:
    return [unescape(href) for href in re.findall(rf'href="({start}[^"]*)"', page)]


@pytest.mark.parametrize("cell", ["day:soon", "month:", "week:2026-03-99", "channel:email,day:0"])
async def test_a_day_that_there_is_not_is_explained(reading: httpx.AsyncClient, cell: str) -> None:
    response = await reading.get("/explain", params={"cell": cell})
    assert response.status_code == 422
    assert "2026-03-01" in response.text


async def test_of_several_models_the_first_is_shown(reading: httpx.AsyncClient) -> None:
    page = await reading.get(f"/?{MARCH}&model=first_touch,last_touch")
    assert page.status_code == 200


async def test_long_names_lead_on(reading: httpx.AsyncClient) -> None:
    page = (await reading.get(f"/channels/paid_search?{MARCH}&model=linear")).text
    mine = [href for href in links(page, "/") if "Spring" in href]
    assert {urlsplit(href).path for href in mine} == {"/channels/paid_search", "/explain"}
    for href in mine:
        response = await reading.get(href)
        assert response.status_code == 200
        assert "€50.00" in response.text or "measure=" in href


@pytest.mark.parametrize("path", ["/channels/paid_search", "/explain"])
async def test_a_download_is_of_the_one_campaign_though_its_name_has_a_comma(
    service: Service, reading: httpx.AsyncClient, path: str
) -> None:
    chosen = {"campaign": "spring, sale", "channel": "paid_search", "model": "linear"}
    response = await reading.get(f"{path}?{MARCH}&{httpx.QueryParams(chosen)}")
    (address,) = links(response.text, "/v1/")
    told = await service.client.get(address, headers=service.bearer("read"))
    assert told.status_code == 200
    assert ",50," in told.text


async def test_the_usual_model_may_be_a_preset_that_is_compared(
    service: Service, reading: httpx.AsyncClient
) -> None:
    await draft(service, default_model="@house", model_presets={"house": "time_decay"})
    await publish(service)
    service.parts.desk.forget()
    page = await reading.get(f"/compare?{MARCH}")
    assert page.status_code == 200
    assert re.search(r'class="chosen">Time decay<', page.text)


async def test_a_moment_that_is_not_given_is_the_one_that_its_links_name(
    service: Service, reading: httpx.AsyncClient
) -> None:
    """The last visit was in the middle of a minute, and a fact came in its second half."""
    service.clock.now += timedelta(seconds=20)
    await reading.get("/")
    await service.tell(order("a-1", "2026-03-07T10:00:00Z", "7.00"))
    service.clock.now += timedelta(hours=2)
    await service.ask("/v1/roi")
    page = (await reading.get(f"/changes?{MARCH}&model=linear")).text
    row = page.split("<tbody>")[1].split("</tr>")[0]
    was = links(row, "/explain")[0]
    shown = re.search(r'class="why"[^>]*>([^<]+)<', row)
    assert shown is not None
    assert unescape(shown[1]) in unescape((await reading.get(was)).text.split("<h1")[1])
    since = parse_qs(urlsplit(was).query)["as_of"][0]
    assert f'name="since" value="{since}"' in page


async def test_a_cookie_of_visits_that_is_not_ours_is_none(reading: httpx.AsyncClient) -> None:
    reading.cookies.set("throughline_visits", f"{'9' * 5_000}.{'9' * 5_000}")
    assert (await reading.get("/changes/card")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/channels/paid_search", "/explain"])
async def test_a_download_is_under_the_model_of_the_page(
    service: Service, reading: httpx.AsyncClient, path: str
) -> None:
    """A preset that came later than the moment of the page is the model that it stands for."""
    then = service.clock.now.isoformat()
    service.clock.now += timedelta(hours=1)
    await draft(service, model_presets={"house": "linear"})
    await publish(service)
    service.parts.desk.forget()
    chosen = httpx.QueryParams({"model": "@house", "as_of": then})
    page = await reading.get(f"{path}?{MARCH}&{chosen}")
    (address,) = links(page.text, "/v1/")
    told = await service.client.get(address, headers=service.bearer("read"))
    assert told.status_code == 200, told.text


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ("2026-03-30T12:00", "datetime-local"),
        ("2026-03-30T12:00:30", "datetime-local"),
        ("2026-03-30T12:00:00Z", "text"),
        ("2026-03-30", "text"),
        ("2", "text"),
    ],
)
async def test_a_moment_of_the_address_stays_when_a_form_is_sent(
    reading: httpx.AsyncClient, moment: str, kind: str
) -> None:
    """A browser shows no moment with an offset, or without a time, in a field for local ones: it
    would be sent empty."""
    for name, path in (("as_of", "/"), ("since", "/changes")):
        page = (await reading.get(path, params={name: moment})).text
        field = re.search(rf'<input [^>]*id="{name}" name="{name}" value="([^"]*)"[^>]*>', page)
        assert field is not None
        assert f'type="{kind}"' in field[0]
        assert unescape(field[1]) == moment
