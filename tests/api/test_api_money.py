"""Spend, revenue and what becomes of them: ratios, currencies, refunds, deals that change."""

from typing import Any

import pytest

from tests.api.harness import Json, Service, by, deal, order, page, touch, unique

pytestmark = pytest.mark.anyio
SHOP = "https://shop.example/"


def in_year(year: int) -> Json:
    return {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01"}


def spend(
    day: str, amount: Any, via: str = "google/cpc", currency: str = "EUR", **more: Any
) -> Json:
    source, _, medium = via.partition("/")
    line = {"date": day, "source": source, "medium": medium, "amount": amount, "currency": currency}
    return {**line, **more}


async def pay(service: Service, *lines: Json) -> None:
    await service.tell(*lines, path="/v1/spend")


def some(row: Json, *names: str) -> list[Any]:
    return [row[name] for name in names]


async def test_spend_without_sales_and_sales_without_spend(service: Service) -> None:
    who = unique("visitor")
    await pay(service, spend("2010-03-01", "50.00", impressions=1000, clicks=40))
    await service.tell(
        touch(who, "2010-03-01T10:00:00Z", "newsletter/email"),
        order(who, "2010-03-02T10:00:00Z", "80.00"),
    )
    answer = await service.ask("/v1/roi", **in_year(2010))
    rows = by(answer["rows"], "channel")
    names = ("spend", "revenue", "won", "roas", "roi", "romi", "drr", "cpa", "cac", "cpl")
    assert some(rows["paid_search"], *names) == [50, 0, 0, 0, -1, -1, None, None, None, None]
    assert some(rows["email"], *names) == [0, 80, 1, None, None, None, 0, 0, 0, None]
    assert some(answer["totals"], *names) == [50, 80, 1, 1.6, 0.6, 0.6, 0.625, 50, 50, None]
    assert some(rows["paid_search"], "impressions", "clicks", "visits") == [1000, 40, 0]
    assert answer["meta"]["coverage"] == {"value": 1, "conversions": 1, "spend": 1}


async def test_one_line_of_everything(service: Service) -> None:
    who = unique("visitor")
    landing = f"{SHOP}?utm_source=google&utm_medium=cpc&utm_campaign=spring"
    items = [
        {"sku": "A", "quantity": 2, "amount": "60.00", "cost": "20.00"},
        {"sku": "B", "amount": "20.00", "cost": "10.00"},
    ]
    await pay(service, spend("2011-03-01", "20.00", campaign="spring", impressions=1000, clicks=40))
    await service.tell(
        page(who, "2011-03-01T10:00:00Z", landing),
        page(who, "2011-03-01T10:05:00Z", f"{SHOP}chairs", referrer=landing),
        order(who, "2011-03-01T10:20:00Z", "80.00", items=items),
    )
    answer = await service.ask("/v1/roi", group_by="campaign", **in_year(2011))
    (row,) = answer["rows"]
    assert row["campaign"] == "spring"
    assert some(row, "spend", "visits", "won", "customers", "revenue", "margin") == [
        20,
        1,
        1,
        1,
        80,
        50,
    ]
    assert some(row, "roas", "roi", "romi_revenue", "romi_margin", "drr") == [4, 3, 3, 1.5, 0.25]
    assert some(row, "cpa", "cac", "margin_coverage") == [20, 20, 1]
    day = await service.ask("/v1/trend", every="day", **in_year(2011))
    assert [(p["day"], p["spend"], p["revenue"]) for p in day["points"]] == [("2011-03-01", 20, 80)]


async def test_a_trend(service: Service) -> None:
    who = unique("visitor")
    await pay(service, spend("2012-01-31", "10.00"), spend("2012-02-01", "20.00"))
    await service.tell(
        touch(who, "2012-01-30T10:00:00Z", "google/cpc"),
        order(who, "2012-02-05T23:59:59.999999Z", "1.00"),
        order(who, "2012-02-06T00:00:00Z", "2.00"),
    )
    found = {}
    for every in ("day", "week", "month"):
        answer = await service.ask("/v1/trend", every=every, **in_year(2012))
        found[every] = [(p[every], p["spend"], p["revenue"]) for p in answer["points"]]
        assert answer["totals"]["revenue"] == 3
    assert found == {
        "day": [
            ("2012-01-31", 10, 0), ("2012-02-01", 20, 0), ("2012-02-05", 0, 1), ("2012-02-06", 0, 2),
        ],
        "week": [("2012-01-30", 30, 1), ("2012-02-06", 0, 2)],
        "month": [("2012-01-01", 10, 0), ("2012-02-01", 20, 3)],
    }  # fmt: skip


async def test_cost_and_fruit_under_the_basis_touch(service: Service) -> None:
    who = unique("visitor")
    await pay(service, spend("2013-01-31", "50.00"))
    await service.tell(
        touch(who, "2013-01-31T10:00:00Z", "google/cpc"), order(who, "2013-02-10T10:00:00Z")
    )
    january = {"from_": "2013-01-01", "to": "2013-02-01"}
    by_basis = {
        basis: (await service.ask("/v1/roi", basis=basis, **january))["totals"]["roi"]
        for basis in ("conversion", "touch")
    }
    assert by_basis == {"conversion": -1, "touch": 1}


# Currencies


async def test_money_without_a_rate_stands_apart(service: Service) -> None:
    # The tenge has no rate in the bundled history: it counted as 1 : 1.
    who = unique("visitor")
    await pay(
        service,
        spend("2014-03-01", "5000.00", currency="KZT"),
        spend("2014-03-01", "5.00", "bing/cpc"),
    )
    await service.tell(
        touch(who, "2014-03-01T10:00:00Z", "google/cpc"),
        order(who, "2014-03-02T10:00:00Z", "700.00", "KZT"),
        order(who, "2014-03-02T11:00:00Z", "70.00"),
    )
    answer = await service.ask("/v1/roi", **in_year(2014))
    assert some(answer["totals"], "spend", "revenue", "won") == [5, 70, 2]
    assert answer["meta"]["not_convertible"] == [
        {"kind": "revenue", "currency": "KZT", "amount": 700, "count": 1},
        {"kind": "spend", "currency": "KZT", "amount": 5000, "count": 1},
    ]
    lines = by((await service.ask("/v1/spend", **in_year(2014)))["items"], "currency")
    assert some(lines["KZT"], "amount", "amount_converted") == [5000, None]
    assert some(lines["EUR"], "amount", "amount_converted") == [5, 5]
    tenge = await service.ask("/v1/roi", currency="KZT", **in_year(2014))
    assert some(tenge["totals"], "spend", "revenue") == [5000, 700]


@pytest.mark.parametrize(
    ("billed", "asked", "spent"),
    [
        pytest.param("KZT", "EUR", [("2014-03-01", "5000.00")], id="spend_of_the_year"),
        pytest.param(
            "EUR", "KZT", [("2010-03-01", "5.00"), ("2010-03-02", "5.00")], id="other_years"
        ),
    ],
)
async def test_a_refund_without_a_rate(
    fresh: Service, billed: str, asked: str, spent: list[tuple[str, str]]
) -> None:
    # DuckDB took the sums for numbers of one byte, and every report failed.
    paid = unique("O")
    await fresh.tell(
        touch("a-1", "2010-03-01T10:00:00Z", "google/cpc"),
        order("a-1", "2010-03-02T10:00:00Z", "1200.00", billed),
        order("a-1", "2014-03-02T10:00:00Z", "1200.00", billed, id=paid),
        order(None, "2014-03-03T10:00:00Z", "50.00", billed, id=paid, status="refunded"),
    )
    await pay(fresh, *(spend(day, amount, currency=billed) for day, amount in spent))
    for path in ("roi", "attribution", "journeys", "paths", "funnel", "trend", "spend"):
        answer = await fresh.ask(f"/v1/{path}", currency=asked, **in_year(2014))
        apart = answer["meta"]["not_convertible"]
        assert apart[0] == {"kind": "revenue", "currency": billed, "amount": 1150, "count": 2}


async def test_each_amount_at_the_rate_of_its_own_day(service: Service) -> None:
    # Posted rates go before the European Central Bank's.
    who = unique("visitor")
    rates = [
        {"date": "2015-03-02", "base": "USD", "quote": "EUR", "rate": "0.5"},
        {"date": "2015-03-04", "base": "EUR", "quote": "USD", "rate": "4"},
    ]
    await service.tell(*rates, path="/v1/rates")
    await pay(
        service,
        spend("2015-03-02", "10.00", currency="USD"),
        spend("2015-03-04", "10.00", currency="USD"),
    )
    await service.tell(
        touch(who, "2015-03-01T10:00:00Z", "google/cpc"),
        order(who, "2015-03-02T10:00:00Z", "100.00", "USD"),
        # No rate of the 3rd was posted; the official one of that day is 1.1168.
        order(who, "2015-03-03T10:00:00Z", "111.68", "USD"),
        order(who, "2015-03-04T10:00:00Z", "100.00", "USD"),
    )
    days = await service.ask("/v1/trend", every="day", **in_year(2015))
    assert [(p["day"], p["spend"], p["revenue"]) for p in days["points"]] == [
        ("2015-03-02", 5, 50),
        ("2015-03-03", 0, 100),
        ("2015-03-04", 2.5, 25),
    ]
    dollars = await service.ask("/v1/roi", currency="USD", **in_year(2015))
    assert some(dollars["totals"], "spend", "revenue") == [20, 311.68]
    assert dollars["meta"]["currency"] == "USD"


async def test_a_weekend_takes_the_rate_of_friday(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        touch(who, "2016-03-01T10:00:00Z", "google/cpc"),
        # Friday the 4th: 1 EUR was 1.0970 USD.
        *(order(who, f"2016-03-0{day}T10:00:00Z", "109.70", "USD") for day in (4, 5, 6)),
    )
    answer = await service.ask("/v1/trend", every="day", **in_year(2016))
    assert [p["revenue"] for p in answer["points"]] == [100, 100, 100]


async def test_currencies_with_other_decimals(service: Service) -> None:
    who = unique("visitor")
    await service.tell(
        {"date": "2017-03-01", "base": "EUR", "quote": "JPY", "rate": "120"},
        {"date": "2017-03-01", "base": "KWD", "quote": "EUR", "rate": "3"},
        path="/v1/rates",
    )
    await service.tell(
        touch(who, "2017-03-01T09:00:00Z", "google/cpc"),
        order(who, "2017-03-01T10:00:00Z", 12_000, "JPY"),
        order(who, "2017-03-01T11:00:00Z", "1.005", "KWD"),
    )
    euro = await service.ask("/v1/attribution", **in_year(2017))
    assert euro["totals"]["value"] == 103.02  # 100 and 3.015, rounded half away from zero
    yen = await service.ask("/v1/attribution", currency="JPY", **in_year(2017))
    assert yen["totals"]["value"] == 12_362  # 1.005 × 3 × 120 = 361.8


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KRW"])
async def test_the_largest_amounts_there_are(service: Service, currency: str) -> None:
    # Added up as doubles, ten of them no longer made their total, and every report failed.
    who, year = unique("visitor"), {"EUR": 2018, "JPY": 2019, "KRW": 2020}[currency]
    await service.tell(
        touch(who, f"{year}-03-01T10:00:00Z", "google/cpc"),
        touch(who, f"{year}-03-01T11:00:00Z", "newsletter/email"),
        touch(who, f"{year}-03-01T12:00:00Z", "facebook/cpc"),
        *(order(who, f"{year}-03-02T10:00:00Z", "9999999999999.99") for _ in range(30)),
    )
    await pay(service, *(spend(f"{year}-03-01", "9999999999999.99", ad=str(n)) for n in range(30)))
    for path in ("attribution", "roi", "paths", "journeys", "funnel", "trend", "spend"):
        await service.ask(f"/v1/{path}", currency=currency, model="linear", **in_year(year))


# Orders and deals that change


async def test_refunds(service: Service) -> None:
    who = unique("visitor")
    part, whole, twice = unique("O"), unique("O"), unique("O")
    await service.tell(
        touch(who, "2022-03-01T10:00:00Z", "google/cpc"),
        order(who, "2022-03-02T10:00:00Z", "100.00", id=part),
        order(None, "2022-03-09T10:00:00Z", "30.00", id=part, status="refunded"),
        order(who, "2022-03-03T10:00:00Z", "50.00", id=whole),
        order(None, "2022-03-09T10:00:00Z", None, None, id=whole, status="refunded"),
        order(who, "2022-03-04T10:00:00Z", "20.00", id=twice),
        *(order(None, f"2022-03-0{day}T10:00:00Z", "5.00", id=twice, status="refunded", refund_id="R1")
          for day in (6, 7)),
        order(None, "2022-03-09T10:00:00Z", "9.00", id=unique("O"), status="refunded"),
    )  # fmt: skip
    answer = await service.ask("/v1/attribution", **in_year(2022))
    assert answer["totals"] == {"conversions": 3, "value": 85}
    assert answer["meta"]["excluded"] == [{"reason": "refund_without_order", "facts": 1}]
    journey = await service.ask(f"/v1/journeys/won:order:{part}")
    assert [(a["kind"], a["amount"]) for a in journey["conversion"]["amounts"]] == [
        ("won", 100),
        ("refund", -30),
    ]


async def test_a_deal_lost_and_won_again(service: Service) -> None:
    who, name = unique("visitor"), unique("D")
    steps = [
        deal(who, "2023-01-05T10:00:00Z", "opportunity", id=name, amount="1000.00", currency="EUR"),
        deal(who, "2023-02-05T10:00:00Z", "won", id=name),
        deal(who, "2023-03-05T10:00:00Z", "lost", id=name, reason="price"),
        deal(who, "2023-04-05T10:00:00Z", "won", id=name, amount="1200.00", currency="EUR"),
    ]
    await service.tell(touch(who, "2023-01-01T10:00:00Z", "google/cpc"))
    found = []
    for step in steps:
        await service.tell(step)
        answer = await service.ask(
            "/v1/attribution", group_by="month", lookback="none", **in_year(2023)
        )
        found.append([(row["month"], row["conversions"], row["value"]) for row in answer["rows"]])
    # As of now it was won once, when it was won for good.
    assert found == [[], [("2023-02-01", 1, 1000)], [], [("2023-04-01", 1, 1200)]]


async def test_facts_in_any_order_give_the_same(service: Service) -> None:
    answers = []
    for year, backwards in ((2024, False), (2025, True)):
        who, name = unique("visitor"), unique("D")
        facts = [
            touch(who, f"{year}-01-01T10:00:00Z", "google/cpc"),
            deal(
                who,
                f"{year}-01-05T10:00:00Z",
                "opportunity",
                id=name,
                amount="9.00",
                currency="EUR",
            ),
            deal(who, f"{year}-02-05T10:00:00Z", "won", id=name),
            deal(who, f"{year}-03-05T10:00:00Z", None, id=name, amount="12.00", currency="EUR"),
        ]
        for fact in reversed(facts) if backwards else facts:
            await service.tell(fact)
            await service.ask("/v1/attribution", **in_year(year))
        answer = await service.ask("/v1/attribution", **in_year(year))
        answers.append((answer["rows"], answer["totals"]))
    assert answers[0] == answers[1]
    assert answers[0][1] == {"conversions": 1, "value": 12}
