"""Google Analytics 4: the Measurement Protocol of servers and apps, and the hits of websites.

What an event becomes: `page_view` a page view, `campaign_details` a click with its campaign, what
`vocabulary` knows (purchase, refund, the lead events) an order, lead or deal, from servers alone;
everything else a track.

Google's events have no id: one is named by a hash of what it says. A hit that names its moment or
its place in the visit is known again for ever; one that does not, inside ten minutes.

Sources: Google's "Send Measurement Protocol events" and "Recommended events"; recorded clients.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

from service.collect.body import Unreadable, raw_text
from service.collect.consent_mode import analytics_consent
from service.collect.landing import host_of, read_landing
from service.collect.native import Sender
from service.collect.picking import MAX_URL, mapping, number_or_text, scalars, text
from service.collect.properties import impersonal
from service.collect.segment import WINDOW_SECONDS, encoded
from service.collect.vocabulary import rewrite_track
from service.collect.wire import (
    Call,
    Endpoint,
    Fixed,
    Format,
    NativeEvent,
    Reply,
    form_fields,
    header_key,
    public_key,
    reply_json,
)
from service.kit.errors import BadRequest, Refusal
from service.kit.time import from_micros
from service.ledger.append import Receipt

MAX_EVENTS: Final = 25
MAX_BODY_BYTES: Final = 130_000
_IDENTIFIERS: Final = {
    "client_id": "ga_client_id",
    "app_instance_id": "app_instance_id",
    "user_id": "user_id",
}
_HASHED: Final = {
    "sha256_email_address": "google_email_sha256",
    "sha256_phone_number": "phone_sha256",
}
_CAMPAIGN: Final = ("source", "medium", "campaign", "campaign_id", "content", "term")
# Names of a website's hit in the words of the Measurement Protocol.
_HIT: Final = {"dl": "page_location", "dr": "page_referrer", "dt": "page_title", "cu": "currency"}
_NAMES: Final = {
    "identifiers.ga_client_id": "client_id",
    "identifiers.user_id": "user_id",
    "identifiers": "client_id",
    "page.url": "params.page_location",
    "page.referrer": "params.page_referrer",
    "page.title": "params.page_title",
    "track.name": "name",
    "track.properties": "params",
    "track.url": "params.page_location",
    "touch": "params",
    "occurred_at": "timestamp_micros",
    "properties": "params",
}


def protocol_key(call: Call) -> str | None:
    """The Authorization header, else `api_secret`, where the protocol has its secret."""
    return header_key(call) or call.asked.get("api_secret", "").strip() or public_key(call)


def site_key(call: Call) -> str | None:
    """`key` of the query, else the measurement id (`tid`) where that is our key."""
    return header_key(call) or public_key(call) or call.asked.get("tid", "").strip() or None


def protocol_messages(call: Call) -> list[Any]:
    """The events of a Measurement Protocol request, each with what is said for all of them."""
    body = call.json
    if not isinstance(body, dict):
        raise BadRequest("not_an_object", "The body is a JSON object with client_id and events.")
    events = body.get("events")
    if not isinstance(events, list):
        raise BadRequest("missing_field", "The body holds its events in the array `events`.")
    names = (*_IDENTIFIERS, "timestamp_micros", "user_data", "user_properties", "user_agent")
    around = {name: body[name] for name in names if body.get(name) not in (None, "")}
    if consent := _protocol_consent(mapping(body.get("consent"))):
        around["consent"] = consent
    whole: list[Any] = [
        {**around, **event} if isinstance(event, dict) else event for event in events[:MAX_EVENTS]
    ]
    refusal = Refusal("too_many", "events", f"a request holds at most {MAX_EVENTS} events")
    return whole + [Unreadable(refusal, raw_text(event)) for event in events[MAX_EVENTS:]]


def _protocol_consent(consent: Mapping[str, Any]) -> str:
    said = {str(consent.get(name, "")).lower() for name in ("ad_user_data", "analytics_storage")}
    return "denied" if "denied" in said else "granted" if "granted" in said else ""


def site_messages(call: Call) -> list[Any]:
    """The hits of a website: one in the query, or one in each line of the body, which the query's
    fields hold for too."""
    lines = [line for line in call.body.decode("utf-8", "replace").splitlines() if line.strip()]
    shared = {name: value for name, value in call.asked.items() if name != "key"}
    hits = [{**shared, **form_fields(line)} for line in lines[:MAX_EVENTS]] or [shared]
    return [_message_of(hit, call.user_agent) for hit in hits]


def _message_of(hit: Mapping[str, str], user_agent: str) -> dict[str, Any]:
    params: dict[str, Any] = {
        name.partition(".")[2]: value
        for name, value in hit.items()
        if name.startswith(("ep.", "epn."))
    }
    params |= {ours: hit[theirs] for theirs, ours in _HIT.items() if hit.get(theirs)}
    message: dict[str, Any] = {
        "name": hit.get("en", ""),
        "params": params,
        # The number of the hit in its page, and the page: what makes two equal hits two.
        "place": [hit.get(name, "") for name in ("sid", "_p", "_s", "_et")],
        "user_agent": user_agent,
    }
    for theirs, ours in (("cid", "client_id"), ("uid", "user_id")):
        if hit.get(theirs):
            message[ours] = hit[theirs]
    if consent := analytics_consent(hit.get("gcs", ""), hit.get("gcd", "")):
        message["consent"] = consent
    return message


def rewrite(message: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native event of one event of Google's. Raises Refusal."""
    if not isinstance(message, dict):
        raise Refusal("not_an_object", "", "an event is a JSON object with name and params")
    name, params = text(message.get("name")), mapping(message.get("params"))
    if not name:
        raise Refusal("missing_field", "name", "an event needs its `name`")
    people = _people(message)
    event: NativeEvent = {
        "id": f"hash:{_digest(message, sender.received_at)}",
        "occurred_at": _moment(message, sender),
        "claimed_at": number_or_text(message.get("timestamp_micros")),
        "identifiers": people,
    }
    context = {
        name: said for name in ("consent", "user_agent") if (said := text(message.get(name), 2_000))
    }
    if context:
        event["context"] = context
    traits = {
        n: mapping(v).get("value") for n, v in mapping(message.get("user_properties")).items()
    }
    if traits := impersonal(scalars(traits)):
        event["segment"] = traits
    return [{**event, **_part(name, params, people, index, sender)}]


