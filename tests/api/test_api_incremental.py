"""Incremental conversions and lift tests over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.harness import Service, by, deal, event, order, touch

pytestmark = pytest.mark.anyio
JANUARY = {"from_": "2026-01-01", "to": "2026-02-01", "half_life": "2d"}
TEST = {
    "id": "t-1",
    "channel": "paid_search",
    "from": "2026-01-01",
    "to": "2026-02-01",
    "incremental_conversions": 3,
    "standard_error": "0.0001",
    "method": "user_holdout",
}


def click(who: str, day: int, via: str = "google/cpc") -> Any:
    return touch(who, f"2026-01-{day:02}T09:00:00Z", via)


async def tell_a_month(service: Service) -> None:
    """Of forty who clicked an ad and of forty who opened a letter most did nothing; eight who
    clicked bought on the same day, two who had a letter bought weeks later, one came from nowhere."""
    facts = [click(f"a-{n}", 1 + n % 20) for n in range(40)]
    facts += [click(f"e-{n}", 1 + n % 5, "news/email") for n in range(40)]
    facts += [order(f"a-{n}", f"2026-01-{1 + n:02}T11:00:00Z") for n in range(8)]
    facts += [order(f"e-{n}", f"2026-01-{28 + n}T11:00:00Z") for n in range(2)]
    facts += [order("nobody", "2026-01-20T11:00:00Z", "50.00")]
    facts += [event("touch", "2026-02-20T09:00:00Z", "z", touch={"source": "later"})]
    await service.tell(*facts)
    spend = {"date": "2026-01-05", "source": "google", "medium": "cpc", "amount": "200.00",
             "currency": "EUR"}  # fmt: skip
    await service.tell(spend, path="/v1/spend")


async def test_what_a_channel_brought_and_what_would_have_come_anyway(fresh: Service) -> None:
    await tell_a_month(fresh)
    answer = await fresh.ask("/v1/incremental", **JANUARY)
    assert answer["totals"] == {"conversions": 11, "value": 1050, "spend": 200}
    rows = by(answer["rows"], "channel")
    ads, letters = rows["paid_search"], rows["email"]
    assert 7 < ads["incremental"]["conversions"] < 8
    assert letters["incremental"] == {
        "conversions": 0, "value": 0, "low": 0, "high": letters["incremental"]["high"], "roas": None,
    }  # fmt: skip
    assert 0 < letters["incremental"]["high"] < 3
    # Those of the letters come out of the base rate, and the stranger's is of no one.
    baseline = answer["baseline"]
    assert baseline["never_touched"] == {"conversions": 1, "value": 50}
    assert baseline["conversions"] == pytest.approx(11 - ads["incremental"]["conversions"])
    assert ads["incremental"]["roas"] == pytest.approx(ads["incremental"]["value"] / 200)
    assert (
        ads["incremental"]["low"] < ads["incremental"]["conversions"] < ads["incremental"]["high"]
    )
    # Attributed is another field: whoever clicked and bought is wholly the ad's.
    assert ads["attributed"] == {"conversions": 8, "value": 800}
    assert answer["unattributed"] == {"conversions": 3, "value": 250}
    assert ads["calibrated"] is None
    assert answer["fit"]["people"] == 80
    assert answer["meta"]["models"][0]["model"] == "incremental:half_life=2d"
    assert any("at random" in warning for warning in answer["warnings"])
    assert any("Only 10 conversions" in warning for warning in answer["warnings"])


async def test_a_sharp_test_overrules_and_a_withdrawn_one_is_forgotten(fresh: Service) -> None:
    await tell_a_month(fresh)
    before = await fresh.ask("/v1/incremental", **JANUARY)
    made = await fresh.post(TEST, "/v1/lift-tests", key="admin")
    assert made.status_code == 201, made.text
    assert made.json()["version"] == 1
    answer = await fresh.ask("/v1/incremental", **JANUARY)
    ads = by(answer["rows"], "channel")["paid_search"]
    assert ads["incremental"] == by(before["rows"], "channel")["paid_search"]["incremental"]
    assert ads["calibrated"]["conversions"] == pytest.approx(3, abs=1e-5)
    assert answer["baseline"]["calibrated"]["conversions"] == pytest.approx(8, abs=1e-5)
    (told,) = answer["lift_tests"]
    assert (told["used"], told["model"]) == (True, ads["incremental"]["conversions"])
    listed = await fresh.get("/v1/lift-tests", key="read")
    assert listed.json()["items"] == [made.json()]
    gone = await fresh.client.delete("/v1/lift-tests/t-1", headers=fresh.bearer("admin"))
    assert gone.status_code == 204
    assert await fresh.ask("/v1/incremental", **JANUARY) == before
    again = await fresh.client.delete("/v1/lift-tests/t-1", headers=fresh.bearer("admin"))
    assert (again.status_code, again.json()["code"]) == (404, "no_such_lift_test")


async def test_a_test_that_does_not_fit_is_said_so(fresh: Service) -> None:
    await tell_a_month(fresh)
    revenue = {**TEST, "incremental_conversions": None, "incremental_revenue": "400"}
    for test in (
        {**TEST, "id": "a", "conversion": "lead"},
        {**revenue, "id": "b", "currency": "USD"},
        {**TEST, "id": "c", "channel": "email"},
        {**revenue, "id": "d", "currency": "EUR"},
    ):
        made = await fresh.post(test, "/v1/lift-tests", key="admin")
        assert made.status_code == 201, made.text
    answer = await fresh.ask("/v1/incremental", **JANUARY)
    assert [(t["id"], t["used"]) for t in answer["lift_tests"]] == [
        ("a", False), ("b", False), ("c", False), ("d", True),
    ]  # fmt: skip
    assert all(t["reason"] for t in answer["lift_tests"][:3])
    assert [t["currency"] for t in answer["lift_tests"]] == [None, "USD", None, "EUR"]
    ads = by(answer["rows"], "channel")["paid_search"]
    assert ads["calibrated"]["value"] == pytest.approx(400, abs=0.02)


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"channel": ""}, 422, "empty", "channel"),
        ({"to": "2026-01-01"}, 422, "empty_period", "to"),
        ({"from": "0001-01-01"}, 422, "bad_date", "from"),
        ({"to": "9999-12-31"}, 422, "bad_date", "to"),
        ({"standard_error": 0}, 422, "out_of_range", "standard_error"),
        ({"standard_error": "NaN"}, 422, "out_of_range", "standard_error"),
        ({"incremental_conversions": None}, 422, "bad_lift_test", "incremental_conversions"),
        ({"incremental_revenue": 5}, 422, "bad_lift_test", "incremental_conversions"),
        ({"currency": "EUR"}, 422, "bad_lift_test", "currency"),
        ({"id": "a b"}, 422, "bad_code", "id"),
        ({"method": "guess"}, 422, "unknown_value", "method"),
        ({"power": 1}, 422, "unknown_field", "power"),
    ],
)
async def test_a_test_stated_wrongly(
    service: Service, change: Any, status: int, code: str, field: str
) -> None:
    answer = await service.post({**TEST, **change}, "/v1/lift-tests", key="admin")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["field"] == field


async def test_a_taken_id(fresh: Service) -> None:
    assert (await fresh.post(TEST, "/v1/lift-tests", key="admin")).status_code == 201
    taken = await fresh.post(TEST, "/v1/lift-tests", key="admin")
    assert (taken.status_code, taken.json()["code"]) == (409, "lift_test_exists")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"basis": "touch"}, "unknown_value"),
        ({"group_by": "channel,week"}, "unknown_group"),
        ({"half_life": "0d"}, "bad_parameter"),
        ({"fill": "0"}, "bad_parameter"),
        ({"fill": "101"}, "bad_parameter"),
        ({"filter_channel": "email"}, "unknown_filter"),
    ],
)
async def test_a_question_that_one_fit_cannot_answer(
    service: Service, query: Any, code: str
) -> None:
    answer = await service.get("/v1/incremental", **query)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_a_deal_of_a_company_is_that_of_its_people(fresh: Service) -> None:
    """The deal names no person; by account those of the company were touched before it."""
    await tell_a_month(fresh)
    acme = {"id": "acme"}
    told = deal(None, "2026-01-15T11:00:00Z", "won", amount="70.00", currency="EUR")
    await fresh.tell(
        event("group", "2026-01-02T11:00:00Z", "c-1", account=acme),
        click("c-1", 15),
        {**told, "account": acme},
    )
    answer = await fresh.ask("/v1/incremental", scope="account", **JANUARY)
    assert answer["fit"]["conversions_fitted"] == 11
    assert answer["baseline"]["never_touched"] == {"conversions": 1, "value": 50}
    answer = await fresh.ask("/v1/incremental", **JANUARY)
    assert answer["fit"]["conversions_fitted"] == 10
    assert answer["baseline"]["never_touched"] == {"conversions": 2, "value": 120}


async def test_an_empty_ledger_and_the_other_forms(fresh: Service) -> None:
    empty = await fresh.ask("/v1/incremental", **JANUARY)
    assert (empty["rows"], empty["totals"]["conversions"]) == ([], 0)
    await tell_a_month(fresh)
    for scope in ("person", "account"):
        answer = await fresh.ask("/v1/incremental", scope=scope, **JANUARY)
        assert answer["totals"]["conversions"] == 11
    table = await fresh.get("/v1/incremental.csv", **JANUARY)
    assert table.status_code == 200
    assert table.text.splitlines()[-1].startswith('"(baseline)"')
    assert (await fresh.get("/v1/incremental.parquet", **JANUARY)).status_code == 200


async def test_a_watermark_knows_the_tests_of_the_time_when_the_ledger_ended_there(
    fresh: Service,
) -> None:
    """As every other setting: of the newest watermark that is now, of the one before the moment
    before the next fact."""
    await tell_a_month(fresh)
    before = fresh.watermark
    fresh.clock.now += timedelta(hours=1)
    await fresh.post(TEST, "/v1/lift-tests", key="admin")
    now = await fresh.ask("/v1/incremental", **JANUARY)
    assert [test["id"] for test in now["lift_tests"]] == ["t-1"]
    assert await fresh.ask("/v1/incremental", as_of=before, **JANUARY) == now
    fresh.clock.now += timedelta(hours=1)
    await fresh.tell(click("later", 9))
    fresh.clock.now += timedelta(hours=1)
    await fresh.post({**TEST, "id": "t-2"}, "/v1/lift-tests", key="admin")
    for earlier in (before, fresh.clock.now.replace(hour=13).isoformat()):
        answer = await fresh.ask("/v1/incremental", as_of=earlier, **JANUARY)
        assert [test["id"] for test in answer["lift_tests"]] == ["t-1"]
    answer = await fresh.ask("/v1/incremental", as_of=fresh.watermark, **JANUARY)
    assert [test["id"] for test in answer["lift_tests"]] == ["t-1", "t-2"]
    nothing = await fresh.ask("/v1/incremental", as_of=0, **JANUARY)
    assert nothing["lift_tests"] == []


async def test_a_test_of_all_time(fresh: Service) -> None:
    await tell_a_month(fresh)
    ever = {**TEST, "from": "0001-01-01", "to": "9999-12-31"}
    made = await fresh.post(ever, "/v1/lift-tests", key="admin")
    assert (made.status_code, made.json()["field"]) == (422, "from")
    made = await fresh.post({**ever, "from": "2026-01-01"}, "/v1/lift-tests", key="admin")
    assert (made.status_code, made.json()["field"]) == (422, "to")
    long = {**ever, "from": "1990-01-01", "to": "2200-01-01"}
    assert (await fresh.post(long, "/v1/lift-tests", key="admin")).status_code == 201
    await fresh.ask("/v1/incremental", **JANUARY)


async def test_a_lift_test_is_of_whole_days_whatever_the_report_shows_of_them(
    fresh: Service,
) -> None:
    await tell_a_month(fresh)
    assert (await fresh.post(TEST, "/v1/lift-tests", key="admin")).status_code == 201
    asked = {"from_": "2026-01-01", "to": "2026-02-01", "model": "incremental:half_life=2d"}
    factors = []
    for more in ({}, {"filter_source": "google"}, {"basis": "touch"}):
        (brought,) = (await fresh.ask("/v1/attribution", **asked, **more))["incremental"]
        ads = by(brought["rows"], "channel")["paid_search"]
        factors.append(ads["calibrated"]["factor"])
    assert factors == [factors[0]] * 3
    assert factors[0] < 0.5


async def test_nobody_is_at_risk_in_a_future_that_is_not_known(fresh: Service) -> None:
    await tell_a_month(fresh)
    fits = [
        (await fresh.ask("/v1/incremental", **{**JANUARY, "to": to}))["fit"]
        for to in ("2026-02-21", "2026-12-01")
    ]
    assert fits[0] == fits[1]
