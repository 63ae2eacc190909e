"""Conversions back to the platforms: what each is told, once, and again when it changes."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Json, Service, deal, event, order, page, running, touch

pytestmark = pytest.mark.anyio
SITE = "https://shop.example/"
ZONE = "Parameters:TimeZone=+0000"
GOOGLE = {
    "name": "google",
    "platform": "google_ads",
    "conversion_name": "Deal won",
    "model": "linear",
}


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that keeps hashes of those who agreed."""
    async with running(tmp_path, advertising_hashes=True) as own:
        yield own


async def make(service: Service, **fields: Any) -> Json:
    answer = await service.post({**GOOGLE, **fields}, "/v1/exports")
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def lines(service: Service, name: str = "google", file: str = "conversions") -> list[str]:
    await service.ask("/v1/roi")  # the mart has come so far
    answer = await service.get(f"/v1/exports/{name}/files/{file}")
    assert answer.status_code == 200, answer.text
    return answer.text.splitlines()


async def states(service: Service, name: str = "google") -> list[tuple[str, str]]:
    rows = (await service.get(f"/v1/exports/{name}/outbox")).json()["items"]
    return [(row["action"], row["state"]) for row in reversed(rows)]


async def two_clicks_and_a_deal(service: Service) -> None:
    await service.tell(
        page("g1", "2026-03-10T10:00:00Z", f"{SITE}?gclid=first"),
        page("g1", "2026-03-12T10:00:00Z", f"{SITE}?utm_source=news&utm_medium=email"),
        page("g1", "2026-03-14T10:00:00Z", f"{SITE}?gclid=second+x"),
        page("g1", "2026-03-16T10:00:00Z", f"{SITE}?msclkid=m1"),
        deal("g1", "2026-03-20T09:30:00Z", "won", id="D1", amount="1000.00", currency="EUR"),
    )


async def test_google_is_told_each_click_its_share(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told)
    zone, head, first, second = await lines(told)
    assert zone == ZONE
    assert head.startswith("Google Click ID,GBRAID,WBRAID,")
    orders = [line.rpartition(",")[2] for line in (first, second)]
    assert len(set(orders)) == 2
    assert all(o.startswith("won:deal:D1:") for o in orders)
    shares = {line.rpartition(",")[0] for line in (first, second)}
    told_of = ",,,,,Deal won,2026-03-20 09:30:00+00:00,linear,0.25,1000.00,EUR"
    assert shares == {f"first{told_of}", f"second+x{told_of}"}


async def test_visits_without_a_campaign_are_no_clicks(told: Service) -> None:
    await told.tell(
        page("g2", "2026-03-09T10:00:00Z", SITE),
        page("g2", "2026-03-10T10:00:00Z", SITE, referrer="https://www.google.com/"),
    )
    await two_clicks_and_a_deal(told)
    await make(told)
    assert len(await lines(told)) == 4


async def test_a_model_without_credit_for_the_click_says_nothing(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told, model="last_touch")
    assert len(await lines(told)) == 2
    await make(told, name="bing", platform="microsoft", model="last_touch")
    (_, _, row) = await lines(told, "bing")
    assert row.startswith("m1,Deal won,2026-03-20T09:30:00Z,1000.00,EUR,1,last_touch,")


async def test_nothing_is_sent_twice(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told)
    first = await lines(told)
    assert await states(told) == [("report", "sent")] * 2
    assert await lines(told) == first
    answer = await told.post({"answer": "import 1"}, "/v1/exports/google/confirm")
    assert answer.json() == {"rows": 2}
    assert len(await lines(told)) == 2
    assert await states(told) == [("report", "accepted")] * 2


async def test_what_is_not_contradicted_counts_as_taken(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told, confirm_hours=1)
    assert len(await lines(told)) == 4
    told.clock.now = told.clock.now.replace(hour=13)
    assert len(await lines(told)) == 2


