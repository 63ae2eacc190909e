"""The names of events that mean money or a stage, as senders of all kinds write them.

The words are those of Segment's e-commerce and B2B specs and of Google Analytics 4; whatever else
is tracked is kept as a `track`, which is a fact and no contact with a channel. An amount is read
exactly; only the noise of binary floats (0.1 + 0.2 is sent as 0.30000000000000004) is taken off by
reading 15 significant digits, which every amount within `kit.money.LARGEST_MINOR` survives.
"""

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Final

from pydantic import ValidationError

from service.collect.native import Sender
from service.collect.picking import MAX_TEXT, first, number_or_text, scalars, text
from service.collect.refusals import refusal_of
from service.collect.schemas import Item
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal
from service.kit.money import parse_amount, to_text

LARGEST_QUANTITY: Final = 10**9

# Names of events without spaces, signs and capitals, as `_plain` gives them.
ORDERS: Final = {
    "ordercompleted": "completed",
    "orderupdated": "updated",
    "orderrefunded": "refunded",
    "ordercancelled": "refunded",
    "ordercanceled": "refunded",
    "purchase": "completed",
    "refund": "refunded",
}
LEADS: Final = {
    "signedup": "lead",
    "signup": "lead",
    "accountcreated": "lead",
    "trialstarted": "lead",
    "leadgenerated": "lead",
    "leadcreated": "lead",
    "leadsubmitted": "lead",
    "generatelead": "lead",
    "leadqualified": "mql",
    "qualifylead": "mql",
    "workinglead": "sql",
    "leaddisqualified": "rejected",
    "disqualifylead": "rejected",
}
DEALS: Final = {"closeconvertlead": "won", "closeunconvertlead": "lost"}
# What a lead is called that is known by no more than its person: the event that made it.
_LEAD_NAMES: Final = {
    "signedup": "Signed Up",
    "signup": "Signed Up",
    "accountcreated": "Account Created",
    "trialstarted": "Trial Started",
}
_CANCELLED: Final = ("ordercancelled", "ordercanceled")
_ORDER_IDS: Final = ("order_id", "orderId", "transaction_id", "checkout_id", "checkoutId")
_LEAD_IDS: Final = ("lead_id", "leadId")
_LEAD_PEOPLE: Final = ("user_id", "email", "anonymous_id", "ga_client_id")
_REASONS: Final = ("reason", "disqualified_lead_reason", "unconvert_lead_reason")
_SKUS: Final = ("sku", "product_id", "productId", "item_id", "id")
_LINES: Final = ("products", "items")
# `revenue` is without tax and shipping, which is what was earned; a refund names what went back.
_COMPLETED: Final = ("revenue", "total", "value")
_REFUNDED: Final = ("total", "revenue", "value")
_EXACT: Final = Context(prec=100)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,20}\.?[0-9]{0,20}|\.[0-9]{1,20})")


def rewrite_track(
    event: str,
    properties: Mapping[str, Any],
    people: Mapping[str, Any],
    index: int,
    sender: Sender,
) -> dict[str, Any]:
    """The native event's type and part.

    A purchase or a refund becomes an order, one cancelled goes back whole, its `coupon` stays
    beside it; a sign-up or a step of a lead a lead, one that was won or lost a deal; everything
    else a `track`. A lead without an id is named after the event and the person, so that saying
    it twice is one lead. Letter case, spaces and signs of the name do not count.

    Args: event: the message's name for it; people: its native identifiers, unread.
    Raises: Refusal, `scope_missing` for an order, lead or deal from a public key.
    """
    name = _plain(event)
    if name not in ORDERS and name not in LEADS and name not in DEALS:
        return {"type": "track", "track": {"name": event, "properties": scalars(properties)}}
    if sender.is_public:
        raise Refusal(
            "scope_missing",
            "event",
            f"{event!r} comes from servers: send it with a key that has scope `facts`",
        )
    if name in ORDERS:
        if name in _CANCELLED:
            order = {"id": _order_id(properties), "status": "refunded", "refund_id": "cancelled"}
        else:
            order = _order(ORDERS[name], properties, index, sender)
        coupon = number_or_text(properties.get("coupon"))
        return {"type": "order", "order": order} | (
            {"segment": {"coupon": coupon}} if coupon else {}
        )
    lead_id = number_or_text(first(properties, _LEAD_IDS), 200)
    if not lead_id and not people.keys() & set(_LEAD_PEOPLE):
        # A visitor without cookies is nobody's lead: what he did is kept all the same.
        return {"type": "track", "track": {"name": event, "properties": scalars(properties)}}
    lead_id = lead_id or _lead_id(name, people, sender)
    if name in DEALS:
        deal = {"id": lead_id, "stage": DEALS[name], "lead_id": lead_id}
        return {"type": "deal", "deal": deal | _worth(properties) | _reason(properties)}
    lead = {"id": lead_id, "stage": LEADS[name]}
    if lead["stage"] == "rejected":
        lead |= _reason(properties)
    return {"type": "lead", "lead": lead}


