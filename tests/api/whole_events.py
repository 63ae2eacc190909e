"""One event of each type with every field that the format knows, and walks through them."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from service.collect.schemas import Event
from tests.api.harness import Json, unique

AT = "2026-03-01T10:00:00Z"
Path = tuple[str | int, ...]

CAMPAIGN: Json = {
    "source": "google",
    "medium": "cpc",
    "campaign": "spring",
    "campaign_id": "42",
    "content": "ad-7",
    "term": "crm",
}
ITEM: Json = {"sku": "A", "name": "Chair", "quantity": 2, "amount": "90.00", "cost": "40.00"}
PARTS: dict[str, Json] = {
    "touch": {
        **CAMPAIGN,
        "kind": "click",
        "channel": "paid_search",
        "url": "https://shop.example/?gclid=g",
        "referrer": "https://www.google.com/",
        "click_ids": {"gclid": "g-1"},
    },
    "page": {
        "url": "https://shop.example/",
        "referrer": "https://www.google.com/",
        "title": "Shop",
        "campaign": CAMPAIGN,
        "click_ids": {"btid": "b-1"},
    },
    "track": {
        "name": "Video Played",
        "properties": {"seconds": 30},
        "url": "https://shop.example/",
        "campaign": CAMPAIGN,
    },
    "lead": {"id": "L", "stage": "lead", "status": "New", "reason": "webinar", "name": "Trial"},
    "deal": {
        "id": "D",
        "stage": "won",
        "status": "Closed",
        "amount": "90.00",
        "currency": "EUR",
        "reason": "price",
        "name": "Office",
        "lead_id": "L",
        "contacts": [{"email": "ann@example.com"}],
        "items": [ITEM],
    },
    "order": {
        "id": "O",
        "status": "completed",
        "amount": "90.00",
        "currency": "EUR",
        "refund_id": "R",
        "items": [ITEM],
    },
    "verdict": {"lead_id": "L", "outcome": "accepted", "reason": "fits"},
    "review": {"rating": 5, "text": "Good chairs."},
    "consent": {"analytics": True},
    "unlink": {"left": {"email": "ann@example.com"}, "right": {"user_id": "u-1"}},
    "identify": {},
    "group": {},
}
COMMON: Json = {
    "account": {"id": "acme", "domain": "acme.example", "name": "Acme"},
    "context": {
        "consent": "granted",
        "user_agent": "Mozilla/5.0",
        "ip": "203.0.113.7",
        "locale": "pl-PL",
        "timezone": "Europe/Warsaw",
    },
    "segment": {"industry": "furniture"},
}
SPEND: Json = {
    **{name: value for name, value in CAMPAIGN.items() if name != "content"},
    "date": "2026-03-01",
    "ad_group": "chairs",
    "ad": "ad-7",
    "amount": "20.00",
    "currency": "EUR",
    "impressions": 1000,
    "clicks": 40,
    "stated_at": "2026-03-02T06:00:00Z",
}
RATE: Json = {"date": "2026-03-01", "base": "USD", "quote": "EUR", "rate": "0.9215"}


def whole(kind: str) -> Json:
    """A good event of the type with every field, under an id of its own."""
    part = {kind: deepcopy(PARTS[kind])} if PARTS[kind] else {}
    return {
        "id": unique(kind),
        "type": kind,
        "occurred_at": AT,
        "identifiers": {"anonymous_id": "a-1", "email": "ann@example.com"},
        **deepcopy(COMMON),
        **part,
    }


def paths(value: Any, before: Path = ()) -> Iterator[Path]:
    """The way to every value inside a value, itself left out."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inside:
        yield (*before, name)
        if isinstance(part, dict | list):
            yield from paths(part, (*before, name))


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def changed(value: Json, path: Path, new: Any) -> Json:
    """A copy with another value at the place."""
    copy = deepcopy(value)
    at(copy, path[:-1])[path[-1]] = new
    return copy


def known_fields() -> Iterator[tuple[str, ...]]:
    """Every field of the format by its way there, without the ids of lists and free names."""
    schema = Event.model_json_schema()

    def walk(part: Json, before: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for option in [part, *part.get("anyOf", []), *([part["items"]] if "items" in part else [])]:
            found = schema["$defs"][option["$ref"].rpartition("/")[2]] if "$ref" in option else {}
            if option is not part and "items" in option:
                yield from walk(option, before)
            for name, inner in found.get("properties", {}).items():
                yield (*before, name)
                yield from walk(inner, (*before, name))

    for name, inner in schema["properties"].items():
        yield (name,)
        yield from walk(inner, (name,))
