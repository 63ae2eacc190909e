"""RudderStack: what its clients ask beside the paths that they share with Segment's.

`/v1/identify`, `/v1/batch` and the like are Segment's format, which reads RudderStack's messages as
well; here are the settings of the browser client, its beacons, merges, and the pixels of AMP pages.

Sources: RudderStack's gateway and its specifications; recorded clients.
"""

from importlib.metadata import version
from typing import Any, Final

from service.collect.picking import text
from service.collect.segment import identity_of, rewrite_message, shown
from service.collect.segment_http import FAILED, MAX_BODY_BYTES, failed, messages_as, write_key
from service.collect.segment_messages import WORDS
from service.collect.segment_pixels import pixel, query_messages
from service.collect.wire import (
    Call,
    Endpoint,
    Fixed,
    Format,
    Reply,
    header_key,
    public_key,
    reply_json,
    reply_text,
)
from service.ledger.append import Receipt

MESSAGE: Final[dict[str, Any]] = {
    "type": "page",
    "channel": "web",
    "messageId": "m-1",
    "anonymousId": "a-1",
    "originalTimestamp": "2026-03-01T10:00:00Z",
    "properties": {"url": "https://example.com/?utm_source=google&utm_medium=cpc"},
}
ASKS: Final = {"writeKey": ("A public key; a secret one is refused.", "pk_WRITE_KEY")}


def query_key(call: Call) -> str | None:
    """The key of the Authorization header, else `writeKey` of the query. Raises Forbidden for a
    secret one in the query."""
    return header_key(call) or public_key(call, "writeKey")


def done(_: Call, __: Receipt) -> Reply:
    return reply_text("OK")


def source_config(call: Call) -> Reply:
    """What the browser client fetches before it starts: this source, and no destinations. Holds
    nothing secret, and tells nobody whether the key is known."""
    return reply_json(_config_of(text(call.asked.get("writeKey"))))


def _config_of(key: str) -> dict[str, Any]:
    silent = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    return {
        "source": {
            "id": "throughline",
            "name": "throughline",
            "writeKey": key,
            "enabled": True,
            "config": {"statsCollection": silent},
            "workspaceId": "throughline",
            "destinations": [],
            "dataplanes": {},
            "connections": [],
        },
        "consentManagementMetadata": {},
    }


def _pixel(kind: str) -> Endpoint:
    return Endpoint(
        paths=(f"/pixel/v1/{kind}",),
        methods=("GET",),
        summary=f"RudderStack: pixel of a {kind}",
        asks={
            **ASKS,
            "anonymousId": ("Who it was; quotes around it are taken off.", "a-1"),
            "event": ("The name of what was done; of a page not needed.", "Offer Seen"),
        },
        says="GIF89a…",
        says_as="image/gif",
        key=query_key,
        messages=query_messages(kind),
        answer=pixel,
        always=True,
    )


FORMAT = Format(
    name="rudder",
    title="RudderStack",
    endpoints=(
        Endpoint(
            paths=("/beacon/v1/batch",),
            summary="RudderStack: batch sent while a page closes",
            asks=ASKS,
            sends={"batch": [MESSAGE], "sentAt": "2026-03-01T10:00:01Z"},
            sends_as=("application/json", "text/plain"),
            says="OK",
            says_as="text/plain",
            fails=FAILED,
            failures=(400, 401, 403, 503),
            key=query_key,
            messages=messages_as("batch"),
            answer=done,
            refuse=failed,
            max_bytes=MAX_BODY_BYTES,
        ),
        Endpoint(
            paths=("/v1/merge",),
            summary="RudderStack: merge",
            sends={
                "messageId": "m-2",
                "originalTimestamp": "2026-03-01T10:00:00Z",
                "mergeProperties": [
                    {"type": "email", "value": "ann@example.com"},
                    {"type": "phone", "value": "+48600700800"},
                ],
            },
            says="OK",
            says_as="text/plain",
            fails=FAILED,
            failures=(400, 401, 403, 503),
            key=write_key,
            messages=messages_as("merge"),
            answer=done,
            refuse=failed,
            max_bytes=MAX_BODY_BYTES,
        ),
        _pixel("page"),
        _pixel("track"),
        Fixed(
            paths=("/sourceConfig/",),
            methods=("GET",),
            summary="RudderStack: settings of the browser client",
            asks=ASKS,
            says=_config_of("pk_WRITE_KEY"),
            answer=source_config,
        ),
        Fixed(paths=("/health",), methods=("GET",), answer=lambda _: reply_json({"server": "UP"})),
        Fixed(
            paths=("/version",),
            methods=("GET",),
            answer=lambda _: reply_json({"Version": version("throughline")}),
        ),
    ),
    rewrite=rewrite_message,
    words=WORDS,
    shown=shown,
    identity=identity_of,
)