@lru_cache(4_096)
def _plain(event: str) -> str:
    return re.sub(r"[^a-z0-9]", "", event.lower())


def _reason(properties: Mapping[str, Any]) -> dict[str, Any]:
    reason = text(first(properties, _REASONS))
    return {"reason": reason} if reason else {}


def _worth(properties: Mapping[str, Any]) -> dict[str, Any]:
    if properties.get("value") is None or properties.get("currency") is None:
        return {}
    currency = parse_currency(properties["currency"], "properties.currency")
    minor = parse_amount(without_noise(properties["value"]), currency, "properties.value")
    return {"amount": to_text(minor, currency), "currency": currency}


def _lead_id(event: str, people: Mapping[str, Any], sender: Sender) -> str:
    # The stored form: a user id that is an e-mail address must not rest as text in the lead's id.
    for kind in _LEAD_PEOPLE:
        if found := sender.reader.read(kind, people.get(kind)):
            return f"{_LEAD_NAMES.get(event, 'Lead')}:{found.value}"
    raise Refusal(
        "missing_identifiers",
        "userId",
        f"{event} makes a lead and needs to know whose: send a userId or an anonymousId",
    )


def _order_id(properties: Mapping[str, Any]) -> Any:
    identity = first(properties, _ORDER_IDS)
    if identity is None:
        raise Refusal("missing_field", "properties.order_id", "an order needs its `order_id`")
    return identity


def _order(
    status: str, properties: Mapping[str, Any], index: int, sender: Sender
) -> dict[str, Any]:
    order: dict[str, Any] = {"id": _order_id(properties), "status": status}
    refunded = status == "refunded"
    names = _REFUNDED if refunded else _COMPLETED
    name = next((n for n in names if properties.get(n) is not None), None)
    if name is None and not refunded:
        raise Refusal(
            "missing_field",
            "properties.revenue",
            "an order needs its `revenue`, `total` or `value`",
        )
    if properties.get("currency") is None:
        if name is None:  # all of the order goes back
            return order
        raise Refusal(
            "missing_currency",
            "properties.currency",
            "an amount needs its ISO 4217 `currency`, such as EUR",
        )
    currency = order["currency"] = parse_currency(properties["currency"], "properties.currency")
    if name is not None:
        minor = parse_amount(without_noise(properties[name]), currency, f"properties.{name}")
        # Some shops write what they gave back with a minus.
        order["amount"] = to_text(abs(minor) if refunded else minor, currency)
    if refunded and properties.get("refund_id") is not None:
        order["refund_id"] = properties["refund_id"]
    if lines := _lines(first(properties, _LINES), currency, index, sender):
        order["items"] = lines
    return order


def _lines(products: object, currency: str, index: int, sender: Sender) -> list[dict[str, Any]]:
    """The order's lines. A product that cannot be read is left out and said so: what the order
    brought stands beside it and must not be lost with it."""
    lines = []
    for position, product in enumerate(products if isinstance(products, list) else ()):
        try:
            lines.append(_line(product, currency, f"properties.products.{position}"))
        except Refusal as refusal:
            sender.adjusted.append(
                {
                    "index": index,
                    "code": "product_left_out",
                    "field": refusal.field,
                    "detail": f"{refusal.detail}; the order is kept without this product",
                }
            )
    return lines


def _line(product: object, currency: str, field: str) -> dict[str, Any]:
    if not isinstance(product, dict):
        raise Refusal("not_an_object", field, "a product is a JSON object with `sku` and `price`")
    quantity = Decimal(1)
    if product.get("quantity") is not None:
        quantity = _decimal(product["quantity"], f"{field}.quantity")
    if not 0 < quantity <= LARGEST_QUANTITY:
        raise Refusal("out_of_range", f"{field}.quantity", "a quantity is above 0")
    line: dict[str, Any] = {
        "sku": first(product, _SKUS),
        "quantity": int(quantity) if quantity == int(quantity) else float(quantity),
    }
    if line["sku"] is None:
        raise Refusal("missing_field", f"{field}.sku", "a product needs its `sku` or `product_id`")
    if name := text(product.get("name")) or text(product.get("item_name")):
        line["name"] = name[:MAX_TEXT]
    if product.get("price") is not None:
        price = _decimal(product["price"], f"{field}.price")
        minor = parse_amount(_EXACT.multiply(price, quantity), currency, f"{field}.price")
        line["amount"] = to_text(minor, currency)
    try:
        Item.model_validate(line)
    except ValidationError as error:
        refusal = refusal_of(error)
        raise Refusal(refusal.code, f"{field}.{refusal.field}", refusal.detail) from None
    return line


def _decimal(value: object, field: str) -> Decimal:
    value = without_noise(value)
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    raise Refusal("bad_amount", field, f"{str(value)[:40]!r} is not a number; write it like 12.50")


def without_noise(value: object) -> object:
    return Decimal(format(value, ".15g")) if isinstance(value, float) else value
