"""The names of events that mean money or a stage, and those that mean neither."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger.append import Batch
from tests.collect.sending import call, send, sender

ORDER = {"order_id": "o1", "revenue": 99.5, "currency": "USD"}


def track(event: str, properties: dict[str, Any], scopes: tuple[str, ...] = ("facts",)) -> Batch:
    message = {"userId": "u1", "messageId": "m1", "event": event, "properties": properties}
    return send("segment", call("/v1/track", message), sender(scopes=scopes))


def told(event: str, properties: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The type of the fact and the part of it that is named so."""
    batch = track(event, properties)
    assert [(r.code, r.field, r.detail) for r in batch.refused] == []
    (fact,) = batch.facts
    return fact.type, json.loads(fact.payload)[fact.type]


@pytest.mark.parametrize(
    ("event", "kind", "state"),
    [
        ("Order Completed", "order", "completed"),
        ("Order Updated", "order", "updated"),
        ("Order Refunded", "order", "refunded"),
        ("Order Cancelled", "order", "refunded"),
        ("Order Canceled", "order", "refunded"),
        ("Signed Up", "lead", "lead"),
        ("Account Created", "lead", "lead"),
        ("Trial Started", "lead", "lead"),
        ("Lead Generated", "lead", "lead"),
        ("Lead Created", "lead", "lead"),
        ("Lead Submitted", "lead", "lead"),
        ("Lead Qualified", "lead", "mql"),
        ("Lead Disqualified", "lead", "rejected"),
        ("generate_lead", "lead", "lead"),
        ("qualify_lead", "lead", "mql"),
        ("working_lead", "lead", "sql"),
        ("disqualify_lead", "lead", "rejected"),
        ("close_convert_lead", "deal", "won"),
        ("close_unconvert_lead", "deal", "lost"),
    ],
)
def test_what_means_money_or_a_stage(event: str, kind: str, state: str) -> None:
    part = told(event, {**ORDER, "lead_id": "L1"})
    assert part[0] == kind
    assert part[1]["status" if kind == "order" else "stage"] == state


@pytest.mark.parametrize(
    "event",
    ["Trial Ended", "Order Shipped", "Checkout Started", "Product Added", "Signed In", "Lead",
     "Account Deleted", "Reorder Completed", "заказ", "!"],
)  # fmt: skip
def test_all_else_is_tracked(event: str) -> None:
    kind, part = told(event, ORDER)
    assert (kind, part["name"], part["properties"]) == ("track", event, ORDER)


@given(st.sampled_from(["Order Completed", "Signed Up", "Lead Generated"]), st.data())
def test_the_way_a_name_is_written_does_not_count(event: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from((c.lower(), c.upper()))) for c in event]
    between = data.draw(st.sampled_from((" ", "", "_", "-", ".", "  ", ": ")))
    written = "".join(letters).replace(" ", between)
    assert told(written, ORDER) == told(event, ORDER)


def test_an_order_cancelled_goes_back_whole_and_once() -> None:
    expected = {"id": "o1", "status": "refunded", "refund_id": "cancelled"}
    assert told("Order Cancelled", ORDER) == ("order", expected)
    assert told("Order Cancelled", {"order_id": "o1"}) == ("order", expected)


def test_an_order_updated_says_what_it_is_worth() -> None:
    expected = {"id": "o1", "status": "updated", "amount_minor": 8000, "currency": "USD"}
    assert told("Order Updated", {**ORDER, "revenue": 80}) == ("order", expected)
    (refused,) = track("Order Updated", {"order_id": "o1"}).refused
    assert (refused.code, refused.field) == ("missing_field", "properties.revenue")


@pytest.mark.parametrize("event", ["Order Completed", "Order Refunded", "Order Cancelled"])
@pytest.mark.parametrize(
    ("coupon", "segment"),
    [("SPRING", {"coupon": "SPRING"}), (7, {"coupon": "7"}), ("", None), (["A"], None)],
)
def test_a_coupon_stays_beside_its_order(
    event: str, coupon: Any, segment: dict[str, str] | None
) -> None:
    (fact,) = track(event, {**ORDER, "coupon": coupon}).facts
    assert json.loads(fact.payload).get("segment") == segment


@pytest.mark.parametrize("event", ["Order Updated", "order.cancelled", "LEAD GENERATED"])
def test_a_public_key_sends_none_of_it(event: str) -> None:
    batch = track(event, ORDER, scopes=("collect",))
    assert [(r.code, r.field) for r in batch.refused] == [("scope_missing", "event")]
