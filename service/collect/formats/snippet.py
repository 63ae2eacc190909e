"""Our own snippet for websites: `/t.js`, and `POST /t`, to which it posts.

A batch is JSON labelled as text, so that no preflight is needed, with the public key in it, since
beacons carry no headers. An event without `anonymous_id` is of a page that keeps nothing in the
browser: its visitor is named here, for a day (see `visitors`).
"""

from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any, Final

from service.collect.clocks import corrected
from service.collect.landing import host_of
from service.collect.links import CLICK_KIND, click_in
from service.collect.native import Sender, parse_moment
from service.collect.picking import MAX_URL, mapping, text
from service.collect.vocabulary import rewrite_track
from service.collect.wire import (
    Call,
    Endpoint,
    Fixed,
    Format,
    NativeEvent,
    Reply,
    header_key,
    public_key,
    reply_json,
)
from service.kit.errors import BadRequest, Forbidden, Refusal
from service.ledger.append import Receipt

MAX_EVENTS: Final = 100
MAX_BODY_BYTES: Final = 500 * 1024
"""Largest body, bytes; the snippet sends at most 20 events at once."""

FRESH_SECONDS: Final = 3_600
"""How long a browser may keep the script before it asks for a newer one."""

WHO: Final = {
    "user_id": "user_id",
    "userId": "user_id",
    "email": "email",
    "phone": "phone",
    "crm_contact_id": "crm_contact_id",
}
"""What `identify` reads; a name or a city is nobody's identifier."""


@cache
def script() -> tuple[bytes, str]:
    """The script as served, and its ETag."""
    code = resources.files("service.collect").joinpath("snippet", "t.min.js").read_bytes()
    return code, f'"{blake2b(code, digest_size=12).hexdigest()}"'


def serve_script(call: Call) -> Reply:
    """The script, for pages of any site, or that the browser has it already."""
    code, etag = script()
    headers = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={FRESH_SECONDS}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in call.headers.get("if-none-match", ""):
        return Reply(304, b"", "text/javascript", headers)
    return Reply(200, code, "text/javascript", headers)


def sent_key(call: Call) -> str | None:
    """The Authorization header's key, else `key` of the body or of the query.

    Raises Forbidden for a secret one in a body: the page it came from shows it to everybody.
    """
    if key := header_key(call):
        return key
    key = text(mapping(call.json).get("key"))
    if key.startswith("sk_"):
        raise Forbidden(
            "secret_in_page",
            "A secret key stood in a page, where every visitor can read it: end it, and put a key "
            "with scope `collect` alone there.",
        )
    return key or public_key(call)


def messages(call: Call) -> list[Any]:
    """The events, each whole in itself: with `sent_at`, the browser's `agent` and, where it names
    nobody, its `visitor`."""
    body = call.json
    if not isinstance(body, dict):
        raise BadRequest("not_an_object", "The body is a JSON object with `key` and `events`.")
    events = body.get("events")
    if not isinstance(events, list):
        raise BadRequest("missing_field", "A batch holds its events in the array `events`.")
    if len(events) > MAX_EVENTS:
        raise BadRequest("too_many_items", f"A batch may hold {MAX_EVENTS} events; send more.")
    return [_whole(event, body.get("sent_at"), call) for event in events]


def _whole(event: Any, sent_at: Any, call: Call) -> Any:
    if not isinstance(event, dict):
        return event
    ours = {"sent_at": sent_at, "agent": call.user_agent, "visitor": None}
    if event.get("anonymous_id") in (None, ""):
        site = host_of(text(event.get("url"), MAX_URL)) or host_of(call.headers.get("origin", ""))
        ours["visitor"] = call.visitor(site or "")
    return {**event, **ours}


