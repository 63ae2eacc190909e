"""The events API of Plausible: its browser clients, old and new, and servers that post to it.

Nobody has a cookie: a visitor is an agent at an address for a day and a site (`visitors`), named as
an identifier of the kind `visitor`, which names no person. `pageview` is a page; any other name is
what was done, with its properties and `revenue`. Messages have no id, so the same words of one
visitor within `analytics.WINDOW` are one message.

Sources: Plausible's documentation of the events API; recorded clients.
"""

from typing import Any, Final

from service.collect.analytics import (
    agent_seen,
    content_id,
    cookieless,
    done_event,
    first_key,
    forwarded_for,
    is_key,
    message_id,
    page_event,
    seen_context,
)
from service.collect.body import parse_json
from service.collect.bots import is_bot
from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import MAX_TEXT, MAX_URL, first, mapping, scalars, text
from service.collect.wire import (
    Call,
    Endpoint,
    Format,
    NativeEvent,
    Reply,
    header_key,
    public_key,
    reply_text,
)
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Receipt

MAX_BODY_BYTES: Final = 64 * 1024
NAMES: Final = ("n", "name")
URLS: Final = ("u", "url")
SITES: Final = ("d", "domain")
REFERRERS: Final = ("r", "referrer")
PROPERTIES: Final = ("p", "props", "m", "meta")
REVENUES: Final = ("$", "revenue")
WORDS: Final = {
    "page.url": "url",
    "page.referrer": "referrer",
    "page": "url",
    "track.name": "name",
    "track.url": "url",
    "track.properties": "props",
    "identifiers": "domain",
    "event": "name",
    "userId": "props.lead_id",
    "properties": "props",
    "order.amount": "revenue.amount",
    "order.currency": "revenue.currency",
    "order.id": "props.order_id",
    "order.items": "props.products",
    "order": "revenue",
}


def sent_key(call: Call) -> str | None:
    """The header's key, `key` of the address, or the site's name where that is a key."""
    return first_key(
        header_key(call), public_key(call), first(mapping(call.json), SITES)
    ) or header_key(call)


def messages(call: Call) -> list[Any]:
    """The event with its visitor. Raises BadRequest."""
    event = call.json
    if not isinstance(event, dict):
        raise BadRequest("not_an_object", "The body is a JSON object; see Plausible's events API.")
    said = {name: value for name, value in event.items() if not is_key(value)}
    site = text(first(said, SITES)).partition(",")[0] or host_of(text(first(said, URLS))) or ""
    message: dict[str, Any] = {"event": said, **agent_seen(call)}
    message["visitor"] = cookieless(call, site)
    message["stated_visitor"] = cookieless(call, site, address=forwarded_for(call))
    return [{**message, "id": content_id(message, call.received_at)}]


def rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native event of a message. Raises Refusal."""
    given = mapping(message)
    event = mapping(given.get("event"))
    name = text(first(event, NAMES), MAX_TEXT)
    if not name:
        raise Refusal("missing_field", "name", "an event needs its `name`, such as pageview")
    people = _people(given, sender)
    url = text(first(event, URLS), MAX_URL)
    if name == "pageview":
        written = page_event(url, first(event, REFERRERS))
    else:
        written = done_event(name, _properties(event), people, index, sender, url)
    common = {
        "id": message_id(given),
        "occurred_at": sender.received_at.isoformat(),
        "claimed_at": "",
        "identifiers": people,
    }
    return [{**common, **seen_context(given, sender), **written}]


def _people(given: dict[str, Any], sender: Sender) -> dict[str, Any]:
    # Anybody can write a header; that a visitor is another than who asks, only a server may say.
    stated = "" if sender.is_public else text(given.get("stated_visitor"))
    visitor = stated or text(given.get("visitor"))
    if not visitor:
        raise Refusal(
            "missing_identifiers",
            "domain",
            "a server's own address is no visitor: pass the visitor's in X-Forwarded-For, with a "
            "key with scope `facts`",
        )
    return {"visitor": visitor}


def _properties(event: dict[str, Any]) -> dict[str, Any]:
    """What the event says of itself: its properties, how far and how long a page was read, and
    the revenue as `revenue` and `currency`. Old clients write the properties as JSON text."""
    given = first(event, PROPERTIES)
    if isinstance(given, str):
        try:
            given = parse_json(given.encode("utf-8", "surrogatepass"))
        except BadRequest:
            raise Refusal("wrong_type", "props", "props is an object, or JSON text") from None
    found = dict(mapping(given))
    for theirs, ours in (("e", "engagement_ms"), ("sd", "scroll_depth"), ("i", "interactive")):
        found.update(scalars({ours: event.get(theirs)}))
    revenue = mapping(first(event, REVENUES))
    for theirs, ours in (("amount", "revenue"), ("currency", "currency")):
        if revenue.get(theirs) not in (None, ""):
            found[ours] = revenue[theirs]
    return found


def answer(call: Call, receipt: Receipt) -> Reply:
    """`202 ok`; as Plausible does, the header says so where nothing of it will be in a report."""
    reply = reply_text("ok", 202)
    judged = agent_seen(call)["agent_is_visitors"] or (sent_key(call) or "").startswith("pk_")
    if receipt.refused or (judged and is_bot(call.user_agent)):
        return Reply(202, reply.body, reply.media_type, {"x-plausible-dropped": "1"})
    return reply


FORMAT = Format(
    name="plausible",
    title="Plausible events API",
    endpoints=(
        Endpoint(
            paths=("/api/event",),
            summary="Plausible: event",
            sends={
                "name": "pageview",
                "url": "https://example.com/?utm_source=google&utm_medium=cpc",
                "domain": "example.com",
                "referrer": "https://www.google.com/",
            },
            sends_as=("application/json", "text/plain"),
            asks={
                "key": ("A public key; not needed beside an Authorization header.", "pk_WRITE_KEY")
            },
            status=202,
            says="ok",
            says_as="text/plain",
            key=sent_key,
            messages=messages,
            answer=answer,
            max_bytes=MAX_BODY_BYTES,
        ),
    ),
    rewrite=rewrite,
    words=WORDS,
    identity=message_id,
)