async def test_a_changed_amount_is_restated_and_a_lost_deal_retracted(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told)
    await lines(told)
    await told.post({}, "/v1/exports/google/confirm")
    await told.tell(
        deal("g1", "2026-03-25T09:00:00Z", "won", id="D1", amount="800.00", currency="EUR")
    )
    zone, head, *rows = await lines(told, file="adjustments")
    assert (zone, head.split(",")[0]) == (ZONE, "Order ID")
    assert [row.split(",")[1:] for row in rows] == [
        ["Deal won", "2026-03-31 12:00:00+00:00", "RESTATE", "800.00", "EUR"]
    ] * 2
    assert await states(told) == [("report", "restated")] * 2 + [("restate", "sent")] * 2
    await told.tell(deal("g1", "2026-03-26T09:00:00Z", "lost", id="D1"))
    rows = (await lines(told, file="adjustments"))[2:]
    assert [row.split(",")[3:] for row in rows] == [["RETRACT", "", ""]] * 2
    assert (await states(told))[-2:] == [("retract", "sent")] * 2
    assert len(await lines(told)) == 2, "nothing to report"


async def test_a_change_before_it_was_given_out_is_just_the_report(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told, model="last_touch", name="bing", platform="microsoft")
    await told.ask("/v1/roi")
    await told.post({}, "/v1/exports/bing/push")
    assert await states(told, "bing") == [("report", "new")]
    await told.tell(
        deal("g1", "2026-03-25T09:00:00Z", "won", id="D1", amount="800.00", currency="EUR")
    )
    assert ",800.00," in (await lines(told, "bing"))[2]
    assert await states(told, "bing") == [("report", "withdrawn"), ("report", "sent")]


