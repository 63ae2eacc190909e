"""Models of the whole population over HTTP: credit by channel, by journey, and what adds up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Service, deal, event, order, running, touch

pytestmark = pytest.mark.anyio
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """Four people. Half of those who came by search buy; email is half of the way there: without
    search nobody buys, without email half as many. So search has two thirds, email a third."""
    async with running(tmp_path) as service:
        await service.tell(
            touch("p1", day(1), channel="email"),
            touch("p1", day(2), channel="paid_search"),
            order("p1", day(3), "100.00", id="P1"),
            touch("p2", day(1), channel="email"),
            touch("p3", day(1), channel="paid_search"),
            touch("p3", day(2), channel="organic_social"),
        )
        yield service


def day(number: int) -> str:
    return f"2026-03-{number:02d}T10:00:00Z"


def by_channel(answer: Any) -> dict[str, tuple[float, float]]:
    return {row["channel"]: (row["conversions"], row["value"]) for row in answer["rows"]}


THIRDS = {"paid_search": (0.666667, 66.67), "email": (0.333333, 33.33)}


async def test_channels_get_the_share_of_their_removal(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", model="markov", **MARCH)
    assert by_channel(answer) == THIRDS
    assert answer["totals"] == {"conversions": 1, "value": 100}
    (model,) = answer["meta"]["models"]
    assert (model["model"], model["parameters"]["order"]) == ("markov", 1)


async def test_roi_has_the_same_credit(shop: Service) -> None:
    answer = await shop.ask("/v1/roi", model="markov", **MARCH)
    found = {row["channel"]: (row["won"], row["revenue"]) for row in answer["rows"]}
    assert found == THIRDS
    assert (answer["totals"]["won"], answer["totals"]["revenue"]) == (1, 100)


async def test_nobody_outside_the_period_is_in_the_model(shop: Service) -> None:
    await shop.tell(touch("p4", "2026-02-10T10:00:00Z", channel="organic_social"))
    await shop.tell(touch("p4", "2026-02-11T10:00:00Z", channel="paid_search"))
    assert by_channel(await shop.ask("/v1/attribution", model="markov", **MARCH)) == THIRDS
    later = await shop.ask(
        "/v1/attribution", model="markov", **{"from": "2026-02-01"}, to="2026-04-01"
    )
    # Search converts in a third of its visits, or later by way of social: 2/5 of those who come.
    # Without email 3/20 convert instead of 1/4, so its effect is 2/5, and that of search 1.
    assert by_channel(later) == {"paid_search": (0.714286, 71.43), "email": (0.285714, 28.57)}


async def test_without_the_others_only_what_converted_counts(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", model="markov:null=false", **MARCH)
    assert by_channel(answer) == {"email": (0.5, 50), "paid_search": (0.5, 50)}


async def test_states_are_what_is_grouped_by(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", model="markov", group_by="channel,day", **MARCH)
    assert [(r["channel"], r["day"], r["value"]) for r in answer["rows"]] == [
        ("paid_search", "2026-03-03", 66.67),
        ("email", "2026-03-03", 33.33),
    ]
    by_time = await shop.ask("/v1/attribution", model="markov", group_by="month", **MARCH)
    assert [(r["month"], r["value"]) for r in by_time["rows"]] == [("2026-03-01", 100)]


async def test_credit_reaches_journeys_and_touchpoints(shop: Service) -> None:
    """A second buyer by search alone: the model's share of search goes over both journeys, by what
    they are worth."""
    await shop.tell(
        touch("p6", day(5), channel="paid_search"),
        order("p6", day(6), "300.00", id="P6"),
    )
    answer = await shop.ask("/v1/attribution", model="markov", **MARCH)
    cells = by_channel(answer)
    parts: dict[str, float] = {}
    for name in ("won:order:P1", "won:order:P6"):
        journey = await shop.ask(f"/v1/journeys/{name}", model="markov", **MARCH)
        for touchpoint in journey["touchpoints"]:
            credit = touchpoint["credit"]["markov"]["value"]
            parts[touchpoint["channel"]] = parts.get(touchpoint["channel"], 0) + credit
    assert {name: round(value, 2) for name, value in parts.items()} == {
        name: value for name, (_, value) in cells.items()
    }
    assert sum(value for _, value in cells.values()) == 400


async def test_the_explanation_says_what_was_found(shop: Service) -> None:
    answer = await shop.ask("/v1/conversions/won:order:P1/explain", model="markov", **MARCH)
    (model,) = answer["models"]
    assert model["population"]["converting_journeys"] == 1
    assert model["population"]["other_journeys"] == 2
    assert model["population"]["conversion_rate"] == 0.333333333
    found = {
        row["state"][0]: (row["removal_effect"], row["value"], row["journeys"])
        for row in model["states"]
    }
    assert found == {"email": (0.5, 33.33, 1), "paid_search": (1, 66.67, 1)}
    assert [t["value"] for t in model["touchpoints"]] == [33.33, 66.67]


async def test_a_conversion_outside_the_population_is_refused(shop: Service) -> None:
    asked = {"model": "markov", "from": "2026-01-01", "to": "2026-02-01"}
    await shop.ask("/v1/roi")  # the mart has come so far
    answer = await shop.get("/v1/conversions/won:order:P1/explain", **asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "outside_the_period")


async def test_accounts_are_one_journey(shop: Service) -> None:
    answer = await shop.ask("/v1/attribution", model="markov", scope="account", **MARCH)
    assert by_channel(answer) == THIRDS


async def test_a_deal_of_a_company_is_that_of_its_people(shop: Service) -> None:
    """The deal names no person. A journey that converts is not one of those that do not, too."""
    acme = {"id": "acme"}
    await shop.tell(
        event("group", day(1), "a1", account=acme),
        event("group", day(1), "a2", account=acme),
        touch("a1", day(10), channel="display"),
        touch("a2", day(11), channel="referral"),
        deal(None, day(12), "won", id="D1", amount="50.00", currency="EUR") | {"account": acme},
    )
    asked = {"model": "markov", "scope": "account", **MARCH}
    answer = await shop.ask("/v1/conversions/won:deal:D1/explain", **asked)
    (model,) = answer["models"]
    assert [t["channel"] for t in model["touchpoints"]] == ["display", "referral"]
    assert model["population"]["converting_journeys"] == 2
    assert model["population"]["other_journeys"] == 2
    # By person nobody is known to have brought it, so both are among those who did not convert.
    answer = await shop.ask("/v1/conversions/won:order:P1/explain", **{**asked, "scope": "person"})
    assert answer["models"][0]["population"]["other_journeys"] == 4


async def test_a_question_without_conversions_has_no_rows(shop: Service) -> None:
    answer = await shop.ask(
        "/v1/attribution", model="markov", **{"from": "2026-01-01"}, to="2026-02-01"
    )
    assert (answer["rows"], answer["totals"]) == ([], {"conversions": 0, "value": 0})


async def test_what_conversions_are_worth_decides_on_their_value(shop: Service) -> None:
    await shop.tell(
        touch("p7", "2026-02-01T10:00:00Z", channel="email"),
        order("p7", "2026-02-02T10:00:00Z", "100.00", id="P7"),
        touch("p8", "2026-02-01T10:00:00Z", channel="paid_search"),
        order("p8", "2026-02-02T10:00:00Z", "300.00", id="P8"),
    )
    answer = await shop.ask(
        "/v1/attribution", model="markov", **{"from": "2026-02-01"}, to="2026-03-01"
    )
    assert by_channel(answer) == {"paid_search": (1, 300), "email": (1, 100)}


async def test_excluded_touchpoints_are_in_nobodys_journey(shop: Service) -> None:
    """Without social the fourth visitor is one more that search brought and lost: it converts in a
    third of its visits, a sixth instead of a quarter without email."""
    await shop.tell(touch("p4", day(1), channel="organic_social"))
    await shop.tell(touch("p4", day(2), channel="paid_search"))
    draft = {"configuration": {"exclusions": [{"match": {"channel": "organic_social"}}]}}
    address = "/v1/configuration/draft"
    put = await shop.client.put(address, json=draft, headers=shop.bearer("admin"))
    assert put.status_code == 200, put.text
    published = await shop.post({"note": ""}, "/v1/configuration/publish", "admin")
    assert published.status_code == 200, published.text
    answer = await shop.ask("/v1/attribution", model="markov", **MARCH)
    assert by_channel(answer) == {"paid_search": (0.75, 75), "email": (0.25, 25)}


async def test_models_asked_for_together_are_those_asked_for_alone(shop: Service) -> None:
    """What differs is only the transform, or only how many steps are kept."""
    models = ("markov", "markov:transform=remove_if_not_all(paid_search)", "markov:max_steps=1")
    together = await shop.ask("/v1/attribution", model=",".join(models), **MARCH)
    found = [
        {
            row["channel"]: row["models"][name]["value"]
            for row in together["rows"]
            if row["models"][name]["value"]
        }
        for name in models
    ]
    assert found == [{"paid_search": 66.67, "email": 33.33}, {"email": 100}, {"paid_search": 100}]


async def test_another_who_did_the_same_and_did_not_buy_changes_the_fit(shop: Service) -> None:
    asked = {"model": "markov", **MARCH}
    rates = []
    for told in ((), (touch("p9", day(9), channel="email"),)):
        if told:
            await shop.tell(*told)
        answer = await shop.ask("/v1/conversions/won:order:P1/explain", **asked)
        rates.append(answer["models"][0]["population"]["conversion_rate"])
    assert rates == [0.333333333, 0.25]


async def test_by_touch_who_buys_after_the_period_is_not_among_the_others(shop: Service) -> None:
    """Unless so late that no touchpoint of the period is in the lookback."""
    await shop.tell(order("p2", day(20), "100.00", id="P2"))
    asked = {"from": "2026-03-01", "to": "2026-03-03", "basis": "touch", "model": "markov"}
    asked["lookback"] = "10d"
    answer = await shop.ask("/v1/conversions/won:order:P1/explain", **asked)
    population = answer["models"][0]["population"]
    assert (population["converting_journeys"], population["other_journeys"]) == (1, 2)


async def test_what_is_left_over_goes_by_name_among_those_of_one_moment(tmp_path: Path) -> None:
    """Each channel earned one cent of the two; whose journey has it must not hang on who came first."""
    async with running(tmp_path) as service:
        for who in ("zoe", "ann"):
            await service.tell(
                touch(who, day(1), channel="email"),
                touch(who, day(2), channel="paid_search"),
                order(who, day(3), "0.01", id=who),
            )
        carried = {}
        for who in ("zoe", "ann"):
            where = f"/v1/journeys/won:order:{who}"
            journey = await service.ask(where, model="markov", **MARCH)
            credit = [touched["credit"]["markov"] for touched in journey["touchpoints"]]
            carried[who] = [each["value"] for each in credit]
        assert carried == {"zoe": [0, 0], "ann": [0.01, 0.01]}
