"""The Segment HTTP Tracking API: each message is rewritten as native events and read as those are.

What a message becomes: `identify` and `alias` an identify, `page` a page (without any address a
track), `screen` a track, `group` a group with its account, `track` what `segment_track` says.

Its clock: `occurred_at` is the `timestamp` corrected by how far `sentAt` lies from its arrival, as
Segment does, but only where that is the skew of a clock and not a queue that waited; what the
client wrote stays in the fact as `claimed_at`, so that a message sent again is a duplicate
although its correction came out a little different. `context.ip` and `writeKey` are never kept.

Sources: Segment's documentation of the HTTP API and of the common fields; recorded clients.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.collect.intake import refused_item, storable
from service.collect.native import TRUSTED_AHEAD, Sender, parse_moment, to_fact
from service.collect.segment_http import KINDS, messages_of
from service.collect.segment_messages import REWRITERS, Message, in_their_words, mapping, rewrite
from service.kit.errors import BadRequest, Refusal
from service.ledger.append import Batch, NewFact, Refused

MAX_MESSAGE_ID: Final = 100
# A message sent later than this after its `sentAt` waited in a queue; its clock may be right.
PLAUSIBLE_SKEW: Final = timedelta(minutes=10)

# What differs between two sendings of one message.
_VOLATILE: Final = frozenset({"sentAt", "receivedAt", "writeKey", "_metadata", "integrations"})
_SERVER_LIBRARY: Final = re.compile(
    r"(?:^|[^a-z])(?:python|node|ruby|java|go|php|net|rust|clojure|elixir|scala|perl)(?:[^a-z]|$)"
)


def read_segment(body: object, path_kind: str, sender: Sender, max_bytes: int) -> Batch:
    """The facts of one request and what was refused of it, message by message.

    Args:
        body: the request's body as parsed from JSON.
        path_kind: last part of the path, a key of `segment_http.KINDS`; KeyError for another.
        max_bytes: largest message, and largest fact, in bytes.
    Returns: a batch for the ledger; whatever the body holds, nothing else is raised. A body that
        `segment_http.messages_of` refuses is one refused item.
    """
    facts: list[NewFact] = []
    refused: list[Refused] = []
    try:
        messages = messages_of(body, path_kind)
    except BadRequest as error:
        # Not the messages: they hold addresses of visitors, and any of them may be good.
        shown = {n: v for n, v in mapping(body).items() if n != "batch"} or None
        return Batch([], [_refused(shown, 0, Refusal(error.code, "", error.detail), sender)])
    around = body if isinstance(body, dict) else {}
    for index, message in enumerate(messages):
        try:
            facts += _facts(message, around, path_kind, index, sender, max_bytes)
        except Refusal as refusal:
            refused.append(_refused(message, index, in_their_words(refusal), sender))
    return Batch(facts, refused)


def _facts(
    given: object,
    around: Mapping[str, Any],
    path_kind: str,
    index: int,
    sender: Sender,
    max_bytes: int,
) -> list[NewFact]:
    if not isinstance(given, dict):
        raise Refusal("not_an_object", "", "a message is a JSON object with type and messageId")
    if len(_encoded(given)) > max_bytes:
        raise Refusal("too_large", "", f"a message holds at most {max_bytes} bytes")
    context = {**mapping(around.get("context")), **mapping(given.get("context"))}
    kind = KINDS[path_kind]
    if kind == "batch":
        kind = _kind_of(given)
    # A group's own traits are the company's, not the person's.
    traits = [
        mapping(context.get("traits")),
        mapping(given.get("traits") if kind != "group" else None),
    ]
    message = Message(
        kind,
        _identity({**given, "context": context}, kind),
        index,
        given,
        context,
        _people(given, traits),
        sender,
    )
    sent_at = around.get("sentAt") or given.get("sentAt")
    occurred_at, claimed_at = _moments(message, sent_at, sender.received_at)
    facts = [to_fact(e, index, sender, claimed_at) for e in rewrite(message, occurred_at)]
    if any(len(fact.payload) > max_bytes for fact in facts):
        raise Refusal("too_large", "", f"an event holds at most {max_bytes} bytes")
    return facts


def _kind_of(message: Mapping[str, Any]) -> str:
    kind = message.get("type")
    if kind is None:
        raise Refusal("missing_field", "type", "a message of a batch needs its `type`")
    if not isinstance(kind, str) or kind not in REWRITERS:
        raise Refusal("unknown_value", "type", f"a type is one of {', '.join(sorted(REWRITERS))}")
    return kind


def _identity(message: Mapping[str, Any], kind: str) -> str:
    """`messageId`, else a hash of what the message says, equal each time it is sent."""
    given = message.get("messageId")
    if given is None or given == "":
        said = {name: value for name, value in message.items() if name not in _VOLATILE}
        digest = blake2b(_encoded({**said, "type": kind}), digest_size=16)
        return f"hash:{digest.hexdigest()}"
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise Refusal("wrong_type", "messageId", "a messageId is text")
    if isinstance(given, str) and len(given) > MAX_MESSAGE_ID:
        raise Refusal(
            "too_long", "messageId", f"a messageId has at most {MAX_MESSAGE_ID} characters"
        )
    return str(given)


def _people(message: Mapping[str, Any], traits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The identifiers, unread; of the traits the last that say something."""
    found: dict[str, Any] = {}
    for theirs, ours in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if message.get(theirs) not in (None, ""):
            found[ours] = message[theirs]
    if not found:
        raise Refusal(
            "missing_identifiers", "userId", "a message needs a `userId` or an `anonymousId`"
        )
    for said in traits:
        for name in ("email", "phone"):
            value = said.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                found[name] = value
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
        try:
            # Nothing occurs after it was sent, whatever the clock says.
            moment = received_at + min(moment - sent, timedelta(0))
        except OverflowError:
            raise Refusal(
                "bad_timestamp", "sentAt", "sentAt lies thousands of years after the timestamp"
            ) from None
    elif moment - received_at <= TRUSTED_AHEAD:
        moment = min(moment, received_at)
    return moment.isoformat(), claimed


def _sent_at(value: object) -> datetime | None:
    """A `sentAt` that cannot be read corrects nothing; the message itself is none the worse."""
    try:
        return parse_moment(value, "sentAt") if isinstance(value, str) else None
    except Refusal:
        return None


def _is_server(message: Message) -> bool:
    name = mapping(message.context.get("library")).get("name")
    named = isinstance(name, str) and _SERVER_LIBRARY.search(name.lower()) is not None
    return named or message.fields.get("channel") == "server"


def _encoded(value: object) -> bytes:
    """The value as text of one form. Raises Refusal for what no text holds."""
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair, or too deep for it
        pass
    try:
        return json.dumps(value, default=repr, sort_keys=True).encode()
    except (RecursionError, TypeError, ValueError):
        raise Refusal("invalid_text", "", "the message is nested too deep to be read") from None


def _refused(message: object, index: int, refusal: Refusal, sender: Sender) -> Refused:
    """For the quarantine: without the key and the visitor's address."""
    identity = ""
    if isinstance(message, dict):
        given = message.get("messageId")
        identity = storable(given) if isinstance(given, str) else ""
        message = {name: value for name, value in message.items() if name != "writeKey"}
        if isinstance(context := message.get("context"), dict):
            message["context"] = {name: v for name, v in context.items() if name != "ip"}
    return replace(refused_item(message, index, refusal, sender), fact_id=identity)
