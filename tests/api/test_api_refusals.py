"""Bad values inside good bodies: each is refused by code, field and a sentence that helps; the rows
beside it are stored; what was refused rests in the quarantine."""

import json
from typing import Any

import pytest

from tests.api.harness import (
    Json,
    Service,
    by,
    deal,
    event,
    lead,
    order,
    page,
    touch,
    unique,
)

pytestmark = pytest.mark.anyio
AT = "2026-03-01T10:00:00Z"


def case(name: str, bad: Any, code: str, field: str, says: str = "") -> Any:
    return pytest.param(bad, code, field, says, id=name)


def click(**fields: Any) -> Json:
    return {**touch("a-1", AT, "google/cpc"), **fields}


MOMENTS = [
    case("naive", click(occurred_at="2026-03-01T10:00:00"), "naive_timestamp", "occurred_at", "Z"),
    case("day_only", click(occurred_at="2026-03-01"), "naive_timestamp", "occurred_at", "offset"),
    case("year_1", click(occurred_at="0001-01-01T00:00:00Z"), "occurred_too_early", "occurred_at"),
    case("before_all_time", click(occurred_at="0001-01-01T00:00:00+14:00"), "bad_timestamp", "occurred_at"),
    case("1989", click(occurred_at="1989-12-31T23:59:59Z"), "occurred_too_early", "occurred_at", "1990"),
    case("year_9999", click(occurred_at="9999-12-31T23:59:59Z"), "occurred_in_future", "occurred_at", "clock"),
    case("after_all_time", click(occurred_at="9999-12-31T23:59:59-14:00"), "bad_timestamp", "occurred_at"),
    case("two_days_ahead", click(occurred_at="2026-04-02T12:00:00Z"), "occurred_in_future", "occurred_at", "time zone"),
    case("23_hours_and_a_second", click(occurred_at="2026-04-01T11:00:01Z"), "occurred_in_future", "occurred_at"),
    case("thirteenth_month", click(occurred_at="2026-13-01T10:00:00Z"), "bad_timestamp", "occurred_at", "ISO 8601"),
    case("30_february", click(occurred_at="2026-02-30T10:00:00Z"), "bad_timestamp", "occurred_at"),
    case("words", click(occurred_at="yesterday"), "bad_timestamp", "occurred_at", "2026-03-01T10:00:00Z"),
    case("epoch", click(occurred_at=1772359200), "wrong_type", "occurred_at"),
    case("too_long_a_moment", click(occurred_at="2" * 65), "too_long", "occurred_at"),
    case("empty_moment", click(occurred_at=""), "bad_timestamp", "occurred_at"),
]  # fmt: skip

IDENTITIES = [
    case("no_id", {k: v for k, v in click().items() if k != "id"}, "missing_field", "id"),
    case("no_type", {k: v for k, v in click().items() if k != "type"}, "missing_field", "type"),
    case("no_moment", {k: v for k, v in click().items() if k != "occurred_at"}, "missing_field", "occurred_at"),
    case("empty_id", click(id=""), "empty", "id"),
    case("long_id", click(id="x" * 201), "too_long", "id"),
    case("unknown_type", click(type="visit"), "unknown_value", "type", "touch"),
    case("no_part", event("touch", AT, "a-1"), "missing_field", "touch"),
    case("another_part", click(order={"id": "O", "status": "refunded"}), "unknown_field", "order"),
    case("unknown_field", click(colour="red"), "unknown_field", "colour"),
    case("unknown_field_inside", touch("a-1", AT, colour="red"), "unknown_field", "touch.colour"),
    case("nobody", touch({}, AT, "google/cpc"), "missing_identifiers", "identifiers", "anonymous_id"),
    case("placeholders", touch({"user_id": "null", "email": "test@example.com", "anonymous_id": "undefined"}, AT),
         "missing_identifiers", "identifiers", "placeholders"),
    case("zeros", touch({"anonymous_id": "00000000-0000-0000-0000-000000000000"}, AT), "missing_identifiers", "identifiers"),
    case("bad_kind", touch({"E-Mail": "ann@example.com"}, AT), "bad_identifier", "identifiers", "lower-case"),
    case("control_character", touch({"user_id": "a\nb"}, AT), "bad_identifier", "identifiers.user_id", "U+000A"),
    case("long_identifier", touch({"user_id": "x" * 1001}, AT), "bad_identifier", "identifiers.user_id", "1000"),
    case("21_identifiers", touch({f"kind_{n}": "x" for n in range(21)}, AT), "too_many", "identifiers"),
    case("empty_account", {**event("group", AT, "a-1"), "account": {"name": "Acme"}}, "missing_field", "account.id", "domain"),
    case("half_an_address", page("a-1", AT, "/basket"), "bad_url", "page.url", "https://"),
    case("long_address", page("a-1", AT, "https://shop.example/" + "x" * 8000), "too_long", "page.url"),
    case("long_source", touch("a-1", AT, source="x" * 1001), "too_long", "touch.source"),
    case("unknown_kind", touch("a-1", AT, kind="tap"), "unknown_value", "touch.kind", "impression"),
]  # fmt: skip

