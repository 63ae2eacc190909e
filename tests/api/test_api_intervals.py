"""How sure models fitted on everybody are, asked for over HTTP. Every test lives in a year of its own."""

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


async def test_the_hazard_is_fitted_anew_in_every_draw(service: Service) -> None:
    """Of a hundred who open a letter and click an ad forty buy that day, of a hundred who have the
    letter alone twenty, and ten of these later. So half of each of the forty is the ad's: in all it
    has the forty less the twenty, give or take 6.3 and not the 3.1 of half of the forty."""
    told = []
    for place in range(200):
        who = f"reader-{place}"
        told.append(touch(who, "2017-03-01T09:00:00Z", "newsletter/email"))
        if place % 2 == 0:
            told.append(touch(who, "2017-03-01T10:00:00Z", "google/cpc"))
        if place < (80 if place % 2 == 0 else 40):
            told.append(order(who, "2017-03-01T12:00:00Z"))
        elif place % 20 == 19:
            told.append(order(who, f"2017-03-{2 + place // 25:02}T12:00:00Z"))
    await service.tell(*told, touch(unique("visitor"), "2017-03-12T10:00:00Z", "z/y"))
    asked = {"model": "incremental:half_life=1h", "from_": "2017-03-01", "to": "2017-03-11"}
    asked |= {"group_by": "source", "intervals": "true"}
    answer = await service.ask("/v1/attribution", **asked)
    assert answer["uncertainty"]["undrawn"] == []
    rows = by(answer["rows"], "source")
    (brought,) = answer["incremental"]
    for row in (rows["google"], by(brought["rows"], "source")["google"]):
        assert 19 < row["conversions"] < 21
        low, high = row["interval"]["conversions"]
        assert 5 < low < 11
        assert 29 < high < 35
    low, high = brought["baseline"]["interval"]["conversions"]
    assert low < brought["baseline"]["conversions"] < high
    first = await service.get("/v1/attribution", **asked)
    service.parts.desk.forget()
    assert (await service.get("/v1/attribution", **asked)).content == first.content


async def test_what_the_hazard_says_of_spend_is_as_sure_in_every_report(service: Service) -> None:
    asked = {"model": "incremental", "intervals": "true", **in_year(2016)}
    await service.tell(*journeys(2016, 60))
    spend = {"date": "2016-03-01", "source": "newsletter", "medium": "email", "amount": "90.00",
             "currency": "EUR"}  # fmt: skip
    await service.tell(spend, path="/v1/spend")
    answer = await service.ask("/v1/roi", **asked)
    row = by(answer["rows"], "channel")["email"]
    assert set(row["interval"]) == {"conversions", "revenue", "share", "cpa", "cac", "roas", "roi"}
    for name in ("conversions", "revenue", "cpa", "cac", "roas", "roi"):
        low, high = row["interval"][name]
        assert low < row[name] < high
    (brought,) = answer["incremental"]
    mail = by(brought["rows"], "channel")["email"]
    assert set(mail["interval"]) == {"conversions", "customers", "revenue", "roas"}
    assert mail["interval"]["revenue"] == pytest.approx(
        [90 * end for end in mail["interval"]["roas"]], abs=0.01
    )
    models = {"model": "linear,incremental", **in_year(2016)}
    compared = await service.ask("/v1/models/compare", **models)
    cell = by(compared["rows"], "channel")["email"]["models"]["incremental"]
    for name in ("conversions", "share", "cpa", "roas", "roi"):
        assert cell["interval"][name] == row["interval"][name]


async def test_more_states_than_are_drawn_keep_their_figures(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.attribution.hazard_draws.MOST_DRAWN_STATES", 2)
    await service.tell(*journeys(2015, 12))
    asked = {"model": "incremental", "intervals": "true", "group_by": "source", **in_year(2015)}
    answer = await service.ask("/v1/attribution", **asked)
    (undrawn,) = answer["uncertainty"]["undrawn"]
    assert (undrawn["model"], undrawn["code"]) == ("incremental", "too_many_states")
    (brought,) = answer["incremental"]
    cells = [*answer["rows"], *brought["rows"], brought["baseline"]]
    assert {end for cell in cells for end in cell["interval"].values()} == {None}


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
        {"model": "incremental:half_life=7d"},
        {"model": "incremental:half_life=1h", "group_by": "source,week", "conversion": "repeat"},
        {"model": "incremental", "group_by": "source", "basis": "touch", "to": "2023-03-10"},
        {"model": "incremental", "filter_medium": "cpc", "scope": "account"},
    ],
    ids=str,
)
async def test_drawing_everybody_once_changes_nothing(
    fresh: Service, monkeypatch: pytest.MonkeyPatch, asked: Json
) -> None:
    """Were every group drawn once in every draw, each interval would be the figure itself."""
    for module in (
        "attribution.bootstrap",
        "reports.population_draws",
        "reports.hazard_draws",
    ):
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
    for brought in answer["incremental"]:
        for cell in (*brought["rows"], brought["baseline"]):
            for name, unit in (("conversions", 5e-5), ("value", 0.02)):
                assert cell["interval"][name] == pytest.approx([cell[name]] * 2, abs=unit), cell


@pytest.mark.parametrize(("model", "year"), [("markov", 2024), ("incremental", 2014)])
async def test_the_order_of_arrival_changes_nothing(
    service: Service, fresh: Service, model: str, year: int
) -> None:
    later = touch(unique("visitor"), f"{year + 1}-01-02T10:00:00Z", "later/on")
    told = [*journeys(year, 30), later]
    await service.tell(*told)
    await fresh.tell(*reversed(told))
    asked = {"model": model, "intervals": "true", **in_year(year)}
    answers = [await s.ask("/v1/roi", **asked) for s in (service, fresh)]
    assert answers[0]["rows"] == answers[1]["rows"]
    assert answers[0]["incremental"] == answers[1]["incremental"]
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
