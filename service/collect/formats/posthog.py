"""The capture API of PostHog: its browser client and its libraries for servers, unchanged.

The browser client asks for settings and flags before it starts: it is told that there are none, and
not to capture clicks by itself, which no report reads.

Sources: PostHog's documentation of the capture API; recorded clients.
"""

import base64
import binascii
from typing import Any, Final

import orjson

from service.collect.analytics import content_id, cookieless, message_id
from service.collect.body import GZIP_MAGIC, gunzip, parse_json
from service.collect.landing import host_of
from service.collect.picking import MAX_URL, first, mapping, number_or_text, text
from service.collect.posthog_events import COOKIELESS, WORDS, distinct_id, rewrite
from service.collect.wire import (
    Call,
    Endpoint,
    Fixed,
    Format,
    Reply,
    reply_json,
)
from service.collect.wire import sent_key as key_of_header
from service.kit.errors import BadRequest, ThroughlineError
from service.ledger.append import Receipt

MAX_BODY_BYTES: Final = 20 * 2**20
MAX_EVENTS: Final = 10_000
_KEYS: Final = ("api_key", "token")
_NOT_KEPT: Final = frozenset({"token", "api_key", "$ip"})
NO_FLAGS: Final = {
    "flags": {},
    "featureFlags": {},
    "featureFlagPayloads": {},
    "errorsWhileComputingFlags": False,
}


