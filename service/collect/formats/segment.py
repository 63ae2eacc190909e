"""The Segment HTTP Tracking API: server and browser SDKs, unchanged, pointed at this service.

Whatever was durably judged is answered 200, also where single messages were refused (they are in
the quarantine): clients drop a whole batch on 4xx. RudderStack's clients post here as well.

Sources: Segment's documentation of the HTTP API; recorded clients.
"""

from collections.abc import Mapping
from typing import Any, Final

from service.collect.segment import identity_of, rewrite_message, shown
from service.collect.segment_http import (
    FAILED,
    MAX_BODY_BYTES,
    failed,
    messages_as,
    stored,
    write_key,
)
from service.collect.segment_messages import WORDS
from service.collect.segment_pixels import data_key, data_messages, pixel
from service.collect.wire import Call, Endpoint, Fixed, Format, Reply, reply_json

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "identify": ("identify", "i"),
    "track": ("track", "t"),
    "page": ("page", "p"),
    "screen": ("screen", "s"),
    "group": ("group", "g"),
    "alias": ("alias", "a"),
    "batch": ("batch", "import", "b"),
}
"""Last parts of the path `/v1/…` by the kind of message; browsers use the short ones."""

DATA: Final = (
    "The message as JSON, better in base64: with `writeKey`, a public key, and who it was.",
    "eyJ3cml0ZUtleSI6InBrX1dSSVRFX0tFWSJ9",
)


def settings(call: Call) -> Reply:
    """What the browser client fetches before it sends: the least with which it starts, every event
    enabled and no other destination. Holds nothing secret."""
    return reply_json(_settings_of(call.captured["write_key"]))


def _settings_of(write_key: str) -> dict[str, Any]:
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "metrics": {"sampleRate": 0},
        "remotePlugins": [],
    }


def example_of(kind: str) -> Any:
    """A message of the Segment API, or a batch of one."""
    page = {"url": "https://example.com/?utm_source=google&utm_medium=cpc"}
    message: dict[str, Any] = {
        "messageId": "m-1",
        "anonymousId": "a-1",
        "timestamp": "2026-03-01T10:00:00Z",
    }
    more: dict[str, dict[str, Any]] = {
        "identify": {"userId": "u-1", "traits": {"email": "ann@example.com"}},
        "track": {
            "userId": "u-1",
            "event": "Order Completed",
            "properties": {"order_id": "O1", "revenue": 80, "currency": "EUR"},
        },
        "page": {"properties": page},
        "screen": {"name": "Home"},
        "group": {"userId": "u-1", "groupId": "acme", "traits": {"domain": "acme.com"}},
        "alias": {"previousId": "a-1", "userId": "u-1"},
    }
    if kind in more:
        return {**message, **more[kind]}
    return {
        "batch": [{"type": "page", **message, "properties": page}],
        "sentAt": "2026-03-01T10:00:01Z",
    }


def _endpoint(kind: str, name: str) -> Endpoint:
    return Endpoint(
        paths=(f"/v1/{name}",),
        summary=f"Segment: {name}" if len(name) > 1 else "",
        sends=example_of(kind),
        says={"success": True},
        fails=FAILED,
        failures=(400, 401, 403, 503),
        key=write_key,
        messages=messages_as(kind),
        answer=stored,
        refuse=failed,
        max_bytes=MAX_BODY_BYTES,
    )


def _pixel(kind: str) -> Endpoint:
    return Endpoint(
        paths=(f"/v1/pixel/{kind}",),
        methods=("GET",),
        summary="Segment: pixel" if kind == "track" else "",
        asks={"data": DATA},
        says="GIF89a…",
        says_as="image/gif",
        key=data_key,
        messages=data_messages(kind),
        answer=pixel,
        always=True,
    )


FORMAT = Format(
    name="segment",
    title="Segment HTTP Tracking API",
    endpoints=(
        *(_endpoint(kind, name) for kind, names in KINDS.items() for name in names),
        *(_pixel(kind) for kind in KINDS if kind != "batch"),
        Fixed(
            paths=("/v1/projects/{write_key}/settings",),
            methods=("GET",),
            summary="Segment: settings of the browser client",
            says=_settings_of("WRITE_KEY"),
            answer=settings,
        ),
    ),
    rewrite=rewrite_message,
    words=WORDS,
    shown=shown,
    identity=identity_of,
)
