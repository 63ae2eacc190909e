"""Who earned what, asked for over HTTP. Every test lives in a year of its own."""

from typing import Any

import pytest

from tests.api.harness import Json, Service, by, deal, event, lead, order, page, touch, unique

pytestmark = pytest.mark.anyio


def in_year(year: int) -> Json:
    return {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01"}


def values(answer: Json, *names: str) -> dict[Any, Any]:
    """What each row earned, where it earned something."""
    rows = by(answer["rows"], *(names or answer["meta"]["group_by"]))
    return {label: row["value"] for label, row in rows.items() if row["value"]}


def adds_up(answer: Json) -> bool:
    """Rows and unattributed make the total, to the cent and to the millionth."""
    rows = [*answer["rows"], answer["unattributed"]]
    return all(
        round(sum(row[name] for row in rows), 6) == answer["totals"][name]
        for name in ("conversions", "value")
    )


MODELS = {
    "first_touch": [90, 0, 0],
    "last_touch": [0, 0, 90],
    "last_non_direct": [0, 90, 0],
    "last_paid": [90, 0, 0],
    "linear": [30, 30, 30],
    "position_based": [36, 18, 36],
    "position_based:first=30:middle=40:last=30": [27, 36, 27],
    "j_shaped": [18, 18, 54],
    "inverse_j": [54, 18, 18],
    "time_decay:half_life=4d": [12.86, 25.71, 51.43],
    # First and lead on one touch, no opportunity: 60 : 5 : 5.
    "w_shaped": [77.14, 6.43, 6.43],
}


async def test_models_side_by_side(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2010-03-02T10:00:00Z", "google/cpc"),
        lead(who, "2010-03-02T11:00:00Z"),
        touch(who, "2010-03-06T10:00:00Z", "newsletter/email"),
        touch(who, "2010-03-10T10:00:00Z"),
        order(who, "2010-03-10T10:00:00Z", "90.00"),
    )
    together = await service.ask("/v1/attribution", model=",".join(MODELS), **in_year(2010))
    rows = by(together["rows"], "channel")
    assert [model["model"] for model in together["meta"]["models"]] == list(rows["email"]["models"])
    for asked, named in zip(MODELS, rows["email"]["models"], strict=True):
        alone = await service.ask("/v1/attribution", model=asked, **in_year(2010))
        assert adds_up(alone)
        found = [
            by(alone["rows"], "channel")[c]["value"] for c in ("paid_search", "email", "direct")
        ]
        assert found == MODELS[asked], asked
        beside = [rows[c]["models"][named]["value"] for c in ("paid_search", "email", "direct")]
        assert beside == found


async def test_thirds_of_a_cent_are_not_lost(service: Service) -> None:
    who = unique("visitor")
    sources = ("google/cpc", "newsletter/email", "facebook/cpc")
    await service.tell(
        *(touch(who, f"2011-03-0{n}T10:00:00Z", via) for n, via in enumerate(sources, 1)),
        order(who, "2011-03-05T10:00:00Z", "100.00"),
        order(who, "2011-03-06T10:00:00Z", "0.01"),
    )
    answer = await service.ask("/v1/attribution", model="linear", **in_year(2011))
    assert values(answer) == {"paid_search": 33.35, "email": 33.33, "paid_social": 33.33}
    assert answer["totals"] == {"conversions": 2, "value": 100.01}
    assert adds_up(answer)


async def test_groups(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2012-03-01T10:00:00Z", "google/cpc", campaign="spring", campaign_id="7"),
        # Only the id: it is the same campaign.
        touch(who, "2012-03-02T10:00:00Z", "google/cpc", campaign_id="7"),
        page(
            who,
            "2012-03-03T10:00:00Z",
            "https://Shop.example:443/Chairs?utm_source=bing&utm_medium=cpc#top",
        ),
        touch(who, "2012-03-04T10:00:00Z", "newsletter/email", content="top", term="chairs"),
        order(who, "2012-03-05T10:00:00Z", "40.00"),
    )
    asked = {"model": "linear", **in_year(2012)}
    expected: dict[str, Any] = {
        "channel": {"paid_search": 30, "email": 10},
        "source": {"google": 20, "bing": 10, "newsletter": 10},
        "medium": {"cpc": 30, "email": 10},
        "campaign": {"spring": 20, None: 20},
        "content": {"top": 10, None: 30},
        "term": {"chairs": 10, None: 30},
        "touch_kind": {"click": 30, "visit": 10},
        "landing_page": {"shop.example/Chairs": 10, None: 30},
        "day": {"2012-03-05": 40},
        "week": {"2012-03-05": 40},
        "month": {"2012-03-01": 40},
        "channel,source": {
            ("paid_search", "google"): 20,
            ("paid_search", "bing"): 10,
            ("email", "newsletter"): 10,
        },
        "day,medium": {("2012-03-05", "cpc"): 30, ("2012-03-05", "email"): 10},
    }
    found = {}
    for group_by in expected:
        answer = await service.ask("/v1/attribution", group_by=group_by, **asked)
        assert adds_up(answer)
        found[group_by] = values(answer, *group_by.split(","))
    assert found == expected


async def test_filters(service: Service) -> None:
    who = unique("visitor")
    vias = ("google/cpc", "newsletter/email", "facebook/cpc", "bing/cpc")
    await service.tell(
        *(touch(who, f"2013-03-0{n}T10:00:00Z", via) for n, via in enumerate(vias, 1)),
        order(who, "2013-03-05T10:00:00Z", "40.00"),
    )
    asked = {"model": "linear", **in_year(2013)}
    one = await service.ask("/v1/attribution", filter_channel="email", **asked)
    assert values(one) == {"email": 10}
    assert one["filtered_out"] == {"conversions": 0.75, "value": 30}
    assert one["meta"]["filters"] == {"channel": ["email"]}
    two = await service.ask("/v1/attribution", filter_channel="email,paid_search", **asked)
    assert values(two) == {"email": 10, "paid_search": 20}
    both = await service.ask(
        "/v1/attribution", filter_channel="paid_search", filter_source="bing", **asked
    )
    assert values(both) == {"paid_search": 10}
    none = await service.ask("/v1/attribution", filter_channel="call", **asked)
    assert (none["rows"], none["filtered_out"]["value"]) == ([], 40)


async def test_the_lookback_is_not_the_period(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2014-01-01T10:00:00Z", "google/cpc"),
        touch(who, "2014-11-30T10:00:00Z", "newsletter/email"),
        order(who, "2014-12-30T10:00:00Z"),
    )
    december = {"from_": "2014-12-01", "to": "2015-01-01", "model": "first_touch"}
    found = {}
    for lookback in ("none", "53w", "364d", "90d", "30d", "43199m", "1h"):
        answer = await service.ask("/v1/attribution", lookback=lookback, **december)
        assert adds_up(answer)
        found[lookback] = values(answer) or answer["unattributed"]["reasons"][0]["reason"]
    assert found == {
        "none": {"paid_search": 100},
        "53w": {"paid_search": 100},
        "364d": {"paid_search": 100},
        "90d": {"email": 100},
        # Exactly 30 days: the edge belongs to the lookback.
        "30d": {"email": 100},
        "43199m": "no_touchpoint_in_lookback",
        "1h": "no_touchpoint_in_lookback",
    }


async def test_basis_touch_dates_the_credit_when_the_money_was_spent(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2015-01-31T10:00:00Z", "google/cpc"),
        touch(who, "2015-02-05T10:00:00Z", "newsletter/email"),
        order(who, "2015-02-10T10:00:00Z"),
    )
    january = {"from_": "2015-01-01", "to": "2015-02-01", "model": "linear"}
    february = {"from_": "2015-02-01", "to": "2015-03-01", "model": "linear"}
    found = [
        values(await service.ask("/v1/attribution", basis=basis, **month))
        for basis in ("conversion", "touch")
        for month in (january, february)
    ]
    assert found == [{}, {"paid_search": 50, "email": 50}, {"paid_search": 50}, {"email": 50}]


async def test_a_day_exists_only_in_a_zone(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2016-06-01T10:00:00Z", "google/cpc"),
        order(who, "2016-06-30T23:30:00Z", "80.00"),
        # The clocks go back: this day has 25 hours in Berlin.
        order(who, "2016-10-29T22:30:00Z", "1.00"),
        order(who, "2016-10-30T22:30:00Z", "2.00"),
        order(who, "2016-10-30T23:00:00Z", "4.00"),
    )
    asked = {"group_by": "day", "lookback": "none"}
    july = {"from_": "2016-07-01", "to": "2016-08-01"}
    berlin = await service.ask("/v1/attribution", tz="Europe/Berlin", **july, **asked)
    assert values(berlin) == {"2016-07-01": 80}
    assert berlin["meta"]["period"] == {
        "from": "2016-06-30T22:00:00Z", "to": "2016-07-31T22:00:00Z", "tz": "Europe/Berlin",
    }  # fmt: skip
    assert values(await service.ask("/v1/attribution", **july, **asked)) == {}
    autumn = {"from_": "2016-10-30", "to": "2016-10-31", "tz": "Europe/Berlin"}
    assert values(await service.ask("/v1/attribution", **autumn, **asked)) == {"2016-10-30": 3}
    utc = {"from_": "2016-10-30", "to": "2016-10-31", "tz": "UTC"}
    assert values(await service.ask("/v1/attribution", **utc, **asked)) == {"2016-10-30": 6}
    instants = {"from_": "2016-10-31T00:00:00+01:00", "to": "2016-10-31T00:00:00.000001+01:00"}
    assert values(await service.ask("/v1/attribution", **instants, **asked)) == {"2016-10-30": 4}


async def test_accounts(service: Service) -> None:
    reader, buyer, account = unique("reader"), unique("buyer"), unique("acme")
    await service.tell(
        touch(reader, "2017-03-01T10:00:00Z", "google/cpc"),
        {**event("group", "2017-03-01T11:00:00Z", reader), "account": {"id": account}},
        {**event("group", "2017-03-02T11:00:00Z", buyer), "account": {"id": account}},
        touch(buyer, "2017-03-05T10:00:00Z", "newsletter/email"),
        {**deal(buyer, "2017-03-10T10:00:00Z", "won", amount="100.00", currency="EUR"),
         "account": {"id": account}},
    )  # fmt: skip
    asked = {"model": "linear", **in_year(2017)}
    person = await service.ask("/v1/attribution", scope="person", **asked)
    assert values(person) == {"email": 100}
    company = await service.ask("/v1/attribution", scope="account", **asked)
    assert values(company) == {"paid_search": 50, "email": 50}


async def test_why_nobody_earned_it(service: Service) -> None:
    early, late, silent = unique("early"), unique("late"), unique("silent")
    await service.tell(
        touch(early, "2018-01-01T10:00:00Z", "google/cpc"),
        order(early, "2018-12-01T10:00:00Z", "1.00"),
        order(late, "2018-03-01T10:00:00Z", "2.00"),
        touch(late, "2018-03-02T10:00:00Z", "google/cpc"),
        order(silent, "2018-03-01T10:00:00Z", "4.00"),
        order(None, "2018-03-01T10:00:00Z", "8.00"),
    )
    answer = await service.ask("/v1/attribution", **in_year(2018))
    assert answer["rows"] == []
    assert {
        r["reason"]: (r["conversions"], r["value"]) for r in answer["unattributed"]["reasons"]
    } == {
        "no_touchpoint_in_lookback": (1, 1),
        "first_touchpoint_after_conversion": (1, 2),
        "no_touchpoint": (1, 4),
        "no_person": (1, 8),
    }
    assert answer["unattributed"]["share"] == 1
    assert answer["meta"]["coverage"]["value"] == 0
    assert adds_up(answer)


async def test_stages_and_repeat_purchases(service: Service) -> None:
    who, name = unique("visitor"), unique("L")
    await service.tell(
        touch(who, "2019-03-01T10:00:00Z", "google/cpc"),
        lead(who, "2019-03-02T10:00:00Z", id=name),
        lead(who, "2019-03-03T10:00:00Z", id=name, stage="sql"),
        deal(who, "2019-03-04T10:00:00Z", "opportunity", amount="70.00", currency="EUR"),
        order(who, "2019-03-05T10:00:00Z", "10.00"),
        order(who, "2019-03-06T10:00:00Z", "20.00"),
        order(who, "2019-03-07T10:00:00Z", "30.00"),
    )
    found = {}
    for stage in ("lead", "mql", "sql", "opportunity", "won", "repeat"):
        answer = await service.ask("/v1/attribution", conversion=stage, **in_year(2019))
        found[stage] = (answer["totals"]["conversions"], answer["totals"]["value"])
    # A sales-qualified lead has been a marketing-qualified one; the first purchase repeats nothing.
    assert found == {
        "lead": (1, 0),
        "mql": (1, 0),
        "sql": (1, 0),
        "opportunity": (1, 70),
        "won": (3, 60),
        "repeat": (2, 50),
    }