MONEY = [
    case("unknown_currency", order("a-1", AT, currency="XXX"), "unknown_currency", "currency", "ISO 4217"),
    case("no_currency", order("a-1", AT, currency=None), "missing_currency", "order.currency", "ISO 4217"),
    case("no_amount", order("a-1", AT, amount=None), "missing_field", "order.amount"),
    case("deal_without_currency", deal("a-1", AT, "won", amount="1.00"), "missing_currency", "deal.currency"),
    case("three_decimals", order("a-1", AT, "1.005"), "too_many_decimals", "order.amount", "EUR has 2"),
    case("yen_with_decimals", order("a-1", AT, "100.5", "JPY"), "too_many_decimals", "order.amount"),
    case("noise_of_a_float", order("a-1", AT, 0.1 + 0.2), "too_many_decimals", "order.amount"),
    case("decimal_comma", order("a-1", AT, "12,50"), "bad_amount", "order.amount", "1200.00"),
    case("thousands", order("a-1", AT, "1,200.00"), "bad_amount", "order.amount"),
    case("exponent_as_text", order("a-1", AT, "1e3"), "bad_amount", "order.amount"),
    case("nan_as_text", order("a-1", AT, "NaN"), "bad_amount", "order.amount"),
    case("empty_amount", order("a-1", AT, ""), "bad_amount", "order.amount"),
    case("with_its_currency", order("a-1", AT, "80 EUR"), "bad_amount", "order.amount"),
    case("more_than_all_money", order("a-1", AT, "10000000000000.01"), "amount_out_of_range", "order.amount"),
    case("negative_order", order("a-1", AT, "-1.00"), "out_of_range", "order.amount", "refunded"),
    case("negative_quantity", order("a-1", AT, items=[{"sku": "A", "quantity": -1}]), "out_of_range", "order.items.0.quantity"),
    case("no_quantity", order("a-1", AT, items=[{"sku": "A"}, {"sku": "B", "quantity": 0}]), "out_of_range", "order.items.1.quantity"),
    case("bad_cost", order("a-1", AT, items=[{"sku": "A", "cost": "x"}]), "bad_amount", "order.items.0.cost"),
    case("no_sku", order("a-1", AT, items=[{"name": "A"}]), "missing_field", "order.items.0.sku"),
    case("501_items", order("a-1", AT, items=[{"sku": "A"}] * 501), "too_many", "order.items"),
    case("rating_of_6", event("review", AT, "a-1", review={"rating": 6}), "out_of_range", "review.rating"),
    case("unknown_stage", deal("a-1", AT, "closed"), "unknown_value", "deal.stage", "won"),
    case("unknown_lead_stage", lead("a-1", AT, stage="hot"), "unknown_value", "lead.stage", "mql"),
    case("nobody_to_unlink", event("unlink", AT, None, unlink={"left": {"email": "null"}, "right": {"user_id": "u"}}),
         "missing_identifiers", "unlink.left"),
]  # fmt: skip

NO_OBJECTS = [
    case(repr(value), value, "not_an_object", "", "JSON object")
    for value in (None, 1, 1.5, "text", True, [], [[]])
]


