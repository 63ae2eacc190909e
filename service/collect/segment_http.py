"""What a Segment client expects of the server around its messages: the key, the limits, and the
settings that a browser fetches before it sends anything."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from service.kit.errors import BadRequest

MAX_MESSAGE_BYTES: Final = 32 * 1024
"""Largest message of a batch, bytes."""

MAX_BODY_BYTES: Final = 500 * 1024
"""Largest body, bytes, before and after gunzip; clients split their batches below it."""

MAX_MESSAGES: Final = 2_500
"""Most messages of one batch."""

KINDS: Final[Mapping[str, str]] = {
    "identify": "identify",
    "track": "track",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
    "batch": "batch",
    "import": "batch",
    "i": "identify",
    "t": "track",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
    "b": "batch",
}
"""Kind of message by the last part of the path `/v1/…`; browsers use the short ones."""


def messages_of(body: object, path_kind: str) -> list[Any]:
    """The messages of a request, one or many, unread.

    Args: body as parsed; path_kind: a key of KINDS.
    Raises: BadRequest where the request as a whole makes no sense, or holds too many messages.
    """
    if not isinstance(body, dict):
        raise BadRequest("not_an_object", "The body is a JSON object; see the Segment HTTP API.")
    if KINDS[path_kind] != "batch":
        return [body]
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise BadRequest("missing_field", "A batch holds its messages in the array `batch`.")
    if len(messages) > MAX_MESSAGES:
        raise BadRequest(
            "too_many_items", f"A batch may hold {MAX_MESSAGES} messages; send more requests."
        )
    return messages


def write_key_of(headers: Mapping[str, str], body: object) -> str | None:
    """The key that a client sent, None where it sent none.

    The user name of HTTP Basic (the colon may be missing), else `writeKey` of the body, else a
    bearer token. The body goes before the bearer: a client that uses OAuth sends Segment's token
    there and the key in the body. Never raises.
    """
    given = next((v for k, v in headers.items() if k.lower() == "authorization"), "")
    scheme, _, rest = given.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "basic" and (key := _user_name(rest)):
        return key
    written = body.get("writeKey") if isinstance(body, dict) else None
    if isinstance(written, str) and written.strip():
        return written.strip()
    return rest if scheme.lower() == "bearer" and rest else None


def _user_name(encoded: str) -> str:
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[0].strip()


def settings_body(write_key: str) -> dict[str, Any]:
    """The answer to `GET /v1/projects/{write_key}/settings`: the least with which the browser
    client starts, every event enabled and no other destination."""
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
