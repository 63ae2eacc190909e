"""Requests of Segment's kind, whoever sends them: the key, the messages, the answers.

RudderStack's clients post to the same paths as Segment's, so the limits are the larger of both:
Segment takes 500 KB a body, RudderStack 4,000 KB. Both split their batches by themselves, and both
throw away what is answered 4xx.

Sources: Segment's documentation of the HTTP API; RudderStack's gateway; recorded clients.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from service.collect.body import Unreadable, raw_text
from service.collect.picking import mapping
from service.collect.segment import encoded, identity_of, shown
from service.collect.wire import Call, Reply, public_key, reply_json, user_name
from service.kit.errors import BadRequest, Refusal, ThroughlineError, TooLarge
from service.ledger.append import Receipt

MAX_MESSAGE_BYTES: Final = 32 * 1024
"""Largest message, bytes."""

MAX_BODY_BYTES: Final = 4_000 * 1024
"""Largest body, bytes, before and after gunzip."""

MAX_MESSAGES: Final = 2_500
"""Most messages of one batch."""

FAILED: Final = {"success": False, "code": "unknown_key", "message": "This key is not known."}


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
    return public_key(call) or public_key(call, "writeKey")


def messages_as(kind: str) -> Callable[[Call], list[Any]]:
    """Reads the messages of a request, one or many, each whole in itself.

    Raises BadRequest where the request as a whole makes no sense, or holds too many messages.
    """

    def read(call: Call) -> list[Any]:
        body = object_of(call)
        said = _said_in_headers(call)
        if kind != "batch":
            return whole_messages([{**body, "type": kind}], {}, len(call.body), said)
        messages = body.get("batch")
        if not isinstance(messages, list):
            raise BadRequest("missing_field", "A batch holds its messages in the array `batch`.")
        if len(messages) > MAX_MESSAGES:
            raise BadRequest(
                "too_many_items", f"A batch may hold {MAX_MESSAGES} messages; send more requests."
            )
        return whole_messages(messages, body, len(call.body), said)

    return read


def object_of(call: Call) -> dict[str, Any]:
    """The body, a JSON object. Raises BadRequest."""
    body = call.json
    if not isinstance(body, dict):
        raise BadRequest("not_an_object", "The body is a JSON object; see the Segment HTTP API.")
    return body


def whole_messages(
    messages: list[Any],
    around: Mapping[str, Any],
    size: int,
    said: Mapping[str, str] | None = None,
) -> list[Any]:
    """The messages with what their batch says for all of them.

    Args: size: of the whole body, bytes; said: `sentAt` and `anonymousId` where a message has none.
    """
    shared = mapping(around.get("context"))
    sent_at = around.get("sentAt")
    said = said or {}
    whole: list[Any] = []
    for given in messages:
        message = given
        if isinstance(message, dict):
            if size > MAX_MESSAGE_BYTES and _size_of(message) > MAX_MESSAGE_BYTES:
                detail = f"a message holds at most {MAX_MESSAGE_BYTES} bytes"
                refusal = Refusal("too_large", "", detail)
                message = Unreadable(refusal, raw_text(shown(message)), identity_of(message))
            elif sent_at or shared or said:
                message = {**message, "sentAt": sent_at or message.get("sentAt")}
                if shared:
                    message["context"] = {**shared, **mapping(message.get("context"))}
                if said:
                    _fill_in(message, said)
        whole.append(message)
    return whole


def _size_of(message: Mapping[str, Any]) -> int:
    try:
        return len(orjson.dumps(message))
    except TypeError:  # half a surrogate pair, or too deep for it
        return len(encoded(message))


def _fill_in(message: dict[str, Any], said: Mapping[str, str]) -> None:
    message["sentAt"] = message["sentAt"] or said.get("sentAt")
    if "anonymousId" in said and not (message.get("userId") or message.get("anonymousId")):
        message["anonymousId"] = said["anonymousId"]


def _said_in_headers(call: Call) -> dict[str, str]:
    """What RudderStack's browser client repeats in the headers `SentAt` and `AnonymousId`."""
    said = {}
    if sent_at := call.headers.get("sentat"):
        said["sentAt"] = sent_at
    if encoded_id := call.headers.get("anonymousid"):
        # What is no base64 is nobody's id.
        with suppress(binascii.Error, ValueError):
            said["anonymousId"] = base64.b64decode(encoded_id, validate=True).decode()
    return said


def stored(_: Call, __: Receipt) -> Reply:
    return Reply(200, b'{"success":true}')


def failed(_: Call, error: ThroughlineError) -> Reply:
    """An error as Segment's clients read it; the protocol knows 400 for a large body as well."""
    status = 400 if isinstance(error, TooLarge) else error.status
    return reply_json({"success": False, "code": error.code, "message": error.detail}, status)