async def beside_good_ones(service: Service, raw: bytes, good: list[Json]) -> Json:
    """Post raw JSON that holds one bad item between two good ones."""
    response = await service.post(raw)
    receipt: Json = response.json()
    assert response.status_code == 202, response.text
    assert (receipt["accepted"], len(receipt["rejected"])) == (2, 1)
    again = (await service.post(good)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    refusal: Json = receipt["rejected"][0]
    assert refusal["index"] == 1
    return refusal


def two_good() -> list[Json]:
    return [touch(unique("visitor"), AT, "google/cpc") for _ in range(2)]


@pytest.mark.parametrize(
    ("bad", "code", "field", "says"), [*MOMENTS, *IDENTITIES, *MONEY, *NO_OBJECTS]
)
async def test_a_bad_value(service: Service, bad: Any, code: str, field: str, says: str) -> None:
    good = two_good()
    raw = json.dumps([good[0], bad, good[1]]).encode()
    refusal = await beside_good_ones(service, raw, good)
    assert (refusal["code"], refusal["field"]) == (code, field)
    assert says in refusal["detail"]
    (kept,) = (await service.ask("/v1/quarantine", limit=1))["items"]
    assert (kept["source"], kept["code"], kept["field"]) == ("website", code, field)
    assert kept["detail"] == refusal["detail"]
    assert json.loads(kept["raw"]) == bad


# What JSON itself has no place for; written out by hand.
NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "-" + "9" * 400]


@pytest.mark.parametrize("number", [pytest.param(n, id=n[:9]) for n in NUMBERS])
@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("order.amount", "wrong_type"),
        ("order.items.0.quantity", "wrong_type"),
        ("segment.size", "wrong_type"),
        ("id", "wrong_type"),
        ("occurred_at", "wrong_type"),
        ("identifiers.user_id", "bad_identifier"),
        ("colour", "unknown_field"),
    ],
)
async def test_a_number_that_is_none(service: Service, number: str, field: str, code: str) -> None:
    bad = order({"user_id": "u-1"}, AT, items=[{"sku": "A", "quantity": 1}])
    spoilt: Any = bad
    *way, last = field.split(".")
    for step in way:
        spoilt = spoilt[int(step)] if step.isdigit() else spoilt.setdefault(step, {})
    spoilt[last] = "@"
    good = two_good()
    raw = json.dumps([good[0], bad, good[1]]).replace('"@"', number).encode()
    refusal = await beside_good_ones(service, raw, good)
    assert (refusal["code"], refusal["field"]) == (code, field)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param("\\ud800", {"invalid_text"}, id="half_a_surrogate_pair"),
        pytest.param("\\udc00\\ud800", {"invalid_text"}, id="a_pair_the_wrong_way_round"),
        pytest.param("a\\u0000b", {"nul_character"}, id="nul"),
    ],
)
@pytest.mark.parametrize(
    "field",
    ["id", "touch.source", "touch.url", "segment.industry", "account.name", "identifiers.user_id"],
)
async def test_a_character_that_is_none(
    service: Service, field: str, text: str, codes: set[str]
) -> None:
    bad = touch("a-1", AT, "google/cpc")
    part, _, last = field.rpartition(".")
    (bad.setdefault(part, {}) if part else bad)[last] = "@"
    good = two_good()
    raw = json.dumps([good[0], bad, good[1]]).replace("@", text).encode()
    refusal = await beside_good_ones(service, raw, good)
    assert refusal["field"] == field
    assert refusal["code"] in codes | {"bad_identifier"}
    kept = (await service.ask("/v1/quarantine", limit=1))["items"][0]
    assert kept["field"] == field


@pytest.mark.parametrize("depth", [10, 400, 900, 960, 1000, 1015])
@pytest.mark.parametrize("field", ["id", "touch", "segment", "identifiers", "colour"])
async def test_deep_nesting(service: Service, field: str, depth: int) -> None:
    bad = {**touch("a-1", AT, "google/cpc"), field: "@"}
    good = two_good()
    nested = "[" * depth + "]" * depth
    raw = json.dumps([good[0], bad, good[1]]).replace('"@"', nested).encode()
    refusal = await beside_good_ones(service, raw, good)
    assert refusal["field"] == field


