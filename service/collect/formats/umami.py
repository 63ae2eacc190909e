"""The send and batch API of Umami: its script, its clients for Node and Python.

A visitor has no cookie: an agent at an address for a day and a host (`visitors`) is an identifier of
the kind `visitor`. `id`, which Umami calls the distinct id, is a `user_id` and joins the two. An
event without a `name` is a page; with one it is what was done. The answer's `cache` is a token that
clients send back as `x-umami-cache`: it is taken and not looked at, for the visitor is told from the
request alone. Messages have no id, so the same words of one visitor within `analytics.WINDOW` are
one message.

Sources: Umami's source of both routes; recorded clients.
"""

from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

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
    people_in,
    seen_context,
    stated_moment,
)
from service.collect.landing import host_of
from service.collect.native import Sender
from service.collect.picking import MAX_TEXT, MAX_URL, mapping, number_or_text, scalars, text
from service.collect.wire import (
    Call,
    Endpoint,
    Format,
    NativeEvent,
    Reply,
    header_key,
    public_key,
    reply_json,
)
from service.kit.errors import BadRequest, Refusal, ThroughlineError
from service.ledger.append import Receipt

MAX_MESSAGES: Final = 1_000
"""Most messages of one batch."""

_NOT_KEPT: Final = frozenset({"ip"})
WORDS: Final = {
    "identifiers.user_id": "payload.id",
    "identifiers.email": "payload.data.email",
    "identifiers.phone": "payload.data.phone",
    "identifiers": "payload.id",
    "userId": "payload.id",
    "occurred_at": "payload.timestamp",
    "context.user_agent": "payload.userAgent",
    "page": "payload",
    "track.name": "payload.name",
    "track.url": "payload.url",
    "track.properties": "payload.data",
    "event": "payload.name",
    "properties": "payload.data",
    "order.id": "payload.data.order_id",
    "order.items": "payload.data.products",
    "order": "payload.data",
}


def sent_key(call: Call) -> str | None:
    """The header's key, `key` of the address, or the website's id where that is a key. The client
    for Python sends `Bearer None` while nobody has logged in."""
    said = call.json[0] if isinstance(call.json, list) and call.json else call.json
    website = mapping(mapping(said).get("payload")).get("website")
    header = header_key(call)
    return first_key(header, public_key(call), website) or (header if header != "None" else None)


def messages(call: Call) -> list[Any]:
    """The message of the request. Raises BadRequest."""
    if not isinstance(call.json, dict):
        raise BadRequest("not_an_object", "The body is a JSON object with `type` and `payload`.")
    return [_whole(call.json, call, 0)]


def batch(call: Call) -> list[Any]:
    """The messages of a batch, in their order. Raises BadRequest."""
    if not isinstance(call.json, list):
        raise BadRequest("missing_field", "A batch is a JSON array of objects.")
    if len(call.json) > MAX_MESSAGES:
        raise BadRequest("too_many_items", f"A batch may hold {MAX_MESSAGES} messages.")
    return [_whole(given, call, place) for place, given in enumerate(call.json)]


def _whole(given: Any, call: Call, place: int) -> Any:
    """A message with its visitor, and without his address and the key."""
    if not isinstance(given, dict) or not isinstance(given.get("payload"), dict):
        return given
    payload = given["payload"]
    site = text(payload.get("hostname")) or host_of(text(payload.get("url"), MAX_URL)) or ""
    agent = text(payload.get("userAgent"), 2_000)
    kept = {k: v for k, v in payload.items() if k not in _NOT_KEPT and not is_key(v)}
    whole: dict[str, Any] = {"type": given.get("type"), "payload": kept}
    whole |= agent_seen(call, agent)
    whole["visitor"] = cookieless(call, site, agent, text(payload.get("ip"), 100))
    whole["stated_visitor"] = cookieless(call, site, agent, forwarded_for(call))
    timed = payload.get("timestamp") is not None
    # The visitor without cookies is another one tomorrow: who is named is known without him.
    named = timed and number_or_text(kept.get("id"))
    said = {"type": whole["type"], "payload": kept} if named else whole
    return {**whole, "id": content_id((said, place), None if timed else call.received_at)}


def rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native event of a message. Raises Refusal."""
    given = mapping(message)
    payload, kind = given.get("payload"), given.get("type")
    if not isinstance(payload, dict):
        raise Refusal("not_an_object", "payload", "a message is an object with type and payload")
    data = mapping(payload.get("data"))
    people = _people(given, payload, data, sender)
    if kind == "identify":
        written: NativeEvent = {"type": "identify"}
    elif kind != "event":
        raise Refusal("unknown_value", "type", "a type is event or identify")
    elif name := text(payload.get("name"), MAX_TEXT):
        properties = {**scalars({"tag": payload.get("tag")}), **data}
        written = done_event(name, properties, people, index, sender, _address(payload))
    else:
        written = page_event(_address(payload), payload.get("referrer"), payload.get("title"))
    moment = {"occurred_at": sender.received_at.isoformat(), "claimed_at": ""}
    if payload.get("timestamp") is not None:
        moment = {"occurred_at": stated_moment(payload["timestamp"], "payload.timestamp", sender)}
    common = {"id": message_id(given), "identifiers": people, **moment}
    return [{**common, **seen_context(given, sender), **written}]


def _people(
    given: dict[str, Any], payload: dict[str, Any], data: dict[str, Any], sender: Sender
) -> dict[str, Any]:
    """The distinct id, the visitor, and what an identify says of the person, unread."""
    found = people_in(data) if given.get("type") == "identify" else {}
    if distinct := number_or_text(payload.get("id")):
        found["user_id"] = distinct
    stated = "" if sender.is_public else text(given.get("stated_visitor"))
    if visitor := text(given.get("visitor")) or stated:
        found["visitor"] = visitor
    if not found:
        raise Refusal(
            "missing_identifiers",
            "payload.id",
            "a server's own address is no visitor: send the visitor's `ip`, or an `id`",
        )
    return found


def _address(payload: dict[str, Any]) -> str:
    """The page's whole address; clients of servers give its path and the host apart."""
    url, host = text(payload.get("url"), MAX_URL), text(payload.get("hostname"))
    if host and url.startswith("/") and not url.startswith("//"):
        return f"https://{host}{url}"
    return url


def answer(call: Call, _: Receipt) -> Reply:
    return reply_json(_session(messages(call)[0]))


def batch_answer(call: Call, receipt: Receipt) -> Reply:
    found = batch(call)
    errors = len(receipt.refused)
    cache = _session(found[0])["cache"] if found else ""
    size = len(found)
    return reply_json({"size": size, "processed": size - errors, "errors": errors, "cache": cache})


def _session(message: Any) -> dict[str, str]:
    """Ids that clients want to see: equal for one visitor, and nothing that tells who it is."""
    given = mapping(message)
    who = text(given.get("visitor")) or text(mapping(given.get("payload")).get("id"))
    session = UUID(bytes=blake2b(f"session {who}".encode(), digest_size=16).digest())
    visit = UUID(bytes=blake2b(f"visit {who}".encode(), digest_size=16).digest())
    return {"cache": session.hex, "sessionId": str(session), "visitId": str(visit)}


def failed(_: Call, error: ThroughlineError) -> Reply:
    """An error as Umami writes it; its clients parse every answer as JSON."""
    return reply_json(_error(error.code, error.detail, error.status), error.status)


def _error(code: str, message: str, status: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}, "code": code}


EXAMPLE: Final = {
    "type": "event",
    "payload": {
        "website": "b1d6ee10-58c4-4a29-80ff-df2c5cd6ef15",
        "hostname": "example.com",
        "url": "/?utm_source=google&utm_medium=cpc",
        "referrer": "https://www.google.com/",
        "title": "Home",
        "id": "u-1",
    },
}
_KEY_ASKED: Final = {
    "key": ("A public key; not needed where `website` is one.", "pk_WRITE_KEY"),
}
FORMAT = Format(
    name="umami",
    title="Umami",
    endpoints=(
        Endpoint(
            paths=("/api/send",),
            summary="Umami: event or identify",
            sends=EXAMPLE,
            asks=_KEY_ASKED,
            says={
                "cache": "1f0c6a52b1e94bd0b0a1c7c3a0a4e6d2",
                "sessionId": "1f0c6a52-b1e9-4bd0-b0a1-c7c3a0a4e6d2",
                "visitId": "7d1b7f0a-54f5-4c7e-9d40-31a3c3a9f4d0",
            },
            fails=_error("no_key", "Send a key with the request.", 401),
            key=sent_key,
            messages=messages,
            answer=answer,
            refuse=failed,
        ),
        Endpoint(
            paths=("/api/batch",),
            summary="Umami: batch",
            sends=[EXAMPLE],
            asks=_KEY_ASKED,
            says={"size": 1, "processed": 1, "errors": 0, "cache": "1f0c6a52b1e94bd0"},
            fails=_error("no_key", "Send a key with the request.", 401),
            key=sent_key,
            messages=batch,
            answer=batch_answer,
            refuse=failed,
        ),
    ),
    rewrite=rewrite,
    words=WORDS,
    identity=message_id,
)
