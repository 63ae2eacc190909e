"""How sure models of the population are, asked for over HTTP. Every test lives in a year of its own."""

from itertools import pairwise

import numpy as np
import pytest

from service.attribution.bootstrap import DRAWS, GROUPS
from tests.api.harness import Json, Service, by, order, touch, unique

pytestmark = pytest.mark.anyio
MARKOV = {"model": "markov", "intervals": "true"}


def in_year(year: int) -> Json:
    return {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01"}


def journeys(year: int, people: int) -> list[Json]:
    """Half of the people see an advertisement first; every third buys, for more and more."""
    told = []
    for place in range(people):
        who = unique("visitor")
        if place % 2:
            told.append(touch(who, f"{year}-03-01T10:00:00Z", "google/cpc"))
        told.append(
            touch(who, f"{year}-03-08T10:00:00Z", ("newsletter/email", "bing/cpc")[place % 5 == 0])
        )
        if place % 3 == 0:
            told.append(order(who, f"{year}-03-15T10:00:00Z", f"{50 + place}.00"))
    return told


async def test_intervals_hold_the_figures(service: Service) -> None:
    await service.tell(*journeys(2021, 90))
    asked = {**MARKOV, "group_by": "source", **in_year(2021)}
    answer = await service.ask("/v1/attribution", **asked)
    assert [row["source"] for row in answer["rows"]] == ["newsletter", "google", "bing"]
    assert answer["uncertainty"]["undrawn"] == []
    for row in answer["rows"]:
        for name, (low, high) in row["interval"].items():
            assert low < row[name] < high
    first = await service.get("/v1/attribution", **asked)
    service.parts.desk.forget()
    assert (await service.get("/v1/attribution", **asked)).content == first.content


async def test_the_chain_is_fitted_anew_in_every_draw(service: Service) -> None:
    """40 people click google, then the newsletter, and buy; 40 have the newsletter alone. Without the
    newsletter nobody buys, without google half as many: a third of the credit is google's, in every
    purchase alike. Only who else came by makes that uncertain."""
    told = []
    for place in range(80):
        who = unique("visitor")
        told.append(touch(who, "2018-03-02T10:00:00Z", "newsletter/email"))
        if place % 2:
            told.append(touch(who, "2018-03-01T10:00:00Z", "google/cpc"))
            told.append(order(who, "2018-03-03T10:00:00Z"))
    await service.tell(*told)
    answer = await service.ask("/v1/attribution", **MARKOV, group_by="source", **in_year(2018))
    google = by(answer["rows"], "source")["google"]
    assert google["value"] == 1333.33
    low, high = google["interval"]["share"]
    # The share is b / (2 b + o) of b buyers and o others, whose part is 0.5, give or take 0.11.
    assert 0.26 < low < 0.3
    assert 0.36 < high < 0.4


async def test_what_is_attributed_without_a_refit_has_no_intervals(service: Service) -> None:
    """A hazard's credit drawn again under one fit would seem surer than it is."""
    await service.tell(*journeys(2017, 30))
    asked = {"model": "incremental", "intervals": "true", **in_year(2017)}
    answer = await service.ask("/v1/attribution", **asked)
    assert [each["code"] for each in answer["uncertainty"]["undrawn"]] == ["not_drawn"]
    assert answer["rows"]
    for row in answer["rows"]:
        assert set(row["interval"].values()) == {None}


async def test_one_touch_is_as_sure_as_the_last(service: Service) -> None:
    """Where every journey is one touch, the chain is last touch, in every draw."""
    told = []
    for place in range(40):
        who = unique("visitor")
        told.append(
            touch(who, "2022-03-01T10:00:00Z", ("google/cpc", "newsletter/email")[place % 2])
        )
        if place % 3 == 0:
            told.append(order(who, "2022-03-02T10:00:00Z", f"{50 + place}.00"))
    await service.tell(*told)
    answer = await service.ask("/v1/models/compare", model="last_touch,markov", **in_year(2022))
    for row in answer["rows"]:
        assert row["models"]["markov"] == row["models"]["last_touch"]
        low, high = row["models"]["markov"]["interval"]["conversions"]
        assert low < high


@pytest.mark.parametrize(
    "asked",
    [
        {"group_by": "channel"},
        {"group_by": "channel,week"},
        {"group_by": "source", "basis": "touch", "to": "2023-03-10"},
        {"group_by": "source", "filter_medium": "cpc"},
        {"group_by": "channel", "scope": "account"},
        {"group_by": "channel", "conversion": "repeat"},
        {"model": "markov:order=2:transform=frequency"},
    ],
    ids=str,
)
async def test_drawing_everybody_once_changes_nothing(
    fresh: Service, monkeypatch: pytest.MonkeyPatch, asked: Json
) -> None:
    """Were every group drawn once in every draw, each interval would be the figure itself."""
    for module in ("attribution.bootstrap", "reports.population_draws"):
        once = np.ones((DRAWS, GROUPS))
        monkeypatch.setattr(f"service.{module}.draw_weights", lambda once=once: once)
    told = journeys(2023, 24)
    buyers = [fact["identifiers"]["anonymous_id"] for fact in told if fact["type"] == "order"]
    await fresh.tell(*told, *(order(who, "2023-04-01T10:00:00Z", "9.90") for who in buyers[::2]))
    answer = await fresh.ask("/v1/attribution", **{**in_year(2023), **MARKOV, **asked})
    assert answer["rows"]
    for row in answer["rows"]:
        for name, unit in (("conversions", 2e-6), ("value", 0.02), ("share", 1e-4)):
            assert row["interval"][name] == pytest.approx([row[name]] * 2, abs=unit), (row, name)


async def test_the_order_of_arrival_changes_nothing(service: Service, fresh: Service) -> None:
    told = journeys(2024, 30)
    await service.tell(*told)
    await fresh.tell(*reversed(told))
    asked = {**MARKOV, **in_year(2024)}
    answers = [await s.ask("/v1/roi", **asked) for s in (service, fresh)]
    assert answers[0]["rows"] == answers[1]["rows"]
    assert all(low < high for low, high in [answers[0]["rows"][0]["interval"]["revenue"]])


async def test_a_model_that_refuses_says_so_beside_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.attribution.markov.MOST_STATES", 1)
    await service.tell(*journeys(2025, 6))
    asked = {"model": "linear,markov,last_touch", **in_year(2025)}
    answer = await service.ask("/v1/models/compare", **asked)
    (refused,) = answer["refused"]
    assert (refused["model"], refused["code"]) == ("markov", "too_many_states")
    assert "ask for a coarser group_by" in refused["message"]
    assert [list(row["models"]) for row in answer["rows"]] == [["linear", "last_touch"]] * 2
    assert list(answer["unattributed"]["models"]) == ["linear", "last_touch"]
    alone = await service.get(
        "/v1/models/compare", model="markov,markov:order=1:null=false", **in_year(2025)
    )
    assert (alone.status_code, alone.json()["code"]) == (422, "too_many_states")


async def test_a_chain_too_long_to_draw_keeps_its_figures(service: Service) -> None:
    told = []
    for place in range(97):
        who = unique("visitor")
        told += [
            touch(who, "2020-03-01T10:00:00Z", f"s{place}/cpc"),
            order(who, "2020-03-02T10:00:00Z"),
        ]
    await service.tell(*told)
    asked = {"group_by": "source", **in_year(2020)}
    answer = await service.ask("/v1/models/compare", model="linear,markov", **asked)
    (undrawn,) = answer["uncertainty"]["undrawn"]
    assert (undrawn["model"], undrawn["code"]) == ("markov", "too_many_states")
    assert answer["refused"] == []
    cells = answer["rows"][0]["models"]
    assert cells["markov"]["conversions"] == 1
    assert cells["markov"]["interval"] == dict.fromkeys(cells["linear"]["interval"])
    assert cells["linear"]["interval"]["value"] is not None
    for path in ("/v1/attribution", "/v1/roi"):
        answer = await service.ask(path, **MARKOV, **asked)
        assert set(answer["rows"][0]["interval"].values()) == {None}
        assert answer["uncertainty"]["undrawn"] == [undrawn]


async def test_the_usual_models_hold_those_of_the_population(service: Service) -> None:
    await service.tell(*journeys(2019, 3))
    answer = await service.ask("/v1/models/compare", **in_year(2019))
    names = list(answer["rows"][0]["models"])
    assert names[:6] == [
        "first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay"
    ]  # fmt: skip
    assert "markov" in names
    assert answer["refused"] == []
    assert all(a != b for a, b in pairwise(names))


@pytest.mark.parametrize("model", ["linear", "markov"])
async def test_without_any_fact_there_is_no_row(service: Service, model: str) -> None:
    for path in ("/v1/attribution", "/v1/roi"):
        answer = await service.ask(path, model=model, intervals="true", **in_year(1990))
        assert answer["rows"] == []
    compared = await service.ask("/v1/models/compare", model="linear,markov", **in_year(1990))
    assert compared["rows"] == []


async def test_intervals_by_touch_hold_what_was_earned_in_the_period(fresh: Service) -> None:
    """Half of the credit is of a touchpoint before it: no draw gives the row more than its half."""
    who = unique("visitor")
    await fresh.tell(
        touch(who, "2019-02-20T10:00:00Z", channel="email"),
        touch(who, "2019-03-02T10:00:00Z", channel="email"),
        order(who, "2019-03-03T10:00:00Z"),
    )
    asked = {"from_": "2019-03-01", "to": "2019-04-01", "basis": "touch", "intervals": "true"}
    answer = await fresh.ask("/v1/attribution", model="linear,markov", **asked)
    (row,) = answer["rows"]
    assert row["models"]["linear"]["conversions"] == 0.5
    assert row["models"]["markov"] == row["models"]["linear"]


async def test_shares_of_filtered_rows_are_of_what_the_filter_keeps(fresh: Service) -> None:
    who = unique("visitor")
    await fresh.tell(
        touch(who, "2018-03-02T10:00:00Z", channel="email"),
        order(who, "2018-03-03T10:00:00Z"),
        order(unique("stranger"), "2018-03-03T10:00:00Z"),
    )
    asked = {"filter_channel": "email", "intervals": "true", **in_year(2018)}
    answer = await fresh.ask("/v1/attribution", **asked)
    assert answer["rows"][0]["share"] == 1
    assert answer["rows"][0]["interval"]["share"] == [1, 1]