async def test_an_event_that_is_too_large(service: Service) -> None:
    good = two_good()
    large = touch("a-1", AT, "google/cpc")
    large["segment"] = {f"word_{n}": "x" * 8_000 for n in range(5)}
    refusal = await beside_good_ones(service, json.dumps([good[0], large, good[1]]).encode(), good)
    assert (refusal["code"], refusal["field"]) == ("too_large", "")
    assert "32768" in refusal["detail"]


async def test_two_hours_ahead_is_taken_and_said(service: Service) -> None:
    # An hour is a clock's business; up to 23 the moment of arrival stands for it.
    close, ahead = (
        click(occurred_at="2026-03-31T13:00:00Z"),
        click(occurred_at="2026-03-31T14:00:00Z"),
    )
    receipt = await service.tell(close, ahead)
    (said,) = receipt["adjusted"]
    assert (said["index"], said["code"], said["field"]) == (1, "clock_ahead", "occurred_at")
    assert "2026-03-31T14:00:00Z" in said["detail"]
    again = (await service.post([ahead])).json()
    assert again["duplicates"] == 1


async def test_one_id_twice_in_a_body(service: Service) -> None:
    first = touch("a-1", AT, "google/cpc")
    other = {**first, "touch": {"source": "bing", "medium": "cpc"}}
    receipt = (await service.post([first, first, other])).json()
    assert (receipt["accepted"], receipt["duplicates"]) == (1, 1)
    (refusal,) = receipt["rejected"]
    assert (refusal["index"], refusal["code"], refusal["field"]) == (2, "conflict", "id")


async def test_broken_lines_between_good_ones(service: Service) -> None:
    good = [touch(unique("visitor"), AT, "google/cpc") for _ in range(4)]
    lines = [json.dumps(g).encode() for g in good]
    body = b"\r\n".join(
        [
            lines[0],
            b'{"id": "1", "type"',
            lines[1],
            b"",
            b'{"id": "\xff"}',
            lines[2],
            b"[]",
            lines[3],
        ]
    )
    receipt = (await service.post(body, content_type="application/x-ndjson")).json()
    assert receipt["accepted"] == 4
    assert [(r["index"], r["code"]) for r in receipt["rejected"]] == [
        (1, "malformed_json"),
        (3, "not_utf8"),
        (5, "not_an_object"),
    ]
    assert (await service.post(good)).json()["duplicates"] == 4


async def test_all_bad_is_422_and_nothing_is_stored(service: Service) -> None:
    response = await service.post([{}, 1])
    assert response.status_code == 422
    receipt = response.json()
    assert (receipt["accepted"], receipt["duplicates"]) == (0, 0)
    assert [r["index"] for r in receipt["rejected"]] == [0, 1]


async def test_the_good_rows_come_out_in_reports(fresh: Service) -> None:
    who = unique("visitor")
    body: list[Any] = [
        touch(who, AT, "google/cpc"),
        {"id": "x"},
        order(who, "2026-03-02T10:00:00Z", "80.00"),
        order(who, "2026-03-02T11:00:00Z", "80,00"),
        order(who, "2026-03-02T12:00:00Z", 99.5),
    ]
    response = await fresh.post(body)
    assert [r["index"] for r in response.json()["rejected"]] == [1, 3]
    answer = await fresh.ask("/v1/attribution")
    assert by(answer["rows"], "channel")["paid_search"]["value"] == 179.5
    assert answer["totals"] == {"conversions": 2, "value": 179.5}
    outcomes = by((await fresh.ask("/v1/sources"))["items"], "name")["website"]["outcomes"]
    assert outcomes == {"accepted": 3, "bad_amount": 1, "missing_field": 1}


@pytest.mark.parametrize(
    "path", ["/v1/people/p_1", "/v1/lift-tests", "/v1/models", "/v1/configuration", "/v1/sources"]
)
async def test_what_knows_no_earlier_moment_says_so(service: Service, path: str) -> None:
    answer = await service.get(path, as_of=1)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter")
    assert answer.json()["field"] == "as_of"
