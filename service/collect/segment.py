"""Messages of the Segment API, whoever sends them: each is rewritten as native events.

What a message becomes: `identify`, `alias` and `merge` an identify, `page` a page (without any
address a track), `screen` a track, `group` a group with its account, `track` what `vocabulary`
says.

Its clock: `occurred_at` is the `timestamp` corrected by how far `sentAt` lies from its arrival, as
Segment does, but only where that is the skew of a clock: not the time that a request takes, and
not that for which a queue waited. What the client wrote stays in the fact as `claimed_at`, so that
a message sent again is a duplicate although its correction came out a little different. `context.ip` and `writeKey` are never kept.

Sources: Segment's documentation of the HTTP API and of the common fields; recorded clients.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.collect.native import TRUSTED_AHEAD, Sender, parse_moment
from service.collect.picking import mapping
from service.collect.segment_context import add_more
from service.collect.segment_messages import REWRITERS, Message, rewrite
from service.collect.wire import NativeEvent
from service.kit.errors import Refusal

MAX_MESSAGE_ID: Final = 100
MAX_MOMENT: Final = 64
# A message sent later than this after its `sentAt` waited in a queue; its clock may be right.
PLAUSIBLE_SKEW: Final = timedelta(minutes=10)
# Less is what the network takes, for each message anew: corrected by it, a page and the order that
# followed it changed places.
NOTICEABLE_SKEW: Final = timedelta(seconds=1)

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
    message = Message(kind, _identity(given), index, given, context, people, sender)
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


def _identity(message: Mapping[str, Any]) -> str:
    """`messageId`, else a hash of what the message says, equal each time it is sent."""
    given = message.get("messageId")
    if given is None or given == "":
        said = {name: value for name, value in message.items() if name not in _VOLATILE}
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
    moment = parse_moment(claimed, "timestamp")
    sent = None if _is_server(message) else _sent_at(sent_at)
    if sent is not None and received_at - sent <= PLAUSIBLE_SKEW:
        moment = _corrected(moment, sent, received_at)
    elif moment - received_at <= TRUSTED_AHEAD:
        moment = min(moment, received_at)
    return moment.isoformat(), claimed


def _corrected(moment: datetime, sent: datetime, received_at: datetime) -> datetime:
    # Nothing occurs after it was sent, whatever the clock says.
    if moment > sent:
        moment = sent
    skew = received_at - sent
    if abs(skew) < NOTICEABLE_SKEW:
        return moment
    try:
        return moment + skew
    except OverflowError:
        raise Refusal(
            "bad_timestamp", "sentAt", "sentAt lies thousands of years after the timestamp"
        ) from None


def _sent_at(value: object) -> datetime | None:
    """A `sentAt` that cannot be read corrects nothing; the message itself is none the worse."""
    return _read_sent_at(value) if isinstance(value, str) and len(value) <= MAX_MOMENT else None


@lru_cache(64)  # it is that of its batch
def _read_sent_at(text: str) -> datetime | None:
    try:
        return parse_moment(text, "sentAt")
    except Refusal:
        return None


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
