"""How much of what was spent has had time to come: cohorts, lags, and the flag of the ROI report."""

from random import Random
from typing import Any

import pytest
from scipy.stats import nbinom

from tests.api.harness import Json, Service, by, event, lead, order, running, touch, unique
from tests.api.test_api_configuration import draft, publish

pytestmark = pytest.mark.anyio
MARCH = {"from_": "2026-03-01", "to": "2026-04-01", "model": "linear"}


def bought(touched: str, at: str, via: str = "google/cpc", who: str | None = None) -> list[Json]:
    who = who or unique("buyer")
    return [touch(who, touched, via), order(who, at)]


def spent(date: str, amount: str, source: str = "google", medium: str = "cpc") -> Json:
    return {"date": date, "source": source, "medium": medium, "amount": amount, "currency": "EUR"}


def world() -> list[Json]:
    """Ten people touched in January, half of whom bought after a day and half after 21; three
    touched at noon of 25 March who bought after a day; and somebody now, at noon of the 31st."""
    told = []
    for _ in range(5):
        told += bought("2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z")
        told += bought("2026-01-01T12:00:00Z", "2026-01-22T12:00:00Z")
    for _ in range(3):
        told += bought("2026-03-25T12:00:00Z", "2026-03-26T12:00:00Z")
    return [*told, touch("somebody", "2026-03-31T12:00:00Z", "google/cpc")]


SPEND = (
    spent("2026-03-03", "60.00"),
    spent("2026-03-25", "100.00"),
    spent("2026-03-31", "20.00"),
    spent("2026-03-04", "30.00", "bing"),
    spent("2026-03-26", "10.00", "meta", "paid_social"),
)


async def told(service: Service) -> None:
    await service.tell(*world())
    await service.tell(*SPEND, path="/v1/spend")


async def test_cohorts(fresh: Service) -> None:
    await told(fresh)
    answer = await fresh.ask("/v1/maturity", **MARCH, filter_channel="paid_search")
    # Of the ten who are old enough for 21 days half took 1: the young three change nothing.
    rows = by(answer["rows"], "week")
    old, young, new = rows["2026-03-02"], rows["2026-03-23"], rows["2026-03-30"]
    assert (old["spend"], old["conversions"], old["maturity"]) == (90, 0, 1)
    assert (old["expected"], old["low"], old["high"], old["too_early"]) == (0, 0, 0, False)
    assert (young["spend"], young["conversions"], young["maturity"]) == (100, 3, 0.5)
    assert (young["expected"], young["too_early"]) == (6, True)
    to_come = nbinom(3.5, 0.5)
    assert (young["low"], young["high"]) == (3 + to_come.ppf(0.05), 3 + to_come.ppf(0.95))
    assert (young["exposure"], young["lags"]) == ("spend", "pooled")
    assert (new["maturity"], new["too_early"], new["expected"]) == (0, True, None)
    totals = answer["totals"]
    assert (totals["spend"], totals["conversions"]) == (210, 3)
    assert totals["maturity"] == round((90 + 100 * 0.5) / 210, 6)
    assert totals["expected"] == round(3 * 210 / 140, 6)
    assert answer["now"] == "2026-03-31T12:00:00Z"
    assert answer["meta"]["basis"] == "touch"


