"""The page on which the models stand side by side."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from service.reports.compare import default_models
from tests.web.fake_desk import CHANNELS, FakeDesk

pytestmark = pytest.mark.anyio


def asked_models(desk: FakeDesk) -> list[str]:
    return dict(desk.asked)["compare"]["model"].split(",")


def row(page: str, channel: str) -> str:
    """The text of a channel's row."""
    found = re.search(
        rf"<tr>\s*<th scope=\"row\">(?:(?!<tr).)*?<b>{channel}</b>.*?</tr>", page, re.S
    )
    assert found is not None
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


async def test_the_readers_model_stands_first(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    page = (await reader.get("/compare?model=linear")).text
    always = [str(model) for model in default_models()]
    assert asked_models(desk) == ["linear", *(name for name in always if name != "linear")]
    heads = re.findall(r'<th scope="col"( class="chosen")?>([^<]+)', page)
    assert heads[0] == (' class="chosen"', "Linear")
    assert len(heads) == len(always)


async def test_ticked_models_are_compared(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    await reader.get("/compare?model=linear&columns=last_touch&columns=markov")
    assert asked_models(desk) == ["linear", "last_touch", "markov"]


async def test_one_model_alone_is_compared_with_the_usual(
    reader: httpx.AsyncClient, desk: FakeDesk
) -> None:
    await reader.get("/compare?model=linear&columns=linear")
    assert len(asked_models(desk)) == len(default_models())


async def test_a_cell_shows_its_interval(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/compare?model=linear&columns=last_touch")).text
    # Search earned 96,480.25 under the first model and a tenth more under the second.
    text = row(page, "Paid search")
    assert "€96,480 , from €86,832 to €106,128" in text
    assert "€106,128 , from €95,515 to €116,741" in text


async def test_a_verdict_says_what_it_rests_on(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    desk.channels = {
        # spend … won revenue: 22 won is enough to tell, two are not.
        "paid_search": [*CHANNELS["paid_search"][:8], "22", "96480.25", "0"],
        "display": [*CHANNELS["display"][:8], "2", "400", "0"],
        "paid_social": ["105", *CHANNELS["paid_social"][1:8], "30", "100", "0"],
    }
    page = (await reader.get("/compare?model=linear&columns=last_touch")).text
    assert "Robust Its share is" in row(page, "Paid search")
    assert (
        "Too few conversions No model credits it with more than 2.2 conversions."
        in row(page, "Display")
    )  # fmt: skip
    assert (
        "Depends on the model ROI is −4.8\u00a0% (−5\u00a0% to −4\u00a0%) under Linear "
        "and 4.8\u00a0% (4\u00a0% to 5\u00a0%) under Last touch.".replace("\u00a0", " ")
        in row(page, "Paid social")
    )  # fmt: skip
    assert (
        "Of 3 channels, 1 looks alike under every model, 1 depends on the model "
        "and 1 has too few conversions to tell." in page
    )


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        ("share", "39 % , from 35 % to 43 %"),
        ("conversions", "22.5"),
        ("roas", "5.29×"),
        ("roi", "429 %"),
        ("nonsense", "€96,480"),
    ],
)
async def test_what_a_cell_shows_is_chosen(
    reader: httpx.AsyncClient, figure: str, shown: str
) -> None:
    page = (await reader.get(f"/compare?metric={figure}&model=linear&columns=last_touch")).text
    assert shown in row(page, "Paid search")


async def test_no_spend_has_no_return(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/compare?metric=roas&model=linear&columns=last_touch")).text
    assert row(page, "Organic search").endswith("– –")


async def test_the_rows_can_be_downloaded(reader: httpx.AsyncClient) -> None:
    page = unescape((await reader.get("/compare?model=linear&columns=last_touch")).text)
    assert re.search(r'href="/v1/models/compare\.csv\?[^"]*model=linear%2Clast_touch', page)


async def test_nothing_to_compare_is_said(reader: httpx.AsyncClient, desk: FakeDesk) -> None:
    desk.channels = {}
    page = (await reader.get("/compare")).text
    assert "Nothing to compare in these days." in page
    assert "No spend and no conversion of this kind" in page


async def test_an_unknown_model_is_refused(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/compare?model=magic")
    assert answer.status_code == 422


async def test_strangers_see_nothing(stranger: httpx.AsyncClient, desk: Any) -> None:
    assert (await stranger.get("/compare")).status_code == 401
    assert desk.asked == []


async def test_a_model_that_can_say_nothing_is_named_with_its_reason(
    reader: httpx.AsyncClient, desk: FakeDesk
) -> None:
    detail = "the model cannot take so many channels"
    desk.refused = [{"model": "markov", "code": "too_many_states", "message": detail}]
    page = (await reader.get("/compare?model=linear&columns=last_touch&columns=markov")).text
    assert f"Markov is not among them: {detail}." in page
    assert len(re.findall(r'<th scope="col"', page)) == 5
