"""Messages of the Segment API, whoever sends them: each is rewritten as native events.

What a message becomes: `identify`, `alias` and `merge` an identify, `page` a page (without any
address a track), `screen` a track, `group` a group with its account, `track` what `vocabulary`
says.

Its clock: `occurred_at` is the `timestamp` corrected by how far `sentAt` lies from its arrival (see
`clocks`); servers' clocks are taken as they are. `context.ip` and `writeKey` are never kept.

Sources: Segment's documentation of the HTTP API and of the common fields; recorded clients.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.collect.clocks import corrected
from service.collect.native import Sender
from service.collect.picking import mapping
from service.collect.segment_context import add_more
from service.collect.segment_messages import REWRITERS, Message, rewrite
from service.collect.wire import NativeEvent
from service.kit.errors import Refusal

MAX_MESSAGE_ID: Final = 100
WINDOW_SECONDS: Final = 600

# What differs between two sendings of one message.
_VOLATILE: Final = frozenset({"sentAt", "receivedAt", "writeKey", "_metadata", "integrations"})
_SERVER_LIBRARY: Final = re.compile(
    r"(?:^|[^a-z])(?:python|node|ruby|java|go|php|net|rust|clojure|elixir|scala|perl)(?:[^a-z]|$)"
)


def rewrite_message(given: Any, index: int, sender: Sender) -> list[NativeEvent]:
    """The native events of a message that is whole in itself: with its `type`, its `sentAt` and the
    context of its batch. Raises Refusal."""
    if not isinstance(given, dict):
        raise Refusal("not_an_object", "", "a message is a JSON object with type and messageId")
    context = mapping(given.get("context"))
    kind = _kind_of(given)
    # A merge names its people by itself.
    people = {} if kind == "merge" else _people(given, context, kind)
    message = Message(
        kind, _identity(given, sender.received_at), index, given, context, people, sender
    )
    return rewrite(message, *_moments(message, given.get("sentAt"), sender.received_at))


def shown(message: Any) -> Any:
    """For the quarantine: without the key and the visitor's address."""
    if not isinstance(message, dict):
        return message
    message = {name: value for name, value in message.items() if name != "writeKey"}
    if isinstance(context := message.get("context"), dict):
        message["context"] = {name: value for name, value in context.items() if name != "ip"}
    return message


def identity_of(message: Any) -> str:
    """`messageId` where it is text, for the list of the quarantine."""
    given = message.get("messageId") if isinstance(message, dict) else None
    return given if isinstance(given, str) else ""


def _kind_of(message: Mapping[str, Any]) -> str:
    kind = message.get("type")
    if kind is None:
        raise Refusal("missing_field", "type", "a message of a batch needs its `type`")
    if not isinstance(kind, str) or kind not in REWRITERS:
        raise Refusal("unknown_value", "type", f"a type is one of {', '.join(sorted(REWRITERS))}")
    return kind


def _identity(message: Mapping[str, Any], received_at: datetime) -> str:
    """`messageId`, else a hash of what the message says, equal each time it is sent; where it names
    no moment either, each time within the running WINDOW_SECONDS."""
    given = message.get("messageId")
    if given is None or given == "":
        said = {name: value for name, value in message.items() if name not in _VOLATILE}
        if message.get("timestamp") is None and message.get("originalTimestamp") is None:
            said["window"] = int(received_at.timestamp()) // WINDOW_SECONDS
        digest = blake2b(encoded(said), digest_size=16)
        return f"hash:{digest.hexdigest()}"
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Refusal("wrong_type", "messageId", "a messageId is text")
    if isinstance(given, str) and len(given) > MAX_MESSAGE_ID:
        raise Refusal(
            "too_long", "messageId", f"a messageId has at most {MAX_MESSAGE_ID} characters"
        )
    return str(given)


def _people(message: Mapping[str, Any], context: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The identifiers, unread; a message's own traits go before those of its context."""
    found: dict[str, Any] = {}
    for theirs, ours in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if message.get(theirs) not in (None, ""):
            found[ours] = message[theirs]
    if not found:
        raise Refusal(
            "missing_identifiers", "userId", "a message needs a `userId` or an `anonymousId`"
        )
    # A group's own traits are the company's, not the person's.
    for said in (context.get("traits"), message.get("traits") if kind != "group" else None):
        if not said or not isinstance(said, dict):
            continue
        for name in ("email", "phone"):
            value = said.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                found[name] = value
    add_more(found, message, context)
    return found


def _moments(message: Message, sent_at: object, received_at: datetime) -> tuple[str, str]:
    """When it occurred by our clock, and what the client claimed ("" where it claimed nothing)."""
    claimed = message.fields.get("timestamp")
    if claimed is None:
        claimed = message.fields.get("originalTimestamp")  # RudderStack's name for it
    if claimed is None:
        return received_at.isoformat(), ""
    if not isinstance(claimed, str):
        raise Refusal("wrong_type", "timestamp", "a timestamp is text like 2026-03-01T10:00:00Z")
    sent = None if _is_server(message) else sent_at
    return corrected(claimed, "timestamp", sent, "sentAt", received_at), claimed


def _is_server(message: Message) -> bool:
    name = mapping(message.context.get("library")).get("name")
    named = isinstance(name, str) and _names_server(name)
    return named or message.fields.get("channel") == "server"


@lru_cache(1_024)
def _names_server(library: str) -> bool:
    return _SERVER_LIBRARY.search(library.lower()) is not None


def encoded(value: object) -> bytes:
    """The value as text of one form. Raises Refusal for what no text holds."""
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or too deep for it
        pass
    try:
        return json.dumps(value, default=repr, sort_keys=True).encode()
    except (RecursionError, TypeError, ValueError):
        raise Refusal("invalid_text", "", "the message is nested too deep to be read") from None
