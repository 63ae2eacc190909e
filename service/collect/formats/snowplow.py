"""The Snowplow tracker protocol: `tp2` batches and the `/i` pixel, of web, server and app trackers.

What an event becomes: `pv` a page view, `tr` and the e-commerce plugin's transactions an order (from
servers alone), `se`, `pp`, `ti` and self-describing events a track named after their schema; the
consent plugin's preferences a consent.

Its clock: `occurred_at` is the arrival less what the tracker says passed between event (`dtm`) and
sending (`stm`), never less than nothing, since Python's tracker cuts `stm` to whole seconds; a true
timestamp (`ttm`) goes before. `ip` is never kept.

Sources: Snowplow's tracker protocol; recorded clients.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from service.collect.body import parse_json
from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import MAX_URL, mapping, scalars, text
from service.collect.vocabulary import rewrite_track
from service.collect.wire import (
    Call,
    Endpoint,
    Format,
    NativeEvent,
    Reply,
    header_key,
    public_key,
    reply_gif,
    reply_json,
    reply_text,
)
from service.kit.errors import BadRequest, Refusal, ThroughlineError
from service.kit.time import from_micros
from service.ledger.append import Receipt

MAX_EVENTS: Final = 2_500
_IDENTIFIERS: Final = {"uid": "user_id", "duid": "anonymous_id", "tnuid": "network_user_id"}
_KINDS: Final = {"pv", "pp", "se", "ue", "tr", "ti"}
_LONGEST_WAIT: Final = timedelta(days=400)
_NAMES: Final = {
    "id": "eid",
    "occurred_at": "dtm",
    "identifiers.user_id": "uid",
    "identifiers.anonymous_id": "duid",
    "identifiers.network_user_id": "tnuid",
    "identifiers": "duid",
    "context.user_agent": "ua",
    "page.url": "url",
    "page.referrer": "refr",
    "page.title": "page",
    "track.url": "url",
    "track.name": "ue_pr.schema",
    "track.properties": "ue_pr.data",
    "properties": "ue_pr.data",
}
_TRANSACTION: Final = ("transaction", "transaction_id", "revenue", "Order Completed")
_REFUND: Final = ("refund", "transaction_id", "refund_amount", "Order Refunded")


def key_of(call: Call) -> str | None:
    """The Authorization header, `key` of the query, else the app id (`aid`), which the protocol
    has instead of a key. Raises Forbidden for a secret key in an address."""
    if key := header_key(call) or public_key(call):
        return key
    if call.method == "GET":
        return public_key(call, "aid")
    events = mapping(call.json).get("data")
    first = events[0] if isinstance(events, list) and events else None
    return text(mapping(first).get("aid")) or None


def messages(call: Call) -> list[Any]:
    """The events of a request. Raises BadRequest."""
    events = [dict(call.asked)] if call.method == "GET" else mapping(call.json).get("data")
    if not isinstance(events, list):
        raise BadRequest(
            "missing_field", "The body is a payload_data object with the array `data`."
        )
    if len(events) > MAX_EVENTS:
        raise BadRequest("too_many_items", f"A request may hold {MAX_EVENTS} events; send more.")
    return [_whole(event, call) for event in events]


def _whole(event: Any, call: Call) -> Any:
    """The event without the visitor's address and, of a browser, with its agent."""
    if not isinstance(event, dict):
        return event
    kept = {name: value for name, value in event.items() if name not in ("ip", "key")}
    if text(kept.get("tv")).startswith("js-"):
        kept.setdefault("ua", call.user_agent)
    return kept


