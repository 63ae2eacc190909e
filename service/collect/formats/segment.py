"""The Segment HTTP Tracking API: server and browser SDKs, unchanged, pointed at this service.

Whatever was durably judged is answered 200, also where single messages were refused (they are in
the quarantine): clients drop a whole batch on 4xx.

Sources: Segment's documentation of the HTTP API; recorded clients.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from service.collect.body import Unreadable, raw_text
from service.collect.picking import mapping
from service.collect.segment import encoded, identity_of, rewrite_message, shown
from service.collect.segment_messages import WORDS
from service.collect.wire import (
    Call,
    Endpoint,
    Fixed,
    Format,
    Reply,
    public_key,
    reply_json,
    user_name,
)
from service.kit.errors import BadRequest, Refusal, ThroughlineError, TooLarge
from service.ledger.append import Receipt

MAX_MESSAGE_BYTES: Final = 32 * 1024
"""Largest message of a batch, bytes."""

MAX_BODY_BYTES: Final = 500 * 1024
"""Largest body, bytes, before and after gunzip; clients split their batches below it."""

MAX_MESSAGES: Final = 2_500
"""Most messages of one batch."""

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


def write_key(call: Call) -> str | None:
    """The user name of HTTP Basic, else `writeKey` of the body, else a bearer token, else a public
    key of the query.

    The body goes before the bearer: a client that uses OAuth sends Segment's token there and the
    key in the body.
    """
    scheme, _, rest = call.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "basic" and (key := user_name(rest.strip())):
        return key
    written = mapping(call.json).get("writeKey")
    if isinstance(written, str) and written.strip():
        return written.strip()
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip()
    return public_key(call)


def messages_as(kind: str) -> Callable[[Call], list[Any]]:
    """Reads the messages of a request, one or many, each whole in itself.

    Raises BadRequest where the request as a whole makes no sense, or holds too many messages.
    """

    def read(call: Call) -> list[Any]:
        body = call.json
        if not isinstance(body, dict):
            raise BadRequest(
                "not_an_object", "The body is a JSON object; see the Segment HTTP API."
            )
        if kind != "batch":
            return whole_messages([{**body, "type": kind}], {}, len(call.body))
        messages = body.get("batch")
        if not isinstance(messages, list):
            raise BadRequest("missing_field", "A batch holds its messages in the array `batch`.")
        if len(messages) > MAX_MESSAGES:
            raise BadRequest(
                "too_many_items", f"A batch may hold {MAX_MESSAGES} messages; send more requests."
            )
        return whole_messages(messages, body, len(call.body))

    return read


def whole_messages(messages: list[Any], around: Mapping[str, Any], size: int) -> list[Any]:
    """The messages with what their batch says for all of them; `size` of the whole body, bytes."""
    shared = mapping(around.get("context"))
    sent_at = around.get("sentAt")
    whole: list[Any] = []
    for given in messages:
        message = given
        if isinstance(message, dict):
            if size > MAX_MESSAGE_BYTES and len(encoded(message)) > MAX_MESSAGE_BYTES:
                detail = f"a message holds at most {MAX_MESSAGE_BYTES} bytes"
                refusal = Refusal("too_large", "", detail)
                message = Unreadable(refusal, raw_text(shown(message)), identity_of(message))
            elif sent_at or shared:
                message = {**message, "sentAt": sent_at or message.get("sentAt")}
                if shared:
                    message["context"] = {**shared, **mapping(message.get("context"))}
        whole.append(message)
    return whole


def stored(_: Call, __: Receipt) -> Reply:
    return Reply(200, b'{"success":true}')


def failed(_: Call, error: ThroughlineError) -> Reply:
    """An error as Segment's clients read it; the protocol knows 400 for a large body as well."""
    status = 400 if isinstance(error, TooLarge) else error.status
    return reply_json({"success": False, "code": error.code, "message": error.detail}, status)


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
        fails={"success": False, "code": "unknown_key", "message": "This key is not known."},
        failures=(400, 401, 403, 503),
        key=write_key,
        messages=messages_as(kind),
        answer=stored,
        refuse=failed,
        max_bytes=MAX_BODY_BYTES,
    )


FORMAT = Format(
    name="segment",
    title="Segment HTTP Tracking API",
    endpoints=(
        *(_endpoint(kind, name) for kind, names in KINDS.items() for name in names),
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