async def test_lags(fresh: Service) -> None:
    await told(fresh)
    await fresh.tell(*(lead(unique("nobody"), "2026-03-02T12:00:00Z") for _ in range(12)))
    answer = await fresh.ask("/v1/maturity", **MARCH)
    lags = by(answer["lags"], "stage")
    won = lags["won"]
    assert won["days"] == {"p10": 1, "p50": 1, "p90": 21, "longest": 21}
    assert won["histogram"] == [{"day": 1, "share": 0.5}, {"day": 21, "share": 0.5}]
    assert (won["conversions"], won["horizon_days"], won["complete"]) == (13, 89, False)
    assert by(won["channels"], "channel")["paid_search"] == {
        "channel": "paid_search",
        "conversions": 13,
        "lags": "pooled",
        "days": won["days"],
    }
    # Twelve leads whom nobody brought tell of no lag.
    nothing = {"p10": None, "p50": None, "p90": None, "longest": None}
    assert (lags["lead"]["days"], lags["lead"]["histogram"]) == (nothing, [])
    # With 20 days of lookback eight conversions are left: too few to say anything.
    short = by((await fresh.ask("/v1/maturity", **MARCH, lookback="20d"))["lags"], "stage")
    assert (short["won"]["conversions"], short["won"]["days"]) == (8, nothing)
    month = by((await fresh.ask("/v1/maturity", **MARCH, lookback="30d"))["lags"], "stage")
    assert (month["won"]["complete"], month["won"]["days"]) == (True, won["days"])


async def test_the_flag_of_the_roi_report(fresh: Service) -> None:
    """The row's spend decides, under either basis."""
    await told(fresh)
    for basis in ("conversion", "touch"):
        answer = await fresh.ask("/v1/roi", **MARCH, basis=basis)
        rows = by(answer["rows"], "channel")
        search, social = rows["paid_search"], rows["paid_social"]
        assert (search["maturity"], search["too_early"]) == (round(140 / 210, 6), True)
        assert (social["maturity"], social["too_early"]) == (0.5, True)
        assert answer["totals"]["maturity"] == round(145 / 220, 6)
        assert (answer["unattributed"]["maturity"], answer["unattributed"]["too_early"]) == (
            None,
            False,
        )
    long_ago = await fresh.ask("/v1/roi", from_="2026-03-01", to="2026-03-10")
    assert [(r["maturity"], r["too_early"]) for r in long_ago["rows"]] == [(1, False)]
    earned = await fresh.ask("/v1/roi", from_="2026-01-01", to="2026-02-01")
    assert earned["rows"][0]["won"] == 10
    assert (earned["rows"][0]["maturity"], earned["rows"][0]["too_early"]) == (None, False)


async def test_a_channel_with_conversions_enough_has_its_own_lags(fresh: Service) -> None:
    told: list[Json] = []
    for _ in range(50):
        told += bought("2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z")
        told += bought("2026-01-01T12:00:00Z", "2026-01-22T12:00:00Z", "letters/email")
    await fresh.tell(*told, touch("somebody", "2026-03-31T12:00:00Z", "google/cpc"))
    lines = (spent("2026-03-25", "100.00"), spent("2026-03-25", "100.00", "letters", "email"))
    await fresh.tell(*lines, spent("2026-03-25", "1.00", "meta", "paid_social"), path="/v1/spend")
    rows = by((await fresh.ask("/v1/maturity", **MARCH))["rows"], "channel")
    found = {name: (row["lags"], row["maturity"]) for name, row in rows.items()}
    assert found == {
        "paid_search": ("channel", 1),
        "email": ("channel", 0),
        "paid_social": ("pooled", 0.5),
    }
    whole = await fresh.ask("/v1/maturity", **MARCH, group_by="content")
    assert whole["rows"][0]["lags"] == "mixed"
    assert whole["rows"][0]["maturity"] == round(100.5 / 201, 6)


async def test_lags_of_a_company_are_those_of_its_people(fresh: Service) -> None:
    """In twelve companies one reads a letter nine days before his colleague clicks and buys."""
    told = []
    for _ in range(12):
        first, second = unique("reader"), unique("buyer")
        account = {"id": unique("company")}
        told += [
            event("group", "2026-02-01T10:00:00Z", who, account=account) for who in (first, second)
        ]
        told.append(touch(first, "2026-02-01T12:00:00Z", "letters/email"))
        told += bought("2026-02-10T12:00:00Z", "2026-02-11T12:00:00Z", who=second)
    await fresh.tell(*told, touch("somebody", "2026-03-31T12:00:00Z", "google/cpc"))
    days = []
    for scope in ("person", "account"):
        answer = await fresh.ask("/v1/maturity", **MARCH | {"model": "first_touch"}, scope=scope)
        days.append(by(answer["lags"], "stage")["won"]["days"]["p50"])
    assert days == [1, 10]