def rewrite(given: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """A page, a track or an identify. Raises Refusal."""
    if not isinstance(given, dict):
        raise Refusal("not_an_object", "", "an event is a JSON object with id, type and at")
    kind = given.get("type")
    if kind not in ("page", "track", "identify"):
        raise Refusal("unknown_value", "type", "a type is one of page, track, identify")
    occurred_at, claimed_at = _moments(given, sender)
    people = _people(given)
    if click := click_in(text(given.get("url"), MAX_URL), parse_moment(occurred_at, "at")):
        people[CLICK_KIND] = click
    event: NativeEvent = {
        "id": given.get("id"),
        "occurred_at": occurred_at,
        "claimed_at": claimed_at,
        "identifiers": people,
        "context": {"user_agent": text(given.get("agent"), 2_000)},
    }
    if kind == "page":
        return [{**event, "type": "page", "page": _page(given)}]
    if kind == "identify":
        return [{**event, "type": "identify", "identifiers": {**people, **_known(given)}}]
    return [{**event, **_track(given, people, index, sender)}]


def _moments(given: dict[str, Any], sender: Sender) -> tuple[str, str]:
    """When it occurred by our clock, and what the browser claimed ("" where nothing)."""
    claimed = given.get("at")
    if claimed is None:
        return sender.received_at.isoformat(), ""
    if not isinstance(claimed, str):
        raise Refusal("wrong_type", "at", "a moment is text like 2026-03-01T10:00:00Z")
    moment = corrected(claimed, "at", given.get("sent_at"), "sent_at", sender.received_at)
    return moment, claimed


def _people(given: dict[str, Any]) -> dict[str, Any]:
    if given.get("visitor"):
        return {"anonymous_id": given["visitor"]}
    return {"anonymous_id": given.get("anonymous_id")}


def _known(given: dict[str, Any]) -> dict[str, Any]:
    """Who the visitor says that he is."""
    said = mapping(given.get("identifiers"))
    found = {ours: said[theirs] for theirs, ours in WHO.items() if said.get(theirs) is not None}
    if not found:
        raise Refusal(
            "missing_identifiers",
            "identifiers",
            f"identify needs a user id, or one of {', '.join(WHO)}",
        )
    return found


def _page(given: dict[str, Any]) -> dict[str, Any]:
    page = {"url": text(given.get("url"), MAX_URL)}
    for name, limit in (("referrer", MAX_URL), ("title", 1_000)):
        if value := text(given.get(name), limit):
            page[name] = value
    return page


def _track(
    given: dict[str, Any], people: dict[str, Any], index: int, sender: Sender
) -> dict[str, Any]:
    name = text(given.get("name"), 200)
    if not name:
        raise Refusal("missing_field", "name", "a track needs the name of what was done")
    written = rewrite_track(name, mapping(given.get("properties")), people, index, sender)
    url = text(given.get("url"), MAX_URL)
    if written["type"] == "track" and host_of(url):
        written["track"]["url"] = url
    return written


def identity_of(event: Any) -> str:
    given = event.get("id") if isinstance(event, dict) else None
    return given if isinstance(given, str) else ""


def answer(_: Call, receipt: Receipt) -> Reply:
    """200 whatever became of single events: what was refused would be refused again."""
    refused = sorted(receipt.refused, key=lambda r: r.index)
    return reply_json(
        {
            "accepted": receipt.accepted,
            "duplicates": receipt.duplicates,
            "rejected": [
                {"index": r.index, "code": r.code, "field": r.field, "detail": r.detail}
                for r in refused
            ],
            "watermark": receipt.watermark,
        }
    )


_EXAMPLE: Final = {
    "sent_at": "2026-03-01T10:00:01Z",
    "events": [
        {
            "id": "5c8f6a5e-4a3c-4a83-9f0e-1f8a2b1f6f11",
            "type": "page",
            "at": "2026-03-01T10:00:00Z",
            "anonymous_id": "m8k2x1q0.b8a6cf0e-61a5-4b7e-8a5c-2f9f6a0f3c55",
            "url": "https://example.com/?utm_source=google&utm_medium=cpc",
            "referrer": "https://www.google.com/",
            "title": "Home",
        }
    ],
}

FORMAT = Format(
    name="snippet",
    title="Website snippet",
    endpoints=(
        Fixed(
            paths=("/t.js",),
            methods=("GET",),
            summary="The snippet for websites",
            says="(function () {})();",
            says_as="text/javascript",
            answer=serve_script,
        ),
        Endpoint(
            paths=("/t",),
            summary="What the snippet posts",
            sends=_EXAMPLE,
            sends_as=("application/json", "text/plain"),
            says={"accepted": 1, "duplicates": 0, "rejected": [], "watermark": 1},
            key=sent_key,
            messages=messages,
            answer=answer,
            max_bytes=MAX_BODY_BYTES,
        ),
    ),
    rewrite=rewrite,
    words={
        "occurred_at": "at",
        "page.url": "url",
        "page.referrer": "referrer",
        "page.title": "title",
        "page": "url",
        "track.name": "name",
        "track.url": "url",
        "track.properties": "properties",
        "track": "properties",
        "event": "name",
        "userId": "anonymous_id",
        "identifiers.anonymous_id": "anonymous_id",
    },
    identity=identity_of,
)
