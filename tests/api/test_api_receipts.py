"""What a sender is told: receipts, duplicates, conflicts, watermarks; on both databases."""

import json
import re
from typing import Any

import pytest

from tests.api.harness import Json, Service, by, order, touch, unique
from tests.api.whole_events import RATE, SPEND

pytestmark = pytest.mark.anyio
AT = "2026-03-01T10:00:00Z"


async def outcomes(service: Service, source: str = "website") -> dict[str, int]:
    found: dict[str, int] = by((await service.ask("/v1/sources"))["items"], "name")[source][
        "outcomes"
    ]
    return found


async def metrics(service: Service) -> dict[str, float]:
    """Every line of the metrics, with its labels, and its number."""
    text = (await service.client.get("/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _, number in lines}


async def test_the_receipts_of_a_batch_sent_twice(either: Service) -> None:
    batch = [touch("a-1", AT, "google/cpc"), order("a-1", "2026-03-02T10:00:00Z")]
    first = await either.post(batch)
    assert first.status_code == 202
    assert first.json() == {"accepted": 2, "duplicates": 0, "rejected": [], "watermark": 2}
    again = await either.post(batch)
    assert again.status_code == 200
    assert again.json() == {"accepted": 0, "duplicates": 2, "rejected": [], "watermark": 2}
    more = await either.post([*batch, touch("a-1", AT, "bing/cpc")])
    assert more.status_code == 202
    assert (more.json()["accepted"], more.json()["duplicates"]) == (1, 2)
    assert await outcomes(either) == {"accepted": 3, "duplicate": 4}
    answer = await either.ask("/v1/attribution")
    assert answer["totals"] == {"conversions": 1, "value": 100}
    assert answer["meta"]["watermark"] == more.json()["watermark"]


async def test_a_conflict_is_kept_and_counted(either: Service) -> None:
    first = order("a-1", AT, "80.00")
    other = {**first, "order": {**first["order"], "amount": "800.00"}}
    later = {**first, "occurred_at": "2026-03-01T10:00:01Z"}
    await either.tell(touch("a-1", "2026-02-28T10:00:00Z", "google/cpc"), first)
    response = await either.post([other, later])
    assert response.status_code == 422
    for index, refusal in enumerate(response.json()["rejected"]):
        assert (refusal["index"], refusal["code"], refusal["field"]) == (index, "conflict", "id")
        assert first["id"] in refusal["detail"]
        assert "new id" in refusal["detail"]
    assert (await either.ask("/v1/attribution"))["totals"]["value"] == 80
    kept = (await either.ask("/v1/quarantine", code="conflict", source="website"))["items"]
    assert [item["fact_id"] for item in kept] == [first["id"]] * 2
    assert {json.loads(item["raw"])["order"]["amount_minor"] for item in kept} == {80_000, 8_000}
    assert await outcomes(either) == {"accepted": 2, "conflict": 2}
    counted = await metrics(either)
    assert counted['throughline_items_total{outcome="conflict",source="website"}'] == 2
    assert counted['throughline_items_total{outcome="accepted",source="website"}'] == 2


async def test_one_id_of_two_sources_is_two_facts(either: Service) -> None:
    event = touch("a-1", AT, "google/cpc")
    for key in ("collect", "facts"):
        receipt = (await either.post([event], key=key)).json()
        assert (receipt["accepted"], receipt["rejected"]) == (1, [])
    assert await outcomes(either, "collect") == await outcomes(either, "facts") == {"accepted": 1}


async def test_spend_is_restated_and_rates_too(either: Service) -> None:
    line, rate = {**SPEND, "stated_at": None}, {**RATE, "date": "2026-02-28"}
    for path, item, change in (
        ("/v1/spend", line, {"amount": "25.00"}),
        ("/v1/rates", rate, {"rate": "0.9"}),
    ):
        assert (await either.post(item, path)).json()["accepted"] == 1
        same = await either.post([item, item], path)
        assert (same.status_code, same.json()["duplicates"]) == (200, 2)
        assert (await either.post({**item, **change}, path)).json()["accepted"] == 1
    (shown,) = (await either.ask("/v1/spend"))["items"]
    assert (shown["amount"], shown["statements"]) == (25, 2)


@pytest.mark.parametrize(("path", "item", "change"), [
    ("/v1/spend", {**SPEND, "stated_at": None}, {"amount": "25.00"}),
    ("/v1/rates", RATE, {"rate": "0.9"}),
])  # fmt: skip
async def test_two_statements_in_one_request(
    service: Service, path: str, item: Json, change: Json
) -> None:
    # Which of them holds cannot be known; the second of two rates was taken at random.
    response = await service.post([item, {**item, **change}], path)
    (refusal,) = response.json()["rejected"]
    assert (refusal["index"], refusal["code"]) == (1, "duplicate_line")


async def test_hostile_text_in_the_quarantine(either: Service) -> None:
    # PostgreSQL takes neither NUL nor lone surrogates, and the refusal must be kept all the same.
    body = (
        b'[{"id": "a\\u0000b", "type": "x\\ud800", "\\u0000": 1}, "\\udfff", {"id": "\\u202e"},'
        b'{"id": "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", "type": "page"}, '
        + b"[" * 500
        + b"]" * 500
        + b"]"
    )
    response = await either.post(body)
    assert response.status_code == 422
    assert len(response.json()["rejected"]) == 5
    kept = (await either.ask("/v1/quarantine"))["items"]
    assert len(kept) == 5
    assert kept[1]["fact_id"] == "👩\u200d🚀"
    assert (await either.ask("/v1/quarantine", source="\0"))["items"] == []
    assert (await either.ask("/v1/quarantine", code="a\0b"))["items"] == []


async def test_the_quarantine_is_paged(either: Service) -> None:
    await either.post([{"id": f"bad-{n}"} for n in range(5)])
    seen: list[str] = []
    cursor: Any = ""
    while cursor is not None:
        page = await either.ask("/v1/quarantine", limit=2, cursor=cursor)
        seen += [item["fact_id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [f"bad-{n}" for n in (4, 3, 2, 1, 0)]


async def test_an_empty_array_is_nothing(service: Service) -> None:
    response = await service.post([])
    assert response.status_code == 200
    assert (response.json()["accepted"], response.json()["rejected"]) == (0, [])


async def test_answers_include_what_the_receipt_says(service: Service) -> None:
    who = unique("visitor")
    for count in range(1, 6):
        receipt = await service.tell(order(who, "2010-03-01T10:00:00Z"))
        year = {"from_": "2010-01-01", "to": "2011-01-01"}
        answer = await service.ask("/v1/attribution", **year)
        assert answer["totals"]["conversions"] == count
        assert answer["meta"]["watermark"] >= receipt["watermark"]


async def test_a_watermark_from_nowhere(service: Service) -> None:
    for value, code in (
        (2**40, "unknown_watermark"),
        ("x", "out_of_range"),
        ("-1", "out_of_range"),
        ("9" * 30, "out_of_range"),
        ("", "out_of_range"),
    ):
        response = await service.get("/v1/attribution", min_watermark=value)
        assert response.status_code == 422
        assert (response.json()["code"], response.json()["field"]) == (code, "min_watermark")


async def test_as_of_gives_what_would_have_been_said(fresh: Service) -> None:
    who = "a-1"
    receipts = [
        await fresh.tell(touch(who, AT, "google/cpc")),
        await fresh.tell(order(who, "2026-03-02T10:00:00Z", "80.00")),
        await fresh.tell(order(who, "2026-03-03T10:00:00Z", "20.00")),
    ]
    values = []
    for receipt in receipts:
        answer = await fresh.ask("/v1/attribution", as_of=receipt["watermark"])
        assert answer["meta"]["watermark"] == receipt["watermark"]
        values.append(answer["totals"]["value"])
    assert values == [0, 80, 100]
    before = await fresh.ask("/v1/attribution", as_of="2026-03-31T11:59:59Z")
    assert before["totals"]["conversions"] == 0


async def test_identity_of_what_came_and_what_became_of_it(service: Service) -> None:
    # received = accepted + duplicates + every kind of refusal, by source and for ever.
    before = sum((await outcomes(service)).values())
    good = touch(unique("visitor"), AT)
    await service.post([good, good, {"id": "x"}, 7, {**good, "type": "page"}])
    assert sum((await outcomes(service)).values()) == before + 5
    total = re.compile(r'throughline_items_total\{outcome="[^"]+",source="website"\}')
    counted = await metrics(service)
    assert sum(v for name, v in counted.items() if total.fullmatch(name)) == before + 5