async def test_excluded_touches_are_not_what_was_put_in(fresh: Service) -> None:
    await fresh.tell(*world())
    await fresh.tell(*(touch(unique("t"), "2026-03-31T11:59:00Z", "shop/sms") for _ in range(4)))
    before = await fresh.ask("/v1/maturity", **MARCH, every="month", group_by="medium")
    await draft(fresh, exclusions=[{"match": {"medium": "sms"}}])
    await publish(fresh)
    after = await fresh.ask("/v1/maturity", **MARCH, every="month", group_by="medium")
    assert before["totals"]["maturity"] < after["totals"]["maturity"] == 0.375


async def test_without_spend_touchpoints_are_what_was_put_in(fresh: Service) -> None:
    """Six touches of the week of 23 March, half of them on the 31st, too young for anything."""
    await fresh.tell(*world())
    await fresh.tell(*(touch(unique("t"), "2026-03-31T11:59:00Z", "google/cpc") for _ in range(2)))
    answer = await fresh.ask("/v1/maturity", **MARCH, every="month")
    (row,) = answer["rows"]
    assert (row["month"], row["spend"], row["conversions"]) == ("2026-03-01", 0, 3)
    assert (row["maturity"], row["exposure"]) == (0.25, "touchpoints")
    assert (row["expected"], answer["totals"]["expected"]) == (12, 12)
    await fresh.tell(order("nobody", "2026-03-20T12:00:00Z"))
    answer = await fresh.ask("/v1/maturity", **MARCH, every="month")
    assert (answer["unattributed"]["conversions"], answer["unattributed"]["expected"]) == (1, None)
    totals = answer["totals"]
    assert (totals["conversions"], totals["expected"]) == (4, 13)
    assert (totals["low"], totals["high"]) == (row["low"] + 1, row["high"] + 1)


async def test_nothing_is_said_of_few_conversions(fresh: Service) -> None:
    for _ in range(9):
        await fresh.tell(*bought("2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z"))
    await fresh.tell(*SPEND, path="/v1/spend")
    answer = await fresh.ask("/v1/maturity", **MARCH)
    assert {(r["maturity"], r["too_early"], r["expected"]) for r in answer["rows"]} == {
        (None, False, None)
    }
    roi = await fresh.ask("/v1/roi", **MARCH)
    assert {(r["maturity"], r["too_early"]) for r in roi["rows"]} == {(None, False)}


async def test_nothing_at_all(fresh: Service) -> None:
    answer = await fresh.ask("/v1/maturity", **MARCH)
    assert (answer["rows"], answer["totals"]["conversions"]) == ([], 0)


async def test_order_of_arrival_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    facts, spend = world(), list(SPEND)
    found: list[Any] = []
    for seed in range(3):
        Random(seed).shuffle(facts)
        Random(seed).shuffle(spend)
        async with running(tmp_path_factory.mktemp("order")) as service:
            for fact in facts:
                await service.post([fact])
            for line in spend:
                await service.post([line], "/v1/spend")
            answer = await service.ask("/v1/maturity", **MARCH)
            roi = await service.ask("/v1/roi", **MARCH)
            found.append([answer["rows"], answer["totals"], answer["lags"], roi["rows"]])
    assert found[0] == found[1] == found[2]


async def test_what_cannot_be_asked(service: Service) -> None:
    for params, code in (
        ({"every": "year"}, "unknown_value"),
        ({"group_by": "week"}, "unknown_group"),
    ):
        answer = await service.get("/v1/maturity", **params)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_rows_as_a_table(fresh: Service) -> None:
    await told(fresh)
    answer = await fresh.get("/v1/maturity.csv", **MARCH, min_watermark=fresh.watermark)
    lines = answer.text.splitlines()
    assert lines[0].startswith('"week","channel","spend","conversions","maturity","too_early"')
    assert lines[-1].startswith('"(unattributed)","",0,0,')
