"""Messages of Segment's kind in the address of an image, for e-mails and pages without scripts.

An image is answered whatever becomes of the message, and names none: what the same visitor says in
one second is one message, however often it was fetched.

Sources: Segment's documentation of the pixel API; RudderStack's gateway and AMP specification.
"""

import base64
import re
from collections.abc import Callable
from typing import Any, Final

from service.collect.body import parse_json
from service.collect.picking import mapping
from service.collect.segment_http import whole_messages
from service.collect.wire import Call, Reply, in_address, reply_gif
from service.kit.errors import BadRequest
from service.ledger.append import Receipt

MAX_DEPTH: Final = 5
"""Most levels of a dotted field."""

_QUOTED: Final = re.compile(r'"(.*)"')


def pixel(_: Call, __: Receipt) -> Reply:
    return reply_gif()


def data_key(call: Call) -> str | None:
    """`writeKey` of the message. Raises Forbidden for a secret one."""
    key = _data(call).get("writeKey")
    return in_address(key) if isinstance(key, str) else None


def data_messages(kind: str) -> Callable[[Call], list[Any]]:
    """Reads the message in `data` of the query. Raises BadRequest."""
    return lambda call: _stamped(call, {**_data(call), "type": kind})


def _data(call: Call) -> dict[str, Any]:
    text = call.asked.get("data", "").strip()
    if text.startswith("{"):
        return mapping(parse_json(text.encode()))
    plain = text.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError as error:
        raise BadRequest(
            "bad_encoding", "`data` is neither JSON nor base64; encode the message as base64."
        ) from error
    return mapping(parse_json(decoded))


def query_messages(kind: str) -> Callable[[Call], list[Any]]:
    """Reads the message whose fields are those of the query; a dot leads into an object."""

    def read(call: Call) -> list[Any]:
        message: dict[str, Any] = {}
        for name, value in call.asked.items():
            if name != "writeKey":
                _put(message, name.split("."), value)
        anonymous = message.get("anonymousId")
        if isinstance(anonymous, str) and (quoted := _QUOTED.fullmatch(anonymous)):
            message["anonymousId"] = quoted[1]
        return _stamped(call, {**message, "channel": "web", "type": kind})

    return read


def _put(message: dict[str, Any], names: list[str], value: str) -> None:
    """Set a field inside the message; one that a value stands in the way of is left out."""
    *outer, last = names
    if len(outer) >= MAX_DEPTH:
        return
    for name in outer:
        inner = message.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        message = inner
    message.setdefault(last, value)


def _stamped(call: Call, message: dict[str, Any]) -> list[Any]:
    """The message with its moment, to the second, and the browser that fetched the image."""
    if not message.get("timestamp") and not message.get("originalTimestamp"):
        message["timestamp"] = call.received_at.replace(microsecond=0).isoformat()
    context = mapping(message.get("context"))
    if call.user_agent and not context.get("userAgent"):
        message["context"] = {**context, "userAgent": call.user_agent}
    return whole_messages([message], {}, len(call.query))