def _part(
    name: str, params: Mapping[str, Any], people: Mapping[str, Any], index: int, sender: Sender
) -> NativeEvent:
    url = _address(params)
    if name == "page_view" and host_of(url):
        page = {"url": url}
        for theirs, ours in (("page_referrer", "referrer"), ("page_title", "title")):
            if said := text(params.get(theirs), MAX_URL if ours == "referrer" else 1_000):
                page[ours] = said
        return {"type": "page", "page": page}
    campaign = {n: said for n in _CAMPAIGN if (said := number_or_text(params.get(n)))}
    if name == "campaign_details" and campaign:
        touch: dict[str, Any] = {"kind": "click", **campaign}
        if clicks := read_landing(url).click_ids if url else {}:
            touch["click_ids"] = dict(clicks)
        return {"type": "touch", "touch": touch}
    written = rewrite_track(name, params, people, index, sender)
    if written["type"] == "track" and host_of(url):
        written["track"]["url"] = url
    return written


def _address(params: Mapping[str, Any]) -> str:
    """The page's address; a click id that a server sends apart is put where browsers have it."""
    url = text(params.get("page_location"), MAX_URL)
    click = text(params.get("gclid"))
    if url and click and "gclid=" not in url and len(url) + len(click) < MAX_URL - 10:
        url += ("&" if "?" in url else "?") + f"gclid={quote(click, safe='', errors='replace')}"
    return url


def _people(message: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        ours: message[theirs]
        for theirs, ours in _IDENTIFIERS.items()
        if message.get(theirs) not in (None, "")
    }
    told = mapping(message.get("user_data"))
    for theirs, ours in _HASHED.items():
        value = told.get(theirs)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value:
            found[ours] = value.lower()
    return found


def _moment(message: Mapping[str, Any], sender: Sender) -> str:
    given = message.get("timestamp_micros")
    if given in (None, ""):
        return sender.received_at.isoformat()
    micros = number_or_text(given)
    if not micros.isascii() or not micros.isdigit() or len(micros) > 16:
        raise Refusal(
            "bad_timestamp", "timestamp_micros", f"{micros[:40]!r} is no microseconds since 1970"
        )
    return from_micros(int(micros)).isoformat()


def _digest(message: Mapping[str, Any], received_at: datetime) -> str:
    """Names the event by what it says, and where that could be said twice by when it came."""
    said = {name: value for name, value in message.items() if name != "user_agent"}
    place = message.get("place")
    placed = isinstance(place, list) and any(place)
    if not (message.get("timestamp_micros") or placed):
        said["window"] = int(received_at.timestamp()) // WINDOW_SECONDS
    return blake2b(encoded(said), digest_size=16).hexdigest()


def _stored(_: Call, __: Receipt) -> Reply:
    return Reply(204)


def _validated(_: Call) -> Reply:
    return reply_json({"validationMessages": []})


_EXAMPLE: Final = {
    "client_id": "123.456",
    "events": [
        {
            "name": "page_view",
            "params": {"page_location": "https://example.com/?utm_source=google&utm_medium=cpc"},
        }
    ],
}

FORMAT = Format(
    name="ga4",
    title="Google Analytics 4",
    endpoints=(
        Endpoint(
            paths=("/mp/collect",),
            summary="Google Analytics 4: Measurement Protocol",
            sends=_EXAMPLE,
            asks={
                "measurement_id": ("As Google's; not looked at.", "G-XXXX"),
                "api_secret": ("The key, where no header holds it.", "pk_WRITE_KEY"),
            },
            status=204,
            key=protocol_key,
            messages=protocol_messages,
            answer=_stored,
            max_bytes=MAX_BODY_BYTES,
        ),
        Fixed(
            paths=("/debug/mp/collect",),
            methods=("POST",),
            answer=_validated,
        ),
        Endpoint(
            paths=("/g/collect",),
            methods=("POST", "GET"),
            key=site_key,
            messages=site_messages,
            answer=_stored,
            max_bytes=MAX_BODY_BYTES,
        ),
    ),
    rewrite=rewrite,
    words=_NAMES,
)