def content(call: Call) -> Any:
    """The body: JSON, or a form whose `data` is JSON, in base64 or not. Raises BadRequest."""
    said = call.document
    if not isinstance(said, dict) or set(said) & {"batch", "event"} or "data" not in said:
        return said
    data = said["data"]
    if not isinstance(data, str):
        return data
    if data.lstrip()[:1] in ("{", "["):
        return parse_json(data.encode("utf-8", "surrogatepass"))
    try:
        # A plus that was not encoded arrives as a blank.
        raw = base64.b64decode(data.replace(" ", "+") + "=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("malformed_json", "`data` is JSON, or base64 of it.") from None
    return parse_json(gunzip(raw, MAX_BODY_BYTES) if raw.startswith(GZIP_MAGIC) else raw)


def sent_key(call: Call) -> str | None:
    """`api_key` or `token` of the body, else of its first event, else as any sender says it."""
    said = content(call)
    events = _events(said)
    event = mapping(events[0]) if events else {}
    places = (mapping(said), event, mapping(event.get("properties")))
    named = (text(first(place, _KEYS)) for place in places)
    return next((key for key in named if key), None) or key_of_header(call)


def _events(said: Any) -> list[Any]:
    """The events of a body: a batch, an array of them, or one."""
    batch = said.get("batch") if isinstance(said, dict) else said
    if isinstance(batch, list):
        return batch
    return [said] if isinstance(said, dict) and "batch" not in said else []


def messages(call: Call) -> list[Any]:
    """The events of a request, each whole in itself. Raises BadRequest."""
    said = content(call)
    if not isinstance(said, dict | list):
        raise BadRequest("not_an_object", "The body is a JSON object; see PostHog's capture API.")
    if isinstance(said, dict) and not isinstance(said.get("batch", []), list):
        raise BadRequest("missing_field", "A batch holds its events in the array `batch`.")
    events = _events(said)
    if len(events) > MAX_EVENTS:
        raise BadRequest("too_many_items", f"A batch may hold {MAX_EVENTS} events.")
    around = mapping(said)
    sent_at = "" if around.get("historical_migration") is True else around.get("sent_at")
    return [_whole(event, sent_at, call, place) for place, event in enumerate(events)]


def _whole(event: Any, sent_at: Any, call: Call, place: int) -> Any:
    """An event without the key and the visitor's address, with its id and its moment of sending."""
    if not isinstance(event, dict):
        return {"event": event}
    kept = {name: value for name, value in event.items() if name not in _NOT_KEPT}
    properties = kept.get("properties")
    if isinstance(properties, dict):
        kept["properties"] = {k: v for k, v in properties.items() if k not in _NOT_KEPT}
    properties = mapping(properties)
    said = number_or_text(kept.get("uuid"), 200) or number_or_text(
        properties.get("$insert_id"), 200
    )
    if not said:
        timed = kept.get("timestamp") not in (None, "")
        volatile = {k: v for k, v in kept.items() if k not in ("sent_at", "offset")}
        said = content_id((volatile, place), None if timed else call.received_at)
    whole = {"event": kept, "sent_at": sent_at or kept.get("sent_at"), "id": said}
    if distinct_id(event) == COOKIELESS:
        site = host_of(text(properties.get("$current_url"), MAX_URL)) or ""
        whole["visitor"] = cookieless(call, site, text(properties.get("$raw_user_agent"), 2_000))
    return whole


def stored(_: Call, __: Receipt) -> Reply:
    return Reply(200, b'{"status":1}')


def failed(_: Call, error: ThroughlineError) -> Reply:
    """An error as PostHog's clients read it."""
    return reply_json(_error(error.code, error.detail), error.status)


def _error(code: str, detail: str) -> dict[str, Any]:
    return {"status": 0, "type": "validation_error", "code": code, "detail": detail}


def _config(key: str) -> dict[str, Any]:
    """Nothing but sending: no recordings, flags or clicks; nothing secret. Of surveys nothing is
    said: a client that is told of none fetches what shows them all the same."""
    return {
        "token": key,
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": False,
        "autocapture_opt_out": True,
        "autocaptureExceptions": False,
        "capturePerformance": False,
        "captureDeadClicks": False,
        "heatmaps": False,
        "sessionRecording": False,
        "siteApps": [],
    }


def config(call: Call) -> Reply:
    return reply_json(_config(call.captured["write_key"][:200]))


def config_script(call: Call) -> Reply:
    """The settings as the snippet loads them. JSON is JavaScript here, but for `<`."""
    key = call.captured["write_key"][:200]
    written = orjson.dumps({key: {"config": _config(key), "siteApps": []}})
    said = written.replace(b"<", b"\\u003c")
    name = b"window._POSTHOG_REMOTE_CONFIG"
    script = name + b"=Object.assign(" + name + b"||{}," + said + b");"
    return Reply(200, script, "text/javascript", {"X-Content-Type-Options": "nosniff"})


def flags(_: Call) -> Reply:
    return reply_json(NO_FLAGS)


EXAMPLE: Final = {
    "batch": [
        {
            "uuid": "019d0f7e-8000-7000-8000-000000000001",
            "event": "$pageview",
            "distinct_id": "u-1",
            "timestamp": "2026-03-01T10:00:00Z",
            "properties": {"$current_url": "https://example.com/?utm_source=google&utm_medium=cpc"},
        }
    ],
    "sent_at": "2026-03-01T10:00:01Z",
}

FORMAT = Format(
    name="posthog",
    title="PostHog capture API",
    endpoints=(
        Endpoint(
            paths=("/batch/", "/e/", "/i/v0/e/", "/capture/", "/track/", "/engage/"),
            summary="PostHog: events",
            sends=EXAMPLE,
            says={"status": 1},
            fails=_error("no_key", "Send a key with the request."),
            key=sent_key,
            messages=messages,
            answer=stored,
            refuse=failed,
            max_bytes=MAX_BODY_BYTES,
        ),
        Fixed(
            paths=("/array/{write_key}/config",),
            methods=("GET",),
            summary="PostHog: settings of the browser client",
            says=_config("pk_WRITE_KEY"),
            answer=config,
        ),
        Fixed(paths=("/array/{write_key}/config.js",), methods=("GET",), answer=config_script),
        Fixed(
            paths=("/flags/", "/decide/"),
            summary="PostHog: feature flags, of which there are none",
            sends={"token": "pk_WRITE_KEY", "distinct_id": "u-1"},
            says=NO_FLAGS,
            answer=flags,
        ),
    ),
    rewrite=rewrite,
    words=WORDS,
    identity=message_id,
)
