"""Segment's e-commerce and B2B vocabulary: orders, refunds, leads, and what is merely tracked."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender
from service.ledger.append import Batch
from service.ledger.keys import Caller
from tests.collect.sending import call, send

READER = IdentifierReader(b"a secret of the tests", None)
ORDER = {"order_id": "o1", "revenue": 99.5, "currency": "USD"}


def sender(*scopes: str) -> Sender:
    caller = Caller(1, 1, "shop", frozenset(scopes or ("collect", "facts")))
    return Sender(caller, datetime(2026, 3, 1, 12, tzinfo=UTC), READER)


def track(
    event: str, properties: dict[str, Any] | None = None, who: Sender | None = None, **rest: Any
) -> Batch:
    message = {"userId": "u1", "messageId": "m1", "event": event, "properties": properties, **rest}
    return send("segment", call("/v1/track", message), who or sender())


def order(event: str, properties: dict[str, Any], who: Sender | None = None) -> dict[str, Any]:
    batch = track(event, properties, who)
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    assert batch.facts[0].type == "order"
    part: dict[str, Any] = json.loads(batch.facts[0].payload)["order"]
    return part


def refusal(
    event: str, properties: dict[str, Any], who: Sender | None = None, **rest: Any
) -> tuple[str, str]:
    batch = track(event, properties, who, **rest)
    assert list(batch.facts) == []
    return batch.refused[0].code, batch.refused[0].field


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        pytest.param("Order Completed", {"total": 120, "value": 5}, 9950, id="revenue first"),
        pytest.param("Order Completed", {"revenue": None, "total": 120, "value": 5}, 12000, id="total"),
        pytest.param("Order Completed", {"revenue": None, "value": "5.10"}, 510, id="value"),
        pytest.param("Order Completed", {"revenue": 0.1 + 0.2}, 30, id="noise of floats"),
        pytest.param("Order Completed", {"revenue": 0, "total": 120}, 0, id="nothing"),
        pytest.param("order_completed", {}, 9950, id="snake case"),
        pytest.param("Order Refunded", {"total": 30}, 3000, id="refund, total first"),
        pytest.param("Order Refunded", {}, 9950, id="refund, revenue"),
        pytest.param("Order Refunded", {"revenue": None, "value": "-5"}, 500, id="refund with a minus"),
    ],
)  # fmt: skip
def test_amounts(event: str, properties: dict[str, Any], expected: int) -> None:
    found = order(event, {**ORDER, **properties})
    status = "refunded" if "efunded" in event else "completed"
    assert found == {"id": "o1", "status": status, "amount_minor": expected, "currency": "USD"}


@pytest.mark.parametrize("extra", [{}, {"products": [{"sku": "A", "price": 1}]}])
def test_a_refund_without_an_amount_is_of_all(extra: dict[str, Any]) -> None:
    found = order("Order Refunded", {"order_id": "o1", **extra})
    assert found == {"id": "o1", "status": "refunded"}


def test_a_refund_may_have_its_id() -> None:
    assert order("Order Refunded", {**ORDER, "refund_id": 7})["refund_id"] == "7"


@pytest.mark.parametrize("name", ["order_id", "orderId", "checkout_id", "checkoutId"])
def test_names_of_the_order_id(name: str) -> None:
    rest = {k: v for k, v in ORDER.items() if k != "order_id"}
    assert order("Order Completed", {**rest, name: 1001})["id"] == "1001"


def test_the_currency_may_be_in_small_letters() -> None:
    assert (
        order("Order Completed", {**ORDER, "currency": "jpy", "revenue": 99})["amount_minor"] == 99
    )


@pytest.mark.parametrize(
    ("properties", "code", "field"),
    [
        ({"order_id": None}, "missing_field", "order_id"),
        ({"order_id": 1.5}, "wrong_type", "order_id"),
        ({"order_id": "o" * 201}, "too_long", "order_id"),
        ({"currency": None}, "missing_currency", "currency"),
        ({"currency": "DOGE"}, "unknown_currency", "currency"),
        ({"currency": ["USD"]}, "unknown_currency", "currency"),
        ({"revenue": None}, "missing_field", "revenue"),
        ({"revenue": "many"}, "bad_amount", "revenue"),
        ({"revenue": True}, "bad_amount", "revenue"),
        ({"revenue": 1.005}, "too_many_decimals", "revenue"),
        ({"revenue": None, "total": "1.005"}, "too_many_decimals", "total"),
        ({"revenue": -1}, "out_of_range", "revenue"),
        ({"products": [{"sku": "A"}] * 501}, "too_many", "products"),
    ],
)
def test_bad_orders(properties: dict[str, Any], code: str, field: str) -> None:
    assert refusal("Order Completed", {**ORDER, **properties}) == (code, f"properties.{field}")


def test_an_order_is_no_touchpoint() -> None:
    context = {
        "page": {"url": "https://ex.com/?utm_source=google&gclid=x"},
        "campaign": {"source": "google"},
    }
    batch = track("Order Completed", ORDER, context=context, timestamp="2026-01-02T03:04:05Z")
    assert json.loads(batch.facts[0].payload) == {
        "claimed_at": "2026-01-02T03:04:05Z",
        "identifiers": ["user_id:u1"],
        "order": {"id": "o1", "status": "completed", "amount_minor": 9950, "currency": "USD"},
    }


def test_lines_are_price_times_quantity() -> None:
    products = [
        {"product_id": "p1", "sku": "A", "name": "Cap", "price": 19.99, "quantity": 3},
        {"product_id": 42, "price": "2.50"},
        {"productId": "C", "price": 0.1, "quantity": "0.5"},
        {"id": "D", "quantity": None},
    ]
    who = sender()
    found = order("Order Completed", {**ORDER, "products": products}, who)
    assert found["items"] == [
        {"sku": "A", "name": "Cap", "quantity": 3, "amount_minor": 5997},
        {"sku": "42", "quantity": 1, "amount_minor": 250},
        {"sku": "C", "quantity": 0.5, "amount_minor": 5},
        {"sku": "D", "quantity": 1},
    ]
    assert who.adjusted == []


@pytest.mark.parametrize(
    ("product", "field"),
    [
        ("A", ""),
        ({"name": "Cap"}, ".sku"),
        ({"sku": ["A"]}, ".sku"),
        ({"sku": "A", "price": 0.333, "quantity": 1}, ".price"),
        ({"sku": "A", "price": "many"}, ".price"),
        ({"sku": "A", "price": True}, ".price"),
        ({"sku": "A", "quantity": 0}, ".quantity"),
        ({"sku": "A", "quantity": 1e300}, ".quantity"),
        ({"sku": "A", "quantity": {}}, ".quantity"),
        ({"sku": "A", "name": "\0"}, ".name"),
    ],
)
def test_a_product_that_cannot_be_read_does_not_cost_the_order(product: Any, field: str) -> None:
    who = sender()
    found = order("Order Completed", {**ORDER, "products": [{"sku": "B"}, product]}, who)
    assert found["amount_minor"] == 9950
    assert [line["sku"] for line in found["items"]] == ["B"]
    (note,) = who.adjusted
    assert (note["index"], note["code"]) == (0, "product_left_out")
    assert note["field"] == f"properties.products.1{field}"


@given(
    st.decimals(0, 10**6, places=2, allow_nan=False), st.decimals(1, 1000, places=0), st.booleans()
)
def test_lines_are_exact(price: Decimal, quantity: Decimal, as_text: bool) -> None:
    given_price: str | float = str(price) if as_text else float(price)
    product = {"sku": "A", "price": given_price, "quantity": int(quantity)}
    (line,) = order("Order Completed", {**ORDER, "products": [product]})["items"]
    assert line["amount_minor"] == price * 100 * quantity


@pytest.mark.parametrize("event", ["Signed Up", "signed_up", "Account Created", "Trial Started"])
def test_leads(event: str) -> None:
    batch = track(event, {"plan": "pro"})
    assert batch.facts[0].type == "lead"
    name = event.replace("_", " ").title()
    found = json.loads(batch.facts[0].payload)
    assert found["lead"] == {"id": f"{name}:u1", "stage": "lead"}
    assert found["identifiers"] == ["user_id:u1"]


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ({"userId": None, "anonymousId": "a1"}, "a1"),
        ({"userId": "null", "anonymousId": "a1"}, "a1"),
        ({"userId": 42, "anonymousId": "a1"}, "42"),
    ],
)
def test_whose_the_lead_is(who: dict[str, Any], name: str) -> None:
    batch = track("Signed Up", {}, **who)
    assert json.loads(batch.facts[0].payload)["lead"]["id"] == f"Signed Up:{name}"


def test_a_lead_of_nobody_is_refused() -> None:
    assert refusal("Signed Up", {}, userId="null") == ("missing_identifiers", "userId")


def test_a_lead_named_after_an_email_address_does_not_tell_it() -> None:
    (fact,) = track("Signed Up", {}, userId="Ann@acme.com").facts
    assert "acme.com" not in fact.payload.lower()
    (same,) = track("Signed Up", {}, userId="ann@ACME.com").facts
    assert same.payload == fact.payload


@pytest.mark.parametrize("event", ["Order Completed", "order-refunded", "Signed Up"])
def test_a_public_key_moves_no_money_and_makes_no_leads(event: str) -> None:
    assert refusal(event, {}, sender("collect")) == ("scope_missing", "event")


def test_a_public_key_may_track() -> None:
    batch = track("Trial Ended", {"plan": "pro"}, sender("collect"))
    assert batch.facts[0].type == "track"
    found = json.loads(batch.facts[0].payload)
    assert found["track"] == {"name": "Trial Ended", "properties": {"plan": "pro"}}
    assert found["public"] is True


def test_tracked_properties_are_plain_values() -> None:
    properties = {
        "plan": "pro",
        "seats": 5,
        "list": [1],
        "deep": {"a": 1},
        "none": None,
        "nul": "a\0b",
        "long": "x" * 9000,
        "k" * 1001: 1,
    }
    (fact,) = track("Upgraded", properties).facts
    assert json.loads(fact.payload)["track"]["properties"] == {
        "plan": "pro",
        "seats": 5,
        "nul": "ab",
        "long": "x" * 8000,
    }
    (many,) = track("Upgraded", {f"p{n}": n for n in range(150)}).facts
    assert len(json.loads(many.payload)["track"]["properties"]) == 100


@pytest.mark.parametrize("event", [None, "", "  ", 7])
def test_a_track_needs_a_name(event: Any) -> None:
    assert refusal(event, {}) == ("missing_field", "event")


def test_a_name_is_not_too_long() -> None:
    assert refusal("e" * 201, {}) == ("too_long", "event")