async def test_a_won_deal_that_was_lost_before_it_was_given_out(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    await make(told, model="last_touch", name="bing", platform="microsoft")
    await told.ask("/v1/roi")
    await told.post({}, "/v1/exports/bing/push")
    await told.tell(deal("g1", "2026-03-25T09:00:00Z", "lost", id="D1"))
    assert len(await lines(told, "bing")) == 2
    assert await states(told, "bing") == [("report", "withdrawn")]
    await told.tell(
        deal("g1", "2026-03-26T09:00:00Z", "won", id="D1", amount="900.00", currency="EUR")
    )
    assert ",900.00," in (await lines(told, "bing"))[2]
    assert await states(told, "bing") == [("report", "withdrawn"), ("report", "sent")]


async def test_a_platform_without_corrections_is_told_once(told: Service) -> None:
    await told.tell(
        page("y1", "2026-03-28T10:00:00Z", f"{SITE}?yclid=77"),
        order("y1", "2026-03-30T10:00:00Z", "59.90", id="OY"),
    )
    await make(told, name="metrica", platform="yandex_metrica", conversion_name="sale")
    head, row = await lines(told, "metrica")
    assert head == "ClientId,UserId,Yclid,Target,DateTime,Price,Currency"
    assert row == ",,77,sale,1774864800,59.90,EUR"
    await told.tell(
        event("order", "2026-03-31T09:00:00Z", "y1", order={"id": "OY", "status": "refunded"})
    )
    await lines(told, "metrica")
    assert await states(told, "metrica") == [("report", "restated"), ("restate", "unsupported")]
    assert len(await lines(told, "metrica")) == 1


async def test_only_those_who_agreed_are_matched_by_hash(told: Service) -> None:
    agreed = {"consent": "granted"}
    await told.tell(
        event("identify", "2026-03-28T10:00:00Z",
              {"anonymous_id": "h1", "email": " John.Smith@GMail.com", "phone": "+1 650 555 0123"}, context=agreed),
        event("identify", "2026-03-28T10:00:00Z", {"anonymous_id": "h2", "email": "ann@acme.example"}),
        order("h1", "2026-03-30T10:00:00Z", "10.00", id="OH1"),
        order("h2", "2026-03-30T10:00:00Z", "20.00", id="OH2"),
    )  # fmt: skip
    await make(told, conversion_name="Sale")
    (row,) = (await lines(told))[2:]
    cells = row.split(",")
    assert cells[3].startswith("3586de92"), "Google takes the points out"
    assert cells[4] == sha256(b"+16505550123").hexdigest()
    await make(told, name="linkedin", platform="linkedin", conversion_name="99")
    body = (await told.get("/v1/exports/linkedin/files/conversions")).json()
    assert [e["eventId"] for e in body["elements"]] == ["won:order:OH1"]
    (known,) = body["elements"][0]["user"]["userIds"]
    assert known["idType"] == "SHA256_EMAIL"
    assert known["idValue"].startswith("d0c648bc"), "the others leave them"


async def test_the_pull_address_opens_its_file_and_nothing_else(told: Service) -> None:
    await two_clicks_and_a_deal(told)
    made = await make(told)
    path = "/v1/exports/pull/" + made["address"].rpartition("/")[2]
    await told.ask("/v1/roi")
    pulled = await told.client.get(path)
    assert pulled.status_code == 200
    assert pulled.text.count("won:deal:D1") == 2
    assert 'filename="google-conversions.csv"' in pulled.headers["content-disposition"]
    adjustments = await told.client.get(path, params={"file": "adjustments"})
    assert adjustments.text.startswith(ZONE)
    key = {"authorization": f"Bearer {path.rpartition('/')[2]}"}
    for other in ("/v1/roi", "/v1/exports", "/v1/exports/google/files/conversions", "/v1/keys"):
        assert (await told.client.get(other, headers=key)).status_code == 403
    assert (await told.client.get("/v1/exports/pull/ek_unknown")).status_code == 401
    wrong = told.keys["everything"]
    assert (await told.client.get(f"/v1/exports/pull/{wrong}")).status_code == 403


async def test_destinations_are_listed_without_secrets_changed_and_ended(told: Service) -> None:
    await make(told, name="meta", platform="meta", account="123", access_token="EAAB-secret")
    listed = await told.get("/v1/exports")
    assert "EAAB-secret" not in listed.text
    assert listed.json()["items"][0]["access_token"] == "hidden"
    await make(told, name="meta", platform="meta", account="456", access_token="hidden")
    assert (await told.get("/v1/exports")).json()["items"][0]["account"] == "456"
    ended = await told.client.delete("/v1/exports/meta", headers=told.bearer("admin"))
    assert ended.status_code == 204
    assert (await told.get("/v1/exports")).json()["items"] == []
    assert (await told.get("/v1/exports/meta/outbox")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"platform": "myspace"}, "platform", id="platform"),
        pytest.param({"model": "magic"}, "model", id="model"),
        pytest.param({"model": "linear,last_touch"}, "model", id="two models"),
        pytest.param({"conversion": "repeat"}, "conversion", id="stage"),
        pytest.param({"currency": "EURO"}, "currency", id="currency"),
        pytest.param({"lookback": "90"}, "lookback", id="lookback"),
        pytest.param({"name": "../etc"}, "name", id="name"),
        pytest.param({"conversion_name": ""}, "conversion_name", id="conversion name"),
        pytest.param({"shoe": 1}, "shoe", id="unknown"),
    ],
)
async def test_what_makes_no_destination(service: Service, fields: Json, field: str) -> None:
    answer = await service.post({**GOOGLE, **fields}, "/v1/exports")
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


async def test_an_unknown_file_is_named(told: Service) -> None:
    await make(told)
    answer = await told.get("/v1/exports/google/files/tables")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_document")


async def test_the_share_that_google_is_told_is_that_of_the_report(either: Service) -> None:
    await two_clicks_and_a_deal(either)
    await either.tell(touch("g2", "2026-03-20T10:00:00Z", click_ids={"gclid": "third"}))
    await either.tell(order("g2", "2026-03-21T10:00:00Z", "33.33"))
    await make(either)
    rows = (await lines(either))[2:]
    told_of = sum(float(row.split(",")[8]) for row in rows)
    report = await either.ask("/v1/attribution", model="linear")
    shares = {row["channel"]: row["conversions"] for row in report["rows"]}
    assert told_of == shares["paid_search"] - 0.25, "the rest of paid search is Microsoft's click"