def rewrite(event: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native event of one tracker event. Raises Refusal."""
    if not isinstance(event, dict):
        raise Refusal("not_an_object", "", "an event is a JSON object with `e` and `eid`")
    kind = text(event.get("e"))
    if kind not in _KINDS:
        raise Refusal("unknown_value", "e", f"an event is one of {', '.join(sorted(_KINDS))}")
    people = {
        ours: value
        for theirs, ours in _IDENTIFIERS.items()
        if (value := event.get(theirs)) not in (None, "")
    }
    occurred_at, claimed_at = _moments(event, sender)
    common: NativeEvent = {
        "id": event.get("eid") or "",
        "occurred_at": occurred_at,
        "claimed_at": claimed_at,
        "identifiers": people,
    }
    if agent := text(event.get("ua"), 2_000):
        common["context"] = {"user_agent": agent}
    return [{**common, **_part(kind, event, people, index, sender)}]


def _part(
    kind: str, event: Mapping[str, Any], people: Mapping[str, Any], index: int, sender: Sender
) -> NativeEvent:
    if kind == "ue":
        return _self_describing(event, people, index, sender)
    if kind == "tr":
        amount = {"revenue": event.get("tr_tt"), "currency": event.get("tr_cu")}
        order = {"order_id": event.get("tr_id"), **amount}
        return rewrite_track("Order Completed", order, people, index, sender)
    url = text(event.get("url"), MAX_URL)
    if kind == "pv" and host_of(url):
        page = {"url": url}
        for theirs, ours in (("refr", "referrer"), ("page", "title")):
            if said := text(event.get(theirs), MAX_URL if ours == "referrer" else 1_000):
                page[ours] = said
        return {"type": "page", "page": page}
    names = {"pv": "page_view", "pp": "page_ping", "ti": "transaction_item"}
    told = {n.partition("_")[2]: v for n, v in event.items() if n.startswith((f"{kind}_", "pp_"))}
    name = names.get(kind) or text(event.get("se_ac")) or "structured_event"
    return _track(name, told, url)


def _track(name: str, properties: Mapping[str, Any], url: str) -> NativeEvent:
    track: dict[str, Any] = {"name": name, "properties": scalars(properties)}
    if host_of(url):
        track["url"] = url
    return {"type": "track", "track": track}


def _self_describing(
    event: Mapping[str, Any], people: Mapping[str, Any], index: int, sender: Sender
) -> NativeEvent:
    told = mapping(_described(event, "ue").get("data"))
    name, data = _name_of(told), mapping(told.get("data"))
    if not name:
        raise Refusal(
            "missing_field", "ue_pr.data.schema", "a self-describing event needs a schema"
        )
    if name == "consent_preferences":
        return {"type": "consent", "consent": scalars(data) or {"event_type": "unknown"}}
    if name == "snowplow_ecommerce_action":
        entities = _described(event, "c").get("data")
        for entity, order_id, amount, vocabulary in (_TRANSACTION, _REFUND):
            if data.get("type") == entity:
                about = _entity(entities, entity)
                named = {"order_id": about.get(order_id), "total": about.get(amount)}
                if entity == "transaction":
                    named["revenue"] = named.pop("total")
                order = {**named, "currency": about.get("currency")}
                return rewrite_track(vocabulary, order, people, index, sender)
    written = rewrite_track(name, data, people, index, sender)
    url = text(event.get("url"), MAX_URL)
    if written["type"] == "track" and host_of(url):
        written["track"]["url"] = url
    return written


def _entity(entities: Any, name: str) -> Mapping[str, Any]:
    for entity in entities if isinstance(entities, list) else ():
        if _name_of(mapping(entity)) == name:
            return mapping(mapping(entity).get("data"))
    return {}


def _name_of(described: Mapping[str, Any]) -> str:
    """The name in `iglu:vendor/name/jsonschema/1-0-0`."""
    parts = text(described.get("schema")).removeprefix("iglu:").split("/")
    return parts[1] if len(parts) == 4 else ""


def _described(event: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Self-describing JSON, as text (`ue_pr`, `co`) or in base64 (`ue_px`, `cx`), padded or not."""
    plain, packed = ("ue_pr", "ue_px") if kind == "ue" else ("co", "cx")
    name = plain if event.get(plain) else packed
    given = text(event.get(name), 64 * 1024)
    if not given:
        return {}
    try:
        raw = given.encode()
        if name == packed:
            raw = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
        return mapping(parse_json(raw))
    except (binascii.Error, BadRequest, UnicodeEncodeError):
        raise Refusal("malformed_json", name, f"{name} is not the JSON that it should be") from None


def _moments(event: Mapping[str, Any], sender: Sender) -> tuple[str, str]:
    """When it occurred, and what the tracker claimed of it, the same whenever it is sent."""
    claimed = text(event.get("ttm")) or text(event.get("dtm"))
    if not claimed:
        return sender.received_at.isoformat(), ""
    if text(event.get("ttm")):
        return from_micros(_millis(event, "ttm") * 1_000).isoformat(), claimed
    if not text(event.get("stm")):
        return from_micros(_millis(event, "dtm") * 1_000).isoformat(), claimed
    waited = timedelta(milliseconds=max(0, _millis(event, "stm") - _millis(event, "dtm")))
    if waited > _LONGEST_WAIT:
        raise Refusal("bad_timestamp", "stm", "the event says it waited for more than a year")
    return (sender.received_at - waited).isoformat(), claimed


def _millis(event: Mapping[str, Any], name: str) -> int:
    given = text(event.get(name))
    if not given.isascii() or not given.isdigit() or not 0 < len(given) <= 13:
        raise Refusal("bad_timestamp", name, f"{given[:40]!r} is no milliseconds since 1970")
    return int(given)


def _shown(event: Any) -> Any:
    return {n: v for n, v in event.items() if n != "aid"} if isinstance(event, dict) else event


def _refused(_: Call, error: ThroughlineError) -> Reply:
    """Trackers try again for ever on every status but 400, 401, 403, 410 and 422: what is no use to
    try again is answered so that they do not."""
    status = 400 if isinstance(error, BadRequest) else error.status
    return reply_json({"code": error.code, "message": error.detail}, status)


def _stored(_: Call, __: Receipt) -> Reply:
    return reply_text("ok")


def _pixel(_: Call, __: Receipt) -> Reply:
    return reply_gif()


_EXAMPLE: Final = {
    "schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4",
    "data": [
        {
            "e": "pv",
            "eid": "5f2f4a6e-0d7e-4a55-9d7d-0d3f2f1a0001",
            "url": "https://example.com/?utm_source=google&utm_medium=cpc",
            "duid": "5f2f4a6e-0d7e-4a55-9d7d-0d3f2f1a0002",
            "p": "web",
            "dtm": "1772359200000",
            "stm": "1772359200100",
        }
    ],
}

FORMAT = Format(
    name="snowplow",
    title="Snowplow tracker protocol",
    endpoints=(
        Endpoint(
            paths=("/com.snowplowanalytics.snowplow/tp2",),
            summary="Snowplow: a batch of events",
            sends=_EXAMPLE,
            says="ok",
            says_as="text/plain",
            fails={"code": "unknown_key", "message": "This key is not known."},
            failures=(400, 401, 403, 503),
            key=key_of,
            messages=messages,
            answer=_stored,
            refuse=_refused,
            credentials=True,
        ),
        Endpoint(
            paths=("/i",),
            methods=("GET",),
            summary="Snowplow: one event as a pixel",
            asks={
                "e": ("Kind of the event.", "pv"),
                "eid": ("Its id.", "5f2f4a6e-0d7e-4a55-9d7d-0d3f2f1a0003"),
                "aid": ("The app id: the public key.", "pk_WRITE_KEY"),
                "url": ("Address of the page.", "https://example.com/"),
                "duid": ("The visitor.", "5f2f4a6e-0d7e-4a55-9d7d-0d3f2f1a0002"),
            },
            says="GIF89a…",
            says_as="image/gif",
            key=key_of,
            messages=messages,
            answer=_pixel,
            always=True,
            credentials=True,
        ),
    ),
    rewrite=rewrite,
    words=_NAMES,
    shown=_shown,
    identity=lambda event: text(mapping(event).get("eid"), 200),
)
