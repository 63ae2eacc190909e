"""One hit of Matomo rewritten as native events: what it is, and who it concerns.

A page view is a page; an order (`idgoal=0` with `ec_id`) an order in the deployment's currency, from
servers only; every other hit a track: an event by its action, `goal`, `cart update`, `site search`,
`download`, `outlink`, `content impression`, `content interaction`, `ping`. Event actions are labels of
a site's own: none is taken for an order or a lead.

Who: `uid` is a `user_id`; `cid`, else `_id`, an `anonymous_id`. A hit with neither is the visitor
without cookies (`visitors`) of a browser, or of the address `cip`, which a server alone may state.

Source: Matomo's documentation of the HTTP tracking API, 5.x.
"""

from collections.abc import Mapping
from typing import Any, Final

from service.collect.analytics import message_id, page_event, seen_context, stated_moment
from service.collect.body import parse_json
from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import MAX_TEXT, MAX_URL, mapping, number_or_text, scalars, text
from service.collect.vocabulary import rewrite_track
from service.collect.wire import NativeEvent
from service.kit.errors import BadRequest, Refusal

# What a hit is, by the parameter that only such a hit has; the first that fits.
_KINDS: Final = (
    ("ping", "ping"),
    ("search", "site search"),
    ("download", "download"),
    ("link", "outlink"),
    ("c_i", "content interaction"),
    ("c_n", "content impression"),
)
_SAID: Final = {
    "e_c": "category",
    "e_n": "label",
    "e_v": "value",
    "idgoal": "goal",
    "revenue": "revenue",
    "search": "search",
    "search_cat": "search_category",
    "search_count": "search_count",
    "download": "file",
    "link": "target",
    "c_n": "content",
    "c_p": "content_piece",
    "c_t": "content_target",
    "c_i": "content_interaction",
}
WORDS: Final = {
    "identifiers.user_id": "uid",
    "identifiers.anonymous_id": "_id",
    "identifiers": "_id",
    "occurred_at": "cdt",
    "context.user_agent": "ua",
    "page.url": "url",
    "page.referrer": "urlref",
    "page.title": "action_name",
    "page.campaign": "_rcn",
    "page": "url",
    "track.url": "url",
    "track.campaign": "_rcn",
    "track.name": "e_a",
    "event": "ec_id",
    "properties.order_id": "ec_id",
    "properties.products": "ec_items",
    "properties.revenue": "revenue",
    "properties": "revenue",
    "order.id": "ec_id",
    "order.items": "ec_items",
    "order.amount": "revenue",
    "order": "revenue",
}


def rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native event of a hit. Raises Refusal."""
    given = mapping(message)
    hit = given.get("hit")
    if not isinstance(hit, dict) or not hit:
        raise Refusal("not_an_object", "", "a hit is a query like ?idsite=1&rec=1&url=…&_id=…")
    common: NativeEvent = {"id": message_id(given), "identifiers": _people(given, hit, sender)}
    if hit.get("cdt") in (None, ""):
        common |= {"occurred_at": sender.received_at.isoformat(), "claimed_at": ""}
    else:
        common["occurred_at"] = stated_moment(hit["cdt"], "cdt", sender)
    common |= seen_context(given, sender)
    written = _event(hit, common["identifiers"], index, sender)
    if not common["identifiers"] and written["type"] != "order":
        raise Refusal(
            "missing_identifiers",
            "_id",
            "a server's own address is no visitor: send the visitor's `_id`, or a `uid`",
        )
    return [{**common, **written}]


def _people(given: Mapping[str, Any], hit: Mapping[str, Any], sender: Sender) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if user := number_or_text(hit.get("uid")):
        found["user_id"] = user
    if browser := number_or_text(hit.get("cid")) or number_or_text(hit.get("_id")):
        found["anonymous_id"] = browser
    if not found:
        stated = "" if sender.is_public else text(given.get("stated_visitor"))
        if visitor := stated or text(given.get("visitor")):
            found["visitor"] = visitor
    return found


def _event(
    hit: Mapping[str, Any], people: Mapping[str, Any], index: int, sender: Sender
) -> NativeEvent:
    url, goal = text(hit.get("url"), MAX_URL), number_or_text(hit.get("idgoal"))
    if goal == "0" and number_or_text(hit.get("ec_id")):
        return _order(hit, people, index, sender)
    if action := text(hit.get("e_a"), MAX_TEXT) or (text(hit.get("e_c")) and "event"):
        name = action
    elif goal:
        name = "cart update" if goal == "0" else "goal"
    else:
        name = next((kind for field, kind in _KINDS if hit.get(field) not in (None, "")), "")
    campaign = _campaign(hit)
    if not name:
        written = page_event(url, hit.get("urlref"), hit.get("action_name"))
        written["page"] |= campaign
        return written
    track = {"name": name, "properties": _properties(hit), **campaign}
    return {"type": "track", "track": {**track, "url": url} if host_of(url) else track}


def _properties(hit: Mapping[str, Any]) -> dict[str, Any]:
    """What a hit says of itself, and the site's own dimensions."""
    own = {k: v for k, v in hit.items() if k.startswith("dimension")}
    return scalars({ours: hit.get(theirs) for theirs, ours in _SAID.items()} | own)


def _campaign(hit: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign that a goal is to be ascribed to; the address goes before it."""
    named = (("campaign", "_rcn"), ("term", "_rck"))
    found = {ours: said for ours, theirs in named if (said := text(hit.get(theirs), MAX_TEXT))}
    return {"campaign": found} if found else {}


def _order(
    hit: Mapping[str, Any], people: Mapping[str, Any], index: int, sender: Sender
) -> NativeEvent:
    """Matomo's orders name no currency: a site has one, and here it is the deployment's."""
    properties = {
        "order_id": number_or_text(hit.get("ec_id")),
        "revenue": hit.get("revenue"),
        "currency": sender.currency,
        "products": _products(hit.get("ec_items"), index, sender),
    }
    return rewrite_track("Order Completed", properties, people, index, sender)


def _products(value: object, index: int, sender: Sender) -> list[Any]:
    """The lines `[sku, name, category, price, quantity]`; what is no such list is left out and
    said so."""
    if isinstance(value, str) and value.strip():
        try:
            value = parse_json(value.encode("utf-8", "surrogatepass"))
        except BadRequest:
            value = {}
    if value in (None, ""):
        return []
    if not isinstance(value, list):
        detail = "ec_items is a JSON array of [sku, name, category, price, quantity]; left out"
        left_out = {"index": index, "code": "product_left_out", "field": "ec_items"}
        sender.adjusted.append({**left_out, "detail": detail})
        return []
    names = ("sku", "name", "category", "price", "quantity")
    return [
        dict(zip(names, line, strict=False)) if isinstance(line, list) else line for line in value
    ]
