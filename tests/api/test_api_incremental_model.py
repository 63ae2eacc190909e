"""`model=incremental` wherever a model is: what it attributes, what it brought, and what adds up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Service, by, event, order, running, touch

pytestmark = pytest.mark.anyio
ELEVEN_DAYS = {"from": "2026-03-01", "to": "2026-03-12", "model": "incremental:half_life=1h"}
BROUGHT = 4 - 50 / 170
TEST = {
    "id": "holdout", "channel": "paid_search", "from": "2026-03-01", "to": "2026-03-12",
    "incremental_conversions": 2, "standard_error": "0.0001",
}  # fmt: skip


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """The worked example of docs/models.md, with 100 for every order, and one order of a stranger."""
    async with running(tmp_path) as service:
        facts = [touch(f"s{n}", "2026-03-01T09:00:00Z", channel="paid_search") for n in range(10)]
        facts += [touch(f"e{n}", "2026-03-01T09:00:00Z", channel="email") for n in range(10)]
        bought = [(f"s{n}", 1 if n < 4 else 11) for n in range(6)]
        bought += [(f"e{n}", 11) for n in range(3)]
        facts += [order(who, f"2026-03-{day:02}T12:00:00Z", id=who) for who, day in bought]
        facts += [order("stranger", "2026-03-05T12:00:00Z", id="stranger")]
        await service.tell(*facts)
        spend = {"date": "2026-03-01", "source": "google", "medium": "cpc", "amount": "100.00",
                 "currency": "EUR"}  # fmt: skip
        await service.tell(spend, path="/v1/spend")
        yield service


def summed(rows: list[dict[str, Any]], rest: dict[str, Any], name: str) -> float:
    return float(sum(row[name] for row in rows) + rest[name])


async def test_brought_and_anyway_beside_what_is_attributed(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", **ELEVEN_DAYS)
    rows = by(answer["rows"], "channel")
    # Attributed: nobody but search has an effect; of those who bought on the last day it is gone.
    assert (rows["paid_search"]["conversions"], rows["email"]["conversions"]) == (6, 0)
    assert answer["unattributed"]["conversions"] == 4
    assert {r["reason"]: r["conversions"] for r in answer["unattributed"]["reasons"]} == {
        "no_touchpoint": 1, "no_eligible_channel": 3,
    }  # fmt: skip
    (brought,) = answer["incremental"]
    assert brought["model"] == "incremental:half_life=1h"
    (search,) = brought["rows"]
    assert search["conversions"] == pytest.approx(BROUGHT, abs=1e-5)
    assert search["value"] == pytest.approx(100 * BROUGHT, abs=0.05)
    assert search["calibrated"] is brought["baseline"]["calibrated"] is None
    for name in ("conversions", "value"):
        assert summed(brought["rows"], brought["baseline"], name) == answer["totals"][name]
        assert summed(answer["rows"], answer["unattributed"], name) == answer["totals"][name]


async def test_the_same_in_the_table_of_spend_and_revenue(shop: Service) -> None:
    answer = await shop.ask("/v1/roi", **ELEVEN_DAYS)
    ((search,), baseline) = (answer["incremental"][0][n] for n in ("rows", "baseline"))
    assert search["roas"] == pytest.approx(BROUGHT, abs=1e-3)
    assert by(answer["rows"], "channel")["paid_search"]["roas"] == 6
    for name in ("conversions", "customers", "revenue"):
        assert search[name] + baseline[name] == pytest.approx(answer["totals"][name])
    other = await shop.ask("/v1/roi", **{**ELEVEN_DAYS, "model": "linear"})
    assert other["incremental"] == []


async def test_the_same_over_time(shop: Service) -> None:
    late = [f"t{n}" for n in range(6)]
    await shop.tell(
        *(touch(who, "2026-03-11T09:00:00Z", channel="paid_search") for who in late),
        *(order(who, "2026-03-11T12:00:00Z", id=who) for who in late),
    )
    spend = {"date": "2026-03-11", "source": "google", "medium": "cpc", "amount": "50.00",
             "currency": "EUR"}  # fmt: skip
    await shop.tell(spend, path="/v1/spend")
    asked = {**ELEVEN_DAYS, "model": "incremental:half_life=2d"}
    whole = (await shop.ask("/v1/roi", **asked))["incremental"][0]
    for every, points in (("day", ["2026-03-01", "2026-03-11"]), ("month", ["2026-03-01"])):
        answer = await shop.ask("/v1/trend", every=every, **asked)
        (brought,) = answer["incremental"]
        assert brought["model"] == asked["model"]
        # Oldest first, as the points are, though the last day brought more.
        assert [row[every] for row in brought["rows"]] == points
        for name in ("conversions", "customers", "revenue"):
            found = summed(brought["rows"], brought["baseline"], name)
            assert found == pytest.approx(answer["totals"][name], abs=1e-9)
            # However it is cut by time, it is what the model says of the whole.
            assert brought["baseline"][name] == whole["baseline"][name]
        spent = {point[every]: point["spend"] for point in answer["points"]}
        for row in brought["rows"]:
            assert row["roas"] == pytest.approx(row["revenue"] / spent[row[every]], abs=1e-6)
    other = await shop.ask("/v1/trend", **{**asked, "model": "linear"})
    assert other["incremental"] == []


async def test_a_lift_test_stands_beside_and_changes_nothing_else(shop: Service) -> None:
    before = await shop.ask("/v1/attribution", **ELEVEN_DAYS)
    assert (await shop.post(TEST, "/v1/lift-tests", key="admin")).status_code == 201
    answer = await shop.ask("/v1/attribution", **ELEVEN_DAYS)
    assert (answer["rows"], answer["totals"]) == (before["rows"], before["totals"])
    ((search,), baseline) = (answer["incremental"][0][n] for n in ("rows", "baseline"))
    assert search["conversions"] == before["incremental"][0]["rows"][0]["conversions"]
    assert search["calibrated"]["conversions"] == pytest.approx(2, abs=1e-4)
    assert search["calibrated"]["factor"] == pytest.approx(2 / BROUGHT, abs=1e-4)
    assert baseline["calibrated"]["conversions"] == pytest.approx(8, abs=1e-4)
    roi = await shop.ask("/v1/roi", **ELEVEN_DAYS)
    found = roi["incremental"][0]["rows"][0]["calibrated"]
    assert found["roas"] == pytest.approx(2, abs=1e-3)
    # A test is of a channel: of rows by campaign it says nothing.
    answer = await shop.ask("/v1/attribution", group_by="campaign", **ELEVEN_DAYS)
    assert answer["incremental"][0]["baseline"]["calibrated"] is None


async def test_several_models_and_any_rows(shop: Service) -> None:
    models = "linear,incremental:half_life=1h,incremental:half_life=1h:fill=100"
    answer = await shop.ask("/v1/attribution", **{**ELEVEN_DAYS, "model": models})
    assert [each["model"] for each in answer["incremental"]] == models.split(",")[1:]
    for group in ("day", "channel,week", "landing_page"):
        answer = await shop.ask("/v1/attribution", group_by=group, **ELEVEN_DAYS)
        brought = answer["incremental"][0]
        assert summed(brought["rows"], brought["baseline"], "conversions") == pytest.approx(10)


async def test_what_a_filter_keeps_adds_up_too(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", **ELEVEN_DAYS, **{"filter[channel]": "paid_search"})
    brought = answer["incremental"][0]
    assert answer["totals"]["conversions"] == 6
    assert brought["baseline"]["conversions"] == pytest.approx(6 - BROUGHT, abs=1e-5)


async def test_by_touch_conversions_after_the_period_count(shop: Service) -> None:
    asked = {**ELEVEN_DAYS, "to": "2026-03-02", "basis": "touch"}
    answer = await shop.ask("/v1/attribution", **asked)
    assert by(answer["rows"], "channel")["paid_search"]["conversions"] == 6
    brought = answer["incremental"][0]
    assert summed(brought["rows"], brought["baseline"], "value") == answer["totals"]["value"]


async def test_a_journey_and_its_explanation(shop: Service) -> None:
    await shop.ask("/v1/roi")
    answer = await shop.ask("/v1/conversions/won:order:s0/explain", **ELEVEN_DAYS)
    (model,) = answer["models"]
    (touchpoint,) = model["touchpoints"]
    assert (touchpoint["value"], touchpoint["share"]) == (100, 1)
    outside = {**ELEVEN_DAYS, "from": "2026-01-01", "to": "2026-02-01"}
    refused = await shop.get("/v1/conversions/won:order:s0/explain", **outside)
    assert (refused.status_code, refused.json()["code"]) == (422, "outside_the_period")


async def test_it_is_among_the_models(shop: Service) -> None:
    models = (await shop.ask("/v1/models"))["models"]
    (found,) = [model for model in models if model["name"] == "incremental"]
    assert (found["kind"], [p["name"] for p in found["parameters"]]) == (
        "hazard", ["half_life", "fill"],
    )  # fmt: skip


async def test_a_channel_with_spend_and_no_touch(fresh: Service) -> None:
    lines = [
        {"date": "2026-03-01", "source": s, "medium": "cpc", "amount": "10.00", "currency": "EUR"}
        for s in ("bing", "yandex", "facebook")
    ]
    await fresh.tell(event("touch", "2026-03-01T09:00:00Z", "a", touch={"source": "letter"}))
    await fresh.tell(*lines, path="/v1/spend")
    answer = await fresh.ask(
        "/v1/incremental", from_="2026-03-01", to="2026-03-12", group_by="source"
    )
    assert by(answer["rows"], "source")["yandex"]["incremental"]["conversions"] == 0
    assert answer["totals"]["spend"] == 30


async def test_excluded_touchpoints_are_nobodys(shop: Service) -> None:
    rules = {"configuration": {"exclusions": [{"match": {"channel": "email"}}]}}
    made = await shop.client.put(
        "/v1/configuration/draft", json=rules, headers=shop.bearer("admin")
    )
    assert made.status_code == 200, made.text
    await shop.post({}, "/v1/configuration/publish", "admin")
    answer = await shop.ask("/v1/incremental", **{**ELEVEN_DAYS, "model": ""}, half_life="1h")
    assert [row["channel"] for row in answer["rows"]] == ["paid_search"]
    assert answer["fit"]["people"] == 10
    # Of the 60 other days with 2 conversions, one day's worth of ten.
    (search,) = answer["rows"]
    assert search["incremental"]["conversions"] == pytest.approx(4 - 10 * 2 / 60, abs=1e-5)
