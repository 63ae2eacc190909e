"""The published configuration's usual model, lookback and presets on the pages."""

import html
import re
from typing import Any

import httpx
import pytest

from service.reports.configuration import Configuration, Edition

pytestmark = pytest.mark.anyio
HOUSE = "time_decay:half_life=14d"
PUBLISHED = Edition(
    3,
    Configuration(default_model="@house", lookback="45d", model_presets={"house": HOUSE}),
)


@pytest.fixture(autouse=True)
def published(desk: Any) -> None:
    desk.edition = PUBLISHED


def options(page: str, name: str) -> list[str]:
    """The values offered for a choice."""
    found = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.S)
    assert found is not None
    return [html.unescape(value) for value in re.findall(r'<option value="([^"]*)"', found[0])]


def chosen(page: str, name: str) -> str:
    found = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.S)
    assert found is not None
    (value,) = re.findall(r'<option value="([^"]*)" selected', found[0])
    return html.unescape(value)


async def test_an_address_that_says_nothing_asks_the_usual_question(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    page = (await reader.get("/")).text
    (_, asked), *_ = desk.asked
    assert (asked["model"], asked["lookback"]) == (HOUSE, "45d")
    assert (chosen(page, "model"), chosen(page, "lookback")) == ("@house", "45d")
    assert "House (preset) credit" in page
    drill = re.search(r'href="(/channels/email[^"]*)"', page)
    assert drill is not None
    assert "model=" not in drill[1]
    assert "lookback=" not in drill[1]


async def test_a_report_as_it_was_is_the_usual_one_of_then(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.edition_then = Edition(1, Configuration(default_model="linear", lookback="30d"))
    page = (await reader.get("/?as_of=7")).text
    (_, asked), *_ = desk.asked
    assert (asked["model"], asked["lookback"], asked["as_of"]) == ("linear", "30d", "7")
    assert (chosen(page, "model"), chosen(page, "lookback")) == ("linear", "30d")
    answer = await reader.get("/?as_of=7&model=linear&lookback=30d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?as_of=7")


async def test_presets_and_the_usual_lookback_are_offered(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/?model=linear&lookback=30d")).text
    assert options(page, "model")[:2] == ["@house", "first_touch"]
    assert chosen(page, "model") == "linear"
    assert options(page, "lookback") == ["45d", "7d", "30d", "90d", "180d", "365d", "none"]
    assert "House (preset)" in page


async def test_what_is_built_in_stays_in_the_address_where_it_is_not_usual(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    response = await reader.get("/?model=position_based&lookback=90d")
    assert response.status_code == 200
    assert desk.asked[0][1]["model"] == "position_based"
    assert "model=position_based" in response.text
    response = await reader.get("/?model=@house&lookback=45d&period=7d")
    assert (response.status_code, response.headers["location"]) == (303, "/?period=7d")


async def test_a_journey_is_shown_under_the_preset(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/journeys/deal%3AD1%3Awon")).text
    assert "Time decay (half_life=14d)<span" in page


async def test_an_unknown_preset_is_explained(reader: httpx.AsyncClient) -> None:
    response = await reader.get("/?model=@nobody")
    assert response.status_code == 422
    assert "presets: @house" in html.unescape(response.text)


async def test_the_usual_model_is_offered_where_it_is_none_of_the_list(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.edition = Edition(4, Configuration(default_model=HOUSE))
    page = (await reader.get("/?model=linear")).text
    assert options(page, "model")[0] == HOUSE


async def test_a_journey_says_what_the_model_did_not_see(
    reader: httpx.AsyncClient, desk: Any
) -> None:
    desk.dropped = "remove_if_not_all(direct)"
    page = (await reader.get("/journeys/deal%3AD1%3Awon")).text
    assert page.count("Not in the path that the model saw, by remove_if_not_all(direct)") == 1
    desk.dropped = None
    assert "Not in the path" not in (await reader.get("/journeys/deal%3AD1%3Awon")).text
