"""Shapley values, rates and fractribution over HTTP: exact credit, and what explains it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Service, order, running, touch

pytestmark = pytest.mark.anyio
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}
WAYS = (
    ("p1", "email paid_search email", "90.00"),
    ("p2", "email", "100.00"),
    ("p3", "email paid_search", None),
    ("p4", "paid_search", None),
    ("p5", "paid_search email", "30.00"),
    ("p6", "email", None),
    ("p7", "paid_search email", None),
)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """Seven people; a touch a day from the first of March, then the order if there is one."""
    async with running(tmp_path) as service:
        for who, way, amount in WAYS:
            channels = way.split()
            told = [touch(who, _day(k), channel=name) for k, name in enumerate(channels, 1)]
            if amount:
                told.append(order(who, _day(len(channels) + 1), amount, id=who.upper()))
            await service.tell(*told)
        yield service


def _day(number: int) -> str:
    return f"2026-03-{number:02d}T10:00:00Z"


def _by_channel(answer: Any) -> dict[str, tuple[float, float]]:
    return {row["channel"]: (row["conversions"], row["value"]) for row in answer["rows"]}


async def _explained(shop: Service, model: str) -> Any:
    answer = await shop.ask("/v1/conversions/won:order:P1/explain", model=model, **MARCH)
    (found,) = answer["models"]
    return found


@pytest.mark.parametrize("model", ["shapley", "shapley_ordered"])
async def test_shapley_divides_a_conversion_equally_over_its_channels(
    shop: Service, model: str
) -> None:
    """Email 90/2 + 100 + 30/2, search 90/2 + 30/2."""
    answer = await shop.ask("/v1/attribution", model=model, **MARCH)
    assert _by_channel(answer) == {"email": (2, 160), "paid_search": (1, 60)}
    assert answer["totals"] == {"conversions": 3, "value": 220}
    roi = await shop.ask("/v1/roi", model=model, **MARCH)
    found = {row["channel"]: (row["won"], row["revenue"]) for row in roi["rows"]}
    assert found == {"email": (2, 160), "paid_search": (1, 60)}


async def test_shapley_explains_what_each_channel_is_worth(shop: Service) -> None:
    """Of three conversions email is worth 1/2 + 1 + 1/2 and search 1/2 + 1/2, this one a half each."""
    found = await _explained(shop, "shapley")
    assert found["population"]["converting_journeys"] == 3
    assert found["population"]["other_journeys"] == 4
    assert found["population"]["conversion_rate"] == 0.428571429
    states = {row["state"][0]: (row["marginal"], row["value"]) for row in found["states"]}
    assert states == {"email": (2, 160), "paid_search": (1, 60)}
    shares = [(t["share"], t["value"], t["conversions"]) for t in found["touchpoints"]]
    assert shares == [(0.25, 22.5, 0.25), (0.5, 45, 0.5), (0.25, 22.5, 0.25)]


async def test_ordered_shapley_explains_by_position(shop: Service) -> None:
    """Email first: a quarter and a whole; second: a half; third: a quarter."""
    found = await _explained(shop, "shapley_ordered")
    positions = {
        row["state"][0]: [(cell["position"], cell["conversions"]) for cell in row["positions"]]
        for row in found["states"]
    }
    assert positions == {
        "email": [(1, 1.25), (2, 0.5), (3, 0.25)],
        "paid_search": [(1, 0.5), (2, 0.5)],
    }
    assert "by_position" not in found["population"]


async def test_the_rate_game_gives_shares_of_the_total(shop: Service) -> None:
    """Within email 1 of 2 converts, within search 0 of 1, of all 3 of 7: email 1/2 and 3/7, that is
    13/28 on average; search 0 and -1/14, so it gets nothing. In value: 50, 0 and 220/7."""
    answer = await shop.ask("/v1/attribution", model="shapley_rate", **MARCH)
    assert _by_channel(answer) == {"email": (3, 220), "paid_search": (0, 0)}
    found = await _explained(shop, "shapley_rate")
    states = {row["state"][0]: (row["marginal"], row["share"]) for row in found["states"]}
    assert states == {"email": (0.464285714, 1), "paid_search": (-0.035714286, 0)}
    assert found["population"]["sampling_error"] == 0
    assert len(found["population"]["warnings"]) == 2


async def test_no_answer_goes_without_the_warning_of_its_model(shop: Service) -> None:
    """Rates of whole journeys favour channels seen early: every answer with the model says so."""
    asked = {"model": "shapley_rate", **MARCH}
    for path in ("/v1/attribution", "/v1/roi", "/v1/conversions/won:order:P1/explain"):
        answer = await shop.ask(path, **asked)
        (warning,) = answer["meta"]["warnings"]
        assert warning["model"] == "shapley_rate"
        assert "favours channels that are seen early" in warning["text"]
    assert (await shop.ask("/v1/attribution", model="shapley"))["meta"]["warnings"] == []


async def test_fractribution_leaves_one_out_of_the_exact_path(shop: Service) -> None:
    """Email, search, email converts always. Without its first step: search, email, 1 of 2, so 1/2;
    without search: email, email, which never occurs, so 1; without the last: email, search, 0 of 1,
    so 1. Of 90: 18, 36, 36. Search, email (1/2): without search 1/2, so nothing; without email 0,
    so all 30."""
    answer = await shop.ask("/v1/attribution", model="fractribution", **MARCH)
    assert _by_channel(answer) == {"email": (2.6, 184), "paid_search": (0.4, 36)}
    found = await _explained(shop, "fractribution")
    assert [t["value"] for t in found["touchpoints"]] == [18, 36, 36]


async def test_transforms_come_before_the_model(shop: Service) -> None:
    """With the first of each channel only, email then search: 1 of 2 converts, without email 0,
    without search 1/2: all to email."""
    answer = await shop.ask("/v1/attribution", model="fractribution:transform=first", **MARCH)
    assert _by_channel(answer) == {"email": (3, 220), "paid_search": (0, 0)}


async def test_a_first_win_is_no_repeat_purchase(shop: Service) -> None:
    """All who met email, search, letter bought again after it; of those of email, search the one who
    bought did so for the first time. Left alone, no part of the longer path leads to a repeat
    purchase, so each is worth the same; counted as one, the first win would take from the letter."""
    await shop.tell(
        touch("p3", _day(3), channel="paid_search"),
        order("p3", _day(4), "10.00"),
        touch("p3", _day(5), channel="letter"),
        order("p3", _day(6), "30.00"),
    )
    asked = {"model": "fractribution:transform=first", "conversion": "repeat", **MARCH}
    for path, measure in (("/v1/attribution", "value"), ("/v1/roi", "conversions")):
        rows = (await shop.ask(path, **asked))["rows"]
        found = {row["channel"]: row[measure] for row in rows}
        part = 10 if measure == "value" else pytest.approx(1 / 3, abs=1e-6)
        assert found == dict.fromkeys(("email", "paid_search", "letter"), part), path
    # In every draw of people too, whoever of the others is drawn.
    answer = await shop.ask("/v1/attribution", intervals="true", **asked)
    assert [row["interval"]["share"] for row in answer["rows"]] == [[0.333333, 0.333333]] * 3
    # What is asked of all purchases of the same answer is told from all of them.
    won = await shop.ask("/v1/attribution", model=asked["model"], **MARCH)
    assert {row["channel"]: row["revenue"] for row in rows} == {
        row["channel"]: row["value"] for row in won["rows"]
    }
