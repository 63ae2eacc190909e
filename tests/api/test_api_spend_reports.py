"""Ad platforms' own reports over HTTP: what they become, what is said of them, what is refused."""

from collections.abc import Mapping

import pytest

from tests.api.harness import Service
from tests.collect.platform_reports import DIRECT, GOOGLE, STREAM

pytestmark = pytest.mark.anyio


async def spend_of(service: Service, days: tuple[str, str], key: str = "campaign_id") -> Mapping:
    answer = await service.ask("/v1/spend", from_=days[0], to=days[1])
    return {item[key]: item for item in answer["items"]}


async def test_a_csv_report_is_known_by_its_header(fresh: Service) -> None:
    response = await fresh.post(GOOGLE.encode(), "/v1/spend", content_type="text/csv")
    assert response.status_code == 202
    assert response.json()["accepted"] == 2
    kept = await spend_of(fresh, ("2026-03-01", "2026-03-03"))
    assert (kept["42"]["amount"], kept["42"]["account"]) == (1234.56, "1234567890")
    assert kept["42"]["channel"] == "paid_search"


async def test_the_same_day_out_of_the_api_restates_the_export(fresh: Service) -> None:
    await fresh.post(GOOGLE.encode(), "/v1/spend")
    response = await fresh.post(STREAM, "/v1/spend")
    assert response.json()["accepted"] == 2
    kept = await spend_of(fresh, ("2026-03-01", "2026-03-02"))
    assert (kept["42"]["amount"], kept["42"]["statements"]) == (1234.57, 2)


async def test_what_a_report_does_not_say_stands_in_the_address(fresh: Service) -> None:
    path = "/v1/spend?currency=RUB&vat=included&vat_rate=20&account=acme"
    response = await fresh.post(DIRECT.encode(), path)
    assert response.json()["accepted"] == 2
    kept = await spend_of(fresh, ("2026-03-01", "2026-03-02"))
    assert (kept["7"]["amount"], kept["7"]["currency"]) == (1028.80, "RUB")
    assert kept["7"]["account"] == "acme"
    plain = [{"date": "2026-03-01", "amount": 1, "campaign_id": "9", "currency": "EUR"}]
    response = await fresh.post(plain, "/v1/spend?source=x&currency=USD")
    assert response.json()["accepted"] == 1
    line = (await spend_of(fresh, ("2026-03-01", "2026-03-02")))["9"]
    assert (line["source"], line["currency"]) == ("x", "EUR"), "a line's own words go before"


async def test_two_accounts_bill_for_one_campaign_name(fresh: Service) -> None:
    for account, amount in (("1", "5.00"), ("2", "7.00"), (None, "1.00"), ("1", "6.00")):
        line = {"date": "2026-03-01", "source": "x", "campaign": "Brand", "currency": "EUR"}
        await fresh.tell({**line, "amount": amount, "account": account}, path="/v1/spend")
    kept = await spend_of(fresh, ("2026-03-01", "2026-03-02"), "account")
    assert {k: v["amount"] for k, v in kept.items()} == {None: 1, "1": 6, "2": 7}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/spend", DIRECT, "unknown_columns"),
        ("/v1/spend?curency=RUB", DIRECT, "unknown_parameter"),
        ("/v1/spend?currency=RUB&vat=some", DIRECT, None),
    ],
)
async def test_what_is_missing_or_misspelt_is_said(
    fresh: Service, path: str, body: str, code: str | None
) -> None:
    response = await fresh.post(body.encode(), path)
    if code:
        assert response.json()["code"] == code
    else:
        assert response.status_code == 422
        assert [r["code"] for r in response.json()["rejected"]] == ["unknown_value"] * 2
